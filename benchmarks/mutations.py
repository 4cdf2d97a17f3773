"""Small changes of source code, and whether cache keys follow: `.venv/bin/python benchmarks/mutations.py 200`

The code is this repository's own: its components and pipelines and Levada's standard ones. What a component reaches is
found here in another way than the engine does, from the imported functions' bytecode, which sees less and never
too much. A change of behaviour there must change the component's digest (else there would be stale hits); a comment,
blank lines, another layout or another docstring must change none, and a change of a function that no component reaches
should change none.
"""

from __future__ import annotations

import argparse
import ast
import dis
import functools
import importlib
import inspect
import itertools
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import is_dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType, SimpleNamespace
from typing import Any, get_args, get_type_hints
from unittest.mock import patch

from levada.code import CodeIndex, modules
from levada.component import component_of
from levada.pipeline import Pipeline
from levada.project import COUNTED, find_project
from levada.references import reference_of

ROOT = Path(__file__).resolve().parents[1]
LONELY = "reached_by_nobody"
"""A module that only those reach who reach everything: they load files that name the classes to import."""

Place = tuple[str, str]
"""A module and a name that it binds at its top."""

OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitOr: ast.BitAnd}
COMPARISONS = {ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
COMPARISONS |= {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}


# -- what a function reaches, by its bytecode -----------------------------------------------------------


class Reached:
    """The places in the counted packages that a function, class or component gets to."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self._packages = packages
        self.places: set[Place] = set()

    def visit(self, thing: Any, home: str = "", name: str = "") -> None:
        inner = component_of(thing)
        if inner is not None:
            thing = inner.function
        if isinstance(thing, Pipeline):
            thing = thing.function
        if isinstance(thing, FunctionType | type):
            home, name = thing.__module__, thing.__qualname__.partition(".")[0]
        if not self._counts(home) or (home, name) in self.places or not name:
            return
        self.places.add((home, name))
        if isinstance(thing, FunctionType):
            self._code(inspect.unwrap(thing).__code__, thing.__globals__)
            self._code(thing.__code__, thing.__globals__)
            if inner is not None:
                for hint in get_type_hints(thing).values():
                    self._hint(hint)
        elif isinstance(thing, type):
            for base in thing.__bases__:
                self.visit(base)
            for made in getattr(thing, "__dataclass_fields__", {}).values():
                self._constant(made.default_factory)
            for member in vars(thing).values():
                for part in (member, *(getattr(member, of, None) for of in ("fget", "fset", "__func__", "func"))):
                    if isinstance(part, FunctionType):
                        self._code(inspect.unwrap(part).__code__, part.__globals__)
                        self._code(part.__code__, part.__globals__)
        else:
            self._constant(thing)

    def _hint(self, hint: Any) -> None:
        """Visit the classes of a parameter's annotation: its value is an object of one."""
        for part in get_args(hint):
            self._hint(part)
        if isinstance(hint, type):
            self.visit(hint)

    def _constant(self, value: Any) -> None:
        """Visit the functions and classes that a constant holds: a table of them, an object with some."""
        if isinstance(value, FunctionType | type):
            self.visit(value)
        elif isinstance(value, dict):
            for part in (*value, *value.values()):
                self._constant(part)
        elif isinstance(value, list | tuple | set | frozenset):
            for part in value:
                self._constant(part)
        elif is_dataclass(value):
            for part in vars(value).values():
                self._constant(part)

    def _counts(self, module: str) -> bool:
        return any(f"{module}.".startswith(f"{package}.") for package in self._packages)

    def _code(self, code: CodeType, space: dict[str, Any], around: dict[str, ModuleType] | None = None) -> None:
        module: Any = None
        fetched: Any = None
        here = dict(around or {})  # modules by the local names that imports within functions give them
        for step in dis.get_instructions(code):
            if isinstance(step.argval, CodeType):
                self._code(step.argval, space, here)
            elif step.opname in ("STORE_FAST", "STORE_DEREF") and isinstance(fetched, ModuleType):
                here[str(step.argval)] = fetched
            elif step.opname in ("LOAD_FAST", "LOAD_DEREF") and step.argval in here:
                module = here[str(step.argval)]
                continue
            elif step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and step.argval in space:
                module = space[step.argval]
                self._named(module, space["__name__"], step.argval)
                continue
            elif step.opname == "IMPORT_NAME" and step.argval and self._counts(str(step.argval)):
                module = importlib.import_module(str(step.argval))
                continue
            elif step.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM") and isinstance(module, ModuleType):
                fetched = getattr(module, step.argval, None)
                if fetched is not None:
                    self._named(fetched, module.__name__, step.argval)
                if step.opname == "IMPORT_FROM":
                    continue
            if step.opname not in ("CACHE", "PRECALL", "PUSH_NULL", "STORE_FAST", "STORE_DEREF"):
                module = None
            if step.opname != "CACHE":
                fetched = None

    def _named(self, thing: Any, module: str, name: str) -> None:
        if not isinstance(thing, ModuleType):
            self.visit(thing, module, name)


# -- mutations ------------------------------------------------------------------------------------------


def code_within(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that say what code does: neither annotations nor docstrings."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        children = value if isinstance(value, list) else [value]
        for place, child in enumerate(children):
            is_text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            if isinstance(child, ast.AST) and not (field == "body" and place == 0 and is_text):
                yield from code_within(child)


def mutations(statement: ast.stmt) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the ways to change what a statement does, and what does it."""
    for node in code_within(statement):
        match node:
            case ast.Constant(value=value) if value is not Ellipsis:
                yield "constant", lambda node=node: setattr(node, "value", another(node.value))
            case ast.BinOp(op=op) if type(op) in OPERATORS:
                yield "operator", lambda node=node: setattr(node, "op", OPERATORS[type(node.op)]())
            case ast.Compare(ops=[op]) if type(op) in COMPARISONS:
                yield "comparison", lambda node=node: setattr(node, "ops", [COMPARISONS[type(node.ops[0])]()])
            case ast.BoolOp():
                yield (
                    "and and or",
                    lambda node=node: setattr(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And()),
                )
            case ast.Attribute():
                yield "attribute", lambda node=node: setattr(node, "attr", f"{node.attr}_")
            case ast.Call(keywords=[_, *_]):
                yield "argument left out", lambda node=node: node.keywords.pop()
            case ast.IfExp() | ast.If(orelse=[_, *_]):
                yield "branches", lambda node=node: node.__dict__.update(body=node.orelse, orelse=node.body)
            case ast.FunctionDef(body=[_, _, *_]):
                yield "statement left out", lambda node=node: node.body.pop()
                if node.args.kw_defaults and isinstance(node.args.kw_defaults[-1], ast.Constant):
                    yield "default", lambda node=node: node.args.kw_defaults.__setitem__(-1, ast.Constant(value=977))
            case ast.ClassDef():
                yield "class attribute", lambda node=node: node.body.append(ast.parse("mutated = True").body[0])
                yield (
                    "method",
                    lambda node=node: node.body.append(ast.parse("def __bool__(self): return False").body[0]),
                )
            case _:
                pass
        for decorator in getattr(node, "decorator_list", ()):
            if isinstance(decorator, ast.Call):
                yield (
                    "decorator argument",
                    lambda decorator=decorator: decorator.keywords.append(
                        ast.keyword("needs", ast.Constant(value=977))
                    ),
                )


def another(value: Any) -> Any:
    """Return another constant of the same type."""
    match value:
        case bool():
            return not value
        case str():
            return value + "~"
        case bytes():
            return value + b"~"
        case None:
            return 977
        case _:
            return value + 1


NEUTRAL: dict[str, Callable[[str], str]] = {
    "comments": lambda text: "# a comment\n" + text.replace("\n\n\n", "\n\n# another\n\n") + "# the last one\n",
    "blank lines": lambda text: "\n" + text.replace("\n\n\n", "\n\n\n\n\n") + "\n\n\n",
    "layout": lambda text: ast.unparse(ast.parse(text)),
    "docstrings": lambda text: ast.unparse(_other_docstrings(ast.parse(text))),
}


def _other_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node, clean=False):
            node.body[0] = ast.Expr(ast.Constant(value="Another docstring."))
    return ast.fix_missing_locations(tree)


# -- the project ----------------------------------------------------------------------------------------


class Mutants:
    """A copy of the counted packages, whose modules are changed one at a time."""

    def __init__(self, home: Path) -> None:
        project = find_project(ROOT)
        engine = ROOT / "src" / "levada"
        sources = {**project.packages, **{f"levada.{name}": engine / name for name in COUNTED}}
        self.packages = {name: home / name for name in sources}
        for name, folder in sources.items():
            shutil.copytree(folder, home / name, ignore=shutil.ignore_patterns("__pycache__"))
        self.modules = dict(self._modules())
        (self.packages["components"] / f"{LONELY}.py").write_text("def lonely():\n    return 1\n")
        self._parse = functools.cache(ast.parse)
        self.reached: dict[str, set[Place]] = {}
        self.pipelines: set[str] = set()
        for module in self.modules:
            for thing in vars(importlib.import_module(module)).values():
                inner = component_of(thing)
                function = inner.function if inner else thing.function if isinstance(thing, Pipeline) else None
                if function is not None and function.__module__ == module:
                    reached = Reached(tuple(self.packages))
                    reached.visit(thing)
                    self.reached[reference_of(function)] = reached.places
                    if isinstance(thing, Pipeline):
                        self.pipelines.add(reference_of(function))
        parts = self._parts(self.reached)
        self.before = {reference: digest for reference, (digest, _) in parts.items()}
        self.reach_all = {
            reference
            for reference, (_, found) in parts.items()
            if any(part.startswith(f"components.{LONELY}:") for part in found)
        }

    def _modules(self) -> Iterator[tuple[str, Path]]:
        for package, folder in self.packages.items():
            for path in sorted(folder.rglob("*.py")):
                inside = path.relative_to(folder).with_suffix("").parts
                yield ".".join((package, *(part for part in inside if part != "__init__"))), path

    def _parts(self, references: Iterable[str]) -> dict[str, tuple[str, dict[str, str]]]:
        """Return digest and pieces of references by a new index; a text that was parsed before is not parsed again."""
        with patch.object(modules, "ast", SimpleNamespace(parse=self._parse)):
            index = CodeIndex(self.packages)
            return {reference: (index.digest(reference), index.parts(reference)) for reference in references}

    def changed_by(self, module: str, text: str, among: Iterable[str] = ()) -> set[str]:
        """Return the references (of some, or of all) whose digests are others when a module reads like this."""
        path = self.modules[module]
        kept = path.read_text()
        path.write_text(text)
        try:
            now = self._parts(among or self.reached)
        finally:
            path.write_text(kept)
        return {reference for reference, (digest, _) in now.items() if digest != self.before[reference]}


def mutate(mutants: Mutants, count: int, rng: random.Random) -> tuple[Counter[str], list[str], list[str]]:
    """Apply `count` mutations; return how many of each kind, the stale hits and the needless misses."""
    done: Counter[str] = Counter()
    stale: list[str] = []
    needless: list[str] = []
    places = sorted(set().union(*mutants.reached.values()))
    known = set(places)
    for number in itertools.count():
        if done.total() >= count:
            break
        if number % 5 == 0:
            kind, module = rng.choice(sorted(NEUTRAL)), rng.choice(sorted(mutants.modules))
            changed = mutants.changed_by(module, NEUTRAL[kind](mutants.modules[module].read_text()))
            if kind == "docstrings":
                changed -= mutants.pipelines  # theirs are in the plan, for `levada plan` and `--help`
            needless += [f"{kind} of {module}: {reference}" for reference in sorted(changed)]
            done[kind] += 1
            continue
        is_reached = number % 5 != 1
        module, name = rng.choice(places) if is_reached else (rng.choice(sorted(mutants.modules)), "")
        tree = ast.parse(mutants.modules[module].read_text())
        wanted = [
            statement
            for statement in tree.body
            if (name in bound_by(statement) if is_reached else is_unreached(statement, module, known))
        ]
        found: dict[str, list[Callable[[], None]]] = {}
        for statement in wanted:
            for kind, work in mutations(statement):
                found.setdefault(kind, []).append(work)
        if not found:
            continue
        kind = rng.choice(sorted(found))
        before = ast.unparse(tree)
        rng.choice(found[kind])()
        text = ast.unparse(ast.fix_missing_locations(tree))
        if text == before:
            continue
        done[kind if is_reached else f"{kind}, not reached"] += 1
        if is_reached:
            ought = {reference for reference, reached in mutants.reached.items() if (module, name) in reached}
            stale += [
                f"{kind} of {module}:{name}: {reference}"
                for reference in sorted(ought - mutants.changed_by(module, text, ought))
            ]
        else:
            changed = mutants.changed_by(module, text) - mutants.reach_all
            names = ", ".join(bound for statement in wanted for bound in bound_by(statement))
            needless += [f"{kind} in {module} ({names}): {reference}" for reference in sorted(changed)]
    return done, stale, needless


def bound_by(statement: ast.stmt) -> list[str]:
    """Return the names that a top-level statement binds, as far as mutations go."""
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return []


def is_unreached(statement: ast.stmt, module: str, known: set[Place]) -> bool:
    """Whether a plain function is reached by nobody, and nothing of it runs when its module is imported."""
    return (
        isinstance(statement, ast.FunctionDef)
        and not statement.decorator_list
        and (module, statement.name) not in known
        and not statement.args.defaults
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="mutations-of-levada-"))
    try:
        mutants = Mutants(home)
        done, stale, needless = mutate(mutants, arguments.count, random.Random(arguments.seed))
    finally:
        shutil.rmtree(home)
    places = len(set().union(*mutants.reached.values()))
    print(f"{len(mutants.reached)} components and pipelines reach {places} functions, classes and constants")
    for kind, count in sorted(done.items()):
        print(f"{count:5} {kind}")
    print(f"{done.total()} mutations, {len(stale)} stale hits, {len(needless)} needless misses")
    print(*(f"  stale: {line}" for line in stale), *(f"  needless: {line}" for line in needless), sep="\n")
    return 1 if stale or needless else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
