"""tf.Example messages as columns, without TensorFlow and without a Python object a row.

    message Example  { Features features = 1; }
    message Features { map<string, Feature> feature = 1; }
    message Feature  { oneof kind { BytesList bytes_list = 1; FloatList float_list = 2; Int64List int64_list = 3; } }

(tensorflow/core/example/feature.proto). A later field of the same name wins, as in protobuf.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from levada.sources.wire import Bytes, WireError, packed_numbers

if TYPE_CHECKING:
    import pyarrow as pa

    from levada.sources.wire import Ints

EMPTY, BYTES, FLOATS, INTS = 0, 1, 2, 3
KINDS = ("nothing", "bytes", "float", "int64")
"""What a feature may hold, by its number above."""

_FIELD_1, _FIELD_2, _FIELD_3 = 0x0A, 0x12, 0x1A
_ONE_INT, _ONE_FLOAT = 0x08, 0x0D


@dataclass
class Feature:
    """One feature of a block of records, of kind EMPTY if nothing is in it.

    `rows` have it, with `counts` values each; the values stand one behind the other in `values`.
    """

    kind: int
    rows: Ints
    counts: Ints
    values: pa.Array

    @property
    def nbytes(self) -> int:
        return self.values.nbytes + self.rows.nbytes + self.counts.nbytes


class KindError(Exception):
    """A feature that holds one kind of value in one record and another in `index`."""

    def __init__(self, index: int, name: str, kind: int, before: int) -> None:
        super().__init__(name)
        self.index, self.name, self.kind, self.before = index, name, kind, before


def decode(content: Bytes, start: Ints, stop: Ints, wanted: frozenset[str] | None = None) -> dict[str, Feature]:
    """Return the features of records, each a range of `content`; with `wanted` only these.

    Raises WireError for a record that is no tf.Example, KindError for one that holds another kind than the one before.
    """
    import numpy as np

    row, at, end = _of_all(content, start, stop, start, (_FIELD_1,))
    row, at, end = _of_all(content, at, end, row, (_FIELD_1,))
    key, key_end, value, value_end = _entries(content, at, end, row)
    with_row = _Rows(row)
    names = content.pieces(key, key_end).dictionary_encode()
    try:
        known: list[str] = [name.as_py().decode() for name in names.dictionary]
    except UnicodeDecodeError:
        codes = names.indices.to_numpy()
        bad = next(place for place, name in enumerate(names.dictionary) if not _is_text(name.as_py()))
        raise with_row.error(int(np.flatnonzero(codes == bad)[0]), "it has a feature whose name is not text") from None
    codes = names.indices.to_numpy()
    order = np.argsort(codes.astype(np.int64) * (len(start) + 1) + row, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(len(known) + 1))
    features: dict[str, Feature] = {}
    for number, name in enumerate(known):
        if wanted is not None and name not in wanted:
            continue
        some = order[edges[number] : edges[number + 1]]
        rows = row[some]
        if len(rows) > 1:
            some = some[np.append(rows[1:] != rows[:-1], True)]
        features[name] = _feature(content, name, row[some], value[some], value_end[some])
    return features


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


@dataclass
class _Rows:
    """The rows that messages belong to, for errors."""

    row: Ints

    def error(self, index: int, why: str) -> WireError:
        return WireError(int(self.row[index]), why)


def _of_all(content: Bytes, at: Ints, end: Ints, row: Ints, tags: tuple[int, ...]) -> tuple[Ints, Ints, Ints]:
    """Return all fields of messages of one kind of field: the rows they are of, where they begin and end."""
    import numpy as np

    rows = np.arange(len(at)) if row is at else row
    if len(tags) == 1 and (whole := content.only(at, end, tags[0])) is not None:
        return rows, whole, end
    try:
        steps = [(rows[which], start, stop) for which, _, start, stop in content.fields(at, end, tags)]
    except WireError as error:
        raise WireError(int(rows[error.index]), error.why) from None
    if not steps:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    return cast("Any", tuple(np.concatenate(parts) for parts in zip(*steps, strict=True)))


def _entries(content: Bytes, at: Ints, end: Ints, row: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Return where the keys and the values of a map's entries are; what is not there is empty."""
    import numpy as np

    if (usual := _usual_entries(content, at, end)) is not None:
        return usual
    places = [np.zeros(len(at), np.int64) for _ in range(4)]
    try:
        for which, tag, start, stop in content.fields(at, end, (_FIELD_1, _FIELD_2)):
            for wanted, begins, ends in ((_FIELD_1, *places[:2]), (_FIELD_2, *places[2:])):
                here = tag == wanted
                begins[which[here]], ends[which[here]] = start[here], stop[here]
    except WireError as error:
        raise WireError(int(row[error.index]), error.why) from None
    return places[0], places[1], places[2], places[3]


def _usual_entries(content: Bytes, at: Ints, end: Ints) -> tuple[Ints, Ints, Ints, Ints] | None:
    """Return what `_entries` does where every entry has a key of less than 128 bytes, and then a value; else None."""
    import numpy as np

    size = content.data[np.minimum(at + 1, content.size)]
    key = at + 2
    key_end = key + size
    if not ((size < 0x80) & (content.data[at] == _FIELD_1) & (key_end < end)).all():
        return None
    value = content.only(key_end, end, _FIELD_2)
    return None if value is None else (key, key_end, value, end)


def _feature(content: Bytes, name: str, rows: Ints, at: Ints, end: Ints) -> Feature:
    import numpy as np
    import pyarrow as pa

    try:
        tags, begins, ends = _lists(content, at, end)
        kinds = tags >> 3
        if not (kinds > 0).all():  # a feature without a kind is as good as none
            some = np.flatnonzero(kinds)
            rows, kinds, begins, ends = rows[some], kinds[some], begins[some], ends[some]
        there = np.flatnonzero(begins < ends)  # an empty list has a kind too, which says nothing
        if not there.size:
            return Feature(EMPTY, rows, np.zeros(len(rows), np.int64), pa.nulls(0))
        kind = int(kinds[there[0]])
        others = there[kinds[there] != kind]
        if others.size:
            raise KindError(int(rows[others[0]]), name, int(kinds[others[0]]), kind)
        counts = np.zeros(len(rows), np.int64)
        read = {BYTES: _bytes, FLOATS: _floats, INTS: _ints}[kind]
        try:
            values, counts[there] = read(content, begins[there], ends[there])
        except WireError as error:
            raise WireError(int(there[error.index]), error.why) from None
    except WireError as error:
        raise WireError(int(rows[error.index]), error.why) from None
    return Feature(kind, rows, counts, values)


def _lists(content: Bytes, at: Ints, end: Ints) -> tuple[Any, Ints, Ints]:
    """Return the tag of the list that each feature holds (0 for none), where it begins and ends."""
    import numpy as np

    if len(at) and content.data[at[0]] in (_FIELD_1, _FIELD_2, _FIELD_3):
        usual = content.only(at, end, int(content.data[at[0]]))
        if usual is not None:
            return content.data[at], usual, end
    tags = np.zeros(len(at), np.uint8)
    begins, ends = np.zeros(len(at), np.int64), np.zeros(len(at), np.int64)
    for which, tag, start, stop in content.fields(at, end, (_FIELD_1, _FIELD_2, _FIELD_3)):
        tags[which], begins[which], ends[which] = tag, start, stop
    return tags, begins, ends


def _chunks(content: Bytes, at: Ints, end: Ints, tags: tuple[int, ...]) -> tuple[Ints, Any, Ints, Ints]:
    """Return the fields of lists in order: the list each is of, its tag, where it begins and ends."""
    import numpy as np

    usual = content.only(at, end, _FIELD_1)
    if usual is not None:
        return np.arange(len(at)), np.full(len(at), _FIELD_1, np.uint8), usual, end
    steps = list(content.fields(at, end, tags))
    if len(steps) == 1:
        return steps[0]
    if not steps:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing.astype(np.uint8), nothing, nothing
    which, tag, start, stop = (np.concatenate(parts) for parts in zip(*steps, strict=True))
    order = np.argsort(which, kind="stable")
    return which[order], tag[order], start[order], stop[order]


def _bytes(content: Bytes, at: Ints, end: Ints) -> tuple[pa.Array, Ints]:
    import numpy as np

    which, _, start, stop = _chunks(content, at, end, (_FIELD_1,))
    return content.pieces(start, stop), np.bincount(which, minlength=len(at))


def _floats(content: Bytes, at: Ints, end: Ints) -> tuple[pa.Array, Ints]:
    import numpy as np
    import pyarrow as pa

    which, _, start, stop = _chunks(content, at, end, (_FIELD_1, _ONE_FLOAT))
    sizes = stop - start
    if (sizes % 4).any():
        raise WireError(int(which[np.flatnonzero(sizes % 4)[0]]), "it has floats of less than four bytes")
    counts = np.bincount(which, weights=sizes // 4, minlength=len(at)).astype(np.int64)
    if (sizes == 4).all():
        return pa.array(content.floats(start)), counts
    joined = np.frombuffer(content.pieces(start, stop).buffers()[2] or b"", "<f4", int(sizes.sum()) // 4)
    return pa.array(joined), counts


def _ints(content: Bytes, at: Ints, end: Ints) -> tuple[pa.Array, Ints]:
    import numpy as np
    import pyarrow as pa

    which, _, start, stop = _chunks(content, at, end, (_FIELD_1, _ONE_INT))
    try:
        if len(which) and (stop > start).all():
            values, after = content.varints(start, stop)
            if (after == stop).all():  # one number each
                return pa.array(values.view(np.int64)), np.bincount(which, minlength=len(at))
        sizes = stop - start
        joined = np.frombuffer(content.pieces(start, stop).buffers()[2] or b"", np.uint8, int(sizes.sum()))
        numbers, counts = packed_numbers(joined, sizes)
    except WireError as error:
        raise WireError(int(which[error.index]), error.why) from None
    return pa.array(numbers), np.bincount(which, weights=counts, minlength=len(at)).astype(np.int64)
