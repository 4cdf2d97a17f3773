"""Fan-out: `each(xs)` stands for one item of a list, `gather(y)` for what all items gave.

    parts = [ingest(month) for month in months]      # a list that the plan knows
    model = train(each(parts))                       # one node, run once per part
    best = choose(gather(model))                     # Many[Model] in, one Model out

The plan carries this grammar; a run of a plan that uses it says that it cannot run it yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast, overload

from levada import plan
from levada.artifact import Artifact
from levada.draw import caller_position
from levada.errors import WiringError
from levada.values import Json, encode

T = TypeVar("T")
A = TypeVar("A", bound=Artifact)


@dataclass(frozen=True)
class EachItem:
    """What `each` returns while a pipeline is drawn."""

    source: plan.Binding | None
    values: tuple[Json, ...] = ()


class Many(Generic[T]):
    """Several artifacts of one type, in order: the annotation of an input that takes a `gather`."""

    def __init__(self, items: Sequence[T], binding: plan.Binding | None = None, kind: type | None = None) -> None:
        self._items = tuple(items)
        self.binding = binding
        self.kind = kind

    def _made(self) -> tuple[T, ...]:
        if self.binding is not None:
            raise WiringError(
                "what gather() stands for is not made yet while the pipeline is drawn.",
                where=caller_position(),
                hint="Iterate over it inside a component that takes Many[...].",
            )
        return self._items

    def __iter__(self) -> Iterator[T]:
        return iter(self._made())

    def __len__(self) -> int:
        return len(self._made())

    def __getitem__(self, index: int) -> T:
        return self._made()[index]


@overload
def each(items: Many[T]) -> T: ...
@overload
def each(items: Sequence[T]) -> T: ...
def each(items: Many[T] | Sequence[T]) -> T:
    """Return one item that stands for each of `items`: the node that takes it runs once per item.

    `items` is a list of artifacts or of parameter values, or what `gather` gave. Raises WiringError for
    an empty list or a mix of the two.
    """
    if isinstance(items, Many):
        return cast("T", EachItem(items.binding))
    if not items:
        raise WiringError("each() got an empty list.", where=caller_position())
    artifacts = [item for item in items if isinstance(item, Artifact)]
    if not artifacts:
        return cast("T", EachItem(None, tuple(encode(item) for item in items)))
    if len(artifacts) != len(items) or any(item.drawn is None for item in artifacts):
        raise WiringError(
            "each() wants artifacts of this pipeline, or plain values, not both.", where=caller_position()
        )
    bindings: list[Any] = [item.drawn.binding for item in artifacts if item.drawn]
    return cast("T", EachItem(plan.Sequence(tuple(bindings))))


def gather(item: A) -> Many[A]:
    """Return all that the runs of a mapped node gave, in the order of its list.

    Raises WiringError for an artifact that does not come from an `each`.
    """
    drawn = item.drawn if isinstance(item, Artifact) else None  # pyright: ignore[reportUnnecessaryIsInstance]
    if drawn is None or not drawn.mapped:
        raise WiringError(
            f"gather() wants what a node made from each(...), got {type(item).__name__}.", where=caller_position()
        )
    return Many((), plan.Gather(drawn.binding), type(item))
