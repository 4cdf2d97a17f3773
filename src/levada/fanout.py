"""Fan-out: `each(xs)` stands for one item of a list, `gather(y)` for what all items gave.

    parts = [ingest(month) for month in months]      # a list that the plan knows
    model = train(each(parts))                       # one node, run once per part
    best = choose(gather(model))                     # Many[Model] in, one Model out

A list may also be one whose length is known only at run time: a component that returns `Many[Part]`, made with
`ctx.output_many(Part)`, or one that returns `Values[int]`, a list of parameter values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast, overload

from levada import plan
from levada.artifact import Artifact, Making, items_of, place_of
from levada.draw import caller_position
from levada.errors import WiringError
from levada.store import Store
from levada.values import decode, encode

T = TypeVar("T")
V = TypeVar("V")
A = TypeVar("A", bound=Artifact)


@dataclass(frozen=True)
class EachItem:
    """What `each` returns while a pipeline is drawn."""

    source: plan.Binding | None
    values: tuple[Any, ...] = ()
    kind: type[Artifact] | None = None
    made: Many[Any] | tuple[Artifact, ...] | None = None


class Values(Artifact, Generic[V]):
    """A list of parameter values that a component makes: `each(values)` runs a node once per value.

    Property: `values`, their JSON forms.
    """

    def put(self, values: Iterable[V]) -> None:
        """Take down the values; raises ParameterError for one that JSON has no form for."""
        self.properties["values"] = [encode(value) for value in values]

    def get(self) -> list[V]:
        """Return the values."""
        return [decode(form) for form in cast("list[Any]", self.properties["values"])]


class Many(Generic[T]):
    """Several artifacts of one type, in order: the annotation of an input that takes a `gather`."""

    def __init__(
        self, items: Sequence[T], binding: plan.Binding | None = None, kind: type | None = None, place: str = ""
    ) -> None:
        self._items = tuple(items)
        self.binding = binding
        self.kind = kind
        self.place = place
        """The output of a run that a made list is, as an artifact's."""

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


class Growing(Many[A]):
    """A list of artifacts that a component is making: what `ctx.output_many` returns."""

    def __init__(self, kind: type[A], store: Store, key: str, name: str) -> None:
        super().__init__(())
        self.kind = kind
        self.name = name
        self._store = store
        self._key = key
        self._labels: list[str] = []

    def add(self, label: str = "") -> A:
        """Start making one more item; `label` says to people which one it is."""
        key = f"{self._key}/{len(self._items):05d}"
        made = self.kind(Making(self._store.staging(key), self._store.uri_of(key), self.name))
        self._items = (*self._items, made)
        self._labels.append(label)
        return made

    def labelled(self) -> Iterator[tuple[str, A]]:
        """Yield the items with their labels: a number where none was given."""
        for index, item in enumerate(self._items):
            yield self._labels[index] or str(index + 1), item


@overload
def each(items: Many[T]) -> T: ...
@overload
def each(items: Values[V]) -> V: ...
@overload
def each(items: Sequence[T]) -> T: ...
def each(items: Any) -> Any:
    """Return one item that stands for each of `items`: the node that takes it runs once per item.

    `items` is a list of artifacts or of parameter values, what `gather` gave, or what a component made as
    `Many[...]` or `Values[...]`. Raises WiringError for an empty list or a mix of the two.
    """
    if isinstance(items, Many):
        return EachItem(items.binding, kind=items.kind, made=items if items.place else None)
    if isinstance(items, Values):
        if place_of(items):
            return EachItem(None, tuple(items.get()))
        if items.drawn is None:
            raise WiringError("each() wants values of this pipeline.", where=caller_position())
        return EachItem(items.drawn.binding, kind=Values)
    if not items:
        raise WiringError("each() got an empty list.", where=caller_position())
    artifacts = [item for item in items if isinstance(item, Artifact)]
    if not artifacts:
        return EachItem(None, tuple(items))
    if len(artifacts) != len(items) or any(item.drawn is None and not place_of(item) for item in artifacts):
        raise WiringError(
            "each() wants artifacts of this pipeline, or plain values, not both.", where=caller_position()
        )
    kinds = {type(item) for item in artifacts}
    kind = kinds.pop() if len(kinds) == 1 else Artifact
    if any(place_of(item) for item in artifacts):
        return EachItem(None, kind=kind, made=tuple(artifacts))
    bindings: list[Any] = [item.drawn.binding for item in artifacts if item.drawn]
    return EachItem(plan.Sequence(tuple(bindings)), kind=kind)


def gather(item: A, *, partial: bool = False) -> Many[A]:
    """Return all that the runs of a mapped node gave, in the order of its list.

    If one of them failed, who takes it does not run; with `partial=True` it gets those that there are, if any.
    Raises WiringError for an artifact that does not come from an `each`.
    """
    items = items_of(item) if isinstance(item, Artifact) else None  # pyright: ignore[reportUnnecessaryIsInstance]
    if items is not None:
        return Many(items, kind=type(item), place=place_of(item))
    drawn = item.drawn if isinstance(item, Artifact) else None  # pyright: ignore[reportUnnecessaryIsInstance]
    if drawn is None or not drawn.mapped:
        raise WiringError(
            f"gather() wants what a node made from each(...), got {type(item).__name__}.", where=caller_position()
        )
    return Many((), plan.Gather(drawn.binding, partial), type(item))
