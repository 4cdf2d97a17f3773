"""The TFRecord format: records one behind the other, each with checksums.

    uint64 length   uint32 masked crc32c of length   byte data[length]   uint32 masked crc32c of data

All little-endian; a checksum is rotated right by 15 bits, plus 0xa282ead8 (tensorflow/core/lib/hash/crc32c.h).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from levada.errors import DataError
from levada.sources.agreement import AGAIN, first_line
from levada.sources.files import File
from levada.sources.wire import Bytes

if TYPE_CHECKING:
    import pyarrow as pa

    from levada.sources.wire import Ints

BLOCK_BYTES = 1 << 20
ENCODED_ROWS = 8192
LONGEST = 1 << 30
"""Bytes that a record may have: protobuf reads no more than twice that."""

MASK = 0xA282EAD8
_HEAD = struct.Struct("<QI")
_FOOT = struct.Struct("<I")
_GZIP = b"\x1f\x8b"


@dataclass
class Block:
    """Whole records of a file: ranges of `content`; the first is number `first`, from 1."""

    content: Bytes
    start: Ints
    stop: Ints
    first: int


def blocks(file: File) -> Iterator[Block]:
    """Yield a file's records, a block at a time; its checksums are checked.

    Gzip is known by its first bytes. Raises DataError, with the record's number, for a file that is damaged or none.
    """
    import numpy as np

    number = 1
    waiting = b""
    stream = _opened(file)
    wanted = BLOCK_BYTES
    while True:
        try:
            data: bytes = stream.read(wanted)
        except OSError as error:
            raise DataError(f"{file.shown} is damaged: {first_line(error)}", hint=AGAIN) from None
        if not data:
            break
        waiting += data
        starts, stops, end, wanted = _records(waiting, file.shown, number)
        if starts:
            content = Bytes(memoryview(waiting)[:end])
            yield Block(content, np.array(starts, np.int64), np.array(stops, np.int64), number)
            number += len(starts)
            waiting = waiting[end:]
    if waiting:
        raise DataError(f"{file.shown} ends within record {number:,}: it was cut off.", hint=AGAIN)


def _opened(file: File) -> Any:
    """Return the records' bytes: what is compressed is known by its beginning, whatever it is called."""
    import pyarrow as pa

    stream = file.stream()
    if file.codec is None:
        try:
            begin: bytes = stream.read(_HEAD.size)
        except OSError as error:
            raise DataError(f"{file.shown} is damaged: {first_line(error)}", hint=AGAIN) from None
        stream.close()
        is_plain = len(begin) == _HEAD.size and masked(begin[:8]) == _HEAD.unpack(begin)[1]
        if begin.startswith(_GZIP) and not is_plain:
            return pa.input_stream(file.open(), compression="gzip")
        return file.stream()
    return stream


def _records(data: bytes, shown: str, number: int) -> tuple[list[int], list[int], int, int]:
    """Return where the whole records in `data` begin and end, where the last one's foot ends, and what to read next."""
    from google_crc32c import value as checksum

    starts: list[int] = []
    stops: list[int] = []
    at, size = 0, len(data)
    head, foot = _HEAD.unpack_from, _FOOT.unpack_from
    while at + 12 <= size:
        length, check = head(data, at)
        # The checksum is masked; unmasking what is written costs less than a call for each that is computed.
        check = (check - MASK) & 0xFFFFFFFF
        if checksum(data[at : at + 8]) != ((check >> 17) | (check << 15)) & 0xFFFFFFFF:
            raise _damaged(shown, number + len(starts), "length")
        if length > LONGEST:
            raise DataError(f"{shown}: record {number + len(starts):,} has {length:,} bytes, {LONGEST:,} are read.")
        start, stop = at + 12, at + 12 + length
        if stop + 4 > size:
            return starts, stops, at, max(BLOCK_BYTES, stop + 4 - size)
        check = (foot(data, stop)[0] - MASK) & 0xFFFFFFFF
        if checksum(data[start:stop]) != ((check >> 17) | (check << 15)) & 0xFFFFFFFF:
            raise _damaged(shown, number + len(starts), "content")
        starts.append(start)
        stops.append(stop)
        at = stop + 4
    return starts, stops, at, BLOCK_BYTES


def _damaged(shown: str, number: int, what: str) -> DataError:
    if number == 1 and what == "length":
        return DataError(f"{shown} is not a TFRecord file: its first record has a wrong checksum.")
    said = f"{shown} is damaged: the checksum of record {number:,} does not fit its {what}."
    return DataError(said, hint=AGAIN)


def masked(data: bytes) -> int:
    """Return the masked crc32c of bytes."""
    from google_crc32c import value

    crc: int = value(data)
    return (((crc >> 15) | (crc << 17)) + MASK) & 0xFFFFFFFF


def framed(records: Iterable[bytes]) -> bytes:
    """Return records as they stand in a file."""
    parts: list[bytes] = []
    for record in records:
        length = struct.pack("<Q", len(record))
        parts += (length, _FOOT.pack(masked(length)), record, _FOOT.pack(masked(record)))
    return b"".join(parts)


def write_tfrecord(
    path: str | Path, rows: pa.Table | Iterable[pa.RecordBatch], *, compression: Literal["gzip"] | None = None
) -> int:
    """Write rows as a TFRecord file of tf.Example, and return how many there were.

    See `levada.sources.tf_example_encoding.encode` for what becomes of which type. The same rows make the same bytes.
    """
    import gzip

    import pyarrow as pa

    from levada.sources.tf_example_encoding import encode

    count = 0
    with Path(path).open("wb") as raw:
        # Without a name and a time, which gzip would else write down.
        packed = gzip.GzipFile("", "wb", 6, raw, mtime=0) if compression == "gzip" else raw
        batches = cast("Any", rows).to_batches() if isinstance(rows, pa.Table) else rows
        for batch in batches:
            for part in _in_parts(batch):
                packed.write(framed(record.as_py() for record in encode(part)))
                count += part.num_rows
        if packed is not raw:
            packed.close()
    return count


def _in_parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield a batch in parts that are encoded at once."""
    rows = max(1, min(ENCODED_ROWS, int(batch.num_rows * BLOCK_BYTES / max(1, batch.nbytes))))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)
