"""TFRecord files of tf.Example: as protobuf has them, whatever else is in the file, and the way back."""

from __future__ import annotations

import contextlib
import gzip
import math
import struct
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from levada.artifacts import TfRecords
from levada.components import export_tfrecord, ingest, tfrecord, write_tfrecord
from levada.errors import DataError, ParameterError
from levada.sources import tfrecord as framing
from levada.sources import tfrecord_files
from levada.sources.tf_example_encoding import encode
from levada.sources.tf_examples import KindError, decode
from levada.sources.tfrecord import framed, masked
from levada.sources.wire import Bytes, WireError


@cache
def example_class() -> Any:
    """Make protobuf's own tf.Example, from what tensorflow/core/example/feature.proto says."""
    file = descriptor_pb2.FileDescriptorProto(name="tf_example.proto", package="tf", syntax="proto3")

    def message(name: str, *fields: tuple[str, int, int, int, str]) -> Any:
        made = file.message_type.add(name=name)
        for field, number, label, type_, kind in fields:
            made.field.add(name=field, number=number, label=label, type=type_, type_name=kind or None)
        return made

    one, many, text, raw, nested = 1, 3, 9, 12, 11
    message("BytesList", ("value", 1, many, raw, ""))
    message("FloatList", ("value", 1, many, 2, ""))
    message("Int64List", ("value", 1, many, 3, ""))
    feature = message(
        "Feature",
        ("bytes_list", 1, one, nested, ".tf.BytesList"),
        ("float_list", 2, one, nested, ".tf.FloatList"),
        ("int64_list", 3, one, nested, ".tf.Int64List"),
    )
    feature.oneof_decl.add(name="kind")
    for field in feature.field:
        field.oneof_index = 0
    features = message("Features", ("feature", 1, many, nested, ".tf.Features.FeatureEntry"))
    entry = features.nested_type.add(name="FeatureEntry")
    entry.field.add(name="key", number=1, label=one, type=text)
    entry.field.add(name="value", number=2, label=one, type=nested, type_name=".tf.Feature")
    entry.options.map_entry = True
    message("Example", ("features", 1, one, nested, ".tf.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tf.Example"))


def example(features: dict[str, list[Any]]) -> bytes:
    made = example_class()()
    for name, values in features.items():
        feature = made.features.feature[name]
        first = values[0] if values else b""
        kind = {int: "int64_list", float: "float_list", bytes: "bytes_list"}[type(first)]
        getattr(feature, kind).SetInParent()
        getattr(feature, kind).value.extend(values)
    return made.SerializeToString()


def write(path: Path, records: Iterable[bytes]) -> None:
    path.write_bytes(framed(records))


def rows(root: Path, pattern: str = "x.tfrecord", **options: Any) -> list[dict[str, Any]]:
    return [row for batch in tfrecord(pattern, **options).batches(root) for row in batch.to_pylist()]


def table(root: Path, pattern: str = "x.tfrecord", **options: Any) -> pa.Table:
    return pa.Table.from_batches(list(tfrecord(pattern, **options).batches(root)))


def fault(root: Path, pattern: str = "x.tfrecord", **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        rows(root, pattern, **options)
    return str(caught.value)


# -- what is read ----------------------------------------------------------------------------------------------


def test_single_values_are_columns_and_several_are_lists(tmp_path: Path) -> None:
    write(
        tmp_path / "x.tfrecord",
        [
            example({"n": [1], "f": [0.5], "t": [b"x"], "many": [1, 2], "raw": [b"\xff"]}),
            example({"n": [-1], "t": ["é".encode()], "many": [], "raw": [b"y"]}),
            example({"n": [2**63 - 1], "f": [math.inf], "t": [], "raw": []}),
        ],
    )
    made = table(tmp_path)
    assert {field.name: str(field.type) for field in made.schema} == {
        "f": "float",
        "many": "list<item: int64>",
        "n": "int64",
        "raw": "binary",
        "t": "string",
    }
    assert made.to_pylist() == [
        {"f": 0.5, "many": [1, 2], "n": 1, "raw": b"\xff", "t": "x"},
        {"f": None, "many": [], "n": -1, "raw": b"y", "t": "é"},
        {"f": math.inf, "many": None, "n": 2**63 - 1, "raw": None, "t": None},
    ]


def test_declared_columns_alone_are_read_with_their_types(tmp_path: Path) -> None:
    write(tmp_path / "x.tfrecord", [example({"n": [1], "f": [0.5], "t": [b"x"]}), example({"f": [1.5]})])
    made = table(tmp_path, columns={"t": "binary", "n": "list<int64>"})
    assert made.to_pylist() == [{"t": b"x", "n": [1]}, {"t": None, "n": None}]


def test_types_are_settled_over_all_files(tmp_path: Path) -> None:
    write(tmp_path / "1.tfrecord", [example({"a": [1]})])
    write(tmp_path / "2.tfrecord", [example({"a": [2, 3], "b": [b"x"]})])
    write(tmp_path / "3.tfrecord", [example({"b": [b"\xff"]})])
    assert rows(tmp_path, "*.tfrecord") == [
        {"a": [1], "b": None},
        {"a": [2, 3], "b": b"x"},
        {"a": None, "b": b"\xff"},
    ]


def test_what_is_too_much_to_keep_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        write(tmp_path / f"{number}.tfrecord", [example({"a": [number]})] * 1000)
    kept = table(tmp_path, "*.tfrecord")
    monkeypatch.setattr(tfrecord_files, "KEPT_BYTES", 100)
    monkeypatch.setattr(framing, "BLOCK_BYTES", 1000)
    assert table(tmp_path, "*.tfrecord").combine_chunks() == kept.combine_chunks()


@pytest.mark.parametrize("name", ["x.tfrecord.gz", "x.tfrecord"])
def test_gzip_is_known_by_its_bytes(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(framed([example({"a": [1]})])))
    assert rows(tmp_path, name) == [{"a": 1}]


def test_a_record_larger_than_a_block_is_read(tmp_path: Path) -> None:
    big = b"x" * (10 << 20)
    write(tmp_path / "x.tfrecord", [example({"a": [b"small"]}), example({"a": [big]}), example({"a": [b"last"]})])
    assert [len(row["a"]) for row in rows(tmp_path)] == [5, 10 << 20, 4]


def test_a_file_without_records_gives_no_rows(tmp_path: Path) -> None:
    (tmp_path / "x.tfrecord").write_bytes(b"")
    assert list(tfrecord("x.tfrecord").batches(tmp_path)) == []


# -- what is told ----------------------------------------------------------------------------------------------


def test_damage_is_told_with_the_record(tmp_path: Path) -> None:
    content = framed([example({"a": [number]}) for number in range(3)])
    size = len(content) // 3
    for change, said in {
        b"": "x.tfrecord ends within record 3: it was cut off.",
        b"?": "x.tfrecord is damaged: the checksum of record 3 does not fit its content.",
    }.items():
        (tmp_path / "x.tfrecord").write_bytes(content[:-1] + change)
        assert fault(tmp_path) == f"{said}\nFetch or write the file again."
    (tmp_path / "x.tfrecord").write_bytes(content[:size] + b"\xff" + content[size + 1 :])
    assert fault(tmp_path).startswith("x.tfrecord is damaged: the checksum of record 2 does not fit its length.")
    (tmp_path / "x.tfrecord").write_text("a,b\n1,2\n" * 100)
    assert fault(tmp_path) == "x.tfrecord is not a TFRecord file: its first record has a wrong checksum."
    (tmp_path / "x.tfrecord").write_bytes(gzip.compress(content * 1000)[:-30])
    assert fault(tmp_path).startswith("x.tfrecord is damaged: ")


def test_a_length_beyond_all_reason_is_told(tmp_path: Path) -> None:
    length = struct.pack("<Q", 2**62)
    (tmp_path / "x.tfrecord").write_bytes(length + struct.pack("<I", masked(length)))
    assert fault(tmp_path).startswith("x.tfrecord: record 1 has 4,611,686,018,427,387,904 bytes, ")


def test_what_is_no_example_is_told_with_the_record(tmp_path: Path) -> None:
    write(tmp_path / "x.tfrecord", [example({"a": [1]}), b"hello"])
    assert fault(tmp_path).startswith("x.tfrecord: record 2 is not a tf.Example: ")


def test_a_feature_that_changes_its_kind_is_told(tmp_path: Path) -> None:
    write(tmp_path / "1.tfrecord", [example({"a": [1]})])
    write(tmp_path / "2.tfrecord", [example({"b": [1]})])
    write(tmp_path / "3.tfrecord", [example({"b": [2]}), example({"a": [b"x"]})])
    assert fault(tmp_path, "*.tfrecord").startswith(
        "3.tfrecord: feature 'a' holds bytes in record 2, and int64 in 1.tfrecord.\n"
    )
    write(tmp_path / "4.tfrecord", [example({"c": [1]}), example({"c": [0.5]})])
    assert fault(tmp_path, "4.tfrecord").startswith(
        "4.tfrecord: feature 'c' holds float in record 2, and int64 before.\n"
    )


def test_what_does_not_fit_its_declaration_is_told(tmp_path: Path) -> None:
    write(tmp_path / "x.tfrecord", [example({"a": [1], "t": [b"x"]}), example({"a": [1, 2], "t": [b"\xff"]})])
    assert fault(tmp_path, columns={"a": "int64"}) == (
        "x.tfrecord: feature 'a' is declared int64, and record 2 has 2 values.\n"
        "Declare a list: columns={'a': 'list<int64>'}."
    )
    assert fault(tmp_path, columns={"t": "string"}).startswith(
        "x.tfrecord: feature 't' is declared string, and record 2"
    )
    assert "holds int64 in record 1, and bytes by columns={...}." in fault(tmp_path, columns={"a": "string"})
    assert "no record has a feature 'b'.\nThey have a." in fault(tmp_path, columns={"b": "int64", "a": "list<int64>"})
    with pytest.raises(ParameterError, match=r"unknown type 'int46'\.\nDid you mean int64\?"):
        tfrecord("x.tfrecord", columns={"a": "int46"})


# -- properties ------------------------------------------------------------------------------------------------

numbers = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5)
floats = st.lists(st.floats(width=32), max_size=5)
texts = st.lists(st.binary(max_size=40), max_size=5)
records = st.lists(
    st.fixed_dictionaries(
        {}, optional={"number": numbers, "float": floats, "bytes": texts, "a longer name, ä": numbers}
    ),
    min_size=1,
    max_size=8,
)


def decoded(contents: list[bytes]) -> dict[str, dict[int, list[Any]]]:
    """Return by feature and row what `decode` finds."""
    stop = np.cumsum([len(content) for content in contents])
    start = np.concatenate([[0], stop[:-1]])
    found: dict[str, dict[int, list[Any]]] = {}
    for name, feature in decode(Bytes(b"".join(contents)), start, stop).items():
        edges = np.concatenate([[0], np.cumsum(feature.counts)])
        values = feature.values.to_pylist()
        assert len(values) == edges[-1]
        found[name] = {
            int(row): values[begin:end] for row, begin, end in zip(feature.rows, edges[:-1], edges[1:], strict=True)
        }
    return found


def by_protobuf(contents: list[bytes]) -> dict[str, dict[int, list[Any]]]:
    found: dict[str, dict[int, list[Any]]] = {}
    for row, content in enumerate(contents):
        for name, feature in example_class().FromString(content).features.feature.items():
            rows = found.setdefault(name, {})
            if kind := feature.WhichOneof("kind"):
                rows[row] = list(getattr(feature, kind).value)
    return found


def same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)  # NaN is itself here, and -0.0 is not 0.0


@given(records)
def test_what_protobuf_writes_is_read_as_protobuf_reads_it(made: list[dict[str, list[Any]]]) -> None:
    contents = [example(features) for features in made]
    assert same(dict(sorted(decoded(contents).items())), dict(sorted(by_protobuf(contents).items())))


def field(tag: int, content: bytes) -> bytes:
    size, sized = len(content), bytearray()
    while size >= 0x80:
        sized.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([tag, *sized, size]) + content


unpacked = st.lists(st.integers(0, 127), max_size=4).map(
    lambda values: b"".join(bytes([0x08, value]) for value in values)
)
packed = st.lists(st.integers(0, 127), max_size=4).map(lambda values: field(0x0A, bytes(values)))
int_lists = st.lists(st.one_of(unpacked, packed), max_size=3).map(b"".join)
float_lists = st.lists(
    st.one_of(
        st.floats(width=32, allow_nan=False).map(lambda value: b"\x0d" + struct.pack("<f", value)),
        st.lists(st.floats(width=32, allow_nan=False), max_size=3).map(
            lambda values: field(0x0A, struct.pack(f"<{len(values)}f", *values))
        ),
    ),
    max_size=3,
).map(b"".join)


@given(
    st.lists(
        st.tuples(st.booleans(), int_lists, float_lists, st.sampled_from(["plain", "turned", "twice"])), min_size=1
    )
)
def test_unusual_encodings_are_read_as_protobuf_reads_them(made: list[tuple[bool, bytes, bytes, str]]) -> None:
    contents: list[bytes] = []
    for lacks_number, ints, real, order in made:
        key, value = field(0x0A, b"n"), field(0x12, field(0x1A, ints))
        entries = [field(0x0A, {"plain": key + value, "turned": value + key, "twice": key + value}[order])]
        entries = [] if lacks_number else entries * (2 if order == "twice" else 1)
        entries.append(field(0x0A, field(0x0A, b"f") + field(0x12, field(0x12, real))))
        contents.append(field(0x0A, b"".join(entries)))
    assert same(dict(sorted(decoded(contents).items())), dict(sorted(by_protobuf(contents).items())))


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5))
def test_any_bytes_are_rows_or_an_error(contents: list[bytes]) -> None:
    with contextlib.suppress(WireError, KindError):
        decoded(contents)


@given(records, st.data())
def test_flipped_bytes_are_rows_or_an_error(made: list[dict[str, list[Any]]], data: st.DataObject) -> None:
    contents = [bytearray(example(features)) for features in made]
    for content in contents:
        for place in data.draw(st.lists(st.integers(0, max(0, len(content) - 1)), max_size=3)) if content else []:
            content[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(WireError, KindError):
        decoded([bytes(content) for content in contents])


@given(content=st.binary(max_size=200), cut=st.integers(0, 60), place=st.integers(0, 60), byte=st.integers(0, 255))
def test_any_file_is_rows_or_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, cut: int, place: int, byte: int
) -> None:
    root = tmp_path_factory.getbasetemp()
    good = bytearray(framed([example({"a": [1], "b": [b"x"]}), content]))
    good[place % len(good)] = byte
    for made in (content, bytes(good), bytes(good[: len(good) - cut]), gzip.compress(bytes(good))[: 100 - cut]):
        (root / "any.tfrecord").write_bytes(made)
        for options in ({}, {"columns": {"a": "int64"}}):
            with contextlib.suppress(DataError):
                rows(root, "any.tfrecord", **options)


# -- the way back ----------------------------------------------------------------------------------------------

columns = {
    "int": pa.int64(),
    "small": pa.int8(),
    "float": pa.float32(),
    "text": pa.string(),
    "raw": pa.binary(),
    "flag": pa.bool_(),
    "ints": pa.list_(pa.int64()),
    "floats": pa.list_(pa.float32()),
    "texts": pa.list_(pa.string()),
}
cells = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "small": st.integers(-128, 127),
    "float": st.floats(width=32),
    "text": st.text(max_size=20),
    "raw": st.binary(max_size=200),
    "flag": st.booleans(),
    "ints": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
    "floats": st.lists(st.floats(width=32), max_size=4),
    "texts": st.lists(st.text(max_size=5), max_size=4),
}


@given(
    st.lists(st.fixed_dictionaries({name: st.none() | cell for name, cell in cells.items()}), min_size=1, max_size=6)
)
def test_rows_are_written_as_protobuf_reads_them(made: list[dict[str, Any]]) -> None:
    batch = pa.RecordBatch.from_pylist(made, pa.schema(columns))
    found = by_protobuf([record.as_py() for record in encode(batch)])
    for name in columns:
        wanted = {
            row: [
                item.encode() if isinstance(item, str) else item
                for item in (cell if isinstance(cell, list) else [cell])
            ]
            for row, cell in enumerate(batch.column(name).to_pylist())
            if cell is not None
        }
        if name == "flag":
            wanted = {row: [int(item) for item in items] for row, items in wanted.items()}
        assert same(found.get(name, {}), wanted)


def test_a_slice_is_written_as_itself() -> None:
    whole = pa.record_batch({"t": ["a", None, "ccc", "dd"], "l": [[1], [], None, [2, 3]]})
    assert encode(whole.slice(1, 3)).to_pylist() == encode(whole).to_pylist()[1:]


def test_rows_come_back_as_they_were_exported(tmp_path: Path, call: Any) -> None:
    rows_before = [{"a": 1, "t": "x", "l": [1, 2]}, {"a": None, "t": "y", "l": []}, {"a": 3, "t": None, "l": None}]
    write_tfrecord(tmp_path / "x.tfrecord", pa.Table.from_pylist(rows_before), compression="gzip")
    examples = call(ingest, tfrecord("x.tfrecord"))
    records = call(export_tfrecord, examples)
    assert isinstance(records, TfRecords) and records.splits == ["all"] and records.rows() == records.rows("all") == 3
    (file,) = records.files("all")
    assert file.parent.name == "Split-all" and file.name == "data_tfrecord-00000-of-00001.gz"
    again = table(file.parent, file.name).select(["a", "t", "l"]).to_pylist()
    assert again == rows_before
    with pytest.raises(DataError, match="have no split 'al'"):
        records.files("al")


def test_the_same_rows_make_the_same_bytes(tmp_path: Path) -> None:
    made = pa.table({"a": range(1000)})
    for name in ("1.gz", "2.gz"):
        assert write_tfrecord(tmp_path / name, made, compression="gzip") == 1000
    assert (tmp_path / "1.gz").read_bytes() == (tmp_path / "2.gz").read_bytes()


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pa.array([{"x": 1}]), "column 'a' is struct<x: int64>, which a tf.Example cannot hold."),
        (pa.array([2**64 - 1], pa.uint64()), "column 'a' has numbers beyond int64, which a tf.Example cannot hold."),
        (pa.array([[1, None]]), "column 'a' has lists with missing items, which a tf.Example cannot hold."),
    ],
)
def test_what_a_tf_example_cannot_hold_is_told(column: Any, said: str) -> None:
    with pytest.raises(DataError) as caught:
        encode(pa.record_batch([column], ["a"]))
    assert str(caught.value).startswith(said)


@pytest.mark.slow
def test_tensorflow_reads_what_we_write_and_we_what_it_writes(tmp_path: Path) -> None:
    import tensorflow as tf

    made = pa.table({"n": [1, -2], "t": ["x", "y"], "l": [[0.5], [1.5, 2.5]]})
    write_tfrecord(tmp_path / "ours.gz", made, compression="gzip")
    raw = list(tf.data.TFRecordDataset(str(tmp_path / "ours.gz"), compression_type="GZIP").as_numpy_iterator())
    examples = [tf.train.Example.FromString(record).features.feature for record in raw]
    assert [list(features["l"].float_list.value) for features in examples] == [[0.5], [1.5, 2.5]]
    assert [list(features["n"].int64_list.value) for features in examples] == [[1], [-2]]
    with tf.io.TFRecordWriter(str(tmp_path / "theirs.tfrecord")) as writer:
        for record in raw:
            writer.write(record)
    assert table(tmp_path, "theirs.tfrecord").select(["n", "t", "l"]).to_pylist() == made.to_pylist()
