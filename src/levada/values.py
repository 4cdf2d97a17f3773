"""Parameter values and their JSON form.

None, bool, int, float, str, enums, `Path`, dates, time zones, tuples, lists, dicts and dataclasses of
them go to JSON and come back with the same type. What JSON has no form for is an object with one
key that starts with `$`:

    {"$tuple": [1, 2]}   {"$path": "data/x.csv"}   {"$date": "2013-01-31"}
    {"$datetime": "2013-01-31T10:00:00+00:00", "zone": "Europe/Lisbon"}   {"$timedelta": [days, s, us]}
    {"$enum": "python:m:Color", "name": "RED"}   {"$dataclass": "python:m:Window", "fields": {...}}
    {"$dict": [[key, value], ...]}   {"$float": "nan"}   {"$secret": "env:DB_PASSWORD"}
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import math
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path, PurePath
from typing import Any, Protocol, cast, runtime_checkable

from levada.errors import LevadaError, ParameterError
from levada.references import load, reference_of
from levada.secret import Secret, secret_within

_EXACT = (tuple, list, dict, datetime, date, timedelta)

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@runtime_checkable
class Digested(Protocol):
    """A parameter that stands for content outside the plan (a source of data, say).

    `digest()` names that content. It is asked once, when a run starts, and counts in the cache key, so
    nothing a node reads through the parameter is a hidden input.
    """

    def digest(self) -> str: ...


def encode(value: Any) -> Json:
    """Return the JSON form of a parameter value; raises ParameterError for a type it has no form for."""
    match value:
        case enum.Enum() if value.name in type(value).__members__:
            return {"$enum": _reference(type(value)), "name": value.name}
        case _ if isinstance(value, (enum.Enum, *_EXACT)) and type(value) not in _EXACT:
            raise _no_form(value)  # an unnamed flag, a NamedTuple, a pandas Timestamp: another type would come back
        case None | bool():
            return value
        case str():
            return _open_text(value)
        case Secret():
            return {"$secret": value.reference}
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else {"$float": str(float(value))}
        case PurePath():
            return {"$path": value.as_posix()}
        case datetime():
            return _encode_datetime(value)
        case date():
            return {"$date": value.isoformat()}
        case timedelta():
            return {"$timedelta": [value.days, value.seconds, value.microseconds]}
        case tuple():
            return {"$tuple": [encode(item) for item in cast("tuple[Any, ...]", value)]}
        case list():
            return [encode(item) for item in cast("list[Any]", value)]
        case dict():
            return _encode_dict(cast("dict[Any, Any]", value))
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
            return {"$dataclass": _reference(type(value)), "fields": fields}
        case _:
            raise _no_form(value)


def _no_form(value: Any) -> ParameterError:
    return ParameterError(
        f"a value of type {type(value).__name__} cannot be a parameter: JSON has no form for it.",
        hint="Parameters are None, bool, int, float, str, enums, Path, dates, tuples, lists, dicts "
        "and dataclasses of them. Pass the name or path of the thing, and open it in the component.",
    )


def _open_text(text: str) -> str:
    """Return a text that a plan may hold; raises ParameterError for one with a secret's value in it."""
    reference = secret_within(text)
    if reference:
        raise ParameterError(
            f"the text holds the value of the secret {reference}, which a plan must not.",
            hint="Pass the Secret itself (annotate the parameter `Secret`), and call .reveal() in the component.",
        )
    return text


def _reference(kind: type) -> str:
    try:
        return reference_of(kind)
    except LevadaError as error:
        raise ParameterError(error.message, hint=error.hint) from None


def _encode_datetime(value: datetime) -> Json:
    from zoneinfo import ZoneInfo

    if value.tzinfo is None or value.utcoffset() is None:
        raise ParameterError(
            f"{value.isoformat()} has no time zone.",
            hint="Give it one: datetime(..., tzinfo=timezone.utc) or ZoneInfo('Europe/Lisbon').",
        )
    form: dict[str, Json] = {"$datetime": value.isoformat()}
    if isinstance(value.tzinfo, ZoneInfo) and value.tzinfo.key:
        form["zone"] = value.tzinfo.key
    return form


def _decode_datetime(text: str, zone: str | None) -> datetime:
    from zoneinfo import ZoneInfo

    moment = datetime.fromisoformat(text)
    if zone is None:
        return moment
    # The same clock time in the zone; `fold` is what tells the two 02:30 of an autumn night apart.
    for fold in (0, 1):
        there = moment.replace(tzinfo=ZoneInfo(zone), fold=fold)
        if there.utcoffset() == moment.utcoffset():
            return there
    return moment.astimezone(ZoneInfo(zone))  # this machine knows other rules for the zone


def _encode_dict(value: dict[Any, Any]) -> Json:
    if all(isinstance(key, str) and not key.startswith("$") for key in value):
        return {key: encode(item) for key, item in value.items()}
    return {"$dict": [[encode(key), encode(item)] for key, item in value.items()]}


def decode(form: Json) -> Any:
    """Return the value of a JSON form, with the type it had; raises ParameterError if it is not one."""
    match form:
        case list():
            return [decode(item) for item in form]
        case dict():
            return _decode_object(form)
        case _:
            return form


def _decode_object(form: dict[str, Any]) -> Any:
    match form:
        case {"$tuple": items}:
            return tuple(decode(item) for item in items)
        case {"$path": path}:
            return Path(path)
        case {"$datetime": text, **rest}:
            return _decode_datetime(text, rest.get("zone"))
        case {"$date": text}:
            return date.fromisoformat(text)
        case {"$timedelta": [days, seconds, microseconds]}:
            return timedelta(days, seconds, microseconds)
        case {"$secret": reference}:
            return Secret.parse(reference)
        case {"$float": text}:
            return float(text)
        case {"$enum": reference, "name": name}:
            return load(reference)[name]
        case {"$dataclass": reference, "fields": fields}:
            return _decode_dataclass(load(reference), {name: decode(item) for name, item in fields.items()})
        case {"$dict": pairs}:
            return {decode(key): decode(item) for key, item in pairs}
        case _:
            tags = [key for key in form if key.startswith("$")]
            if tags:
                raise ParameterError(f"{tags[0]} is not the tag of a parameter's JSON form.")
            return {key: decode(item) for key, item in form.items()}


def _decode_dataclass(kind: type, fields: dict[str, Any]) -> Any:
    init = {field.name for field in dataclasses.fields(kind) if field.init}
    value = kind(**{name: item for name, item in fields.items() if name in init})
    for name in fields.keys() - init:
        object.__setattr__(value, name, fields[name])
    return value


def digested_values(value: Any) -> Iterator[Digested]:
    """Yield each `Digested` within a parameter value, outermost first."""
    if isinstance(value, type):
        return
    if isinstance(value, Digested):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from digested_values(getattr(value, field.name))
    elif isinstance(value, dict):
        for item in cast("dict[Any, Any]", value).values():
            yield from digested_values(item)
    elif isinstance(value, list | tuple):
        for item in cast("list[Any]", value):
            yield from digested_values(item)


def canonical(form: Any) -> str:
    """Return the JSON text that stands for `form`: no spaces, no NaN, keys in the order they have.

    The order counts because a component may depend on it (the order of splits, say).
    """
    return json.dumps(form, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def json_text(form: Any) -> str:
    """Return JSON on one line that every reader takes: NaN is `{"$float": "nan"}`, infinity `{"$float": "inf"}`."""
    try:
        return canonical(form)
    except ValueError:
        return canonical(_spelled(form))


def _spelled(form: Any) -> Any:
    match form:
        case float() if not math.isfinite(form):
            return {"$float": str(form)}
        case dict():
            return {key: _spelled(item) for key, item in cast("dict[Any, Any]", form).items()}
        case list() | tuple():
            return [_spelled(item) for item in cast("list[Any]", form)]
        case _:
            return form


def float_or_object(form: dict[str, Any]) -> Any:
    """Return what an object of `json_text` stands for: the float that it spells, or itself."""
    match form:
        case {"$float": str(text)} if len(form) == 1:
            return float(text)
        case _:
            return form


def utf8(text: str) -> bytes:
    """Return JSON text as UTF-8; half a surrogate pair (from a file name, say) becomes its JSON escape."""
    return text.encode(errors="backslashreplace")


def json_bytes(form: Any) -> bytes:
    """Return a document as it is written to a store: JSON in UTF-8."""
    return utf8(json.dumps(form, ensure_ascii=False))


def digest_of(form: Any) -> str:
    """Return the sha256 (hex) of the canonical JSON text of `form`."""
    return hashlib.sha256(utf8(canonical(form))).hexdigest()


def secrets_within(form: Json) -> Iterator[Secret]:
    """Yield each secret that the JSON form of a parameter refers to."""
    if isinstance(form, dict):
        if isinstance(form.get("$secret"), str):
            yield Secret.parse(cast("str", form["$secret"]))
        for item in form.values():
            yield from secrets_within(item)
    elif isinstance(form, list):
        for item in form:
            yield from secrets_within(item)
