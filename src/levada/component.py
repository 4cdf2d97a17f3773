"""Components: plain typed functions, artifacts in, artifacts out.

    @component
    def train(ctx: Context, examples: Examples, *, epochs: int = 5) -> Model:
        \"\"\"Fit the model.\"\"\"

Calling a component inside a `@pipeline` draws a node; in a notebook session it runs at once. Elsewhere,
`train.function(ctx, ...)` is the plain function; unit tests call that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from levada.artifact import Artifact, Drawn
from levada.draw import Drawing, caller, caller_position, current
from levada.errors import GateError, LevadaError, Position, WiringError
from levada.externals import binding_of
from levada.fanout import EachItem
from levada.plan import Binding, Each, Node, Output
from levada.references import CELLS, LIVE, is_cell, reference_of
from levada.signature import Signature, bind_arguments, bind_input, encode_parameter, read_signature
from levada.values import Json

if TYPE_CHECKING:
    from levada.context import Context

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Options:
    """What a node is told beside its parameters; see `Component.with_options`."""

    name: str | None = None
    after: tuple[str, ...] = ()
    requires: tuple[Artifact, ...] = ()
    required_inputs: tuple[str, ...] = ()
    needs: tuple[tuple[str, Json], ...] = ()
    packages: tuple[str, ...] = ()
    cache: bool = True


class Component(Generic[P, R]):
    """A function that a pipeline can call. Made by `@component`."""

    def __init__(self, function: Callable[Concatenate[Context, P], R], options: Options) -> None:
        self.function = function
        self._options = options
        update_wrapper(cast("Any", self), function)

    @cached_property
    def signature(self) -> Signature:
        """The inputs, parameters and outputs; raises WiringError if the function is not a component."""
        return read_signature(self.function)

    @property
    def reference(self) -> str:
        """The component's address in plans."""
        reference = reference_of(self.function)
        if is_cell(reference):
            CELLS[reference] = self
        return reference

    @property
    def name(self) -> str:
        return self._options.name or self.function.__name__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        drawing = current()
        if drawing is None:
            session = caller()
            if session is not None:
                __tracebackhide__ = True  # a notebook shows the user's own frames
                return cast("R", session.call(self, args, kwargs))
            name = self.function.__name__
            raise WiringError(
                f"{name}(...) was called outside a pipeline.",
                where=caller_position(),
                hint=f"Inside a @pipeline function a call draws a node. To run the plain function, in a test or in "
                f"another component, call {name}.function(ctx, ...).",
            )
        return cast("R", self.draw(drawing, args, kwargs))

    def with_options(
        self,
        *,
        name: str | None = None,
        after: Artifact | str | Sequence[Artifact | str] | None = None,
        requires: Artifact | Sequence[Artifact] | None = None,
        needs: Mapping[str, Json] | None = None,
        cache: bool | None = None,
    ) -> Component[P, R]:
        """Return the component with options for the nodes it draws.

        `name`: the node's id in its pipeline. `after`: artifacts or node ids that must be done first.
        `requires`: gates that must be open. `needs`: what the node asks of the machine, out of `cpus`
        (number), `memory` ("4GB"), `gpus` (number). `cache=False`: run it every time.
        Raises WiringError for a gate without a verdict, or an unknown need.
        """
        position = caller_position()
        label = self.function.__name__
        chosen = self._options
        if name is not None:
            chosen = replace(chosen, name=check_name(name, position))
        if after is not None:
            items = after if isinstance(after, Sequence) and not isinstance(after, str) else [after]
            waits = [item for item in items if isinstance(item, str) or not item.place]  # what is made is waited for
            chosen = replace(chosen, after=(*chosen.after, *(_node_of(item, label, position) for item in waits)))
        if requires is not None:
            gates = requires if isinstance(requires, Sequence) else [requires]
            chosen = replace(chosen, requires=(*chosen.requires, *(_gate_of(gate, label, position) for gate in gates)))
        if needs is not None:
            merged = {**dict(chosen.needs), **check_needs(needs, position)}
            chosen = replace(chosen, needs=tuple(merged.items()))
        if cache is not None:
            chosen = replace(chosen, cache=cache)
        return Component(self.function, chosen)

    def draw(self, drawing: Drawing, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Add a node for a call to a drawing, and return what stands for its outputs. Raises WiringError."""
        position = caller_position()
        signature, options = self.signature, self._options
        arguments = bind_arguments(self.function.__name__, signature.bound, signature.inputs, args, kwargs, position)
        inputs: dict[str, Binding] = {}
        parameters: dict[str, Json] = {}
        mapped: set[str] = set()
        for name, value in arguments.items():
            if isinstance(value, EachItem):
                inputs[name] = Each(value.source, value.values)
                mapped.add("")
            elif name in signature.inputs:
                binding = bind_input(self.function.__name__, signature.inputs[name], value, position)
                if binding is not None:
                    root = value.drawn.mapped if isinstance(value, Artifact) and value.drawn else ""
                    inputs[name] = Each(binding) if root else binding
                    mapped.update({root} - {""})
            else:
                parameters[name] = encode_parameter(
                    self.function.__name__, name, signature.parameters[name], value, position
                )
        if len(mapped) > 1:
            raise WiringError(
                f"{self.function.__name__}(...) mixes items of different lists.",
                where=position,
                hint="One call runs over one list: gather() the others first.",
            )
        reference, outputs = self._references(signature, position)
        gates = [value for name in options.required_inputs if isinstance(value := arguments.get(name), Artifact)]
        requires = _required([*options.requires, *gates], self.function.__name__, position)
        node_id = drawing.claim(self.name, options.name is not None, position)
        drawing.nodes.append(
            Node(
                id=node_id,
                component=reference,
                inputs=inputs,
                parameters=parameters,
                outputs=outputs,
                requires=requires,
                after=tuple(dict.fromkeys(_scoped(name, drawing) for name in options.after)),
                needs=dict(options.needs),
                packages=options.packages,
                cache=options.cache and reference not in LIVE,
                position=position,
            )
        )
        root = (mapped - {""}).pop() if mapped - {""} else node_id if mapped else ""
        made = {
            name: kind(Drawn(Output(node_id, name), f"{node_id}()", root)) for name, kind in signature.outputs.items()
        }
        return signature.returned(made)

    def _references(self, signature: Signature, position: Position | None) -> tuple[str, dict[str, str]]:
        """Return the addresses of the component and of its outputs' types; raises if one has none."""
        try:
            return self.reference, {name: kind.type_reference() for name, kind in signature.outputs.items()}
        except LevadaError as error:
            error.where = position
            raise

    def __repr__(self) -> str:
        return f"<component {self.function.__name__}>"


def _scoped(name: str, drawing: Drawing) -> str:
    return name[1:] if name.startswith("/") else "/".join((*drawing.scope, name))


def _node_of(item: Artifact | str, label: str, position: Position | None) -> str:
    if isinstance(item, str):
        return item
    binding = item.drawn.binding if isinstance(item, Artifact) and item.drawn else None  # pyright: ignore[reportUnnecessaryIsInstance]
    if not isinstance(binding, Output):
        raise WiringError(
            f"{label}.with_options(after=...) wants an artifact of this pipeline or the name of a node, "
            f"got {type(item).__name__}.",
            where=position,
        )
    return f"/{binding.node}"


def _gate_of(gate: Artifact, label: str, position: Position | None) -> Artifact:
    binding = binding_of(gate) if isinstance(gate, Artifact) else None  # pyright: ignore[reportUnnecessaryIsInstance]
    if not (isinstance(binding, Output) or (binding and gate.place)) or not gate.is_gate:
        raise WiringError(
            f"{label}.with_options(requires=...) wants a gate (an artifact with a verdict), got {type(gate).__name__}.",
            where=position,
            hint="Anomalies and Blessing are gates; to only wait for a node, use after=.",
        )
    return gate


def _required(gates: Iterable[Artifact], label: str, position: Position | None) -> tuple[Output, ...]:
    """Return the gates that a plan must hold; raises GateError for one that an earlier run closed."""
    required: list[Output] = []
    for gate in gates:
        binding = binding_of(gate)
        if isinstance(binding, Output):
            required.append(binding)
        elif gate.place and not gate.record.open:
            reasons = gate.record.reasons
            raise GateError(
                f"{label}(...) requires an open gate, and this {type(gate).__name__} is closed"
                + (f": {reasons[0]}." if reasons else "."),
                where=position,
            )
    return tuple(dict.fromkeys(required))


def check_name(name: str, position: Position | None) -> str:
    """Return a node name; raises WiringError unless it is made of letters, digits, '_' and '-'."""
    if not name or not all(char.isalnum() or char in "_-" for char in name):
        raise WiringError(
            f"'{name}' cannot name a node.", where=position, hint="Use letters, digits, '_' and '-' (not '/')."
        )
    return name


_NEEDS: dict[str, tuple[type, ...]] = {"cpus": (int, float), "memory": (str, int), "gpus": (int,)}


def check_needs(needs: Mapping[str, Json], position: Position | None) -> dict[str, Json]:
    """Return what a node asks of the machine; raises WiringError for an unknown or malformed need."""
    from levada.resources import parse_bytes

    for name, value in needs.items():
        if name not in _NEEDS:
            raise WiringError(f"needs={{'{name}': ...}}: a node can need {', '.join(_NEEDS)}.", where=position)
        if isinstance(value, bool) or not isinstance(value, _NEEDS[name]):
            wanted = " or ".join(kind.__name__ for kind in _NEEDS[name])
            raise WiringError(
                f"needs={{'{name}': {value!r}}}: wanted {wanted}, got {type(value).__name__}.", where=position
            )
        if name == "memory":
            try:
                parse_bytes(value)
            except ValueError as error:
                raise WiringError(f"needs={{'memory': {value!r}}}: {error}.", where=position) from None
    return dict(needs)


@overload
def component(function: Callable[Concatenate[Context, P], R], /) -> Component[P, R]: ...


@overload
def component(
    *,
    name: str | None = None,
    requires: tuple[str, ...] | str = (),
    needs: Mapping[str, Json] | None = None,
    packages: tuple[str, ...] | list[str] = (),
    cache: bool = True,
) -> Callable[[Callable[Concatenate[Context, P], R]], Component[P, R]]: ...


def component(
    function: Callable[Concatenate[Context, P], R] | None = None,
    /,
    *,
    name: str | None = None,
    requires: tuple[str, ...] | str = (),
    needs: Mapping[str, Json] | None = None,
    packages: tuple[str, ...] | list[str] = (),
    cache: bool = True,
) -> Component[P, R] | Callable[[Callable[Concatenate[Context, P], R]], Component[P, R]]:
    """Make a component of a typed function whose first parameter is its `Context`.

    `requires` names inputs that are gates and must be open for the node to run. `packages` names the
    distributions whose versions count in the cache key (``("tensorflow",)``); two nodes that declare
    TensorFlow never run in one process at the same moment. `needs` and `cache` are defaults that
    `with_options` overrides.
    """
    position = caller_position()
    options = Options(
        name=None if name is None else check_name(name, position),
        required_inputs=(requires,) if isinstance(requires, str) else tuple(requires),
        needs=tuple(check_needs(needs or {}, position).items()),
        packages=tuple(packages),
        cache=cache,
    )

    def decorate(function: Callable[Concatenate[Context, P], R]) -> Component[P, R]:
        return Component(function, options)

    return decorate(function) if function is not None else decorate


def component_of(thing: Any) -> Component[..., Any] | None:
    """Return `thing` if it is a component."""
    return cast("Component[..., Any]", thing) if isinstance(thing, Component) else None
