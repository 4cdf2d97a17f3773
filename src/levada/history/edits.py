"""What was edited in a piece of code, in words: a constant's old and new value, a default, how many lines."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from typing import cast

from levada.code.scan import bindings_of
from levada.history.sources import Sources, file_of

LONGEST = 40  # characters of a value; a longer one is cut
MOST = 3  # values shown for one piece

TOP, ORDER, TEXT = "<module>", "<order>", "<text>"
_WORDS = {TOP: "what importing it runs", ORDER: "the order in which names are bound", TEXT: "its text"}


def edits(before: dict[str, str], after: dict[str, str], then: Sources, now: Sources) -> dict[str, list[str]]:
    """Return, by file, what differs between two sets of pieces (name to digest): "function bucketize: 5 -> 8"."""
    found: dict[str, list[str]] = {}
    for piece in sorted(before.keys() | after.keys()):
        if before.get(piece) == after.get(piece):
            continue
        module, _, name = piece.partition(":")
        file = file_of(module, now, then)
        old, new = then.find(module), now.find(module)
        said = _edit(name, old[1] if old else "", new[1] if new else "", piece in before, piece in after)
        found.setdefault(file, []).append(said)
    for said in found.values():
        if any(words not in _WORDS.values() for words in said):  # that says it better
            said[:] = [words for words in said if words != _WORDS[ORDER]]
    return found


def _edit(name: str, old: str, new: str, was_there: bool, is_there: bool) -> str:
    if name in _WORDS:
        return _WORDS[name]
    before, after = _statement(old, name), _statement(new, name)
    kind = _kind(after or before)
    label = f"{kind} {name}" if kind else name
    if not (was_there and is_there):
        return f"{label} {'is used now' if is_there else 'is used no more'}"
    if before is None or after is None:
        return label
    if isinstance(before, ast.Assign | ast.AnnAssign) and isinstance(after, ast.Assign | ast.AnnAssign):
        if before.value is not None and after.value is not None:
            return f"{name}: {_short(before.value)} -> {_short(after.value)}"
        return label
    values = _changed_values(before, after)
    if values:
        return f"{label}: {', '.join(values)}"
    added, removed = line_counts(_lines(old, before), _lines(new, after))
    return f"{label}: +{added} -{removed}" if added or removed else label


def _statement(text: str, name: str) -> ast.stmt | None:
    """Return the last statement at the top of a module that binds a name."""
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return None
    found = [statement for statement in body if name in {bound for bound, _ in bindings_of(statement, "")}]
    return found[-1] if found else None


def _kind(statement: ast.stmt | None) -> str:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return "function"
        case ast.ClassDef():
            return "class"
        case _:
            return ""


def _changed_values(before: ast.stmt, after: ast.stmt) -> list[str]:
    """Return "old -> new" for each literal that differs, empty if anything else differs or there are too many."""
    found: list[str] = []
    before, after = _without_prose(before), _without_prose(after)
    for old, new in _pairs(before, after):
        if not (isinstance(old, ast.Constant) and isinstance(new, ast.Constant)):
            return []
        if repr(old.value) != repr(new.value):
            found.append(f"{_default_of(before, old)}{_short(old)} -> {_short(new)}")
    return list(dict.fromkeys(found)) if len(found) <= MOST else []


def _pairs(old: object, new: object) -> Iterator[tuple[object, object]]:
    """Yield the parts in which two trees differ, constants one by one."""
    if isinstance(old, ast.AST) and type(old) is type(new):
        if isinstance(old, ast.Constant):
            yield old, new
            return
        for field in old._fields:
            yield from _pairs(getattr(old, field, None), getattr(new, field, None))
    elif (
        isinstance(old, list)
        and isinstance(new, list)
        and len(cast("list[object]", old)) == len(cast("list[object]", new))
    ):
        for one, other in zip(cast("list[object]", old), cast("list[object]", new), strict=True):
            yield from _pairs(one, other)
    elif old != new:
        yield old, new


def _without_prose(statement: ast.stmt) -> ast.stmt:
    """Drop a docstring, which does not count."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(statement):
        copied = ast.parse(ast.unparse(statement)).body[0]
        assert isinstance(copied, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        copied.body = copied.body[1:] or [ast.Pass()]
        return copied
    return statement


def _default_of(statement: ast.stmt, constant: ast.Constant) -> str:
    """Return "default of epochs " if a constant is the default of the parameter `epochs` of a function."""
    if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return ""
    taken = statement.args
    positional = [*taken.posonlyargs, *taken.args][-len(taken.defaults) :] if taken.defaults else []
    defaults = [*zip(positional, taken.defaults, strict=True), *zip(taken.kwonlyargs, taken.kw_defaults, strict=True)]
    return next((f"default of {name.arg} " for name, value in defaults if value is constant), "")


def _short(value: ast.expr) -> str:
    text = ast.unparse(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _lines(text: str, statement: ast.stmt) -> list[str]:
    return text.splitlines()[statement.lineno - 1 : statement.end_lineno]


def line_counts(before: list[str], after: list[str]) -> tuple[int, int]:
    """Return how many lines were added and removed."""
    added = removed = 0
    for line in difflib.unified_diff(before, after, lineterm="", n=0):
        added += line.startswith("+") and not line.startswith("+++")
        removed += line.startswith("-") and not line.startswith("---")
    return added, removed
