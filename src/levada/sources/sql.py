"""Rows that a database gives, or that SQL makes of other sources."""

from __future__ import annotations

import hashlib
import re
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.errors import DataError, LevadaError, ParameterError
from levada.secret import Secret, redact
from levada.sources.agreement import first_line
from levada.sources.files import files_digest, find_files
from levada.sources.parquet_files import ParquetSource
from levada.sources.source import Source

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 65_536
SCHEMES = ("sqlite", "duckdb", "postgresql")
_ALONE = {
    "threads": 1,  # so that rows come in an order that does not change
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


@dataclass(frozen=True)
class SqlSource(Source):
    """The result of a query; made by `sql`, which says what the fields mean."""

    query: str
    database: str | Secret = ""
    tables: dict[str, Source] = field(default_factory=dict[str, Source])
    version: str = ""

    def digest(self) -> str:
        """Return what changes when the data does: of files their content, of a server `version`, or always another."""
        if self.tables:
            parts = [f"{name} {table.digest()}" for name, table in self.tables.items()]
            return hashlib.sha256("\n".join(parts).encode()).hexdigest()
        if self.version:
            return self.version
        scheme, path = _split(self._address())
        if scheme == "postgresql":
            return uuid.uuid4().hex  # nobody knows what a server holds without asking it all
        files = find_files(path, Path.cwd(), "sql")
        log = Path.cwd() / f"{path}{'-wal' if scheme == 'sqlite' else '.wal'}"
        return files_digest([*files, *[log] * (log.is_file() and log.stat().st_size > 0)])

    def facts(self, root: Path) -> dict[str, Any]:
        """Return what is recorded of the tables: the spans of the one that has some."""
        facts = [table.facts(root) for table in self.tables.values()]
        return next((fact for fact in facts if fact), {})

    def batches(self, root: Path) -> Iterator[pa.RecordBatch]:
        if self.tables:
            with _told("DuckDB"):
                yield from _from_tables(self.query, self.tables, root)
            return
        scheme, path = _split(self._address())
        if scheme != "postgresql":
            path = str(find_files(path, root, "sql")[0])
        with _told({"sqlite": "SQLite", "duckdb": "DuckDB"}.get(scheme, "PostgreSQL")):
            match scheme:
                case "sqlite":
                    # Opened for reading alone: whatever the query says, nothing is written.
                    yield from _by_adbc("sqlite", f"file:{urllib.parse.quote(path)}?mode=ro", self.query)
                case "duckdb":
                    yield from _from_file(self.query, path)
                case _:
                    yield from _by_adbc("postgresql", path, self.query)

    def _address(self) -> str:
        return self.database.reveal() if isinstance(self.database, Secret) else self.database

    def __str__(self) -> str:
        words = " ".join(self.query.split())
        return f"sql('{words if len(words) <= 60 else words[:59] + '…'}')"


def sql(
    query: str,
    database: str | Secret = "",
    *,
    tables: Mapping[str, Source] | None = None,
    version: str = "",
) -> SqlSource:
    """Return a source that reads what a query selects, from a database or from other sources.

    `database` is `sqlite:///data/shop.db` or `duckdb:///data/shop.duckdb` (a path from the project's root, absolute
    with a fourth slash), or `postgresql://user@host/name`. An address with a password in it is a secret:
    `Secret.env("DATABASE_URL")`. Databases are opened for reading alone.

    `tables` instead names other sources, which DuckDB reads as tables: `sql("select * from trips where fare > 0",
    tables={"trips": parquet("data/*.parquet")})`. The query then sees nothing else, no file of its own choice either.

    A file counts in cache keys by its content, tables by theirs. What a server holds cannot be known without reading
    it: the query runs in every run, unless `version` (a date, say) names the state that is meant.

    Rows come in the order that the query gives them: say ORDER BY where that matters. Needs the extra `levada[sql]`, or
    `levada[postgresql]`.

    Raises ParameterError for an address that is none; reading raises DataError for what the database says.
    """
    if bool(database) == bool(tables):
        raise ParameterError("sql(...) wants a database, or tables={...}.", hint="sql('select ...', 'sqlite:///x.db')")
    if tables and version:
        raise ParameterError("sql(..., version=...): tables have the versions of what they are read from.")
    for name in tables or {}:
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ParameterError(f"sql(tables={{'{name}': ...}}): a table's name has letters, digits and '_'.")
    if isinstance(database, str) and database:
        _split(database)
        if urllib.parse.urlsplit(database).password:
            raise ParameterError(
                "sql(...): the address of the database has a password in it, which a plan must not.",
                hint="Keep the address elsewhere, and pass Secret.env('DATABASE_URL').",
            )
    return SqlSource(query, database, dict(tables or {}), version)


def _split(address: str) -> tuple[str, str]:
    """Return an address's scheme and path (a server's whole). Raises ParameterError, without its text, for none."""
    scheme, separator, rest = address.partition("://")
    if scheme == "postgres":
        scheme = "postgresql"
    if not separator or scheme not in SCHEMES:
        wanted = "sqlite:///path, duckdb:///path or postgresql://host/name"
        raise ParameterError(f"sql(...): wanted the database as {wanted}.")
    if scheme == "postgresql":
        return scheme, address
    if not rest.startswith("/") or len(rest) < 2:
        raise ParameterError(f"sql(...): wanted {scheme}:/// and a path.")
    return scheme, rest[1:]


@contextmanager
def _told(who: str) -> Iterator[None]:
    """Tell what a database says against a query as a DataError."""
    try:
        yield
    except LevadaError:
        raise
    except ImportError as error:
        extra = "postgresql" if who == "PostgreSQL" else "sql"
        said = f"sql(...) needs {error.name or error}, which is not installed."
        raise DataError(said, hint=f"pip install 'levada[{extra}]'") from None
    except Exception as error:  # each driver has a tree of its own
        if type(error).__module__.split(".")[0] in (
            "duckdb",
            "_duckdb",
            "adbc_driver_manager",
            "pyarrow",
        ) or isinstance(error, OSError):
            raise DataError(f"sql(...): {who} says: {redact(first_line(error))}", hint=_hint(str(error))) from None
        raise


def _hint(message: str) -> str:
    if "mismatch" in message or "cannot be represented" in message:
        return "A column holds values of several types: CAST(column AS TEXT), or another type, in the query."
    return ""


def _by_adbc(driver: str, address: str, query: str) -> Iterator[pa.RecordBatch]:
    import importlib

    dbapi: Any = importlib.import_module(f"adbc_driver_{driver}.dbapi")
    with closing(dbapi.connect(address)) as connection, closing(connection.cursor()) as cursor:
        if driver == "sqlite":  # SQLite has no types of columns: they follow from the first batch
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(BATCH_ROWS)})
        else:
            cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute(query)
        if cursor.description is None:
            raise DataError("sql(...): the query selects nothing.", hint="Write a SELECT.")
        yield from cursor.fetch_record_batch()


def _from_file(query: str, path: str) -> Iterator[pa.RecordBatch]:
    import duckdb

    config: Any = {**_ALONE, "enable_external_access": False}
    with closing(duckdb.connect(path, read_only=True, config=config)) as connection:
        yield from _selected(connection, query)


def _from_tables(query: str, tables: Mapping[str, Source], root: Path) -> Iterator[pa.RecordBatch]:
    import duckdb
    import pyarrow as pa

    with closing(duckdb.connect(":memory:", config=dict(_ALONE))) as connection:
        allowed: list[str] = []
        for name, table in tables.items():
            files = table.files(root) if isinstance(table, ParquetSource) else []
            if files and all(file.path for file in files):  # so that only what the query needs is read
                allowed += [str(file) for file in files]
                columns = ", ".join(f'"{column}"' for column in getattr(table, "columns", ())) or "*"
                paths = ", ".join(f"'{_quoted(str(file))}'" for file in files)
                connection.execute(f"create view {name} as select {columns} from read_parquet([{paths}])")  # noqa: S608
                continue
            batches = table.batches(root)
            first = next(batches, None)
            if first is None:
                raise DataError(f"{table} has no rows.")
            # Copied, as a query may read a table twice, and a stream cannot be.
            reader = pa.RecordBatchReader.from_batches(first.schema, _chained(first, batches))
            connection.register("rows_of_a_source", reader)
            connection.execute(f"create table {name} as select * from rows_of_a_source")  # noqa: S608
            connection.unregister("rows_of_a_source")
        connection.execute(f"set allowed_paths = [{', '.join(repr(_quoted(path)) for path in allowed)}]")
        connection.execute("set enable_external_access = false")
        yield from _selected(connection, query)


def _chained(first: pa.RecordBatch, others: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from others


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _selected(connection: Any, query: str) -> Iterator[pa.RecordBatch]:
    import duckdb

    connection.execute("set lock_configuration = true")
    statements = connection.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise DataError("sql(...): wanted one SELECT.", hint="Queries read, and nothing else.")
    yield from connection.sql(query).to_arrow_reader(BATCH_ROWS)
