"""Components: plain typed functions, artifacts in, artifacts out.

    @component
    def train(ctx: Context, examples: Examples, *, epochs: int = 5) -> Model:
        \"\"\"Fit the model.\"\"\"

Calling a component inside a `@pipeline` draws a node; in a notebook session it runs at once. Elsewhere,
`train.function(ctx, ...)` is the plain function; unit tests call that.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, cast, overload

from levada.artifact import Artifact, Drawn, Gate, items_of, place_of
from levada.draw import Drawing, caller, caller_position, current
from levada.errors import (
    ComponentError,
    LevadaError,
    Position,
    WiringError,
    did_you_mean,
)
from levada.externals import binding_of, binding_of_list
from levada.fanout import EachItem, Many, Values
from levada.gates import check_required, gate_of, required
from levada.options import Options, check_name, check_needs, how_to_run
from levada.parameters import Parameters
from levada.plan import GIVEN, Binding, Each, Given, Node, Output
from levada.references import CELLS, LIVE, is_cell, reference_of
from levada.retry import Retry
from levada.signature import (
    Input,
    Signature,
    bind_arguments,
    bind_input,
    check_type,
    definition,
    encode_parameter,
    read_signature,
)
from levada.values import Json, decode

if TYPE_CHECKING:
    from levada.context import Context

P = ParamSpec("P")
R = TypeVar("R")


class Component(Generic[P, R]):
    """A function that a pipeline can call. Made by `@component`."""

    def __init__(self, function: Callable[Concatenate[Context, P], R], options: Options) -> None:
        self.function = function
        self.options = options
        update_wrapper(cast("Any", self), function)

    @cached_property
    def signature(self) -> Signature:
        """The inputs, parameters and outputs; raises WiringError if the function is not a component."""
        found = read_signature(self.function)
        check_required(self.options.required_inputs, found, self.function.__name__, definition(self.function))
        return found

    @property
    def reference(self) -> str:
        """The component's address in plans."""
        reference = reference_of(self.function)
        if is_cell(reference):
            CELLS[reference] = self
        return reference

    @property
    def name(self) -> str:
        return self.options.name or self.function.__name__

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
        requires: Gate | Sequence[Gate] | None = None,
        needs: Mapping[str, Json] | None = None,
        cache: bool | None = None,
        retry: Retry | int | None = None,
        timeout: float | timedelta | None = None,
        process: Literal["own"] | None = None,
        at_once: int | None = None,
    ) -> Component[P, R]:
        """Return the component with options for the nodes it draws.

        `name`: the node's id in its pipeline. `after`: artifacts or node ids that must be done first.
        `requires`: gates that must be open. `needs`: what the node asks of the machine, out of `cpus`
        (number), `memory` ("4GB"), `gpus` (number). `cache=False`: run it every time.

        `retry`: how often to try, a number of attempts or a `Retry`. `process="own"`: run it in a process of its own,
        so that a crash fails the node and not the run; `needs={"memory": ...}` is then also the most it gets.
        `timeout`: seconds, or a timedelta, after which an attempt is stopped and has failed; implies a process of its
        own. `at_once`: the most items of a mapped node that run at the same time.

        Raises WiringError for what is no gate, an unknown need, or a number that makes no sense.
        """
        position = caller_position()
        label = self.function.__name__
        chosen = self.options
        if name is not None:
            chosen = replace(chosen, name=check_name(name, position))
        if after is not None:
            items = after if isinstance(after, Sequence) and not isinstance(after, str) else [after]
            waits = [
                item for item in items if not (isinstance(item, Artifact) and place_of(item))
            ]  # what is made is waited for
            chosen = replace(chosen, after=(*chosen.after, *(_node_of(item, label, position) for item in waits)))
        if requires is not None:
            gates = requires if isinstance(requires, Sequence) else [requires]
            chosen = replace(chosen, requires=(*chosen.requires, *(gate_of(gate, label, position) for gate in gates)))
        if needs is not None:
            merged = {**dict(chosen.needs), **check_needs(needs, position)}
            chosen = replace(chosen, needs=tuple(merged.items()))
        if cache is not None:
            chosen = replace(chosen, cache=cache)
        return self._with(how_to_run(chosen, retry, timeout, process, at_once, position))

    def with_parameters(self, parameters: Parameters) -> Component[P, R]:
        """Return the component with the values of parameters that an artifact will hold: those that `tune` found best.

        They go before the defaults. What the call itself names stays as it says. In the cache key the values count, not
        where they are from. Raises WiringError for anything but `Parameters`, or for what a mapped node makes.
        """
        position, label = caller_position(), f"{self.function.__name__}.with_parameters(...)"
        wanted = Input("parameters", (Parameters,))
        bind_input(f"{self.function.__name__}.with_parameters", wanted, parameters, position)
        if _mapped(parameters):
            raise WiringError(
                f"{label} got the parameters of each item of a list.",
                where=position,
                hint="gather() them, and choose some in a component that returns Parameters.",
            )
        return self._with(replace(self.options, parameters=parameters))

    def _with(self, options: Options) -> Component[P, R]:
        return Component(self.function, options)

    def check_given(self, given: Mapping[str, Json], where: Position | None) -> None:
        """Raise ComponentError for values of parameters, of an artifact, that the component does not take."""
        for name, form in given.items():
            label = f"{self.function.__name__}({name}=...), whose value an artifact holds,"
            if name not in self.signature.parameters:
                known = self.signature.parameters
                raise ComponentError(
                    f"{self.function.__name__}() has no parameter '{name}', of which an artifact holds a value.",
                    where=where,
                    hint=did_you_mean(name, known) or f"It has: {', '.join(known) or 'none'}.",
                )
            check_type(label, self.signature.parameters[name], decode(form), where)

    def draw(self, drawing: Drawing, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Add a node for a call to a drawing, and return what stands for its outputs. Raises WiringError."""
        position = caller_position()
        signature, options = self.signature, self.options
        arguments = bind_arguments(self.function.__name__, signature.bound, signature.inputs, args, kwargs, position)
        inputs: dict[str, Binding] = {}
        parameters: dict[str, Json] = {}
        mapped: set[str] = set()
        for name, value in arguments.items():
            if isinstance(value, EachItem):
                inputs[name] = self._each(name, value, position)
                mapped.add("")
            elif name in signature.inputs:
                binding = bind_input(self.function.__name__, signature.inputs[name], value, position)
                if binding is not None:
                    root = _mapped(value)
                    inputs[name] = Each(binding) if root else binding
                    mapped.update({root} - {""})
            else:
                parameters[name] = encode_parameter(
                    self.function.__name__, name, signature.parameters[name], value, position
                )
        self._check({name: arguments[name] for name in parameters}, position)
        if options.parameters is not None:
            named = signature.bound.bind_partial(*args, **kwargs).arguments
            wanted = Input("parameters", (Parameters,))
            source = bind_input(self.function.__name__, wanted, options.parameters, position)
            assert source is not None
            inputs[GIVEN] = Given(source, tuple(name for name in named if name in parameters))
        if len(mapped) > 1:
            raise WiringError(
                f"{self.function.__name__}(...) mixes items of different lists.",
                where=position,
                hint="One call runs over one list: gather() the others first.",
            )
        reference, outputs = self._references(signature, position)
        gates = [value for name in options.required_inputs if isinstance(value := arguments.get(name), Gate)]
        wanted = [inputs.get(name) for name in options.required_inputs]
        mapped_gates = [binding.source for binding in wanted if isinstance(binding, Each)]
        requires = (
            *required([*options.requires, *gates], self.function.__name__, position),
            *(gate for gate in mapped_gates if isinstance(gate, Output)),
        )
        node_id = drawing.claim(self.name, options.name is not None, position)
        drawing.nodes.append(
            Node(
                id=node_id,
                component=reference,
                inputs=inputs,
                parameters=self._arranged(parameters),
                outputs=outputs,
                requires=tuple(dict.fromkeys(requires)),
                after=tuple(dict.fromkeys(_scoped(name, drawing) for name in options.after)),
                needs=dict(options.needs),
                packages=options.packages,
                cache=options.cache and reference not in LIVE,
                retry=dict(options.retry),
                timeout=options.timeout,
                process=options.process,
                at_once=options.at_once,
                lists=signature.lists,
                position=position,
            )
        )
        root = (mapped - {""}).pop() if mapped - {""} else node_id if mapped else ""
        if root and signature.lists:
            raise WiringError(
                f"{self.function.__name__}(...) runs once per item and returns a list each time.",
                where=position,
                hint="gather() the items first, and make one list of them in one component.",
            )
        return signature.returned(
            {name: self._drawn(name, kind, node_id, root) for name, kind in signature.outputs.items()}
        )

    def _check(self, values: Mapping[str, Any], position: Position | None) -> None:
        """Ask the component's own check about values; those that come with the run are known only then."""
        check = self.options.check
        if check is None or self.options.parameters is not None:
            return
        wanted = inspect.signature(check).parameters
        if wanted.keys() <= values.keys():
            try:
                check(**{name: values[name] for name in wanted})
            except LevadaError as error:
                error.where = error.where or position
                raise

    def _arranged(self, parameters: dict[str, Json]) -> dict[str, Json]:
        """Return the parameters as the node holds them."""
        return parameters

    def _drawn(self, name: str, kind: type[Artifact], node_id: str, root: str) -> Any:
        """Return what stands for an output while the pipeline is drawn."""
        binding = Output(node_id, name)
        if name in self.signature.lists:
            return Many((), binding, kind)
        return kind(Drawn(binding, f"{node_id}()", root))

    def _each(self, name: str, item: EachItem, position: Position | None) -> Each:
        """Return the binding of `each(...)`; raises WiringError if its items do not fit the argument."""
        label, signature = self.function.__name__, self.signature
        if name in signature.inputs:
            wanted = signature.inputs[name]
            fits = item.kind is not None and item.kind is not Values and not wanted.many
            if not fits or not (item.kind is Artifact or issubclass(item.kind or Artifact, wanted.kinds)):
                got = item.kind.__name__ if item.kind else "a value"
                raise WiringError(f"{label}({name}=each(...)) wants {wanted}, got {got}.", where=position)
            return Each(item.source if item.made is None else binding_of_list(item.made))
        if item.kind not in (None, Values):
            raise WiringError(
                f"{label}({name}=each(...)) is a parameter, and the items are artifacts.",
                where=position,
                hint="A list of values that is known only at run time is what a component returns as Values[...].",
            )
        annotation = signature.parameters[name]
        forms = [encode_parameter(label, name, annotation, value, position) for value in item.values]
        return Each(item.source, tuple(forms))

    def _references(self, signature: Signature, position: Position | None) -> tuple[str, dict[str, str]]:
        """Return the addresses of the component and of its outputs' types; raises if one has none."""
        try:
            return self.reference, {name: kind.type_reference() for name, kind in signature.outputs.items()}
        except LevadaError as error:
            error.where = position
            raise

    def __repr__(self) -> str:
        return f"<component {self.function.__name__}>"


def _mapped(value: Any) -> str:
    """Return the node whose `each` an artifact is one item of, or all of it."""
    if not isinstance(value, Artifact):
        return ""
    if value.drawn is None and items_of(value) is not None:
        binding = binding_of(value)
        return binding.node if isinstance(binding, Output) else ""
    return value.drawn.mapped if value.drawn else ""


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
    retry: Retry | int | None = None,
    timeout: float | timedelta | None = None,
    process: Literal["own"] | None = None,
    at_once: int | None = None,
    check: Callable[..., object] | None = None,
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
    retry: Retry | int | None = None,
    timeout: float | timedelta | None = None,
    process: Literal["own"] | None = None,
    at_once: int | None = None,
    check: Callable[..., object] | None = None,
) -> Component[P, R] | Callable[[Callable[Concatenate[Context, P], R]], Component[P, R]]:
    """Make a component of a typed function whose first parameter is its `Context`.

    `requires` names inputs that are gates and must be open for the node to run. `packages` names the
    distributions whose versions count in the cache key (``("tensorflow",)``); two nodes that declare
    TensorFlow never run in one process at the same moment. `check` is a function of some of the parameters, by their
    names; it is called when a call is drawn, and raises ParameterError for values that cannot be meant: then no run
    begins with them. The other options are defaults that `with_options` overrides, and described there.
    """
    position = caller_position()
    options = Options(
        name=None if name is None else check_name(name, position),
        required_inputs=(requires,) if isinstance(requires, str) else tuple(requires),
        needs=tuple(check_needs(needs or {}, position).items()),
        packages=tuple(packages),
        cache=cache,
        check=check,
    )
    options = how_to_run(options, retry, timeout, process, at_once, position)

    def decorate(function: Callable[Concatenate[Context, P], R]) -> Component[P, R]:
        return Component(function, options)

    return decorate(function) if function is not None else decorate


def component_of(thing: Any) -> Component[..., Any] | None:
    """Return `thing` if it is a component."""
    return cast("Component[..., Any]", thing) if isinstance(thing, Component) else None
