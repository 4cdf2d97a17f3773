"""Predictions: what a model says of every row of some examples, as zstd Parquet, a row for a row and in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from levada.artifacts.examples import Examples
from levada.artifacts.model import Tensor
from levada.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class Predictions(Examples):
    """The answers of a model, split by split: a column for each output, and those of the examples that were kept.

    They are examples themselves, so that they can be profiled, and their drift told. An output of one number a row is a
    column of numbers, one of several is a column of lists of one length (an array is laid out row by row).

    Properties, beside those of examples: `fingerprint` (of the model), `of` (the examples' digest), `outputs`.
    """

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the model that was asked."""
        return str(self.properties["fingerprint"])

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The model's outputs, with dtype and shape."""
        forms: Any = self.properties["outputs"]
        return tuple(Tensor.from_json(form) for form in forms)

    def describe(self, fingerprint: str, of: str, outputs: tuple[Tensor, ...], source: str) -> None:
        """Say whose answers these are, and to which examples (by digest)."""
        self.properties["fingerprint"] = fingerprint
        self.properties["of"] = of
        self.properties["outputs"] = [tensor.to_json() for tensor in outputs]
        self.properties["source"] = source

    def answers(self, split: str, output: str) -> np.ndarray[Any, Any]:
        """Return one output of a split, in its dtype and shape: `(rows,)`, or `(rows, ...)`.

        Raises DataError if there is no such split or output.
        """
        tensor = next((tensor for tensor in self.outputs if tensor.name == output), None)
        if tensor is None:
            known = [tensor.name for tensor in self.outputs]
            raise DataError(
                f"the predictions have no output '{output}'.",
                hint=did_you_mean(output, known) or f"They have {', '.join(known)}.",
            )
        column: Any = self.table(split, [output])[output].combine_chunks()
        flat = column.flatten() if len(tensor.shape) > 1 else column
        return flat.to_numpy(zero_copy_only=False).reshape(tensor.shape)


def answers_table(answers: dict[str, Any], outputs: tuple[Tensor, ...]) -> pa.Table:
    """Return a model's answers, arrays by output, as the columns that predictions have."""
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for tensor in outputs:
        flat = pa.array(answers[tensor.name].reshape(-1))
        columns[tensor.name] = (
            flat if len(tensor.shape) == 1 else pa.FixedSizeListArray.from_arrays(flat, tensor.row_size)
        )
    return pa.table(columns)
