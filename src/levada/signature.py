"""What a component's function says of itself: inputs, parameters, outputs; and arguments held against it."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Union, cast, get_args, get_origin

from levada.artifact import Artifact, place_of
from levada.draw import caller_frame, current, shown_path
from levada.errors import ParameterError, Position, WiringError, did_you_mean
from levada.externals import binding_of, binding_of_list
from levada.fanout import Many
from levada.plan import Binding, Output, Sequence
from levada.references import short_name
from levada.secret import Secret
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
    """A component's inputs, parameter annotations and outputs by name, and the function's own signature.

    `lists` names those outputs that are lists of their type.
    """

    inputs: dict[str, Input]
    parameters: dict[str, Any]
    outputs: dict[str, type[Artifact]]
    lists: tuple[str, ...]
    returns: Any
    bound: inspect.Signature

    @property
    def is_single(self) -> bool:
        """Whether the function returns its one output itself, not a NamedTuple."""
        return list(self.outputs) == [SINGLE_OUTPUT] and not hasattr(self.returns, "_fields")

    def returned(self, outputs: Mapping[str, Any]) -> Any:
        """Return outputs by name in the form that the function returns them in."""
        if self.returns is None:
            return None
        return outputs[SINGLE_OUTPUT] if self.is_single else self.returns(**outputs)


def read_signature(function: Callable[..., Any], is_open: bool = False) -> Signature:
    """Read a component's function; raises WiringError, at the function, if it is not a component.

    One that `is_open` may have a `**kwargs`, of which nothing is said.
    """
    name = function.__name__
    where = definition(function)
    hints = hints_of(function, f"component {name}", where)
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
        if is_open and parameter.kind is parameter.VAR_KEYWORD:
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise WiringError(f"component {name}: *args and **kwargs cannot be typed in a plan.", where=where)
        if parameter.name not in hints:
            raise WiringError(f"component {name}: parameter '{parameter.name}' has no type.", where=where)
        annotation = hints[parameter.name]
        as_input = read_input(parameter.name, annotation)
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
    outputs, lists = _read_outputs(name, hints["return"], where)
    returns = None if hints["return"] is type(None) else hints["return"]
    shown = bound.replace(parameters=list(bound.parameters.values())[1:])
    return Signature(inputs, parameters, outputs, lists, returns, shown)


def hints_of(thing: Any, label: str, where: Position) -> dict[str, Any]:
    """Return the annotations of a function or class; raises WiringError for a name that is not there at run time."""
    try:
        return typing.get_type_hints(thing)
    except NameError as error:
        raise WiringError(
            f"{label}: the annotation '{error.name}' is not defined when the pipeline is drawn.",
            where=where,
            hint="Import it outside `if TYPE_CHECKING:`.",
        ) from None


def definition(function: Callable[..., Any]) -> Position:
    """Return the line where a function is defined."""
    code = function.__code__
    return Position(shown_path(code.co_filename), code.co_firstlineno, f"def {function.__name__}(...)")


def read_input(name: str, annotation: Any) -> Input | None:
    """Return what an annotation says of an artifact, None if it is not one of artifacts."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        rest = [argument for argument in arguments if argument is not type(None)]
        if len(rest) == 1 and (only := read_input(name, rest[0])) is not None:
            return replace(only, optional=True)
        return Input(name, tuple(rest), optional=len(rest) < len(arguments)) if all(map(_is_artifact, rest)) else None
    if origin in (Many, list, tuple) and arguments and (kind := _artifact_type(arguments[0])):
        return Input(name, (kind,), many="gather" if origin is Many else "list")
    kind = _artifact_type(annotation)
    return Input(name, (kind,)) if kind else None


def _artifact_type(annotation: Any) -> type[Artifact] | None:
    """Return the artifact type that an annotation names: `Values` of `Values[int]`."""
    kind = get_origin(annotation) or annotation
    return kind if isinstance(kind, type) and issubclass(kind, Artifact) else None


def _is_artifact(annotation: Any) -> bool:
    return _artifact_type(annotation) is not None


def _read_outputs(name: str, annotation: Any, where: Position) -> tuple[dict[str, type[Artifact]], tuple[str, ...]]:
    """Return the outputs' types by name, and the names of those that are lists."""
    if annotation is type(None):
        return {}, ()
    fields = {SINGLE_OUTPUT: annotation}
    if isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields"):
        fields = hints_of(annotation, f"component {name} returns {annotation.__name__}", where)
    many = {field: get_args(item)[0] for field, item in fields.items() if get_origin(item) is Many and get_args(item)}
    kinds = {field: _artifact_type(many.get(field, item)) for field, item in fields.items()}
    outputs = {field: kind for field, kind in kinds.items() if kind is not None}
    if outputs and len(outputs) == len(fields):
        return outputs, tuple(many)
    shown = getattr(annotation, "__name__", str(annotation))
    raise WiringError(
        f"component {name} returns {shown}: wanted an artifact type, Many[...] of one, a NamedTuple of these, or None.",
        where=where,
    )


def bind_arguments(
    name: str,
    taken: inspect.Signature,
    inputs: dict[str, Input],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    where: Position | None,
) -> dict[str, Any]:
    """Return every argument by name, defaults included; raises WiringError as Python would TypeError."""
    for keyword in kwargs:
        if keyword not in taken.parameters:
            hint = did_you_mean(keyword, taken.parameters) or _takes(taken)
            raise WiringError(f"{name}(...) has no parameter '{keyword}'.", where=where, hint=hint)
    try:
        bound = taken.bind(*args, **kwargs)
    except TypeError as error:
        missing = [
            parameter.name
            for index, parameter in enumerate(taken.parameters.values())
            if parameter.default is parameter.empty
            and parameter.name not in kwargs
            and (index >= len(args) or parameter.kind is parameter.KEYWORD_ONLY)
        ]
        if missing:
            first = missing[0]
            is_a = f" ({first} is {inputs[first]})" if first in inputs else ""
            raise WiringError(
                f"{name}(...) misses {', '.join(missing)}{is_a}.",
                where=where,
                hint=_offer(inputs[first].kinds) if first in inputs else "",
            ) from None
        raise WiringError(f"{name}(...): {error}.", where=where, hint=_takes(taken)) from None
    bound.apply_defaults()
    return dict(bound.arguments)


def _takes(taken: inspect.Signature) -> str:
    """Return a hint that lists what a call takes."""
    parameters = taken.parameters.values()
    by_place = [parameter.name for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]
    by_name = [f"{parameter.name}=" for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    return f"It takes {', '.join([*by_place, *by_name]) or 'nothing'}."


def bind_input(name: str, wanted: Input, value: Any, where: Position | None) -> Binding | None:
    """Return the binding of an argument that must be an artifact; raises WiringError if it does not fit."""
    if value is None and wanted.optional:
        return None
    if wanted.many == "gather" and isinstance(value, Many):
        many = cast("Many[Any]", value)
        if many.kind is not None and issubclass(many.kind, wanted.kinds):
            binding = many.binding or (binding_of_list(many) if many.place else None)
            if binding is not None:
                return binding
    elif wanted.many == "list" and isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        named = [(Input(f"{wanted.name}[{place}]", wanted.kinds), item) for place, item in enumerate(items)]
        return Sequence(tuple(cast("Binding", bind_input(name, one, item, where)) for one, item in named))
    elif not wanted.many and isinstance(value, Artifact) and _fits(value, wanted.kinds):
        binding = binding_of(value)
        if binding is not None:
            return binding
    raise WiringError(
        f"{name}({wanted.name}=...) wants {wanted}, got {_describe(value)}.",
        where=where,
        hint=_field_offer(wanted, value) or _offer(wanted.kinds),
    )


def _fits(value: Artifact, kinds: tuple[type[Artifact], ...]) -> bool:
    """Whether an artifact is of one of the types; a made one, also of one that was defined again in the meantime."""
    if isinstance(value, kinds):
        return True
    return bool(place_of(value)) and value.record.type in {kind.type_reference() for kind in kinds}


def _describe(value: Any) -> str:
    if isinstance(value, Many):
        return "a gather() of another type"
    if value is None:
        return "None"
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
                variables = _variables_of(f"{binding.node}()")
                offer = f"{node.id}() gives {short_name(type_)}"
                return f"{offer}: pass `{variables[-1]}`." if variables else f"{offer}."
    return ""


def _variables_of(artifact_node: str) -> list[str]:
    """Return the names of the caller's local variables that hold an output of a node."""
    frame = caller_frame()
    names: list[str] = []
    for name, value in (frame.f_locals if frame is not None else {}).items():
        if isinstance(value, Artifact) and value.drawn and value.drawn.label == artifact_node:
            names.append(name)
    return names


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
    if Secret in (annotation, *get_args(annotation)) and not isinstance(value, Secret) and value is not None:
        raise ParameterError(  # which repeats neither the value nor its line: it may be the secret itself
            f"{label} wants {_shown(annotation)}, got {type(value).__name__}.",
            where=replace(where, text="") if where else None,
            hint='Say where the secret is, not what it is: Secret.env("NAME") or Secret.file("/path").',
        )
    from typeguard import CollectionCheckStrategy, TypeCheckError
    from typeguard import check_type as typeguard_check

    try:
        typeguard_check(value, annotation, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    except TypeCheckError as error:
        # Of a union typeguard lists every member, one a line.
        lines = [line.strip() for line in str(error).splitlines() if not line.endswith("instance of NoneType")]
        detail = "" if value is None or isinstance(value, bool | int | float | str) else f" ({'; '.join(lines[-1:])})"
        raise ParameterError(
            f"{label} wants {_shown(annotation)}, got {_describe(value)}{detail}.", where=where
        ) from None


def _shown(annotation: Any) -> str:
    text = annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
    return text.replace("typing.", "").replace("pathlib._local.", "").replace("pathlib.", "")
