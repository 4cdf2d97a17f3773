"""What a component's function says of itself: inputs, parameters, outputs; and arguments held against it."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union, cast, get_args, get_origin

from levada.artifact import Artifact
from levada.draw import current, shown_path, variables_of
from levada.errors import ParameterError, Position, WiringError, did_you_mean
from levada.fanout import Many
from levada.plan import Binding, Output, Sequence
from levada.references import short_name
from levada.values import Json, encode

SINGLE_OUTPUT = "output"


@dataclass(frozen=True)
class Input:
    """An artifact that a component takes: its name, the types it may have, whether it may be absent."""

    name: str
    kinds: tuple[type[Artifact], ...]
    optional: bool = False
    many: str = ""  # "" for one artifact, "list" for a fixed list, "gather" for Many[T]

    def __str__(self) -> str:
        names = " or ".join(kind.__name__ for kind in self.kinds)
        names = {"list": f"list[{names}]", "gather": f"Many[{names}]"}.get(self.many, names)
        return f"{names} or None" if self.optional else names


@dataclass(frozen=True)
class Signature:
    """A component's inputs, parameter annotations and outputs by name, and the function's own signature."""

    inputs: dict[str, Input]
    parameters: dict[str, Any]
    outputs: dict[str, type[Artifact]]
    returns: Any
    bound: inspect.Signature

    def returned(self, outputs: dict[str, Artifact]) -> Any:
        """Return outputs by name in the form that the function returns them in."""
        if self.returns is None:
            return None
        if SINGLE_OUTPUT in outputs and self.returns is self.outputs[SINGLE_OUTPUT]:
            return outputs[SINGLE_OUTPUT]
        return self.returns(**outputs)


def read_signature(function: Callable[..., Any]) -> Signature:
    """Read a component's function; raises WiringError, at the function, if it is not a component."""
    name = function.__name__
    where = _definition(function)
    try:
        hints = typing.get_type_hints(function)
    except NameError as error:
        raise WiringError(
            f"component {name}: the annotation '{error.name}' is not defined when the pipeline is drawn.",
            where=where,
            hint="Import it outside `if TYPE_CHECKING:`.",
        ) from None
    bound = inspect.signature(function)
    names = list(bound.parameters)
    from levada.context import Context

    if not names or hints.get(names[0]) is not Context:
        raise WiringError(
            f"component {name}: the first parameter must be the context.",
            where=where,
            hint=f"def {name}(ctx: Context, ...)",
        )
    inputs: dict[str, Input] = {}
    parameters: dict[str, Any] = {}
    for parameter in list(bound.parameters.values())[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise WiringError(f"component {name}: *args and **kwargs cannot be typed in a plan.", where=where)
        if parameter.name not in hints:
            raise WiringError(f"component {name}: parameter '{parameter.name}' has no type.", where=where)
        annotation = hints[parameter.name]
        as_input = _read_input(parameter.name, annotation)
        if as_input is not None:
            inputs[parameter.name] = as_input
        else:
            parameters[parameter.name] = annotation
    if "return" not in hints:
        raise WiringError(
            f"component {name}: what it returns has no type.",
            where=where,
            hint="Annotate it: -> an artifact type, a NamedTuple of them, or None.",
        )
    outputs = _read_outputs(name, hints["return"], where)
    returns = None if hints["return"] is type(None) else hints["return"]
    shown = bound.replace(parameters=list(bound.parameters.values())[1:])
    return Signature(inputs, parameters, outputs, returns, shown)


def _definition(function: Callable[..., Any]) -> Position:
    code = function.__code__
    return Position(shown_path(code.co_filename), code.co_firstlineno, f"def {function.__name__}(...)")


def _read_input(name: str, annotation: Any) -> Input | None:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        rest = [argument for argument in arguments if argument is not type(None)]
        if rest and all(isinstance(kind, type) and issubclass(kind, Artifact) for kind in rest):
            return Input(name, tuple(rest), optional=len(rest) < len(arguments))
        return None
    if origin is Many:
        return Input(name, (arguments[0],), many="gather")
    if origin in (list, tuple) and arguments:
        item = arguments[0]
        if isinstance(item, type) and issubclass(item, Artifact):
            return Input(name, (item,), many="list")
        return None
    if isinstance(annotation, type) and issubclass(annotation, Artifact):
        return Input(name, (annotation,))
    return None


def _read_outputs(name: str, annotation: Any, where: Position) -> dict[str, type[Artifact]]:
    if annotation is type(None):
        return {}
    if isinstance(annotation, type) and issubclass(annotation, Artifact):
        return {SINGLE_OUTPUT: annotation}
    if isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields"):
        fields = typing.get_type_hints(annotation)
        if all(isinstance(kind, type) and issubclass(kind, Artifact) for kind in fields.values()):
            return dict(fields)
    shown = getattr(annotation, "__name__", str(annotation))
    raise WiringError(
        f"component {name} returns {shown}: wanted an artifact type, a NamedTuple of artifact types, or None.",
        where=where,
    )


def bind_arguments(
    name: str, signature: Signature, args: tuple[Any, ...], kwargs: dict[str, Any], where: Position | None
) -> dict[str, Any]:
    """Return every argument by name, defaults included; raises WiringError as Python would TypeError."""
    known = list(signature.bound.parameters)
    for keyword in kwargs:
        if keyword not in signature.bound.parameters:
            hint = did_you_mean(keyword, known) or f"It takes {', '.join(known) or 'nothing'}."
            raise WiringError(f"{name}(...) has no parameter '{keyword}'.", where=where, hint=hint)
    try:
        bound = signature.bound.bind(*args, **kwargs)
    except TypeError as error:
        missing = [
            parameter.name
            for index, parameter in enumerate(signature.bound.parameters.values())
            if parameter.default is parameter.empty and parameter.name not in kwargs and index >= len(args)
        ]
        if missing:
            first = missing[0]
            wanted = f"{signature.inputs[first]}" if first in signature.inputs else ""
            raise WiringError(
                f"{name}(...) misses {', '.join(missing)}" + (f" ({first} is {wanted})." if wanted else "."),
                where=where,
                hint=_offer(signature.inputs[first].kinds) if first in signature.inputs else "",
            ) from None
        raise WiringError(f"{name}(...): {error}.", where=where) from None
    bound.apply_defaults()
    return dict(bound.arguments)


def bind_input(name: str, wanted: Input, value: Any, where: Position | None) -> Binding | None:
    """Return the binding of an argument that must be an artifact; raises WiringError if it does not fit."""
    if value is None and wanted.optional:
        return None
    if wanted.many == "gather" and isinstance(value, Many):
        many = cast("Many[Any]", value)
        if many.binding is not None and many.kind is not None and issubclass(many.kind, wanted.kinds):
            return many.binding
    elif wanted.many == "list" and isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        one = Input(wanted.name, wanted.kinds)
        return Sequence(tuple(cast("Binding", bind_input(name, one, item, where)) for item in items))
    elif isinstance(value, wanted.kinds) and value.drawn is not None:
        return value.drawn.binding
    raise WiringError(
        f"{name}({wanted.name}=...) wants {wanted}, got {_describe(value)}.",
        where=where,
        hint=_field_offer(wanted, value) or _offer(wanted.kinds),
    )


def _describe(value: Any) -> str:
    if isinstance(value, Many):
        return "a gather() of another type"
    if isinstance(value, bool | int | float | str):
        return f"{type(value).__name__} {value!r}"
    return type(value).__name__


def _field_offer(wanted: Input, value: Any) -> str:
    """Return a hint if the argument is a NamedTuple with a field of the wanted type."""
    fields = getattr(value, "_fields", ())
    fitting = [field for field in fields if isinstance(getattr(value, field), wanted.kinds)]
    return f"It has a field {wanted}: pass its .{fitting[0]}." if fitting else ""


def _offer(kinds: tuple[type[Artifact], ...]) -> str:
    """Return a hint that names nodes drawn so far whose output fits, and the variables that hold it."""
    drawing = current()
    names = {kind.type_reference() for kind in kinds if "<locals>" not in kind.__qualname__}
    for node in reversed(drawing.nodes if drawing else []):
        for output, type_ in node.outputs.items():
            if type_ in names:
                binding = Output(node.id, output)
                variables = variables_of(f"{binding.node}()")
                offer = f"{node.id}() gives {short_name(type_)}"
                return f"{offer}: pass `{variables[-1]}`." if variables else f"{offer}."
    return ""


def encode_parameter(name: str, parameter: str, annotation: Any, value: Any, where: Position | None) -> Json:
    """Return the JSON form of a parameter; raises ParameterError for the wrong type or one JSON cannot carry."""
    if isinstance(value, Artifact):
        raise ParameterError(
            f"{name}({parameter}=...) is a parameter ({_shown(annotation)}), got the artifact {type(value).__name__}.",
            where=where,
            hint="An artifact goes where the component's annotation is an artifact type.",
        )
    try:
        form = encode(value)
    except ParameterError as error:
        raise ParameterError(f"{name}({parameter}=...): {error.message}", where=where, hint=error.hint) from None
    check_type(f"{name}({parameter}=...)", annotation, value, where)
    return form


def check_type(label: str, annotation: Any, value: Any, where: Position | None) -> None:
    """Raise ParameterError unless a value fits an annotation."""
    if isinstance(annotation, type) and type(value) is annotation:
        return
    from typeguard import CollectionCheckStrategy, TypeCheckError
    from typeguard import check_type as typeguard_check

    try:
        typeguard_check(value, annotation, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    except TypeCheckError as error:
        detail = "" if isinstance(value, bool | int | float | str) else f" ({error})"
        raise ParameterError(
            f"{label} wants {_shown(annotation)}, got {_describe(value)}{detail}.", where=where
        ) from None


def _shown(annotation: Any) -> str:
    text = annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
    return text.replace("typing.", "").replace("pathlib._local.", "").replace("pathlib.", "")
