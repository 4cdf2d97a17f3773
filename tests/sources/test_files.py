"""Files wherever fsspec finds them: read, told apart, and told about."""

from __future__ import annotations

import gzip
import io
import secrets
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from levada import Secret
from levada.components import csv, ingest, parquet
from levada.errors import DataError, SecretError
from levada.sources.files import File, find_files
from levada.store import Store
from tests.inline import plan_of, run_plan
from tests.stores import s3_address  # noqa: F401  a fixture


@pytest.fixture(params=["folder", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty folder on this machine, in memory, and in S3."""
    name = secrets.token_hex(6)
    match request.param:
        case "folder":
            return Place(str(tmp_path / name), {})
        case "memory":
            return Place(f"memory://{name}", {})
        case _:
            return Place(f"s3://bucket/{name}", {"endpoint_url": request.getfixturevalue("s3_address")})


class Place:
    def __init__(self, folder: str, options: dict[str, Any]) -> None:
        self.folder, self.options = folder, options
        self.fs, _ = fsspec.url_to_fs(folder, use_listings_cache=False, **options)

    def write(self, name: str, content: bytes | str) -> None:
        self.fs.makedirs(f"{self.folder}/{name}".rsplit("/", 1)[0], exist_ok=True)
        self.fs.pipe_file(f"{self.folder}/{name}", content.encode() if isinstance(content, str) else content)

    def csv(self, name: str, **where: Any) -> Any:
        return csv(f"{self.folder}/{name}", storage_options=self.options, **where)

    def parquet(self, name: str, **where: Any) -> Any:
        return parquet(f"{self.folder}/{name}", storage_options=self.options, **where)


def rows(source: Any) -> list[dict[str, Any]]:
    return pa.Table.from_batches(list(source.batches(Path.cwd()))).to_pylist()


def fault(source: Any) -> str:
    with pytest.raises(DataError) as caught:
        rows(source)
    return str(caught.value)


def bytes_of(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def test_csv_and_parquet_are_read_anywhere(place: Place) -> None:
    place.write("a/1.csv", "n\n1\n")
    place.write("a/2.csv.gz", gzip.compress(b"n\n2\n"))
    place.write("b/1.parquet", bytes_of(pa.table({"n": [3]})))
    assert rows(place.csv("a/*")) == [{"n": 1}, {"n": 2}]
    assert rows(place.csv("a/1.csv")) == [{"n": 1}]
    assert rows(place.parquet("**/*.parquet")) == [{"n": 3}]


def test_spans_are_found_anywhere(place: Place) -> None:
    for span in (9, 10):
        place.write(f"{span}/t-1.csv", f"n\n{span}\n")
    assert rows(place.csv("{SPAN}/t-{VERSION}.csv")) == [{"n": 10}]
    assert place.csv("{SPAN}/t-{VERSION}.csv", span=9).facts(Path.cwd()) == {"spans": ["9"], "versions": [1]}


def test_what_is_wrong_with_a_file_elsewhere_is_told_as_here(place: Place) -> None:
    place.write("x.csv", "a,b\n1,2\n3\n")
    assert f"{place.folder}/x.csv:3   3" in fault(place.csv("x.csv")) or "x.csv:3   3" in fault(place.csv("x.csv"))
    place.write("y.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 9999)[:-20])
    assert "y.csv.gz is damaged: " in fault(place.csv("y.csv.gz"))
    place.write("z.parquet", bytes_of(pa.table({"n": range(1000)}))[:-100])
    assert "z.parquet is not a Parquet file: " in fault(place.parquet("z.parquet"))
    place.write("empty.parquet", b"")
    assert "empty.parquet is not a Parquet file: " in fault(place.parquet("empty.parquet"))


def test_what_is_not_there_is_told_with_what_was_meant(place: Place) -> None:
    place.write("data/trips.csv", "n\n1\n")
    assert "no such file" in (said := fault(place.csv("data/trps.csv"))) and "Did you mean trips.csv?" in said
    assert "no file matches" in (said := fault(place.csv("data/*.tsv"))) and "trips.csv" in said
    assert "this is a folder" in fault(place.csv("data"))


def test_a_digest_changes_with_the_content_alone(place: Place) -> None:
    place.write("1.csv", "n\n1\n")
    place.write("2.csv", "n\n2\n")
    first = place.csv("*.csv").digest()
    place.write("2.csv", "n\n2\n")
    assert place.csv("*.csv").digest() == first
    place.write("2.csv", "n\n3\n")
    assert place.csv("*.csv").digest() != first


def test_a_file_that_goes_while_it_is_read_is_told(place: Place) -> None:
    place.write("1.csv", "n\n1\n")
    (file,) = find_files(place.csv("1.csv").path, Path.cwd(), "csv")
    place.fs.rm(f"{place.folder}/1.csv")
    for ask in (file.open, file.stream, file.digest, file.size):
        with pytest.raises(DataError, match=r"1\.csv cannot be read"):
            ask()


def test_an_error_of_a_file_system_is_an_oserror_to_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/broken/x.parquet", bytes_of(pa.table({"n": range(100_000)})))
    (file,) = find_files("memory://broken/x.parquet", Path.cwd(), "parquet")
    opened = file.open()
    fs.store["/broken/x.parquet"].truncate(1000)
    with pytest.raises(OSError, match="shorter than it was"):
        opened.read()


def test_an_unknown_file_system_is_told() -> None:
    assert "needs a file system that is not installed" in fault(csv("nowhere://x.csv"))


@pytest.mark.slow
def test_a_server_that_is_not_there_is_told(s3_address: str) -> None:  # noqa: F811
    said = fault(csv("s3://bucket/x.csv", storage_options={"endpoint_url": "http://127.0.0.1:9"}))
    assert said.startswith("s3://bucket/x.csv cannot be read: ")


def test_credentials_are_references(s3_address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # noqa: F811
    place = Place(f"s3://bucket/{secrets.token_hex(6)}", {"endpoint_url": s3_address})
    place.write("1.csv", "n\n1\n")
    options = {**place.options, "key": Secret.env("MY_KEY"), "secret": Secret.env("MY_SECRET")}
    source = csv(f"{place.folder}/*.csv", storage_options=options)

    def graph() -> None:
        ingest(source)

    plan = plan_of(graph)
    monkeypatch.setenv("MY_KEY", "a-key-of-mine")
    monkeypatch.setenv("MY_SECRET", "a-secret-of-mine")
    outcome = run_plan(plan, Store(tmp_path / "store"), root=tmp_path)
    assert outcome.results["ingest"].summary == "1 rows"
    assert "env:MY_SECRET" in plan.dumps() and "a-secret" not in plan.dumps()
    written = [path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert not any(b"a-secret-of-mine" in content for content in written)
    monkeypatch.delenv("MY_SECRET")
    with pytest.raises(SecretError, match="MY_SECRET"):
        source.digest()


def test_a_file_elsewhere_is_no_path() -> None:
    with pytest.raises(TypeError, match="is not on this machine"):
        Path(File("s3://bucket/x", "s3://bucket/x"))  # type: ignore[arg-type]
