"""Batch inference: rows in, a model's answers beside the columns that are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifacts.model import ModelDocument
from levada.artifacts.predictions import answers_table
from levada.errors import ParameterError
from levada.models.predictor import Predictor, read_predictor

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class Asker:
    """A loaded model that answers tables. `strange` counts rows so far with an answer that is NaN or infinite."""

    predictor: Predictor
    keep: list[str]
    strange: int = 0

    @staticmethod
    def of_folder(folder: Path, keep: list[str]) -> Asker:
        """Return the model of an artifact's folder; raises ModelError if it cannot be loaded."""
        return Asker(read_predictor(folder), keep)

    @property
    def columns(self) -> list[str]:
        """The columns that a table must have: those that the model takes, and those that are kept."""
        return list(dict.fromkeys([*self.predictor.document.columns, *self.keep]))

    def answer(self, table: pa.Table | pa.RecordBatch) -> pa.Table:
        """Return the kept columns and the answers; raises ModelError for rows that the model cannot take."""
        import pyarrow as pa

        answers = self.predictor.predict(table)
        self.strange += _strange(answers)
        whole = table if isinstance(table, pa.Table) else pa.Table.from_batches([table])
        found = whole.select(self.keep)
        given = answers_table(answers, self.predictor.document.outputs)
        for name in given.column_names:
            found = found.append_column(name, given[name])
        return found


def _strange(answers: dict[str, Any]) -> int:
    import numpy as np

    wrong: Any = None
    for array in answers.values():
        if array.dtype.kind == "f":
            strange = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
            wrong = strange if wrong is None else wrong | strange
    return 0 if wrong is None else int(wrong.sum())


def check_kept(document: ModelDocument, keep: list[str]) -> None:
    """Raise ParameterError if a column to be kept has the name of an output."""
    for tensor in document.outputs:
        if tensor.name in keep:
            raise ParameterError(
                f"predict(keep=['{tensor.name}']): the model has an output of that name.",
                hint="Predictions are read beside their examples, row by row: leave the column out.",
            )
