"""Profiling by a Beam job: an element is a row group, what travels between workers is small and merges.

This module needs Beam; it is imported only where there is much to profile.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from levada.artifacts.statistics import ColumnStatistics, column_from_json, column_to_json
from levada.profiling.pieces import Piece, SplitPlan, SplitProfile
from levada.secret import revealed
from levada.store import Store


@dataclass(frozen=True)
class Place:
    """Where a worker, perhaps on another machine, reads examples and leaves results."""

    examples: str  # the examples' folder: a path or URI
    store: str
    options: tuple[tuple[str, Any], ...]
    results: str  # a key in the store, for each split's result below it


def profile_on_beam(pipeline: Any, place: Place, plans: list[SplitPlan], top: int) -> None:
    """Add to a pipeline what profiles the splits; the results are then read with `take_results`."""
    by_split = {plan.split: plan for plan in plans}
    _ = (
        pipeline
        | "pieces" >> beam.Create([piece for plan in plans for piece in plan.pieces], reshuffle=True)
        | "profile" >> beam.ParDo(_ProfilePiece(place, by_split))
        | "merge" >> beam.CombinePerKey(_Merge())
        | "finish" >> beam.ParDo(_Leave(place, top))
    )


def take_results(store: Store, place: Place, split: str) -> tuple[int, list[ColumnStatistics]]:
    """Return the rows and columns of a split, and remove what the job left in the store."""
    key = f"{place.results}/{split}.json"
    form = store.read_json(key)
    if form is None:  # no rows, so no pieces
        return 0, []
    store.delete(key)
    return form["rows"], [column_from_json(column) for column in form["columns"]]


class _ProfilePiece(beam.DoFn):
    def __init__(self, place: Place, plans: dict[str, SplitPlan]) -> None:
        super().__init__()
        self._place = place
        # The pieces themselves are the elements; each worker needs only the rest.
        self._plans = {split: SplitPlan(split, (), plan.totals, plan.vocabulary) for split, plan in plans.items()}

    def process(self, piece: Piece) -> Iterable[tuple[str, SplitProfile]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        import fsspec
        import pyarrow.parquet as pq

        profile = SplitProfile()
        address = f"{self._place.examples}/{piece.file}"
        with fsspec.open(address, "rb", **revealed(dict(self._place.options))) as file, pq.ParquetFile(file) as parquet:
            profile.add(self._plans[piece.split], piece, parquet.read_row_group(piece.row_group))
        yield piece.split, profile


class _Merge(beam.CombineFn):
    def create_accumulator(self) -> SplitProfile:
        return SplitProfile()

    def add_input(self, mutable_accumulator: SplitProfile, element: SplitProfile) -> SplitProfile:
        mutable_accumulator.merge(element)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[SplitProfile]) -> SplitProfile:
        merged = SplitProfile()
        for accumulator in accumulators:
            merged.merge(accumulator)
        return merged

    def extract_output(self, accumulator: SplitProfile) -> SplitProfile:
        return accumulator


class _Leave(beam.DoFn):
    """Leaves the statistics of a split in the store: small JSON, the only thing that comes back from a job."""

    def __init__(self, place: Place, top: int) -> None:
        super().__init__()
        self._place = place
        self._top = top

    def process(self, element: tuple[str, SplitProfile]) -> None:
        split, profile = element
        form = {
            "rows": profile.rows,
            "columns": [column_to_json(column, whole=True) for column in profile.finish(self._top)],
        }
        store = Store(self._place.store, dict(self._place.options))
        store.write(f"{self._place.results}/{split}.json", json.dumps(form, allow_nan=False).encode())
