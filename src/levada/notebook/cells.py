"""Code of cells: what a function or class that was defined in a notebook reaches, as a digest.

A file can be read again, a cell cannot: what counts is what the names stand for now. From the statement that defines it
the names it reads are followed through the notebook: functions and classes of cells by their source, values by
their JSON form, the project's modules as the code index follows them, libraries not at all. A name that stands
for something live (a DataFrame, an open model) has no digest; what reaches one is not cached.
"""

from __future__ import annotations

import ast
import builtins
import functools
import hashlib
import json
import linecache
import logging
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from levada import draw, references
from levada.code import CodeIndex
from levada.code.scan import Chain, Reference, Scan, Scanner
from levada.component import Component
from levada.errors import LevadaError
from levada.pipeline import Pipeline
from levada.resolved import classes_within
from levada.values import digest_of, encode

MAIN = "__main__"
_UNNAMED = frozenset({"eval", "exec", "globals", "__import__", "vars", "locals"})
"""Builtins through which code finds what it does not name."""


@dataclass(frozen=True)
class Cell:
    """Something defined in a cell: its reference, the digest of each piece it reaches, the source of those of cells.

    `live` says, name by name, what it reaches and has no digest.
    """

    reference: str
    pieces: dict[str, str]
    source: str
    live: dict[str, str]

    @property
    def digest(self) -> str:
        """The sha256 (hex) over all pieces."""
        return _digest(self.pieces)


def cell_of(thing: Any, index: CodeIndex | None) -> Cell:
    """Return what a function or class of `__main__` reaches now; `index` knows the project's modules."""
    walk = _Walk(index)
    walk.reach(thing.__qualname__, thing)
    pieces = walk.finish()
    reference = references.SEPARATOR.join((references.CELL, _digest(pieces)[:16], thing.__qualname__))
    return Cell(reference, pieces, "\n\n".join(walk.sources), walk.live)


def _digest(pieces: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(sorted(pieces.items()))).encode()).hexdigest()


@dataclass
class _Walk:
    """Follows names from one definition, each object once."""

    index: CodeIndex | None
    pieces: dict[str, str] = field(default_factory=dict[str, str])
    sources: list[str] = field(default_factory=list[str])
    live: dict[str, str] = field(default_factory=dict[str, str])
    _met: dict[int, Any] = field(default_factory=dict[int, Any])  # kept alive, so that no id comes twice
    _todo: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    _names: list[Reference] = field(default_factory=list[Reference])
    _scans: list[Scan] = field(default_factory=list[Scan])

    def reach(self, name: str, thing: Any) -> None:
        self._todo.append((name, thing))
        while self._todo:
            name, found = self._todo.pop()
            if id(found) not in self._met or _is_value(found):
                self._met[id(found)] = found
                self._look(name, found)

    def finish(self) -> dict[str, str]:
        if self.index is not None:
            self.pieces |= self.index.reached(self._names, self._scans)
        return self.pieces

    # -- what a name stands for ---------------------------------------------------------------------

    def _look(self, name: str, thing: Any) -> None:
        if isinstance(thing, Component | Pipeline):
            thing = cast("Any", thing).function
        match thing:
            case types.ModuleType():
                self._names.append((thing.__name__, ()))
            case types.FunctionType():
                self._function(name, thing)
            case type():
                self._class(name, thing)
            case functools.partial():
                self._say(name, "partial")
                self._later(name, {"func": thing.func, "args": thing.args, "keywords": thing.keywords})
            case types.MethodType():
                self._say(name, f"method {thing.__name__}")
                self._later(name, {"function": thing.__func__, "owner": thing.__self__})
            case _ if hasattr(thing, "__wrapped__"):  # a cached function, say
                self._say(name, type(thing).__qualname__)
                self._later(name, {"wrapped": thing.__wrapped__})
            case _:
                self._value(name, thing)

    def _function(self, name: str, function: types.FunctionType) -> None:
        code = function.__code__
        # Not by `__module__`: what a decorator of a library returns passes itself off as the decorated.
        module = function.__globals__.get("__name__", "")
        if module == MAIN:
            self._statement(name, _enclosing(code), function.__globals__)
        else:
            self._elsewhere(name, module, code.co_qualname)
        if module != MAIN and "<locals>" not in code.co_qualname:
            return
        names = zip(code.co_freevars, function.__closure__ or (), strict=True)
        self._later(name, {free: _content(cell) for free, cell in names})
        defaults = {f"default {place}": value for place, value in enumerate(function.__defaults__ or ())}
        self._later(name, {**defaults, **(function.__kwdefaults__ or {})})

    def _class(self, name: str, kind: type) -> None:
        if kind.__module__ != MAIN:
            self._elsewhere(name, kind.__module__, kind.__qualname__)
            return
        self._statement(name, _class_statement(kind), vars(sys.modules[MAIN]))

    def _elsewhere(self, name: str, module: str, qualified: str) -> None:
        """Reach a function or class of a module: the project's by its code, a library's by its name."""
        self._say(name, f"{module}:{qualified}")
        self._names.append((module, tuple(qualified.partition(".<locals>")[0].split("."))))

    def _value(self, name: str, value: Any) -> None:
        try:
            form = _form(value)
        except LevadaError:
            self._live(name, _article(type(value).__name__))
            return
        self._say(name, digest_of(form))
        for reference in classes_within(form):
            if not references.is_cell(reference):  # which is in the form by its own digest
                _, module, kind = references.split(reference)
                self._names.append((module, tuple(kind.split("."))))

    # -- what a statement says ----------------------------------------------------------------------

    def _statement(self, name: str, found: tuple[ast.stmt, str] | None, names: Mapping[str, Any]) -> None:
        if found is None:
            self._live(name, "defined where no source is kept")
            return
        statement, source = found
        scan = Scanner(MAIN, lambda _: False).scan(statement)
        if self._say(name, scan.digest):
            self.sources.append(source)
        self._scans.append(scan)
        if scan.reflects:
            self._live(name, "code that looks up names that it does not say")
        for chain, _ in scan.reads:
            self._read(chain, names)

    def _read(self, chain: Chain, names: Mapping[str, Any]) -> None:
        name = chain[0]
        if name not in names:
            if name in _UNNAMED:
                self._live(name, "which finds what the code does not say")
            elif not hasattr(builtins, name):
                self._say(name, "not there")
            return
        thing = names[name]
        if isinstance(thing, types.ModuleType):
            self._names.append((thing.__name__, chain[1:]))
            self._say(name, f"module {thing.__name__}")
        else:
            self._todo.append((name, thing))

    # -- notes --------------------------------------------------------------------------------------

    def _later(self, name: str, things: Mapping[str, Any]) -> None:
        self._todo += [(f"{name} ({part})", thing) for part, thing in things.items()]

    def _say(self, name: str, said: str) -> bool:
        """Note a piece; one name may stand for several things, here and in a closure. Returns whether it is new."""
        count, key = 1, name
        while self.pieces.get(key, said) != said:
            count += 1
            key = f"{name} #{count}"
        is_new = key not in self.pieces
        self.pieces[key] = said
        return is_new

    def _live(self, name: str, what: str) -> None:
        self.live[name] = what
        self._say(name, "live")


def _is_value(thing: Any) -> bool:
    """Whether an object may stand under several names and count under each: small numbers are one object."""
    return not isinstance(thing, types.FunctionType | type | types.ModuleType | Component | Pipeline)


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return None


def _form(value: Any) -> Any:
    """Return what a value says, as JSON; raises LevadaError for something that is more than a value."""
    match value:
        case bytes():
            return {"$bytes": value.hex()}
        case range():
            return {"$range": [value.start, value.stop, value.step]}
        case set() | frozenset():
            items = cast("frozenset[Any]", value)
            return {"$set": sorted(digest_of(_form(item)) for item in items), "of": type(value).__name__}
        case re.Pattern():
            return {"$pattern": _form(value.pattern), "flags": value.flags}
        case logging.Logger():
            return {"$logger": value.name}
        case types.BuiltinFunctionType():
            return {"$builtin": f"{value.__module__}:{value.__qualname__}"}
        case _ if value is Ellipsis or type(value).__module__ in ("typing", "types"):
            return {"$typing": repr(value)}
        case tuple() | list() if type(value) in (tuple, list):
            return {f"${type(value).__name__}": [_form(item) for item in cast("list[Any]", value)]}
        case _:
            return encode(value)


# -- where a definition stands --------------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except SyntaxError:
        return None


def _statements(file: str) -> Iterator[tuple[ast.stmt, int, str]]:
    """Yield the statements at the top of a cell, the line where each starts (at its decorators), and its source."""
    lines = linecache.getlines(file)
    tree = _parsed("".join(lines))
    for statement in tree.body if tree else ():
        start = min([statement.lineno, *(item.lineno for item in getattr(statement, "decorator_list", []))])
        yield statement, start, "".join(lines[start - 1 : statement.end_lineno])


def _enclosing(code: types.CodeType) -> tuple[ast.stmt, str] | None:
    """Return the statement at the top of a cell within which some code was compiled, and its source."""
    for statement, start, source in _statements(code.co_filename):
        if start <= code.co_firstlineno <= (statement.end_lineno or 0):
            return statement, source
    return None


def _class_statement(kind: type) -> tuple[ast.stmt, str] | None:
    """Return the statement that defined a class: a class has no line of its own, but its methods do."""
    methods = [_function_of(item) for item in vars(kind).values()]
    files = [method.__code__.co_filename for method in methods if method is not None]
    files += sorted(numbers := draw.cells(), key=lambda file: numbers[file], reverse=True)
    files += [file for file in [getattr(sys.modules[MAIN], "__file__", None)] if file]
    outer = kind.__qualname__.partition(".")[0]
    for file in dict.fromkeys(files):
        found = [item for item in _statements(file) if isinstance(item[0], ast.ClassDef) and item[0].name == outer]
        if found:
            return found[-1][0], found[-1][2]
    return None


def _function_of(item: Any) -> types.FunctionType | None:
    unwrap: dict[type, Callable[[Any], Any]] = {
        staticmethod: lambda found: found.__func__,
        classmethod: lambda found: found.__func__,
        property: lambda found: found.fget,
    }
    found = unwrap.get(type(item), lambda found: found)(item)
    return found if isinstance(found, types.FunctionType) else None
