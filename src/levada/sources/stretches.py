"""Stretches of text files: what one worker reads, whatever the number of workers.

Small files are put together, large ones are divided at ends of lines. It depends on the files alone, so the same
files always give the same parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from levada.sources.source import unreadable

PART_BYTES = 128 << 20
READ_BYTES = 8 << 20
COMPRESSED = (".gz", ".bz2", ".zst", ".zstd", ".lz4", ".br", ".snappy")


@dataclass(frozen=True)
class Stretch:
    """Bytes `begin` to `end` of a file, or to its end."""

    path: str
    begin: int = 0
    end: int | None = None


def divide_files(files: Sequence[Path], *, quotes: bool, divisible: bool = True) -> list[list[Stretch]]:
    """Return the parts in which files are read, in their order: each about PART_BYTES large, or one file.

    A file is divided only where every line's end is a record's end: not if it is compressed, nor, with `quotes`, if it
    has any quote, since a quoted value may hold line ends. Raises DataError for a file that cannot be read.
    """
    parts: list[list[Stretch]] = []
    open_bytes = PART_BYTES
    for file in files:
        try:
            size = file.stat().st_size
            whole = not divisible or file.suffix in COMPRESSED or size < 2 * PART_BYTES
            cuts = [] if whole else list(_cuts(file, quotes))
        except OSError as error:
            raise unreadable(str(file), error) from None
        if cuts:
            bounds = [0, *cuts]
            parts += [[Stretch(str(file), begin, end)] for begin, end in zip(bounds, [*cuts, None], strict=True)]
            open_bytes = PART_BYTES
            continue
        if open_bytes + size > PART_BYTES:
            parts.append([])
            open_bytes = 0
        parts[-1].append(Stretch(str(file)))
        open_bytes += size
    return parts


def _cuts(file: Path, quotes: bool) -> Iterator[int]:
    """Yield where stretches of a large file begin, but for the first; nothing at all if it cannot be divided."""
    found: list[int] = []
    position, wanted = 0, PART_BYTES
    size = file.stat().st_size
    with file.open("rb") as stream:
        while data := stream.read(READ_BYTES):
            if quotes and b'"' in data:
                return
            end = position + len(data)
            if end > wanted and (newline := data.find(b"\n", max(0, wanted - position))) >= 0:
                if position + newline + 1 < size:
                    found.append(position + newline + 1)
                wanted = position + newline + 1 + PART_BYTES
            position = end
    yield from found
