"""Profiling by a Beam job: an element is a row group, what travels between workers is small and merges.

This module needs Beam; it is imported only where there is much to profile.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import apache_beam as beam

from levada.artifacts.statistics import ColumnStatistics, column_from_json, column_to_json
from levada.profiling.pieces import Piece, SplitPlan, SplitProfile, read_piece
from levada.store import Scratch

Found = tuple[int, list[ColumnStatistics]]


def profile_on_beam(pipeline: Any, examples: str, scratch: Scratch, plans: list[SplitPlan], top: int) -> None:
    """Add to a pipeline what profiles the splits; the results are then read with `read_results`.

    `examples` is the folder of the examples (a path or URI).
    """
    by_split = {plan.split: plan for plan in plans}
    _ = (
        pipeline
        | "pieces" >> beam.Create([piece for plan in plans for piece in plan.pieces], reshuffle=True)
        | "profile" >> beam.ParDo(_ProfilePiece(examples, scratch, by_split))
        | "merge" >> beam.CombinePerKey(_Merge())
        | "finish" >> beam.ParDo(_Leave(scratch, by_split, top))
    )


def read_results(scratch: Scratch, split: str) -> tuple[Found, dict[str, Found]]:
    """Return the rows and columns of a split and of its slices."""
    form = scratch.store().read_json(scratch.below(f"{split}.json"))
    if form is None:  # no rows, so no pieces
        return (0, []), {}
    return _found(form["all"]), {name: _found(part) for name, part in form["slices"].items()}


def _form(found: Found) -> dict[str, Any]:
    return {"rows": found[0], "columns": [column_to_json(column, whole=True) for column in found[1]]}


def _found(form: dict[str, Any]) -> Found:
    return form["rows"], [column_from_json(column) for column in form["columns"]]


def _without_pieces(plans: dict[str, SplitPlan]) -> dict[str, SplitPlan]:
    """Return plans for the workers: the pieces are the elements."""
    return {split: replace(plan, pieces=()) for split, plan in plans.items()}


class _ProfilePiece(beam.DoFn):
    def __init__(self, examples: str, scratch: Scratch, plans: dict[str, SplitPlan]) -> None:
        super().__init__()
        self._examples, self._scratch = examples, scratch
        self._plans = _without_pieces(plans)

    def process(self, piece: Piece) -> Iterable[tuple[str, SplitProfile]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        import fsspec
        import pyarrow.parquet as pq

        profile = SplitProfile()
        address = f"{self._examples}/{piece.file}"
        plan = self._plans[piece.split]
        with (
            fsspec.open(address, "rb", **self._scratch.file_system_options()) as file,
            pq.ParquetFile(file, read_dictionary=plan.coded) as parquet,
        ):
            profile.add(plan, piece, read_piece(parquet, piece))
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

    def __init__(self, scratch: Scratch, plans: dict[str, SplitPlan], top: int) -> None:
        super().__init__()
        self._scratch = scratch
        self._plans = _without_pieces(plans)
        self._top = top

    def process(self, element: tuple[str, SplitProfile]) -> None:
        split, profile = element
        slices = profile.finish_slices(self._plans[split], self._top)
        form = {"all": _form(profile.finish(self._top)), "slices": {name: _form(part) for name, part in slices.items()}}
        content = json.dumps(form, allow_nan=False).encode()
        self._scratch.store().write(self._scratch.below(f"{split}.json"), content)
