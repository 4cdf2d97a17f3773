"""Parquet files as a source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.errors import DataError, did_you_mean
from levada.sources.source import Source, files_digest, find_files, shown_file, unreadable
from levada.tables.types import plain_schema

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ParquetSource(Source):
    """One or more Parquet files with the same columns; made by `parquet`."""

    path: str
    columns: tuple[str, ...] = ()

    def digest(self) -> str:
        return files_digest(find_files(self.path, Path.cwd(), "parquet"))

    def batches(self, root: Path) -> Iterator[pa.RecordBatch]:
        files = find_files(self.path, root, "parquet")
        first = shown_file(files[0], root)
        wanted: Any = None
        for file in files:
            shown = shown_file(file, root)
            with _opened(file, shown) as parquet:
                schema = plain_schema(parquet.schema_arrow)
                names = self._chosen(schema.names, shown)
                schema = schema.empty_table().select(names).schema
                wanted = wanted or schema
                _check_same(wanted, schema, first, shown)
                for batch in _read(parquet, wanted.names, shown):
                    yield batch.select(wanted.names).cast(wanted)

    def _chosen(self, names: list[str], shown: str) -> list[str]:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"{shown} has two columns named '{twice[0]}'.", hint="Rename one of them.")
        for name in self.columns:
            if name not in names:
                raise DataError(
                    f"{shown} has no column '{name}'.",
                    hint=f"It has {', '.join(names)}. {did_you_mean(name, names)}".strip(),
                )
        return list(self.columns) or names

    def __str__(self) -> str:
        return f"parquet('{self.path}')"


def parquet(path: str | Path, *, columns: list[str] | None = None) -> ParquetSource:
    """Return a source that reads Parquet: one file, or all that match a pattern such as `data/*.parquet`.

    Relative paths start at the project's root; `**` matches folders at any depth; several files are read in the order
    of their names and must have the same columns of the same types. `columns` reads only these.
    """
    return ParquetSource(Path(path).as_posix(), tuple(columns or ()))


def _opened(file: Path, shown: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file, pre_buffer=False)  # else reading batch by batch keeps the whole file
    except pa.ArrowInvalid as error:
        raise DataError(f"{shown} is not a Parquet file: {_first_line(error)}") from None
    except OSError as error:
        raise unreadable(shown, error) from None


def _read(parquet: Any, columns: list[str], shown: str) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    try:
        yield from parquet.iter_batches(columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{shown} is damaged: {_first_line(error)}", hint="Fetch or write the file again.") from None


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0].rstrip(".") + "."


def _check_same(wanted: pa.Schema, schema: pa.Schema, first: str, shown: str) -> None:
    missing = [name for name in wanted.names if name not in schema.names]
    extra = [name for name in schema.names if name not in wanted.names]
    if missing or extra:
        said = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has also {', '.join(extra)}"] * bool(extra)
        raise DataError(
            f"{shown} {' and '.join(said)}, unlike {first}.",
            hint="Files that are read together have the same columns; parquet(..., columns=[...]) reads some of them.",
        )
    for field in wanted:
        type_ = schema.field(field.name).type
        if type_ != field.type:
            raise DataError(
                f"{shown}: column '{field.name}' is {type_}, and {field.type} in {first}.",
                hint="Write the files again with one type.",
            )
