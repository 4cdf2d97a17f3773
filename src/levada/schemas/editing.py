"""Editing a `schema.pbtxt` in place: what changes is written anew, all else stays as people left it, comments too."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from levada.artifacts.schema import parse_schema, schema_text

_TOKEN = re.compile(r"""\s+|\#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[{}<>\[\]:;,]|[^\s{}<>\[\]:;,"'#]+""")


@dataclass
class _Entry:
    """One field in the text: from the first character of its name to behind its value.

    `inner` is where a message's fields stand, between its braces; None for a scalar.
    """

    name: str
    start: int
    end: int
    inner: tuple[int, int] | None = None
    fields: list[_Entry] = field(default_factory=list["_Entry"])


def edit(text: str, wanted: Any, source: str = "the schema") -> str:
    """Return the text with as little changed as makes it the schema `wanted`.

    Fields that are equal keep their text; new ones are added behind their like; comments stay. A text in which lists
    are written in brackets is written anew, feature by feature. Raises DataError if the text is no schema.
    """
    before = parse_schema(text, source)
    if before == wanted:
        return text
    for way in (_edit_fields, _replace_features):
        edited = way(text, before, wanted)
        if edited is not None and _means(edited, wanted):
            return edited
    return _heading(text) + schema_text(wanted)


def _means(text: str, wanted: Any) -> bool:
    from levada.errors import DataError

    try:
        return parse_schema(text, "") == wanted
    except DataError:
        return False


def _heading(text: str) -> str:
    """Return the comments that a text begins with."""
    lines = text.splitlines(keepends=True)
    count = next((place for place, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    return "".join(lines[:count])


# -- reading ------------------------------------------------------------------------------------------


def _entries(text: str) -> list[_Entry] | None:
    """Return the fields of a text, or None where a list is written in brackets."""
    tokens = [found for found in _TOKEN.finditer(text) if not found[0].isspace() and not found[0].startswith("#")]
    if any(token[0] == "[" for token in tokens):
        return None
    fields, place = _read(tokens, 0)
    return fields if place == len(tokens) else None


def _read(tokens: list[re.Match[str]], place: int) -> tuple[list[_Entry], int]:
    found: list[_Entry] = []
    while place < len(tokens) and tokens[place][0] not in "}>":
        name = tokens[place]
        if name[0] in ";,":
            place += 1
            continue
        place += 1
        if place < len(tokens) and tokens[place][0] == ":":
            place += 1
        if place < len(tokens) and tokens[place][0] in "{<":
            opened = tokens[place]
            fields, place = _read(tokens, place + 1)
            closed = tokens[place] if place < len(tokens) else opened
            found.append(_Entry(name[0], name.start(), closed.end(), (opened.end(), closed.start()), fields))
            place += 1
            continue
        last = tokens[place] if place < len(tokens) else name
        place += 1
        while place < len(tokens) and last[0][0] in "\"'" and tokens[place][0][0] in "\"'":  # text goes on behind text
            last, place = tokens[place], place + 1
        found.append(_Entry(name[0], name.start(), last.end()))
    return found, place


# -- field by field -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Edit:
    start: int
    end: int
    text: str


def _apply(text: str, edits: list[_Edit]) -> str:
    for one in sorted(edits, key=lambda item: (item.start, item.end), reverse=True):
        text = text[: one.start] + one.text + text[one.end :]
    return text


def _edit_fields(text: str, before: Any, wanted: Any) -> str | None:
    entries = _entries(text)
    if entries is None:
        return None
    return _apply(text, list(_edits(text, entries, (0, len(text)), before, wanted)))


def _edits(text: str, entries: list[_Entry], inner: tuple[int, int], before: Any, wanted: Any) -> Iterator[_Edit]:
    """Yield the edits within one message."""
    for descriptor in wanted.DESCRIPTOR.fields:
        name = descriptor.name
        here = [entry for entry in entries if entry.name == name]
        is_message = descriptor.message_type is not None
        old, new = _values(before, descriptor), _values(wanted, descriptor)
        if len(here) != len(old) or old == new:
            continue  # equal, or written in a way that is not edited: checked as a whole afterwards
        pairs = list(_paired(old, new, name))
        for old_place, new_place in pairs:
            if old_place is None or new_place is None or old[old_place] == new[new_place]:
                continue
            entry = here[old_place]
            if is_message and entry.inner is not None:
                yield from _edits(text, entry.fields, entry.inner, old[old_place], new[new_place])
            else:
                yield _Edit(entry.start, entry.end, _one_line(wanted, descriptor, new[new_place]))
        for old_place, new_place in pairs:
            if new_place is None and old_place is not None:
                yield _removal(text, here[old_place])
        kept = [here[old_place] for old_place, new_place in pairs if old_place is not None and new_place is not None]
        added = [new[new_place] for old_place, new_place in pairs if old_place is None and new_place is not None]
        if added:
            last = (kept or here or [None])[-1]
            yield _addition(text, last, entries, inner, [_written(wanted, descriptor, value) for value in added])


def _values(message: Any, descriptor: Any) -> list[Any]:
    value = getattr(message, descriptor.name)
    if _is_repeated(descriptor):
        return list(value)
    return [value] if message.HasField(descriptor.name) else []


def _is_repeated(descriptor: Any) -> bool:
    return bool(descriptor.is_repeated)


def _paired(old: list[Any], new: list[Any], name: str) -> Iterator[tuple[int | None, int | None]]:
    """Yield which of the new values stands for which of the old ones: features by their names, others as they come."""
    if name in ("feature", "string_domain", "sparse_feature", "weighted_feature") and (len(old) > 1 or len(new) > 1):
        marks: tuple[list[Any], list[Any]] = [item.name for item in old], [item.name for item in new]
    elif len(old) == len(new):
        yield from zip(range(len(old)), range(len(new)), strict=True)
        return
    else:
        marks = [_mark(item) for item in old], [_mark(item) for item in new]
    for tag, a, b, c, d in difflib.SequenceMatcher(None, *marks, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from zip(range(a, b), range(c, d), strict=True)
        else:
            yield from ((place, None) for place in range(a, b))
            yield from ((None, place) for place in range(c, d))


def _mark(value: Any) -> Any:
    return value.SerializeToString() if hasattr(value, "SerializeToString") else value


def _removal(text: str, entry: _Entry) -> _Edit:
    """Take out a field, with its whole lines and the comment right above where it has those to itself."""
    start, end = text.rfind("\n", 0, entry.start) + 1, text.find("\n", entry.end)
    end = len(text) if end < 0 else end + 1
    tail = text[entry.end : end].strip()
    if text[start : entry.start].strip() or (tail and not tail.startswith("#")):
        space = re.compile(r"[ ]*").match(text, entry.end)
        return _Edit(entry.start, space.end() if space else entry.end, "")
    return _Edit(_above(text, start), end, "")


def _above(text: str, start: int) -> int:
    """Return where the comment begins that stands right above a line, or the line itself."""
    while start > 0:
        line = text.rfind("\n", 0, start - 1) + 1
        if not text[line:start].lstrip().startswith("#"):
            return start
        start = line
    return start


def _addition(
    text: str, last: _Entry | None, entries: list[_Entry], inner: tuple[int, int], written: list[str]
) -> _Edit:
    """Put fields behind the last of their like, on its line if it shares it; else at the message's end."""
    if last is not None:
        begin = text.rfind("\n", 0, last.start) + 1
        before = text[begin : last.start]
        if before.strip():
            return _Edit(last.end, last.end, "".join(f" {' '.join(item.split(chr(10)))}" for item in written))
        place = _line_end(text, last.end)
        return _Edit(place, place, "".join("\n" + _indented(item, before) for item in written))
    body = text[inner[0] : inner[1]]
    if inner[0] > 0 and "\n" not in body:
        space = "" if body.endswith(" ") else " "
        joined = " ".join(" ".join(item.split("\n")) for item in written)
        return _Edit(inner[1], inner[1], f"{space}{joined} ")
    stripped = inner[0] + len(body.rstrip())
    indent = "" if inner[0] == 0 else _indent_within(text, entries, inner)
    lead = "" if inner[0] == 0 and not body.strip() else "\n"
    tail = "\n" if inner[0] == 0 and not text.endswith("\n") else ""
    place = _line_end(text, stripped)
    return _Edit(place, place, lead + "\n".join(_indented(item, indent) for item in written) + tail)


def _line_end(text: str, place: int) -> int:
    """Return the end of a line behind a place if nothing but a comment follows there: it belongs to what it follows."""
    line = text.find("\n", place)
    rest = text[place : line if line >= 0 else len(text)].strip()
    return place if line < 0 or (rest and not rest.startswith("#")) else line


def _indent_within(text: str, entries: list[_Entry], inner: tuple[int, int]) -> str:
    """Return how a message's fields are indented: as the first is, or two more than the line on which it opens."""
    first = min((entry.start for entry in entries), default=0)
    before = text[text.rfind("\n", 0, first) + 1 : first]
    if entries and not before.strip():
        return before
    line = text[text.rfind("\n", 0, inner[0]) + 1 : inner[0]]
    return line[: len(line) - len(line.lstrip())] + "  "


def _indented(written: str, indent: str) -> str:
    return "\n".join(indent + line if line else line for line in written.split("\n"))


def _written(message: Any, descriptor: Any, value: Any) -> str:
    """Return one value of a field in the text form, as protocol buffers print it."""
    from google.protobuf import text_format

    alone = type(message)()
    if _is_repeated(descriptor):
        getattr(alone, descriptor.name).append(value)
    elif descriptor.message_type is not None:
        target = getattr(alone, descriptor.name)
        target.SetInParent()
        target.CopyFrom(value)
    else:
        setattr(alone, descriptor.name, value)
    return text_format.MessageToString(alone, use_index_order=False).rstrip("\n")


def _one_line(message: Any, descriptor: Any, value: Any) -> str:
    return " ".join(line.strip() for line in _written(message, descriptor, value).split("\n"))


# -- feature by feature -------------------------------------------------------------------------------


def _replace_features(text: str, before: Any, wanted: Any) -> str | None:
    """Write each feature that differs anew, as a whole; None if even their places cannot be told."""
    spans = [entry for entry in _outermost(text) if entry.name == "feature"]
    if len(spans) != len(before.feature):
        return None
    named = {feature.name: feature for feature in wanted.feature}
    descriptor = wanted.DESCRIPTOR.fields_by_name["feature"]
    edits: list[_Edit] = []
    for entry, old in zip(spans, before.feature, strict=True):
        new = named.pop(old.name, None)
        if new is None:
            edits.append(_removal(text, entry))
        elif new != old:
            edits.append(_Edit(entry.start, entry.end, _written(wanted, descriptor, new)))
    added = [_written(wanted, descriptor, feature) for feature in named.values()]
    if added:
        last = spans[-1] if spans else None
        edits.append(_addition(text, last, spans, (0, len(text)), added))
    return _apply(text, edits)


def _outermost(text: str) -> Iterator[_Entry]:
    """Yield the outermost fields of a text, whatever is inside them."""
    depth, name = 0, None
    start: Callable[[], int] | None = None
    for found in _TOKEN.finditer(text):
        word = found[0]
        if word.isspace() or word.startswith("#"):
            continue
        if word in "{<[":
            depth += 1
        elif word in "}>]":
            depth -= 1
            if depth == 0 and name is not None and start is not None:
                yield _Entry(name, start(), found.end())
        elif depth == 0 and word not in ":;," and word[0] not in "\"'":
            name, start = word, found.start
