"""Stretches of text files: what one worker reads, whatever the number of workers.

Small files are put together, large ones are divided at ends of lines. It depends on the files alone, so the same
files always give the same parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from levada.errors import DataError
from levada.sources.files import File, unreadable

PART_BYTES = 128 << 20
READ_BYTES = 8 << 20


@dataclass(frozen=True)
class Stretch:
    """Bytes `begin` to `end` of a file, or to its end."""

    file: File
    begin: int = 0
    end: int | None = None

    def bytes(self, size: int) -> Iterator[bytes]:
        """Yield the bytes, decompressed, so many at a time. Raises DataError if the file cannot be read."""
        left = None if self.end is None else self.end - self.begin
        try:
            if self.begin or left is not None:
                with self.file.open() as stream:
                    stream.seek(self.begin)
                    while data := stream.read(size if left is None else min(size, left)):
                        left = None if left is None else left - len(data)
                        yield data
                return
            with self.file.stream() as stream:
                while data := stream.read(size):
                    yield data
        except OSError as error:
            raise damaged(self.file.shown, error) from None


def damaged(shown: str, error: OSError) -> DataError:
    """Return the error for a file whose reading failed: because of the system, or of what it holds."""
    if error.errno is None:  # not the system's: what decompresses says it
        return DataError(f"{shown} is damaged: {str(error).splitlines()[0].rstrip('.')}.", hint="Fetch the file again.")
    return unreadable(shown, error)


def divide_files(files: Sequence[File], *, quotes: bool, divisible: bool = True) -> list[list[Stretch]]:
    """Return the parts in which files are read, in their order: each about PART_BYTES large, or one file.

    A file is divided only where every line's end is a record's end: not if it is compressed, nor, with `quotes`, if it
    has any quote, since a quoted value may hold line ends. Raises DataError for a file that cannot be read.
    """
    parts: list[list[Stretch]] = []
    open_bytes = None
    for file in files:
        size = file.size()
        whole = not divisible or file.codec is not None or size < 2 * PART_BYTES
        cuts = [] if whole else list(_cuts(file, size, quotes))
        if cuts:
            bounds = [0, *cuts]
            parts += [[Stretch(file, begin, end)] for begin, end in zip(bounds, [*cuts, None], strict=True)]
            open_bytes = None
            continue
        if open_bytes is None or open_bytes + size > PART_BYTES:
            parts.append([])
            open_bytes = 0
        parts[-1].append(Stretch(file))
        open_bytes += size
    return parts


def _cuts(file: File, size: int, quotes: bool) -> Iterator[int]:
    """Yield where stretches of a large file begin, but for the first; nothing at all if it cannot be divided."""
    found: list[int] = []
    position, wanted = 0, PART_BYTES
    try:
        with file.open() as stream:
            while data := stream.read(READ_BYTES):
                if quotes and b'"' in data:
                    return
                end = position + len(data)
                while end > wanted and (newline := data.find(b"\n", max(0, wanted - position))) >= 0:
                    if position + newline + 1 < size:
                        found.append(position + newline + 1)
                    wanted = position + newline + 1 + PART_BYTES
                position = end
    except OSError as error:
        raise unreadable(file.shown, error) from None
    yield from found
