"""What every rule that divides rows into splits can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from levada.artifacts.examples import SPLIT_NAME
from levada.errors import DataError, ParameterError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Places = np.ndarray[Any, np.dtype[np.intp]]

NOWHERE = -1
"""The place of a row that belongs to no split."""


class Rule(ABC):
    """Says which split each row belongs to: a frozen dataclass, whose fields are parameters of the plan.

    A rule that must have seen all rows first (`needs_survey`) is *settled*: `survey` looks at a batch, `settled` takes
    what was seen of all of them, in any order, and returns the rule that assigns.
    """

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """The splits, in order."""

    @abstractmethod
    def assign(self, batch: pa.RecordBatch) -> Places:
        """Return the index of each row's split, NOWHERE for a row without one. Raises DataError if it cannot."""

    @property
    @abstractmethod
    def why(self) -> str:
        """What keeps rows together, to be said when a split got none."""

    @property
    @abstractmethod
    def nowhere(self) -> str:
        """Why a row belongs to no split."""

    def nowhere_for(self, batch: pa.RecordBatch) -> list[str]:
        """Return for each of some rows without a split why it has none."""
        return [self.nowhere] * batch.num_rows

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """Return what the examples' properties say of the rule: JSON, complete enough to divide the rows again."""

    def with_salt(self, salt: str) -> Rule:
        """Return the rule with another salt. Raises ParameterError if nothing of it is hashed."""
        raise ParameterError(f"ingest(salt='{salt}'): splits {self} hash nothing.", hint="Leave `salt` out.")

    @property
    def needs_survey(self) -> bool:
        return False

    def survey(self, batch: pa.RecordBatch) -> Any:
        """Return what must be known of a batch's rows before any can be assigned."""
        raise NotImplementedError

    def settled(self, surveys: Iterable[Any]) -> Rule:
        """Return the rule that assigns, from what `survey` saw."""
        raise NotImplementedError


def check_names(names: Iterable[str]) -> None:
    """Raise ParameterError for a name that cannot be a split's, or if there are none."""
    chosen = list(names)
    if not chosen:
        raise ParameterError(
            "splits={}: wanted at least one split.", hint="For example splits={'train': 8, 'eval': 2}."
        )
    for name in chosen:
        if not SPLIT_NAME.fullmatch(name):
            raise ParameterError(f"splits: '{name}' cannot name a split.", hint="Use letters, digits, '_' and '-'.")


def check_weights(weights: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return weights as pairs. Raises ParameterError for one that is not positive, or a name that is none."""
    check_names(weights)
    for name, weight in weights.items():
        if weight < 1:
            raise ParameterError(f"splits={{'{name}': {weight}}}: a weight is a whole number from 1 on.")
    return tuple(weights.items())


def column_of(batch: pa.RecordBatch, name: str, wish: str) -> pa.Array:
    """Return a column of a batch. Raises DataError if there is none; `wish` says who wanted it ("split_by")."""
    columns = batch.schema.names
    if name not in columns:
        raise DataError(
            f"{wish}: '{name}' is not a column.",
            hint=f"The columns: {', '.join(columns)}. {did_you_mean(name, columns)}".strip(),
        )
    return batch.column(name)


def missing(values: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which values are null or NaN."""
    import pyarrow as pa

    return values.is_null(nan_is_null=pa.types.is_floating(values.type)).to_numpy(zero_copy_only=False)


def spelled(weights: Iterable[tuple[str, int]]) -> str:
    """Return weights as people write them: `8:1:1`."""
    return ":".join(str(weight) for _, weight in weights)
