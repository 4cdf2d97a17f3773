"""A pipeline's arguments as command-line options: types from the annotations, help from the docstring."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import types
import typing
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Union, cast, get_args, get_origin

import click

from levada.errors import ParameterError, WiringError
from levada.pipeline import Pipeline
from levada.secret import Secret
from levada.signature import definition
from levada.values import decode


def options_of(pipeline: Pipeline[..., Any]) -> list[click.Option]:
    """Return a click option for each argument of a pipeline; raises WiringError for one that says no type."""
    hints = typing.get_type_hints(pipeline.function)
    texts = argument_help(pipeline.function)
    parameters = inspect.signature(pipeline.function).parameters
    for name in parameters:
        if name not in hints:
            raise WiringError(
                f"the parameter {name} of pipeline {pipeline.name} has no annotation, so its option has no type.",
                where=definition(pipeline.function),
                hint=f"Write {name}: int, say.",
            )
    return [_option(parameter, hints[name], texts.get(name, "")) for name, parameter in parameters.items()]


def argument_help(function: Callable[..., Any]) -> dict[str, str]:
    """Return what a docstring's `Args:` section says of each argument."""
    import docstring_parser

    parsed = docstring_parser.parse(inspect.getdoc(function) or "")
    return {item.arg_name: " ".join((item.description or "").split()) for item in parsed.params}


def _option(parameter: inspect.Parameter, annotation: Any, text: str) -> click.Option:
    flag = "--" + parameter.name.replace("_", "-")
    required = parameter.default is parameter.empty
    default = None if required else parameter.default
    shared: dict[str, Any] = {"help": text, "required": required, "show_default": _shown_default(default)}
    if not required:  # to click a default of None is one that is given
        shared["default"] = default
    kind = _without_none(annotation)
    if kind is bool:
        return click.Option([f"{flag}/--no-{flag[2:]}", parameter.name], **shared)
    origin = get_origin(kind)
    if origin is list or (origin is tuple and len(get_args(kind)) == 2 and get_args(kind)[1] is Ellipsis):
        shared["help"] = f"{text} (May be given several times.)".strip()
        item = _type(get_args(kind)[0])
        many: Any = list if origin is list else tuple
        return click.Option(
            [flag, parameter.name],
            type=item,
            multiple=True,
            callback=lambda _context, _option, given: None if given is None else many(given),
            **shared,
        )
    if origin is tuple:
        return click.Option([flag, parameter.name], type=tuple(_type(item) for item in get_args(kind)), **shared)
    return click.Option([flag, parameter.name], type=_type(kind), **shared)


def _shown_default(default: Any) -> bool | str:
    if default is None or isinstance(default, bool | int | float | str | list | tuple):
        return default is not None and default not in ([], ())
    return str(default.value if isinstance(default, enum.Enum) else default)


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [item for item in get_args(annotation) if item is not type(None)]
        if len(rest) == 1:
            return rest[0]
    return annotation


def _type(annotation: Any) -> click.ParamType[Any]:
    if annotation is int:
        return click.INT
    if annotation is float:
        return click.FLOAT
    if annotation is bool:
        return click.BOOL
    if annotation is str:
        return click.STRING
    if get_origin(annotation) is Literal:
        return _OneOf({str(value): value for value in get_args(annotation)})
    if isinstance(annotation, type):
        if issubclass(annotation, enum.Enum):
            return _OneOf({str(item.value): item for item in annotation})
        if issubclass(annotation, Path):
            return click.Path(path_type=Path)
        if issubclass(annotation, datetime):
            return _Parsed("moment", _moment)
        if issubclass(annotation, date):
            return _Parsed("date", date.fromisoformat)
        if issubclass(annotation, timedelta):
            return _Parsed("seconds", lambda text: timedelta(seconds=float(text)))
        if annotation is Secret:
            return _SecretReference()
        if dataclasses.is_dataclass(annotation):
            return _Parsed("json", lambda text: _dataclass(annotation, json.loads(text)))
    return _Parsed("json", lambda text: decode(json.loads(text)))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("it has no time zone: write 2013-01-31T10:00+00:00")
    return moment


def _dataclass(kind: Any, form: dict[str, Any]) -> Any:
    return kind(**{name: decode(value) for name, value in form.items()})


class _Parsed(click.ParamType[Any]):
    """A value that a function reads from text; ValueError and the like become usage errors."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except (ValueError, TypeError, KeyError, ParameterError) as error:
            self.fail(f"'{value}' is not a {self.name}: {error}", param, ctx)


class _SecretReference(click.ParamType[Secret]):
    """A reference to a secret. What is none may be the secret itself, so it is not repeated."""

    name = "reference"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Secret:
        if isinstance(value, Secret):
            return value
        try:
            return Secret.parse(str(value))
        except ParameterError:
            return self.fail("say where the secret is, not what it is: env:NAME or file:/path", param, ctx)


class _OneOf(click.Choice[str]):
    """A choice by text whose result is the value that the text stands for."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(list(values))
        self._values = values

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in self._values.values() and not (isinstance(value, str) and value in self._values):
            return cast("Any", value)
        return self._values[super().convert(value, param, ctx)]
