"""What one statement of Python says and which names it reads, by its syntax tree.

The text that counts has no comments, no formatting and no docstrings. Scopes are followed, so a local
variable or a parameter is not taken for the module's name; where that is in doubt a name counts as read.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Chain = tuple[str, ...]
"""A name and the attributes taken of it: `("features", "bucketize")` for `features.bucketize`."""

Read = tuple[Chain, str | None]
"""A chain looked up in the names around, with the literal if it may be an `import_module("literal")`."""

Reference = tuple[str, Chain]
"""A chain in a module: `("components.features", ("bucketize",))`; an empty chain is the module itself."""

REFLECTION = frozenset({"__globals__", "f_globals", "__builtins__", "__subclasses__"})
"""Attributes through which code finds what it does not name: the whole project counts."""

TEXT_READERS = frozenset({"__doc__", "getdoc", "getsource", "getsourcelines"})
"""Names through which code reads its own docstrings or source, so that those count after all."""

IMPORT_MODULE = "importlib.import_module"
DOTTED = re.compile(r"(?:python:)?([^\W\d]\w*(?:\.[^\W\d]\w*)*)(?::([^\W\d]\w*(?:\.[^\W\d]\w*)*))?")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Import:
    """One name bound by an import: to the module `module`, or to what `chain` names in it."""

    name: str
    module: str
    chain: Chain
    executes: str

    @property
    def target(self) -> str:
        return ".".join((self.module, *self.chain))


@dataclass
class Scan:
    """What a statement says (`digest`) and what it reaches.

    `reads` are looked up in the module's own names, `refers` in other modules, `imports` run with the
    statement, `strings` look like code references. (Dicts without values are sets that keep their order.)
    """

    digest: str = ""
    reads: dict[Read, None] = field(default_factory=dict[Read, None])
    refers: dict[Reference, None] = field(default_factory=dict[Reference, None])
    imports: list[Import] = field(default_factory=list[Import])
    strings: dict[str, None] = field(default_factory=dict[str, None])
    reflects: bool = False
    reads_text: bool = False


def imports_of(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[Import]:
    """Yield what an import statement binds; `package` is what relative imports start from."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            module = absolute("." * node.level + (node.module or ""), package)
            yield Import(alias.asname or alias.name, module, (alias.name,), module)
        elif alias.asname:
            yield Import(alias.asname, alias.name, (), alias.name)
        else:
            root = alias.name.partition(".")[0]
            yield Import(root, root, (), alias.name)


def bindings_of(node: ast.AST, package: str) -> Iterator[tuple[str, Import | None]]:
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


def absolute(name: str, package: str) -> str:
    """Return the absolute name of a module that is named from inside `package`."""
    bare = name.lstrip(".")
    level = len(name) - len(bare)
    if level == 0:
        return name
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([bare] if bare else [])])


def chain_of(node: ast.expr) -> Chain | None:
    """Return the chain that an expression is, or None if it is something else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else None


def is_inert(node: object) -> bool:
    """Whether a statement does nothing: `pass`, `...`, a docstring or another constant on a line of its own."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


@dataclass(eq=False)
class _Scope:
    kind: Literal["module", "class", "function"]
    parent: _Scope | None = None
    keeps_docs: bool = False
    opened: bool = False
    loads: dict[Read, None] = field(default_factory=dict[Read, None])
    bound: set[str] = field(default_factory=set[str])
    outer: set[str] = field(default_factory=set[str])  # names declared `global`
    imports: dict[str, list[Reference]] = field(default_factory=dict[str, list[Reference]])


# Fields that say nothing of their own: the context of a name follows from where it stands.
_SILENT = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_FIELDS: dict[type, tuple[str, ...]] = {}


class Scanner:
    """Reads one statement. The walk keeps its own stack: generated code nests deeper than Python recurses.

    The text is a prefix code: for each node its type, its plain values and the lengths of its lists,
    then its children; so two different trees never give the same text.

    `package` is what relative imports start from; `keeps_doc` tells of a definition whether something
    may read its docstring.
    """

    def __init__(self, package: str, keeps_doc: Callable[[Definition], bool]) -> None:
        self._package = package
        self._keeps_doc = keeps_doc
        self._special: dict[type[ast.AST], Callable[[Any], Sequence[ast.AST | _Scope]]] = {
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Constant: self._constant,
            ast.Call: self._call,
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.ClassDef: self._class,
            ast.Lambda: self._lambda,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.DictComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.Import: self._import,
            ast.ImportFrom: self._import,
            ast.Global: self._global,
            ast.ExceptHandler: self._binder,
            ast.MatchAs: self._binder,
            ast.MatchStar: self._binder,
            ast.MatchMapping: self._mapping,
        }

    def scan(self, statement: ast.stmt) -> Scan:
        self._found = Scan()
        self._text: list[str] = []
        self._scope = _Scope("module", opened=True)
        stack: list[ast.AST | _Scope] = [statement]
        while stack:
            item = stack.pop()
            if isinstance(item, _Scope):
                self._turn(item)
            else:
                stack.extend(reversed(self._visit(item)))
        self._found.reads.update(self._scope.loads)
        self._found.digest = hashlib.sha256("\n".join(self._text).encode()).hexdigest()
        return self._found

    def _turn(self, scope: _Scope) -> None:
        """Open a scope at its first marker, close it at its second."""
        if not scope.opened:
            scope.opened = True
            self._scope = scope
            return
        assert scope.parent is not None
        self._scope = scope.parent
        local = scope.bound - scope.outer
        for chain, literal in scope.loads:
            targets = [] if chain[0] in scope.outer else scope.imports.get(chain[0], [])
            for module, start in targets:
                self._refer(module, start + chain[1:], literal)
            if scope.kind == "class" or not (targets or chain[0] in local):
                scope.parent.loads[chain, literal] = None

    def _refer(self, module: str, chain: Chain, literal: str | None = None) -> None:
        if literal is not None and ".".join((module, *chain)) == IMPORT_MODULE:
            module, chain = literal, ()
        self._found.refers[module, chain] = None

    def _visit(self, node: ast.AST) -> Sequence[ast.AST | _Scope]:
        """Add the node to the text; return what is within it, between markers where a scope starts and ends."""
        return self._special.get(type(node), self._plain)(node)

    def _plain(self, node: ast.AST) -> list[ast.AST | _Scope]:
        kind = type(node)
        fields = _FIELDS.get(kind)
        if fields is None:
            fields = _FIELDS[kind] = tuple(name for name in kind._fields if name not in _SILENT)
        within: list[ast.AST | _Scope] = []
        said = [kind.__name__]
        for name in fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                within.append(value)
            elif isinstance(value, list):
                items: list[Any] = [item for item in value if not is_inert(item)]  # pyright: ignore[reportUnknownVariableType]
                said.append(",".join("." if isinstance(item, ast.AST) else repr(item) for item in items) + ";")
                within += [item for item in items if isinstance(item, ast.AST)]
            else:
                said.append(repr(value))
        self._text.append(" ".join(said))
        return within

    def _name(self, node: ast.Name) -> Sequence[ast.AST]:
        self._text.append(f"Name {node.id}")
        if isinstance(node.ctx, ast.Load):
            self._load((node.id,))
        else:
            self._scope.bound.add(node.id)
        return ()

    def _attribute(self, node: ast.Attribute) -> Sequence[ast.AST]:
        chain = chain_of(node)
        if chain is None:
            self._notice((node.attr,))
            self._text.append(f"Attribute {node.attr}")
            return (node.value,)
        self._text.append(f"Chain {'.'.join(chain)}")
        self._load(chain)
        return ()

    def _load(self, chain: Chain, literal: str | None = None) -> None:
        self._notice(chain)
        self._scope.loads[chain, literal] = None

    def _notice(self, names: Chain) -> None:
        if not REFLECTION.isdisjoint(names):
            self._found.reflects = True
        if not TEXT_READERS.isdisjoint(names):
            self._found.reads_text = True

    def _constant(self, node: ast.Constant) -> Sequence[ast.AST]:
        value = node.value
        self._text.append(f"Constant {type(value).__name__} {value!r}")
        if isinstance(value, str):
            self._notice((value,))
            if ("." in value or ":" in value) and DOTTED.fullmatch(value):
                self._found.strings[value] = None
        return ()

    def _call(self, node: ast.Call) -> Sequence[ast.AST | _Scope]:
        function = chain_of(node.func)
        if function is None:
            return self._plain(node)
        if function[-1] in ("locals", "vars", "dir") and not node.args and self._scope.kind != "function":
            self._found.reflects = True  # at the top of a module these are its `globals()`
        literal = self._imported_literal(node) if function[-1] == IMPORT_MODULE.rpartition(".")[2] else None
        if literal is None:
            return self._plain(node)
        self._text.append(f"Import {'.'.join(function)} {len(node.args)} {len(node.keywords)}")
        self._load(function, literal)
        return [*node.args, *node.keywords]

    def _imported_literal(self, node: ast.Call) -> str | None:
        match node.args:
            case [ast.Constant(str() as name)] if not name.startswith("."):
                return name
            case [ast.Constant(str() as name), ast.Constant(str() as package)]:
                return absolute(name, package)
            case [ast.Constant(str() as name), ast.Name("__package__")]:
                return absolute(name, self._package)
            case _:
                return None

    def _lambda(self, node: ast.Lambda) -> Sequence[ast.AST | _Scope]:
        self._text.append("Lambda")
        scope = self._inner(node.args)
        return [node.args, scope, node.body, scope]

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> Sequence[ast.AST | _Scope]:
        scope = _Scope("function", self._scope)
        # The first iterable is read outside; reading it inside as well does no harm.
        return [node.generators[0].iter, scope, *self._plain(node), scope]

    def _global(self, node: ast.Global) -> Sequence[ast.AST | _Scope]:
        self._scope.outer.update(node.names)
        for name in node.names:
            self._found.reads[(name,), None] = None
        return self._plain(node)

    def _binder(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar) -> Sequence[ast.AST | _Scope]:
        if node.name:
            self._scope.bound.add(node.name)
        return self._plain(node)

    def _mapping(self, node: ast.MatchMapping) -> Sequence[ast.AST | _Scope]:
        if node.rest:
            self._scope.bound.add(node.rest)
        return self._plain(node)

    def _inner(self, args: ast.arguments) -> _Scope:
        named = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
        return _Scope("function", self._scope, bound={arg.arg for arg in named if arg})

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Sequence[ast.AST | _Scope]:
        self._scope.bound.add(node.name)
        scope = self._inner(node.args)
        body = self._head(node, self._scope.keeps_docs or self._keeps_doc(node))
        returns = [node.returns] if node.returns else []
        return [*node.decorator_list, *_type_params(node), node.args, *returns, scope, *body, scope]

    def _class(self, node: ast.ClassDef) -> Sequence[ast.AST | _Scope]:
        self._scope.bound.add(node.name)
        scope = _Scope("class", self._scope, keeps_docs=self._scope.keeps_docs or self._keeps_doc(node))
        body = self._head(node, scope.keeps_docs)
        return [*node.decorator_list, *_type_params(node), *node.bases, *node.keywords, scope, *body, scope]

    def _head(self, node: Definition, keeps_doc: bool) -> list[ast.stmt]:
        """Add a definition's name and shape to the text; return the statements of its body that count."""
        body = [statement for statement in node.body if not is_inert(statement)]
        shape = [len(node.decorator_list), len(_type_params(node)), len(body)]
        if isinstance(node, ast.ClassDef):
            shape += [len(node.bases), len(node.keywords)]
        else:
            shape.append(0 if node.returns is None else 1)
        doc = ast.get_docstring(node) if keeps_doc else None
        self._text.append(f"{type(node).__name__} {node.name} {shape} {doc!r}")
        return body

    def _import(self, node: ast.Import | ast.ImportFrom) -> Sequence[ast.AST]:
        scope = self._scope
        for found in imports_of(node, self._package):
            self._text.append(f"Import {found}")
            self._found.imports.append(found)
            scope.imports.setdefault(found.name, []).append((found.module, found.chain))
            if scope.kind == "class" or found.name in scope.outer:
                self._refer(found.module, found.chain)  # in reach of code that is not in this scope
        return ()


def _type_params(node: ast.AST) -> list[ast.AST]:
    return getattr(node, "type_params", [])  # from Python 3.12 on
