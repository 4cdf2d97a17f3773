"""One module of project code, as statements: what each binds, and whether it may be left out.

A statement may be left out, if nothing reaches its names, when running it can have no effect but binding
them: an assignment or a definition in which nothing is called (`quiet` judges that), an import. Every other
statement at the top of a module counts as soon as the module is imported.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from levada.code.quiet import Quiet
from levada.code.scan import Chain, Import, Scan, Scanner, bindings_of, chain_of, imports_of, is_inert

_DEEPEST = 20  # classes that inherit from each other, imports that pass a name on

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
    """A parsed module. `content` is the file (empty for a package without `__init__`), `tree` None if not Python.

    `find` gives the project's other modules, by which base classes are judged.
    """

    name: str
    path: Path
    is_package: bool
    content: bytes = b""
    tree: ast.Module | None = None
    find: Callable[[str], Source | None] = lambda _: None
    binders: dict[str, list[Binder]] = field(default_factory=dict[str, list[Binder]])
    stars: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self._added: list[Statement] = []
        for node, role in _unfold(self.tree.body, "optional") if self.tree else ():
            if isinstance(node, ast.Import | ast.ImportFrom):
                for found in imports_of(node, self.package):
                    self._add(node, role, [(found.name, found)])
            else:
                self._add(node, role, list(bindings_of(node, self.package)))

    @cached_property
    def statements(self) -> list[Statement]:
        """The statements with their roles, which are known only when all modules have their names."""
        for statement in self._added:
            if statement.role == "optional" and statement.alias is None and not self.quiet.statement(statement.node):
                statement.role = "always"
        return self._added

    @cached_property
    def quiet(self) -> Quiet:
        return Quiet(self, self._added)

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
        return Scanner(self.package, self.quiet.keeps_doc)

    @cached_property
    def _words(self) -> Counter[bytes]:
        return Counter(re.findall(rb"\w+", re.sub(rb"#.*", b"", self.content)))

    def _add(self, node: ast.stmt, role: Role, bound: list[tuple[str, Import | None]]) -> None:
        imports = tuple(found for _, found in bound if found)
        if role == "optional" and any(one.name == "*" or one.module == "__future__" for one in imports):
            role = "always"
        statement = Statement(node, role, len(self._added), tuple(name for name, _ in bound), imports)
        self._added.append(statement)
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

    def locate(self, chain: Chain, depth: int = 0) -> tuple[Source, ast.stmt] | None:
        """Return the one statement of the project that binds what a chain names, or None if there is not one."""
        source, rest = None, chain[1:]
        match self.binders.get(chain[0], []):
            case [Binder(statement, None)] if not rest:
                return self, statement.node
            case [Binder(by=Import() as found)]:
                source, rest = self.find(found.module), found.chain + rest
            case [] if self.is_package:
                source = self.find(f"{self.name}.{chain[0]}")
            case _:
                pass
        return source.locate(rest, depth + 1) if source and rest and depth < _DEEPEST else None


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
