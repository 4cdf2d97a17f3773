"""Blocks of JSON lines: some megabytes at a time, cut at ends of lines, which are ends of records."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from levada.sources.stretches import Stretch

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 4 << 20
DEEPEST = 200
"""How deep values may be nested: the fast reader recurses, and would end the process with a much deeper one."""

_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+"')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True)
class JsonFile:
    """A file of JSON lines, or a stretch of it."""

    stretch: Stretch

    @property
    def shown(self) -> str:
        return self.stretch.file.shown

    @property
    def is_whole(self) -> bool:
        return self.stretch.begin == 0 and self.stretch.end is None

    def blocks(self) -> Iterator[Block]:
        """Yield the lines in blocks. Raises DataError if the file cannot be read."""
        line = self._first_line()
        rest: list[bytes] = []
        for data in self.stretch.bytes(BLOCK_BYTES):
            if line == 1 and not rest:
                data = data.removeprefix(codecs.BOM_UTF8)
            cut = data.rfind(b"\n") + 1
            if not cut:
                rest.append(data)
                continue
            block = b"".join([*rest, data[:cut]])
            rest = [data[cut:]]
            yield Block(line, block)
            line += block.count(b"\n")
        yield Block(line, b"".join(rest))

    def _first_line(self) -> int:
        before = Stretch(self.stretch.file, 0, self.stretch.begin)
        return 1 + sum(data.count(b"\n") for data in before.bytes(BLOCK_BYTES)) if self.stretch.begin else 1


@dataclass(frozen=True)
class Block:
    """Lines of JSON; `line` is the number of the first."""

    line: int
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace").strip()

    def halves(self) -> tuple[Block, Block] | None:
        """Return the block in two, None if it has one line only."""
        data = self.data
        middle = data.rfind(b"\n", 0, len(data) // 2) + 1 or data.find(b"\n", len(data) // 2, len(data) - 1) + 1
        if not middle:
            return None
        first = data[:middle]
        return Block(self.line, first), Block(self.line + first.count(b"\n"), data[middle:])

    def parsed(self, types: Mapping[str, Any]) -> pa.Table:
        """Return the rows under some columns' types, others by what they hold.

        Raises pyarrow.ArrowInvalid or UnicodeDecodeError if there is a line that cannot be read so.
        """
        import pyarrow as pa
        import pyarrow.json as pajson

        if not self.data.strip():
            return pa.table({})
        if not self.data.isascii():
            self.data.decode()
        if self.is_deep:
            raise pa.ArrowInvalid("nested too deep")
        # Times are parsed as text: the reader itself would drop an offset from UTC without a word.
        times = {name: type_ for name, type_ in types.items() if pa.types.is_timestamp(type_)}
        given = {name: type_ for name, type_ in types.items() if not pa.types.is_null(type_)}
        known = [(name, pa.string() if name in times else type_) for name, type_ in given.items()]
        table = pajson.read_json(
            pa.BufferReader(self.data),
            read_options=pajson.ReadOptions(use_threads=False, block_size=len(self.data) + 64),
            parse_options=pajson.ParseOptions(
                explicit_schema=pa.schema(known) if known else None, unexpected_field_behavior="infer"
            ),
        )
        for place, name in enumerate(table.column_names):
            if name in times:
                table = table.set_column(place, pa.field(name, times[name]), table.column(place).cast(times[name]))
        return table

    @cached_property
    def is_deep(self) -> bool:
        """Whether a value of some line is nested too deep."""
        return _depth(self.data) > DEEPEST and any(
            line.count(b"[") + line.count(b"{") > DEEPEST and _depth(_TEXT.sub(b"", line)) > DEEPEST
            for line in self.data.split(b"\n")
        )


def _depth(data: bytes) -> int:
    """Return how deep brackets are nested at most, or some more if there are brackets within texts."""
    import numpy as np

    brackets = np.frombuffer(data.translate(None, _NO_BRACKETS), np.uint8)
    if len(brackets) <= DEEPEST:
        return len(brackets)
    height = np.cumsum(np.where((brackets == ord("[")) | (brackets == ord("{")), np.int32(1), np.int32(-1)))
    return int((height - np.minimum.accumulate(np.minimum(height, 0))).max())
