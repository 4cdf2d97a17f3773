"""Lines of a CSV file that have the right form, in blocks; what has not is put aside.

It is used only for a part of a file in which something is wrong: one line costs about half a microsecond, one with
quotes some more. A record is divided into fields as the fast reader does it: a field that begins with a quote goes to
the quote that closes it, and a quote elsewhere is a character like any other.
"""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from levada.sources.csv_faults import CsvFile, count_of_fields, lines_of
from levada.tables.reading import Rejects

if TYPE_CHECKING:
    import numpy as np

BLOCK_BYTES = 4 << 20
LONGEST_RECORD = 1000
"""Lines that one record may have: a quote that is not closed within them is not closed."""


@dataclass
class Block:
    """Records, each with the number of the line that it begins in."""

    lines: list[int] = field(default_factory=list[int])
    records: list[bytes] = field(default_factory=list[bytes])

    def data(self) -> bytes:
        return b"".join(self.records)

    def without(
        self, bad: np.ndarray[Any, np.dtype[np.bool_]], file: str, reason: str, encoding: str, rejects: Rejects
    ) -> Block:
        """Return the block without some records, which are put aside."""
        import numpy as np

        for index in np.flatnonzero(bad):
            rejects.add(file, self.lines[index], reason, _shown(self.records[index], encoding))
        good = np.flatnonzero(~bad)
        return Block([self.lines[index] for index in good], [self.records[index] for index in good])


def sieve(file: CsvFile, fields: int, rejects: Rejects) -> Iterator[Block]:
    """Yield the records of a file (or of its stretch) that have so many fields, and are text."""
    block, size = Block(), 0
    for line, record, reason in _records(file, fields):
        if reason:
            rejects.add(file.shown, line, reason, _shown(record, file.encoding))
            continue
        block.lines.append(line)
        block.records.append(record if record.endswith((b"\n", b"\r")) else record + b"\n")
        size += len(record)
        if size >= BLOCK_BYTES:
            yield block
            block, size = Block(), 0
    if block.lines:
        yield block


def _records(file: CsvFile, fields: int) -> Iterator[tuple[int, bytes, str]]:
    """Yield each record with its line and what is wrong with it; blank lines and the header are left out."""
    delimiter = file.delimiter.encode(file.encoding)
    divided = re.compile(
        rb'(?:(")[^"]*+(?:""[^"]*+)*+("?))?+([^' + re.escape(delimiter) + rb"]*+)(" + re.escape(delimiter) + rb"|\Z)"
    )
    lines = _Lines(file)
    header = file.has_header and file.is_beginning
    for number, line in lines:
        record = line.rstrip(b"\r\n")
        if not record:
            continue
        if b'"' in record:
            form = _divide(divided, record)
            more = 0
            longer = line
            while not form.closed and more < LONGEST_RECORD and (next_line := lines.peek(more)) is not None:
                longer += next_line
                more += 1
                if b'"' in next_line:
                    form = _divide(divided, longer.rstrip(b"\r\n"))
            # What a quote swallows may be good lines: only the first is put aside if they make no record together.
            if not form.closed or (more and not header and (form.fields != fields or not form.tidy)):
                yield number, line, "a quote is opened and never closed"
                continue
            lines.skip(more)
            line, found = longer, form.fields
        else:
            found = record.count(delimiter) + 1
        if header:
            header = False
            continue
        if found != fields:
            yield number, line, f"{count_of_fields(found)} instead of {fields}"
        elif not _is_text(line, file.encoding):
            yield number, line, f"not {file.encoding.upper()}"
        else:
            yield number, line, ""


class _Form(NamedTuple):
    """A record's fields; whether its last quote is closed; whether no quoted value goes on behind its closing quote."""

    fields: int
    closed: bool
    tidy: bool


def _divide(divided: re.Pattern[bytes], record: bytes) -> _Form:
    count, closed, tidy = 0, True, True
    for match in divided.finditer(record):
        count += 1
        if match[1] is not None:
            closed = bool(match[2])
            tidy = tidy and not match[3]
        if not match[4]:
            break
    return _Form(count, closed, tidy)


def _is_text(line: bytes, encoding: str) -> bool:
    if line.isascii():
        return True
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _shown(record: bytes, encoding: str) -> str:
    return record.rstrip(b"\r\n").decode(encoding, "replace")


class _Lines:
    """Lines with their numbers, and a look ahead."""

    def __init__(self, file: CsvFile) -> None:
        self._file = file
        self._lines = lines_of(file.watched())
        self._number = file.first_line - 1
        self._waiting: deque[bytes] = deque()

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        while (line := self.peek(0)) is not None:
            self.skip(1)
            if self._number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            yield self._number, line

    def peek(self, ahead: int) -> bytes | None:
        """Return the line so many behind the next, None at the end."""
        while len(self._waiting) <= ahead:
            try:
                line = next(self._lines, None)
            except OSError as error:
                raise self._file.unreadable(error) from None
            if line is None:
                return None
            self._waiting.append(line)
        return self._waiting[ahead]

    def skip(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()
        self._number += count
