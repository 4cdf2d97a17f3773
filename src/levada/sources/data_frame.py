"""A DataFrame of a notebook as a source: its rows go into the store at once, so that a plan can name them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.draw import session_in_force
from levada.errors import DataError, ParameterError
from levada.sources.arrow_files import BATCH_ROWS
from levada.sources.source import Source
from levada.store import Store
from levada.tables.types import plain_schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True)
class DataFrameSource(Source):
    """Rows that lie in a store as an Arrow file; made by `dataframe`.

    `content` is the file's sha256, `store` the store's address (a folder from the project's root), for which
    `store_options` holds what its file system is told.
    """

    content: str
    rows: int
    store: str
    store_options: dict[str, Any] = field(default_factory=dict[str, Any])

    def digest(self) -> str:
        return self.content

    def batches(self, root: Path) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        location = self.store if "://" in self.store else root / self.store
        content = Store(location, self.store_options).read(_key(self.content))
        if content is None or hashlib.sha256(content).hexdigest() != self.content:
            raise DataError(f"the rows of {self} are not in the store any more.", hint="Call dataframe(...) again.")
        kept = pa.ipc.open_file(content)
        yield from (kept.get_batch(number) for number in range(kept.num_record_batches))

    def __str__(self) -> str:
        return f"dataframe of {self.rows:,} rows, {self.content[:12]}"


def _key(content: str) -> str:
    return f"files/{content}/rows.arrow"


def dataframe(rows: pd.DataFrame | pa.Table) -> DataFrameSource:
    """Return a source with the rows of a DataFrame (without its index) or an Arrow table, for use in a notebook.

    They are written into the session's store now, so a later change of the DataFrame changes nothing. The same rows are
    the same source.

    Raises ParameterError without an open session, DataError for columns that Arrow has no type for.
    """
    import pyarrow as pa

    session = session_in_force()
    if session is None:
        raise ParameterError(
            "dataframe(...) keeps its rows in the store of a notebook session, and none is open.",
            hint="Call levada.session(...) first. In a pipeline's file: write them to Parquet, and use parquet(...).",
        )
    try:
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
        schema = plain_schema(table.schema)
        table = table.cast(schema)
    except (pa.ArrowException, ValueError, TypeError, AttributeError) as error:
        said = " ".join(str(part) for part in error.args) or type(error).__name__
        raise DataError(
            f"dataframe(...): {said.splitlines()[0].rstrip('.')}.", hint="A column has values of one type."
        ) from None
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table, max_chunksize=BATCH_ROWS)
    content = sink.getvalue().to_pybytes()
    digest = hashlib.sha256(content).hexdigest()
    store: Store = session.store
    if store.read(_key(digest)) != content:
        store.write(_key(digest), content)
    local = store.local
    address = local.relative_to(session.root) if local and local.is_relative_to(session.root) else store.uri
    return DataFrameSource(digest, table.num_rows, str(address), store.options)
