"""Features: a description of what a model sees of each row, as a value that a plan can hold and a person edits.

    FEATURES = Features({
        "distance": Number(log=True),
        "carrier": Words(top=50, encode="embedding"),
        "departure": Buckets(bins=12),
        "route": Cross(of=("origin", "dest"), bins=1000),
    })

It has no state: means, boundaries and vocabularies come from statistics when it is fitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada.errors import ParameterError, did_you_mean
from levada.features.kinds import Buckets, Cross, Hashed, Kind, Text, Words

if TYPE_CHECKING:
    from levada.artifacts.schema import Schema
    from levada.artifacts.statistics import Statistics
    from levada.features.fitted import Fitted

INDEXED = (Buckets, Words, Hashed)


@dataclass(frozen=True, repr=False)
class Features:
    """What is made of which column, by the feature's name, in order.

    `left_out` says why columns are not used: it is for people. Raises ParameterError for a cross of what has no index.
    """

    kinds: Mapping[str, Kind]
    left_out: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        for name, kind in self.kinds.items():
            if not isinstance(kind, Kind):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise ParameterError(
                    f"feature '{name}' is {kind!r}: wanted a kind of feature.",
                    hint="For example Number(), Words() or Text(): see levada.features.",
                )
            if isinstance(kind, Cross):
                self._check_cross(name, kind)

    def _check_cross(self, name: str, cross: Cross) -> None:
        for part in cross.of:
            if part not in self.kinds:
                raise ParameterError(
                    f"feature '{name}' crosses '{part}', and there is no feature of that name.",
                    hint=did_you_mean(part, list(self.kinds)) or "Describe it too: encode='index' keeps it narrow.",
                )
            if not isinstance(self.kinds[part], INDEXED):
                raise ParameterError(
                    f"feature '{name}' crosses '{part}', which is {type(self.kinds[part]).__name__} and has no index.",
                    hint="Buckets, Words and Hashed have one: a number can be crossed by its Buckets.",
                )

    @classmethod
    def infer(
        cls,
        statistics: Statistics,
        schema: Schema | None = None,
        *,
        label: str | None = None,
        leave_out: Iterable[str] = (),
    ) -> Features:
        """Return defaults for every column but the label, to be printed, read and edited.

        A schema adds what people know: its sensitive columns and those that are not there when serving are left out.
        """
        from levada.features.inference import infer

        return infer(statistics, schema, label=label, leave_out=leave_out)

    def fitted(self, statistics: Statistics, *, split: str | None = None) -> Fitted:
        """Return the description with its state, from the statistics of a split (`train`, or the first).

        Raises DataError, with the column and what to do, where the statistics do not give a state; also for kinds that
        need a look at the rows (n-grams, the most frequent combinations): `fit_features` is the component that has
        one.
        """
        from levada.features.fitting import fit

        return fit(self, statistics, split=split)

    # -- as a collection ------------------------------------------------------------------------------

    def column(self, name: str) -> str:
        """Return the column that a feature reads; "" for a cross, which reads none itself."""
        kind = self[name]
        return "" if isinstance(kind, Cross) else (getattr(kind, "column", "") or name)

    @property
    def columns(self) -> list[str]:
        """The columns that are read, each once, in order."""
        return list(dict.fromkeys(column for name in self.kinds if (column := self.column(name))))

    @property
    def counted(self) -> list[str]:
        """The features whose state needs a look at the rows."""
        return [name for name, kind in self.kinds.items() if needs_rows(kind)]

    def __getitem__(self, name: str) -> Kind:
        if name not in self.kinds:
            raise ParameterError(f"there is no feature '{name}'.", hint=did_you_mean(name, list(self.kinds)))
        return self.kinds[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.kinds)

    def __len__(self) -> int:
        return len(self.kinds)

    def __repr__(self) -> str:
        lines = [f'    "{name}": {kind!r},' for name, kind in self.kinds.items()]
        lines += [f"    # {name}: {why}" for name, why in (self.left_out or {}).items()]
        return "\n".join(["Features({", *lines, "})"])


def needs_rows(kind: Kind) -> bool:
    """Whether the state of a kind is more than the statistics of a column tell."""
    return (isinstance(kind, Text) and not kind.bins) or (isinstance(kind, Cross) and kind.top > 0)
