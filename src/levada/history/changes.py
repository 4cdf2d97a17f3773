"""What differs between two nodes that stand for the same work: code, inputs, parameters, packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from levada.artifact import ArtifactRecord
from levada.history.edits import edits
from levada.history.sources import Sources
from levada.node.key import values_of
from levada.plan import GIVEN, External, Given, Node
from levada.references import short_name
from levada.resolved import Resolved, classes_within, files_within, sources_within
from levada.values import Json, canonical

Kind = Literal["code", "input", "parameter", "data", "package", "component", "gate"]
Items = Mapping[str, "ArtifactRecord | list[ArtifactRecord] | None"]


@dataclass(frozen=True)
class Change:
    """One difference: what it is about, what stood there before and after, and both in words."""

    kind: Kind
    name: str
    before: Json
    after: Json
    words: str

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "before": self.before,
            "after": self.after,
            "words": self.words,
        }


@dataclass(frozen=True)
class NodeFacts:
    """All that a node's outputs depend on. `inputs` lacks those that are not made yet."""

    node: Node
    resolved: Resolved
    inputs: Items
    sources: Sources
    unknown: frozenset[str] = field(default=frozenset())

    @property
    def pieces(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for reference in self._references:
            found |= self.resolved.pieces.get(reference, {})
        return found

    @property
    def code(self) -> dict[str, str]:
        return {name: self.resolved.code.get(name, "") for name in self._references}

    @property
    def parameters(self) -> dict[str, Json]:
        """The values of parameters, those that an artifact gave too."""
        binding = self.node.inputs.get(GIVEN)
        but = binding.but if isinstance(binding, Given) else ()
        return {**self.node.parameters, **values_of(self.inputs.get(GIVEN), but)}

    @property
    def _references(self) -> list[str]:
        return [self.node.component, *classes_within(self.node.parameters)]


def changes(before: NodeFacts, after: NodeFacts) -> list[Change]:
    """Return how a node differs from what it was: code first, then what it is given."""
    return [
        *_component(before, after),
        *_code(before, after),
        *_parameters(before, after),
        *_data(before, after),
        *_inputs(before, after),
        *_packages(before, after),
    ]


def _component(before: NodeFacts, after: NodeFacts) -> Iterator[Change]:
    old, new = before.node, after.node
    if old.component != new.component:
        words = f"it is {short_name(new.component)}() now, not {short_name(old.component)}()"
        yield Change("component", "component", old.component, new.component, words)
    elif old.outputs != new.outputs:
        yield Change("component", "outputs", dict(old.outputs), dict(new.outputs), "its outputs are declared otherwise")


def _code(before: NodeFacts, after: NodeFacts) -> Iterator[Change]:
    if before.node.component != after.node.component:
        return
    old, new = before.pieces, after.pieces
    if old != new:
        for file, said in edits(old, new, before.sources, after.sources).items():
            yield Change("code", file, None, None, f"{file} changed ({'; '.join(said)})")
    else:
        for name in before.code.keys() & after.code.keys():
            if before.code[name] != after.code[name]:
                yield Change(
                    "code", name, before.code[name], after.code[name], f"the code of {short_name(name)} changed"
                )


def _parameters(before: NodeFacts, after: NodeFacts) -> Iterator[Change]:
    yield from value_changes(before.parameters, after.parameters)


def value_changes(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[Change]:
    """Yield each value that differs between two sets of named values."""
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        if name not in after:
            yield Change("parameter", name, old, None, f"{name} is gone (was {value_text(old)})")
        elif name not in before:
            yield Change("parameter", name, None, new, f"{name} is new: {value_text(new)}")
        elif canonical(old) != canonical(new):
            yield Change("parameter", name, old, new, f"{name} {_both(old, new)}")


def _both(old: Json, new: Json) -> str:
    """Return old and new side by side; of two objects with the same fields only the fields that differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        inner_old, inner_new = old.get("fields", old), new.get("fields", new)
        if isinstance(inner_old, dict) and isinstance(inner_new, dict) and inner_old.keys() == inner_new.keys():
            differing = [name for name in inner_old if canonical(inner_old[name]) != canonical(inner_new[name])]
            if differing and len(differing) < 3 and not differing[0].startswith("$"):
                return ", ".join(f"({name}) {_both(inner_old[name], inner_new[name])}" for name in differing)
    return f"{value_text(old)} -> {value_text(new)}"


def _data(before: NodeFacts, after: NodeFacts) -> Iterator[Change]:
    for name in before.node.parameters.keys() & after.node.parameters.keys():
        if canonical(before.node.parameters[name]) != canonical(after.node.parameters[name]):
            continue  # said already
        old = sources_within(before.node.parameters[name], before.resolved.sources)
        new = sources_within(after.node.parameters[name], after.resolved.sources)
        if old != new:
            yield Change("data", name, list(old), list(new), _data_words(name, before, after, old, new))


def _data_words(name: str, before: NodeFacts, after: NodeFacts, old: list[str], new: list[str]) -> str:
    """Name the files that changed, where the parameter names files; else the parameter."""
    was = files_within(before.node.parameters[name], before.resolved.sources)
    is_now = files_within(after.node.parameters[name], after.resolved.sources)
    changed = [path for path in {**was, **is_now} if was.get(path) != is_now.get(path)]
    if not changed:
        return f"the data that {name} stands for changed ({_digests(old)} -> {_digests(new)})"
    first = changed[0]
    both = " -> ".join(_digests([files[first]] if first in files else []) for files in (was, is_now))
    named = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    return f"{named} changed ({both})"


def _inputs(before: NodeFacts, after: NodeFacts) -> Iterator[Change]:
    old, new = before.node.inputs, after.node.inputs
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new or name not in old:
            words = f"the input {name} is {'gone' if name not in new else 'new'}"
            yield Change("input", name, None, None, words)
            continue
        if name in after.unknown or name in before.unknown or name == GIVEN:  # its values are told as parameters
            continue
        was, is_ = before.inputs.get(name), after.inputs.get(name)
        if identities(was) != identities(is_):
            binding = new[name]
            label = binding.reference if isinstance(binding, External) else ""
            yield Change(
                "input", name, list(identities(was)), list(identities(is_)), _input_words(name, label, was, is_)
            )


def _input_words(name: str, external: str, was: Any, is_: Any) -> str:
    both = f"{_digests(identities(was))} -> {_digests(identities(is_))}"
    scheme, _, rest = external.partition(":")
    if scheme == "file":
        return f"{rest} changed ({both})"
    if scheme == "champion":
        if not identities(was):
            return f"{rest} has a champion now, and had none"
        return f"the champion of {rest} is another model ({both})" if identities(is_) else f"{rest} has no champion now"
    return f"its input {name} is not the same ({both})"


def _packages(before: NodeFacts, after: NodeFacts) -> Iterator[Change]:
    for name in sorted({*before.node.packages, *after.node.packages}):
        old = before.resolved.packages.get(name) if name in before.node.packages else None
        new = after.resolved.packages.get(name) if name in after.node.packages else None
        if old != new:
            words = f"{name} {old or 'not declared'} -> {new or 'not declared'}"
            yield Change("package", name, old, new, words)


def identities(item: ArtifactRecord | list[ArtifactRecord] | None) -> tuple[str, ...]:
    """Return what counts as the same about an input, one text an artifact."""
    if item is None:
        return ()
    return tuple(record.identity for record in item) if isinstance(item, list) else (item.identity,)


def _digests(found: list[str] | tuple[str, ...]) -> str:
    if not found:
        return "none"
    return f"sha256 {found[0][:8]}" + (f" and {len(found) - 1} more" if len(found) > 1 else "")


def value_text(form: Json, longest: int = 60) -> str:
    """Return a parameter's JSON form as one would write the value, cut if it is long."""
    text = _text(form)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _text(form: Any) -> str:
    match form:
        case {"$tuple": list(items)}:
            return f"({', '.join(map(_text, items))})"
        case {"$path": str(path)}:
            return path
        case {"$function": str(reference)}:
            return short_name(reference)
        case {"$enum": str(reference), "name": str(name)}:
            return f"{short_name(reference)}.{name}"
        case {"$dataclass": str(reference), "fields": dict(fields)}:
            return f"{short_name(reference)}({', '.join(f'{name}={_text(value)}' for name, value in fields.items())})"
        case {"$secret": str(reference)}:
            return f"Secret({reference})"
        case {"$datetime": str(text)} | {"$date": str(text)} | {"$float": str(text)}:
            return text
        case dict():
            return "{" + ", ".join(f"{name}: {_text(value)}" for name, value in form.items()) + "}"
        case list():
            return f"[{', '.join(map(_text, form))}]"
        case None | True | False:
            return str(form)
        case str():
            return form if form.isprintable() and form == form.strip() and form else repr(form)
        case _:
            return str(form)
