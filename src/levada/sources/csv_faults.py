"""A CSV file as bytes and lines, and what is wrong with it.

The fast reader says that something is wrong. Where, is found here by reading the file again, slowly, line by line,
which happens only when there is an error to report.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from levada.errors import DataError, Position
from levada.sources.csv_types import FALSE, NARROWEST, SORTS, TRUE, Mixture, beyond_int64, is_beyond_int64, zone_remedy
from levada.sources.files import File
from levada.sources.stretches import damaged

FIELD_LIMIT = 1 << 30
READ_BYTES = 1 << 20
LARGE_BYTES = 32 << 20
SHOWN_CHARACTERS = 100
WORDS = {
    "int": "whole numbers",
    "uint": "whole numbers",
    "double": "numbers",
    "float": "numbers",
    "bool": "true and false",
    "timestamp": "dates",
    "date": "dates",
    "time": "times",
    "string": "text",
}
OTHER_DELIMITERS = {";": ";", "\t": "\\t", "|": "|", ",": ","}


class Watched(io.RawIOBase):
    """A stream, or so many bytes of it, that counts its quotes: an odd number means that one is not closed."""

    def __init__(self, stream: Any, length: int | None = None) -> None:
        super().__init__()
        self._stream = stream
        self._left = length
        self.quotes = 0

    def read(self, size: int = -1) -> bytes:
        if self._left is not None:
            size = self._left if size < 0 else min(size, self._left)
        data: bytes = self._stream.read(size)
        if self._left is not None:
            self._left -= len(data)
        self.quotes += data.count(b'"')
        return data

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._stream.close()
        super().close()


def lines_of(stream: io.RawIOBase) -> Iterator[bytes]:
    r"""Yield the lines of a stream with their ends, which are \n, \r\n and \r, as for the fast reader."""
    rest: list[bytes] = []
    while data := stream.read(READ_BYTES):
        if not (b"\n" in data or b"\r" in data or (rest and rest[-1].endswith(b"\r"))):
            rest.append(data)  # a long line: put together once it has come to its end
            continue
        lines = b"".join([*rest, data]).splitlines(keepends=True)
        # The last line may go on, and a \r may have its \n still to come.
        rest = [lines.pop()]
        yield from lines
    yield from b"".join(rest).splitlines(keepends=True)


@dataclass(frozen=True)
class CsvFile:
    """One CSV file, or a stretch of it; `shown` is its name for people.

    A stretch begins and ends at ends of lines, counted in bytes; only files that are not compressed have some.
    """

    file: File
    shown: str
    delimiter: str
    encoding: str
    has_header: bool
    begin: int = 0
    end: int | None = None

    def watched(self, whole: bool = False) -> Watched:
        """Return the bytes of the stretch, or of the whole file, decompressed. Raises DataError if there are none."""
        if whole or self.is_whole:
            return Watched(self.file.stream())
        try:
            stream = self.file.open()
            stream.seek(self.begin)
            return Watched(stream, None if self.end is None else self.end - self.begin)
        except OSError as error:
            raise self.unreadable(error) from None

    @property
    def is_large(self) -> bool:
        """Whether there are many blocks to read."""
        return (self.file.size() if self.end is None else self.end) - self.begin > LARGE_BYTES

    @property
    def is_whole(self) -> bool:
        return self.is_beginning and self.end is None

    @property
    def is_beginning(self) -> bool:
        return self.begin == 0

    @cached_property
    def first_line(self) -> int:
        """The number of the line that the stretch begins with."""
        lines, left = 1, self.begin
        stream = self.watched(whole=True)
        while left > 0 and (data := stream.read(min(left, 1 << 20))):
            lines += data.count(b"\n")
            left -= len(data)
        return lines

    def names(self, options: Any) -> list[str]:
        """Return the names of the columns, as the file has them in order; `options` names them if it has no header."""
        return self.header() if self.has_header else list(options.columns)

    def unreadable(self, error: OSError) -> DataError:
        return damaged(self.shown, error)

    # -- the header -----------------------------------------------------------------------------------

    def header(self) -> list[str]:
        """Return the names in the first line. Raises DataError if the file is empty or the names are no good."""
        return list(self._header[0])

    @property
    def lines_before(self) -> int:
        """How many empty lines come before the header."""
        return self._header[1] - 1 if self.is_beginning else 0

    @cached_property
    def _header(self) -> tuple[tuple[str, ...], int]:
        try:
            first = next((found for found in self._rows() if found[1]), None)
        except OSError as error:
            raise self.unreadable(error) from None
        if first is None:
            raise DataError(f"{self.shown} is empty: wanted a header and rows.")
        line, names = first
        if self.has_header:
            self._check_header(line, names)
        return tuple(names), line

    def _check_header(self, line: int, names: list[str]) -> None:
        for number, name in enumerate(names, 1):
            if not name.strip():
                raise self._at(
                    line,
                    f"column {number} has no name.",
                    "Name it. (pandas writes its index so: use to_csv(..., index=False).)",
                )
            if name in names[: number - 1]:
                first = names.index(name) + 1
                raise self._at(line, f"columns {first} and {number} are both named '{name}'.", "Rename one of them.")
        if len(names) == 1 and (other := next((char for char in OTHER_DELIMITERS if char in names[0]), None)):
            raise self._at(
                line,
                f"there is one column, '{names[0]}'.",
                f"Is '{OTHER_DELIMITERS[other]}' the delimiter? Then: csv(..., delimiter='{OTHER_DELIMITERS[other]}').",
            )

    # -- faults ---------------------------------------------------------------------------------------

    def without_rows(self) -> DataError:
        return DataError(f"{self.shown} has a header and no rows.", hint="Leave the file out, or fetch it again.")

    def undecodable(self) -> DataError | None:
        """Return the error for the first line that is not text, None if all are."""
        try:
            for _ in self._lines():
                pass
        except DataError as fault:
            return fault
        return None

    def unclosed(self, names: list[str]) -> DataError | None:
        """Return the error for a quote that is never closed, or for what it does to a line; None if all is well."""
        try:
            return self._miscounted(names)
        except DataError as fault:
            return fault

    def fault(self, names: list[str], message: str) -> DataError:
        """Return the error for what the reader stumbled over; with its own message if nothing is found."""
        return self.undecodable() or self.unclosed(names) or self._unexplained(message)

    def _unexplained(self, message: str) -> DataError:
        if "straddling" in message:
            return DataError(f"{self.shown} has a row of more than 4 MB.", hint="Is a quote missing somewhere?")
        return DataError(f"{self.shown} cannot be read as CSV: {message.splitlines()[0].rstrip('.')}.")

    def _miscounted(self, names: list[str]) -> DataError | None:
        wanted = count_of_fields(len(names))
        for line, row in self._rows():
            if row and len(row) != len(names):
                source = "the header has" if self.has_header else "columns={...} has"
                hint = "Fix the line: a value that holds the delimiter or a line break needs quotes around it."
                return self._at(line, f"this line has {count_of_fields(len(row))}, {source} {wanted}.", hint)
        return None

    def misfit(
        self, column: str, index: int, value: str, type_: str, declared: str | None = None, elsewhere: str = ""
    ) -> DataError:
        """Return the error for a value that is not of its column's type."""
        line = next((line for line, text in self._column(index) if text == value or text.strip() == value), None)
        if declared is not None:
            said = f"column '{column}' is declared {declared}, and this line has '{_cut(value)}'."
        else:
            place = f" in {elsewhere}" if elsewhere else ""
            said = f"column '{column}' holds {_words(type_)} ({type_}){place}, and this line has '{_cut(value)}'."
        return self._at(line, said, _remedy(column, value, type_, is_declared=declared is not None))

    def beyond_int64(self, column: str, index: int) -> DataError | None:
        """Return the error for the first whole number that int64 does not hold; None if there is none."""
        for line, text in self._column(index):
            if is_beyond_int64(text):
                return self._at(line, *beyond_int64(column, text))
        return None

    def mixed(self, column: str, index: int, mixture: Mixture, null_texts: list[str]) -> DataError | None:
        """Return the error for the first value that is not of its column's sort; None if all are."""
        sort = mixture.sort
        if sort is None:
            return None
        pattern = re.compile(SORTS[sort])
        for line, text in self._column(index):
            if text not in null_texts and not pattern.match(text):
                shares = f"{mixture.counts[sort]:,} of {mixture.values:,} values"
                said = f"column '{column}' holds {sort} ({shares}), and this line has '{_cut(text)}'."
                return self._at(line, said, _remedy(column, text, NARROWEST[sort]))
        return None

    def mixed_truth(self, column: str, index: int, null_texts: list[str]) -> DataError | None:
        """Return the error for the first value of a column of true and false that says it otherwise; None if none."""
        for line, text in self._column(index):
            if text not in (*TRUE, *FALSE, *null_texts):
                said = f"column '{column}' holds true and false, and this line has '{_cut(text)}'."
                return self._at(line, said, _remedy(column, text, "bool"))
        return None

    def _column(self, index: int) -> Iterator[tuple[int, str]]:
        rows = ((line, row) for line, row in self._rows() if row)
        if self.has_header:
            next(rows, None)
        for line, row in rows:
            if index < len(row):
                yield line, row[index]

    def _at(self, line: int | None, message: str, hint: str) -> DataError:
        if line is None:
            return DataError(f"{self.shown}: {message.replace('this line has', 'a line has')}", hint=hint)
        text = next((text for number, text in enumerate(self._lines(strict=False), 1) if number == line), "")
        return DataError(message, where=Position(self.shown, line, _cut(text.rstrip("\r\n"))), hint=hint)

    # -- lines ----------------------------------------------------------------------------------------

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield rows of fields with the number of the line each begins in; empty lines are empty rows.

        Raises DataError for a line that is not text or a quote that is not closed.
        """
        previous_limit = csv.field_size_limit(FIELD_LIMIT)
        reader = csv.reader(self._lines(), delimiter=self.delimiter, strict=True)
        begin = 1
        try:
            for row in reader:
                yield begin, row
                begin = reader.line_num + 1
        except csv.Error as error:
            raise self._misquoted(begin, reader.line_num, str(error)) from None
        finally:
            csv.field_size_limit(previous_limit)

    def _misquoted(self, begin: int, end: int, message: str) -> DataError:
        hint = 'Write a quote within a quoted value as "".'
        if "unexpected end" in message:
            return self._at(begin, "a quote is opened here and never closed.", hint)
        return self._at(end, "a quoted value goes on behind its closing quote.", hint)

    def _lines(self, strict: bool = True) -> Iterator[str]:
        for number, line in enumerate(lines_of(self.watched(whole=True)), 1):
            try:
                text = line.decode(self.encoding, "strict" if strict else "replace")
            except UnicodeDecodeError as error:
                raise self._not_text(number, line, error) from None
            yield text.removeprefix("\ufeff") if number == 1 else text

    def _not_text(self, number: int, line: bytes, error: UnicodeDecodeError) -> DataError:
        shown = line.decode(self.encoding, "replace").rstrip("\r\n")
        hint = "Say what the text is, for example csv(..., encoding='cp1252'), or save the file as UTF-8."
        if number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            hint = "It is UTF-16, as some spreadsheets write it: save the file as UTF-8."
        return DataError(
            f"byte 0x{line[error.start]:02x} in column {error.start + 1} of this line is not {self.encoding.upper()}.",
            where=Position(self.shown, number, _cut(shown)),
            hint=hint,
        )


_NULL_CHARACTERS = 20


def _remedy(column: str, value: str, type_: str, *, is_declared: bool = False) -> str:
    zone = zone_remedy(column, value, type_, is_declared=is_declared)
    if zone:
        return zone
    text = f", or call the column text: columns={{'{column}': 'string'}}" if type_ != "string" else ""
    if (type_ == "bool" and value.strip() in ("0", "1")) or (type_.startswith("int") and value in (*TRUE, *FALSE)):
        return f"If 1 and 0 mean true and false here, declare columns={{'{column}': 'bool'}}; else fix the line{text}."
    if len(value) > _NULL_CHARACTERS:  # nobody writes that for "missing"
        return f"Fix the line{text}."
    return f"Fix the line; or say that '{value}' means missing: csv(..., null_values=['{value}']){text}."


def _words(type_: str) -> str:
    return next((words for start, words in WORDS.items() if type_.startswith(start)), "other values")


def count_of_fields(fields: int) -> str:
    """Return "1 field", "2 fields"."""
    return "1 field" if fields == 1 else f"{fields} fields"


def _cut(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "\u2026"
