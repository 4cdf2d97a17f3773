"""Batch inference by a Beam job: an element is a row group, and its answers are left in the store.

This module needs Beam; it is imported only where there are many rows.
"""

from __future__ import annotations

import io
import json
from typing import Any

import apache_beam as beam

from levada.artifact import ArtifactRecord
from levada.evaluation.predicting import Asker
from levada.features.on_beam import Group, Where, key_of


def predict_on_beam(pipeline: Any, where: Where, groups: list[Group], model: ArtifactRecord, keep: list[str]) -> None:
    """Add to a pipeline what answers the rows of each group; `features.on_beam.take_tables` reads the answers."""
    _ = (
        pipeline
        | "groups" >> beam.Create(groups, reshuffle=True)
        | "predict" >> beam.ParDo(_Predict(where, json.dumps(model.to_json()), keep))
    )


class _Predict(beam.DoFn):
    def __init__(self, where: Where, model: str, keep: list[str]) -> None:
        super().__init__()
        self._where = where
        self._model = model
        self._keep = keep
        self._asker: Asker | None = None

    def setup(self) -> None:
        folder = self._where.scratch.store().fetch(ArtifactRecord.from_json(json.loads(self._model)))
        self._asker = Asker.of_folder(folder, self._keep)

    def process(self, element: Group) -> None:
        import pyarrow.parquet as pq

        assert self._asker is not None
        sink = io.BytesIO()
        table = self._asker.answer(self._where.read(element, self._asker.columns))
        pq.write_table(table, sink, compression="zstd")
        self._where.scratch.store().write(key_of(self._where, element), sink.getvalue())
