"""Counting and materialising by a Beam job: an element is a row group, and what it gives is left in the store.

This module needs Beam; it is imported only where there are many rows.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from levada.artifacts.examples import Examples
from levada.artifacts.model import Tensor
from levada.errors import DataError
from levada.features.counting import Counter, Counts, counted_columns
from levada.features.description import Features
from levada.features.fitted import Fitted
from levada.features.fitting import Counted
from levada.features.materialising import Materialiser
from levada.store import Scratch
from levada.values import decode, encode


@dataclass(frozen=True)
class Group:
    """A row group: its number in the split, its file below the examples' folder, and its place in it."""

    split: str
    number: int
    file: str
    place: int


@dataclass(frozen=True)
class Where:
    """Where a worker, perhaps on another machine, reads examples (a folder: a path or URI), and leaves results."""

    examples: str
    scratch: Scratch

    def read(self, group: Group, columns: list[str]) -> Any:
        """Return a row group as a table."""
        import fsspec
        import pyarrow.parquet as pq

        address = f"{self.examples}/{group.file}"
        with fsspec.open(address, "rb", **self.scratch.file_system_options()) as file, pq.ParquetFile(file) as parquet:
            return parquet.read_row_group(group.place, columns=columns).select(columns)


def groups_of(examples: Examples, split: str) -> list[Group]:
    """Return the row groups of a split, in order."""
    import pyarrow.parquet as pq

    found: list[Group] = []
    for file in examples.files(split):
        for place in range(pq.read_metadata(file).num_row_groups):
            found.append(Group(split, len(found), f"{split}/{file.name}", place))
    return found


# -- counting -------------------------------------------------------------------------------------------


def count_on_beam(
    pipeline: Any,
    where: Where,
    groups: list[Group],
    features: Features,
    fitted: Fitted | None,
    inputs: dict[str, Tensor],
) -> None:
    """Add to a pipeline what counts the features of all groups together; `read_counts` then reads the result."""
    forms = json.dumps(
        {
            "features": encode(features),
            "fitted": fitted.to_json() if fitted else None,
            "inputs": [tensor.to_json() for tensor in inputs.values()],
        }
    )
    _ = (
        pipeline
        | "groups" >> beam.Create(groups, reshuffle=True)
        | "count" >> beam.ParDo(_Count(where, forms))
        | "merge" >> beam.CombineGlobally(_Merge()).without_defaults()
        | "leave" >> beam.ParDo(_LeaveCounts(where, forms))
    )


def read_counts(where: Where) -> dict[str, Counted]:
    """Return what was counted. Raises DataError as `Counts.finish`."""
    form = where.scratch.store().read_json(where.scratch.below("counts.json"))
    assert form is not None, "the job has left no counts"
    if "error" in form:
        raise DataError(form["error"], hint=form["hint"])
    return {name: Counted(rows, [(value, count) for value, count in ranked]) for name, (rows, ranked) in form.items()}


class _Count(beam.DoFn):
    def __init__(self, where: Where, forms: str) -> None:
        super().__init__()
        self._where = where
        self._forms = forms
        self._counter: Counter | None = None
        self._columns: list[str] = []

    def setup(self) -> None:
        forms = json.loads(self._forms)
        features: Features = decode(forms["features"])
        tensors = [Tensor.from_json(form) for form in forms["inputs"]]
        fitted = Fitted.from_json(forms["fitted"]) if forms["fitted"] else None
        self._columns = counted_columns(features)
        self._counter = Counter(features, fitted, {tensor.name: tensor for tensor in tensors})

    def process(self, group: Group) -> Iterable[Counts]:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert self._counter is not None
        counts = Counts()
        for batch in self._where.read(group, self._columns).to_batches():
            self._counter.count(batch, counts)
        yield counts


class _Merge(beam.CombineFn):
    def create_accumulator(self) -> Counts:
        return Counts()

    def add_input(self, mutable_accumulator: Counts, element: Counts) -> Counts:
        mutable_accumulator.merge(element)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[Counts]) -> Counts:
        merged = Counts()
        for accumulator in accumulators:
            merged.merge(accumulator)
        return merged

    def extract_output(self, accumulator: Counts) -> Counts:
        return accumulator


class _LeaveCounts(beam.DoFn):
    def __init__(self, where: Where, forms: str) -> None:
        super().__init__()
        self._where = where
        self._forms = forms

    def process(self, element: Counts) -> None:
        form: dict[str, Any]
        try:
            found = element.finish(decode(json.loads(self._forms)["features"]))
            form = {name: [counted.rows, counted.ranked] for name, counted in found.items()}
        except DataError as error:  # raised again by the node, in its own words and not in Beam's
            form = {"error": error.message, "hint": error.hint}
        scratch = self._where.scratch
        scratch.store().write(scratch.below("counts.json"), json.dumps(form).encode())


# -- materialising --------------------------------------------------------------------------------------


def transform_on_beam(
    pipeline: Any, where: Where, groups: list[Group], fitted: Fitted, names: list[str], keep: list[str]
) -> None:
    """Add to a pipeline what turns each group into a table of features; `take_tables` then reads them."""
    _ = (
        pipeline
        | "groups" >> beam.Create(groups, reshuffle=True)
        | "transform" >> beam.ParDo(_Transform(where, json.dumps(fitted.to_json()), names, keep))
    )


def take_tables(where: Where, groups: list[Group]) -> Iterator[tuple[str, Any]]:
    """Yield the split and the table of each group, in order, and remove it from the store."""
    import pyarrow.parquet as pq

    store = where.scratch.store()
    for group in groups:
        key = key_of(where, group)
        content = store.read(key)
        assert content is not None, f"the job has left no {key}"
        yield group.split, pq.ParquetFile(io.BytesIO(content)).read()
        store.delete(key)


def key_of(where: Where, group: Group) -> str:
    """Return the key under which the table of a group is left."""
    return where.scratch.below(f"{group.split}/{group.number:05d}.parquet")


class _Transform(beam.DoFn):
    def __init__(self, where: Where, fitted: str, names: list[str], keep: list[str]) -> None:
        super().__init__()
        self._where = where
        self._fitted = fitted
        self._names = names
        self._keep = keep
        self._columns: list[str] = []
        self._made: Materialiser | None = None

    def setup(self) -> None:
        fitted = Fitted.from_json(json.loads(self._fitted))
        self._columns = list(dict.fromkeys([*fitted.inputs, *self._keep]))
        self._made = Materialiser(fitted, self._names, self._keep)

    def process(self, element: Group) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        assert self._made is not None
        table = pa.concat_tables(self._made.tables(self._where.read(element, self._columns)))
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        self._where.scratch.store().write(key_of(self._where, element), sink.getvalue())
