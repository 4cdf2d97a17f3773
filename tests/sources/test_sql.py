"""SQL: rows of a database, or of other sources, and nothing written."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from levada import Secret
from levada.components import csv, ingest, last, parquet, sql
from levada.errors import DataError, ParameterError
from levada.store import Store
from levada.values import decode, encode
from tests.inline import plan_of, run_plan


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a SQLite and a DuckDB database of the same two orders, and Parquet files."""
    monkeypatch.chdir(tmp_path)
    rows = [(1, "tea", 2.5), (2, None, -0.0)]
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("create table orders (id integer, item text, price real)")
        database.executemany("insert into orders values (?, ?, ?)", rows)
    database.close()
    with duckdb.connect(tmp_path / "shop.duckdb") as other:
        other.execute("create table orders (id bigint, item varchar, price double)")
        other.executemany("insert into orders values (?, ?, ?)", rows)
    for month, prices in (("2013-01", [1.0, 5.0]), ("2013-02", [2.0, 7.0])):
        pq.write_table(pa.table({"price": prices, "month": [month] * 2}), tmp_path / f"{month}.parquet")
    return tmp_path


def rows(source: Any, root: Path) -> list[dict[str, Any]]:
    return [row for batch in source.batches(root) for row in batch.to_pylist()]


def fault(root: Path, *args: Any, **options: Any) -> str:
    with pytest.raises((DataError, ParameterError)) as caught:
        rows(sql(*args, **options), root)
    return str(caught.value)


@pytest.mark.parametrize("database", ["sqlite:///shop.db", "duckdb:///shop.duckdb"])
def test_a_query_gives_rows(shop: Path, database: str) -> None:
    assert rows(sql("select id, item, price * 2 as twice from orders order by id", database), shop) == [
        {"id": 1, "item": "tea", "twice": 5.0},
        {"id": 2, "item": None, "twice": -0.0},
    ]


@pytest.mark.parametrize("database", ["sqlite:///shop.db", "duckdb:///shop.duckdb"])
@pytest.mark.parametrize(
    "query",
    ["delete from orders", "drop table orders", "create table x (a int)", "insert into orders values (3, 'x', 1)"],
)
def test_nothing_is_written(shop: Path, database: str, query: str) -> None:
    before = {path.name: path.read_bytes() for path in shop.iterdir()}
    assert fault(shop, query, database).startswith("sql(...)")
    assert {path.name: path.read_bytes() for path in shop.iterdir()} == before


def test_an_address_may_be_absolute_or_a_secret(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(rows(sql("select * from orders", f"sqlite:///{shop}/shop.db"), shop)) == 2
    monkeypatch.setenv("SHOP", "sqlite:///shop.db")
    source = sql("select * from orders", Secret.env("SHOP"))
    assert len(rows(source, shop)) == 2
    assert decode(encode(source)) == source and "shop.db" not in str(encode(source))


def test_a_digest_is_the_databases_content(shop: Path) -> None:
    for database in ("sqlite:///shop.db", "duckdb:///shop.duckdb"):
        source = sql("select * from orders", database)
        before = source.digest()
        assert source.digest() == before
        if database.startswith("sqlite"):
            connection: Any = sqlite3.connect(shop / "shop.db")
            connection.execute("pragma journal_mode=wal")
            connection.execute("insert into orders values (3, 'x', 1)")
            connection.commit()  # it stands in the log beside the file now
            assert source.digest() != before
            connection.close()
        else:
            with duckdb.connect(shop / "shop.duckdb") as other:
                other.execute("insert into orders values (3, 'x', 1)")
            assert source.digest() != before


def test_a_server_is_asked_in_every_run_unless_a_version_is_named() -> None:
    source = sql("select 1", "postgresql://somebody@db.example.org/shop")
    assert source.digest() != source.digest()
    dated = sql("select 1", "postgresql://somebody@db.example.org/shop", version="2013-01-31")
    assert dated.digest() == dated.digest() == "2013-01-31"


def test_other_sources_are_tables(shop: Path) -> None:
    (shop / "months.csv").write_text("month,name\n2013-01,January\n2013-02,February\n")
    query = "select name, sum(price) as total from prices join months using (month) group by name order by name"
    source = sql(
        query, tables={"prices": parquet("*.parquet"), "months": csv("months.csv", columns={"month": "string"})}
    )
    assert rows(source, shop) == [{"name": "February", "total": 9.0}, {"name": "January", "total": 6.0}]
    before = source.digest()
    (shop / "months.csv").write_text("month,name\n2013-01,Januar\n2013-02,Februar\n")
    assert source.digest() != before


def test_a_table_may_be_read_twice(shop: Path) -> None:
    (shop / "x.csv").write_text("n\n1\n2\n")
    source = sql("select a.n as a, b.n as b from x a join x b on a.n = b.n order by 1", tables={"x": csv("x.csv")})
    assert rows(source, shop) == [{"a": 1, "b": 1}, {"a": 2, "b": 2}]


def test_a_query_over_tables_sees_nothing_else(shop: Path) -> None:
    (shop / "secret.csv").write_text("password\nhunter2\n")
    (shop / "x.csv").write_text("n\n1\n")
    for query in ("select * from 'secret.csv'", "select * from read_text('secret.csv')", "install httpfs"):
        for tables in ({"x": csv("x.csv")}, {"p": parquet("2013-01.parquet")}):
            assert fault(shop, query, tables=tables).startswith("sql(...)")
        assert fault(shop, query, "duckdb:///shop.duckdb").startswith("sql(...)")
    assert fault(shop, "set threads = 4; select * from x", tables={"x": csv("x.csv")}).startswith(
        "sql(...): wanted one"
    )


def test_spans_of_a_table_are_recorded(shop: Path, call: Any) -> None:
    source = sql("select * from p", tables={"p": parquet("{YYYY}-{MM}.parquet", spans=last(2))})
    examples = call(ingest, source)
    assert call.line == "4 rows · 2 spans 2013-01..02"
    assert examples.properties["spans"] == ["2013-01", "2013-02"]


def test_what_is_wrong_is_told(shop: Path) -> None:
    assert fault(shop, "select * from order", "sqlite:///shop.db").startswith("sql(...): SQLite says: ")
    assert fault(shop, "select x from orders", "duckdb:///shop.duckdb").startswith("sql(...): DuckDB says: ")
    assert "there is no such file" in fault(shop, "select 1", "sqlite:///shpo.db")
    (shop / "text.db").write_text("no database" * 100)
    assert fault(shop, "select 1 from x", "sqlite:///text.db").startswith("sql(...): SQLite says: ")
    assert fault(shop, "select 1 from x", "duckdb:///text.db").startswith("sql(...): DuckDB says: ")


def test_a_column_of_several_types_is_told(shop: Path) -> None:
    with sqlite3.connect(shop / "mixed.db") as database:
        database.execute("create table t (a)")
        database.executemany("insert into t values (?)", [(number,) for number in range(70_000)])
        database.execute("insert into t values ('seventy')")
    database.close()
    said = fault(shop, "select a from t", "sqlite:///mixed.db")
    assert said.startswith("sql(...): SQLite says: ") and "CAST(column AS TEXT)" in said


@pytest.mark.parametrize(
    ("args", "options", "said"),
    [
        (("select 1",), {}, "sql(...) wants a database, or tables={...}."),
        (("select 1", "mysql://x/y"), {}, "sql(...): wanted the database as sqlite:///path"),
        (("select 1", "sqlite://x.db"), {}, "sql(...): wanted sqlite:/// and a path."),
        (("select 1", "postgresql://me:word@host/db"), {}, "sql(...): the address of the database has a password"),
        (("select 1",), {"tables": {"a b": csv("x.csv")}}, "sql(tables={'a b': ...}): a table's name has letters"),
        (("select 1",), {"tables": {"a": csv("x.csv")}, "version": "1"}, "sql(..., version=...): tables have"),
    ],
)
def test_what_does_not_fit_is_told_when_the_source_is_made(args: Any, options: Any, said: str) -> None:
    with pytest.raises(ParameterError) as caught:
        sql(*args, **options)
    assert str(caught.value).startswith(said)
    assert "word" not in str(caught.value).replace("password", "")


def test_a_run_with_a_secret_address_writes_it_nowhere(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP", "sqlite:///shop.db")

    def graph() -> None:
        ingest(sql("select * from orders", Secret.env("SHOP")))

    outcome = run_plan(plan_of(graph), Store(shop / "store"), root=shop)
    assert outcome.results["ingest"].summary == "2 rows"
    written = [path.read_bytes() for path in (shop / "store").rglob("*") if path.is_file()]
    assert not any(b"sqlite:///shop.db" in content for content in written)
