"""One module of project code, as statements: what each binds, and whether it may be left out.

A statement may be left out, if nothing reaches its names, when running it can have no effect but binding
them: an assignment or a definition in which nothing is called (see `_Quiet`), an import. Every other
statement at the top of a module counts as soon as the module is imported.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from levada.code.scan import Definition, Import, Scan, Scanner, chain_of, imports_of, is_inert

PURE_DECORATORS = frozenset({
    "abc.abstractmethod", "builtins.classmethod", "builtins.property", "builtins.staticmethod",
    "contextlib.asynccontextmanager", "contextlib.contextmanager", "dataclasses.dataclass", "enum.unique",
    "functools.cache", "functools.cached_property", "functools.lru_cache", "functools.singledispatch",
    "functools.total_ordering", "levada.component", "levada.component.component", "levada.pipeline",
    "levada.pipeline.pipeline", "typing.final", "typing.no_type_check", "typing.overload", "typing.override",
    "typing.runtime_checkable", "typing_extensions.deprecated", "typing_extensions.override",
})  # fmt: skip

PURE_BASES = frozenset({
    "abc.ABC", "builtins.object", "enum.Enum", "enum.Flag", "enum.IntEnum", "enum.IntFlag", "enum.StrEnum",
    "levada.Artifact", "levada.artifact.Artifact", "typing.Generic", "typing.NamedTuple", "typing.Protocol",
    "typing.TypedDict",
    *(f"builtins.{name}" for name, kind in vars(builtins).items()
      if isinstance(kind, type) and issubclass(kind, BaseException)),
})  # fmt: skip

PURE_CALLS = frozenset({
    "dataclasses.field", "logging.getLogger", "pathlib.Path", "re.compile", "typing.NewType", "typing.ParamSpec",
    "typing.TypeVar",
})  # fmt: skip

DOC_READERS = frozenset({"levada.pipeline", "levada.pipeline.pipeline"})  # a plan holds its pipeline's docstring

# Libraries whose base classes do nothing with a subclass's docstring. Others may: it is a prompt, a schema.
_DOC_BLIND = ("abc", "apache_beam", "builtins", "enum", "keras", "levada", "sklearn", "tensorflow", "torch", "typing")

# Comprehensions are not among them: to iterate may use up an iterator. Nor are `>>`, `<<` and `@`, which
# libraries overload to build graphs.
_QUIET_EXPRESSIONS = (
    ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Set, ast.Dict,
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.JoinedStr, ast.FormattedValue,
)  # fmt: skip
_LOUD_OPERATORS = (ast.LShift, ast.RShift, ast.MatMult)

Role = Literal["optional", "always", "unrun"]


@dataclass(eq=False)
class Statement:
    """A statement at the top of a module; an import of several names is several statements.

    `role`: "optional" ones count when reached, "always" ones when the module is imported, "unrun" ones
    (under `if TYPE_CHECKING` or `if __name__ == "__main__"`) only where the whole module counts.
    """

    node: ast.stmt
    role: Role
    position: int
    names: tuple[str, ...]
    imports: tuple[Import, ...]
    scan: Scan | None = None

    @property
    def alias(self) -> Import | None:
        """The import that this statement is, if it is one and not a compound statement with imports in it."""
        return self.imports[0] if isinstance(self.node, ast.Import | ast.ImportFrom) else None

    @property
    def is_future(self) -> bool:
        return any(found.module == "__future__" for found in self.imports)


@dataclass
class Binder:
    """A statement that binds a name, and the import by which it does, if by one."""

    statement: Statement
    by: Import | None


@dataclass(eq=False)
class Source:
    """A parsed module. `content` is the file (empty for a package without `__init__`), `tree` None if not Python."""

    name: str
    path: Path
    is_package: bool
    content: bytes = b""
    tree: ast.Module | None = None
    statements: list[Statement] = field(default_factory=list[Statement])
    binders: dict[str, list[Binder]] = field(default_factory=dict[str, list[Binder]])
    stars: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        for node, role in _unfold(self.tree.body, "optional") if self.tree else ():
            if isinstance(node, ast.Import | ast.ImportFrom):
                for found in imports_of(node, self.package):
                    self._add(node, role, [(found.name, found)])
            else:
                self._add(node, role, list(_bindings(node, self.package)))
        # Only now are the names known by which a decorator, a base class or a call is judged.
        self._quiet = _Quiet(self)
        for statement in self.statements:
            if statement.role == "optional" and statement.alias is None and not self._quiet.statement(statement.node):
                statement.role = "always"

    @property
    def package(self) -> str:
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def run_imports(self) -> Iterator[Import]:
        """The imports that importing the module runs."""
        for statement in self.statements:
            if statement.role != "unrun":
                yield from statement.imports

    @cached_property
    def has_effects(self) -> bool:
        """Whether importing the module runs anything that counts, what it imports aside."""
        return any(statement.role == "always" and not statement.is_future for statement in self.statements)

    @cached_property
    def digest(self) -> str:
        """The sha256 of the file, comments and all."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def _scanner(self) -> Scanner:
        return Scanner(self.package, self._quiet.keeps_doc)

    @cached_property
    def _words(self) -> Counter[bytes]:
        return Counter(re.findall(rb"\w+", re.sub(rb"#.*", b"", self.content)))

    def _add(self, node: ast.stmt, role: Role, bound: list[tuple[str, Import | None]]) -> None:
        imports = tuple(found for _, found in bound if found)
        if role == "optional" and any(one.name == "*" or one.module == "__future__" for one in imports):
            role = "always"
        statement = Statement(node, role, len(self.statements), tuple(name for name, _ in bound), imports)
        self.statements.append(statement)
        if role == "unrun":
            return
        for name, found in bound:
            self.binders.setdefault(name, []).append(Binder(statement, found))
        self.stars += [one.module for one in imports if one.name == "*"]

    def scan(self, statement: Statement) -> Scan:
        """Return what a statement says and reads; kept, since many references reach the same statement."""
        if statement.scan is None:
            alias = statement.alias
            if alias is not None:
                statement.scan = Scan(hashlib.sha256(repr(alias).encode()).hexdigest())
            else:
                statement.scan = self._scanner.scan(statement.node)
        return statement.scan

    def is_for_its_effect(self, imported: Import) -> bool:
        """Whether nothing in the file mentions what is imported: it is there for what importing it does."""
        if imported.name == "*":
            return True
        mentioned = imported.name if imported.chain else imported.executes.rpartition(".")[2]
        return self._words[mentioned.encode()] <= 1 and self._words[imported.name.encode()] <= 1

    def varies(self, name: str) -> bool:
        """Whether a name is bound more than once, so that it matters when it is read."""
        binders = self.binders.get(name, [])
        return len({(one.by.target if one.by else id(one.statement)) for one in binders}) > 1

    def read_at_import(self, statement: Statement) -> set[str]:
        """Return names of this module that a statement reads when the module is imported."""
        if statement.alias is not None:
            return set()
        node = statement.node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and statement.role == "optional":
            evaluated = [*node.args.defaults, *filter(None, node.args.kw_defaults), *node.decorator_list]
            names = {part.id for expr in evaluated for part in ast.walk(expr) if isinstance(part, ast.Name)}
        else:
            names = {chain[0] for chain, _ in self.scan(statement).reads}
        return names & self.binders.keys()

    def is_bound_later(self, name: str, statement: Statement) -> bool:
        """Whether no binding of a name comes before a statement: if it needs the name, the import fails."""
        return all(binder.statement.position >= statement.position for binder in self.binders[name])

    def is_imported(self, name: str) -> bool:
        return all(binder.by for binder in self.binders[name])

    def origin(self, node: ast.expr) -> str | None:
        """Return the full dotted name of what an expression names, or None if that is not certain."""
        while isinstance(node, ast.Subscript):
            node = node.value
        chain = chain_of(node)
        if chain is None:
            return None
        match self.binders.get(chain[0], []):
            case []:
                return None if self.stars else ".".join(("builtins", *chain))
            case [Binder(by=Import() as found)]:
                return ".".join((found.target, *chain[1:]))
            case _:
                return None


def _unfold(body: Iterable[ast.stmt], role: Role) -> Iterator[tuple[ast.stmt, Role]]:
    """Yield the statements that count, those in the two well-known blocks that no import runs as "unrun"."""
    for node in body:
        if is_inert(node):
            continue
        if isinstance(node, ast.If) and _is_never_true(node.test):
            yield from _unfold(node.body, "unrun")
            yield from _unfold(node.orelse, role)
        else:
            yield node, role


def _is_never_true(test: ast.expr) -> bool:
    match test:
        case ast.Name("TYPE_CHECKING") | ast.Attribute(ast.Name("typing"), "TYPE_CHECKING"):
            return True
        case ast.Compare(ast.Name("__name__"), [ast.Eq()], [ast.Constant("__main__")]):
            return True
        case _:
            return False


def _bindings(node: ast.AST, package: str) -> Iterator[tuple[str, Import | None]]:
    """Yield the names that a statement binds in its own scope, and the imports by which it does."""
    stack = [node]
    while stack:
        match item := stack.pop():
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, None
                continue
            case ast.Lambda():
                continue
            case ast.Import() | ast.ImportFrom():
                for found in imports_of(item, package):
                    yield found.name, found
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name, None
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name, None
            case ast.MatchMapping(rest=str(name)):
                yield name, None
            case _:
                pass
        stack.extend(reversed(list(ast.iter_child_nodes(item))))


class _Quiet:
    """Judges what can have no effect but binding its names."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._origin = source.origin
        # Under this import annotations are text, and nothing in them runs.
        self._text_annotations = any(found.module == "__future__" and found.name == "annotations"
                                     for statement in source.statements for found in statement.imports)  # fmt: skip

    def statement(self, node: ast.stmt) -> bool:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self._function(node)
            case ast.ClassDef():
                return self._class(node)
            case ast.Assign(targets, value):
                return all(self._target(target, value) for target in targets) and self.expression(value)
            case ast.AnnAssign(ast.Name(), annotation, value):
                return self._annotation(annotation) and (value is None or self.expression(value))
            case _:
                return is_inert(node)

    def expression(self, node: ast.AST) -> bool:
        """Whether nothing is called, or nothing but what is known to be pure."""
        stack = [node]
        while stack:
            item = stack.pop()
            if isinstance(item, ast.Lambda):
                stack += [*item.args.defaults, *filter(None, item.args.kw_defaults)]
            elif isinstance(item, ast.Call):
                if self._origin(item.func) not in PURE_CALLS:
                    return False
                stack += [*item.args, *(keyword.value for keyword in item.keywords)]
            elif isinstance(item, ast.BinOp) and isinstance(item.op, _LOUD_OPERATORS):
                return False
            elif isinstance(item, _QUIET_EXPRESSIONS):
                stack += [part for part in ast.iter_child_nodes(item) if isinstance(part, ast.expr)]
            else:
                return False
        return True

    def decorator(self, node: ast.expr, decorated: str) -> bool:
        """Whether a decorator is known to do nothing but return something for the name."""
        match node:
            case ast.Attribute(ast.Name(name), "setter" | "getter" | "deleter"):
                return name == decorated
            case ast.Call(function, args, keywords):
                values = [*args, *(keyword.value for keyword in keywords)]
                return self._origin(function) in PURE_DECORATORS and all(self.expression(value) for value in values)
            case _:
                return self._origin(node) in PURE_DECORATORS

    def keeps_doc(self, node: Definition) -> bool:
        """Whether something may read a definition's docstring: an unknown decorator, base class or metaclass."""
        if not all(self.decorator(one, node.name) for one in node.decorator_list):
            return True
        if isinstance(node, ast.ClassDef):
            return bool(node.keywords) or not all(self._is_doc_blind(base, depth=0) for base in node.bases)
        return any(self._origin(one) in DOC_READERS for one in node.decorator_list)

    def _is_doc_blind(self, base: ast.expr, depth: int) -> bool:
        origin = self._origin(base)
        if origin is not None:
            return origin.partition(".")[0] in _DOC_BLIND
        match self._source.binders.get(base.id, []) if isinstance(base, ast.Name) else []:
            case [Binder(Statement(node=ast.ClassDef(bases=bases, keywords=[], decorator_list=[], body=body)))]:
                hooks = any(isinstance(part, ast.FunctionDef) and part.name == "__init_subclass__" for part in body)
                return depth < 20 and not hooks and all(self._is_doc_blind(one, depth + 1) for one in bases)
            case _:
                return False

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        args = node.args
        named = [*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, [args.vararg, args.kwarg])]
        annotations = [node.returns, *(arg.annotation for arg in named)]
        return (
            all(self.decorator(decorator, node.name) for decorator in node.decorator_list)
            and all(self.expression(default) for default in [*args.defaults, *filter(None, args.kw_defaults)])
            and all(self._annotation(annotation) for annotation in annotations if annotation)
        )

    def _class(self, node: ast.ClassDef) -> bool:
        return (
            not node.keywords
            and all(self.decorator(decorator, node.name) for decorator in node.decorator_list)
            and all(self._origin(base) in PURE_BASES and self.expression(base) for base in node.bases)
            and all(self.statement(statement) for statement in node.body)
        )

    def _target(self, target: ast.expr, value: ast.expr) -> bool:
        if isinstance(target, ast.Name):
            return True
        if not isinstance(target, ast.Tuple) or not isinstance(value, ast.Tuple):
            return False  # taking a value apart iterates over it
        return len(target.elts) == len(value.elts) and all(isinstance(name, ast.Name) for name in target.elts)

    def _annotation(self, node: ast.expr) -> bool:
        return self._text_annotations or self.expression(node)
