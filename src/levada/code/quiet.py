"""Which statements can have no effect but binding their names, so that they may be left out if nothing reaches them.

What is known to be pure is listed by its full name, found through the module's imports: a project's own
`dataclass` or `component` is not taken for the one of the library.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING

from levada.code.scan import Definition, bindings_of, chain_of, is_inert

if TYPE_CHECKING:
    from levada.code.source import Source, Statement

PURE_DECORATORS = frozenset({
    "abc.abstractmethod", "builtins.classmethod", "builtins.property", "builtins.staticmethod",
    "contextlib.asynccontextmanager", "contextlib.contextmanager", "dataclasses.dataclass", "enum.unique",
    "functools.cache", "functools.cached_property", "functools.lru_cache", "functools.singledispatch",
    "functools.total_ordering", "levada.component", "levada.component.component",
    "levada.stand_in.stand_in", "levada.pipeline", "levada.pipeline.pipeline", "typing.final", "typing.no_type_check",
    "typing.overload", "typing.override",
    "typing.runtime_checkable", "typing_extensions.deprecated", "typing_extensions.override",
})  # fmt: skip

PURE_BASES = frozenset({
    "abc.ABC", "builtins.object", "enum.Enum", "enum.Flag", "enum.IntEnum", "enum.IntFlag", "enum.StrEnum",
    "io.BufferedIOBase", "io.RawIOBase", "io.TextIOBase", "json.JSONEncoder", "levada.Artifact",
    "levada.artifact.Artifact", "levada.component.Component",
    "typing.Generic", "typing.NamedTuple", "typing.Protocol", "typing.TypedDict",
    "apache_beam.CombineFn", "apache_beam.DoFn", "apache_beam.PTransform", "keras.Layer", "keras.Model",
    "keras.layers.Layer", "keras.models.Model", "sklearn.base.BaseEstimator", "sklearn.base.ClassifierMixin",
    "sklearn.base.RegressorMixin", "sklearn.base.TransformerMixin", "torch.nn.Module",
    *(f"builtins.{name}" for name, kind in vars(builtins).items()
      if isinstance(kind, type) and issubclass(kind, BaseException)),
})  # fmt: skip

PURE_CALLS = frozenset({
    "dataclasses.field", "levada.components.between", "levada.components.maximize", "levada.components.minimize",
    "levada.components.one_of", "logging.getLogger", "pathlib.Path", "re.compile", "typing.NewType", "typing.ParamSpec",
    "typing.TypeVar",
})  # fmt: skip

ITERATING_CALLS = frozenset({
    "builtins.dict", "builtins.frozenset", "builtins.list", "builtins.range", "builtins.set", "builtins.tuple",
})  # fmt: skip

DOC_READERS = frozenset({"levada.pipeline", "levada.pipeline.pipeline"})  # a plan holds its pipeline's docstring

# Libraries whose base classes do nothing with a subclass's docstring. Others may: it is a prompt, a schema.
_DOC_BLIND = ("abc", "apache_beam", "builtins", "enum", "keras", "levada", "sklearn", "tensorflow", "torch", "typing")

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DISPLAYS = (ast.Tuple, ast.List, ast.Set, ast.Dict)
_QUIET_EXPRESSIONS = (
    ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Set, ast.Dict,
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.JoinedStr, ast.FormattedValue,
)  # fmt: skip
_LOUD_OPERATORS = (ast.LShift, ast.RShift, ast.MatMult)  # libraries overload them to build graphs
_DEEPEST = 20  # classes that inherit from each other, imports that pass a name on


class Quiet:
    """Judges what can have no effect but binding its names."""

    def __init__(self, source: Source, statements: list[Statement]) -> None:
        self._source = source
        self._origin = source.origin
        # Under this import annotations are text, and nothing in them runs.
        self._text_annotations = any(found.module == "__future__" and found.name == "annotations"
                                     for statement in statements for found in statement.imports)  # fmt: skip

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
                if not self._call(item):
                    return False
                stack += [*item.args, *(keyword.value for keyword in item.keywords)]
            elif isinstance(item, ast.BinOp) and isinstance(item.op, _LOUD_OPERATORS):
                if not (isinstance(item.left, ast.Constant) and isinstance(item.right, ast.Constant)):
                    return False
            elif isinstance(item, ast.Starred):
                if not self._can_iterate(item.value):
                    return False
                stack.append(item.value)
            elif isinstance(item, _COMPREHENSIONS):
                if not all(self._can_iterate(one.iter) for one in item.generators):
                    return False
                stack += [item.key, item.value] if isinstance(item, ast.DictComp) else [item.elt]
                stack += [part for one in item.generators for part in (one.iter, *one.ifs)]
            elif isinstance(item, _QUIET_EXPRESSIONS):
                stack += [part for part in ast.iter_child_nodes(item) if isinstance(part, ast.expr)]
            else:
                return False
        return True

    def _call(self, node: ast.Call) -> bool:
        origin = self._origin(node.func)
        return origin in PURE_CALLS or (
            origin in ITERATING_CALLS
            and all(isinstance(one, ast.Constant) or self._can_iterate(one) for one in node.args)
            and all(keyword.arg or self._can_iterate(keyword.value) for keyword in node.keywords)
        )

    def _can_iterate(self, node: ast.expr) -> bool:
        """Whether something can be iterated over again and again: going through an iterator uses it up."""
        match node:
            case ast.Name(name):
                match self._source.locate((name,)):
                    case (_, ast.Assign([ast.Name()], value)) | (_, ast.AnnAssign(ast.Name(), _, value)):
                        return isinstance(value, _DISPLAYS)
                    case _:
                        return False
            case ast.Call():
                return self._origin(node.func) in ITERATING_CALLS  # what it is called with is judged for itself
            case ast.Constant(str() | bytes()):
                return True
            case _:
                return isinstance(node, (*_DISPLAYS, ast.ListComp, ast.SetComp, ast.DictComp))

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
            return bool(node.keywords) or not all(self.base(base, _is_doc_blind) for base in node.bases)
        return any(self._origin(one) in DOC_READERS for one in node.decorator_list)

    def base(self, node: ast.expr, known: Callable[[str], bool], depth: int = 0) -> bool:
        """Whether nothing runs (or, by `known`, nobody reads the docstring) when a base class is inherited from.

        It is a library's that is known, or one of the project without hooks, whose own bases are so.
        """
        origin = self._origin(node)
        if origin is not None and known(origin):
            return True
        chain = chain_of(node.value if isinstance(node, ast.Subscript) else node)
        match self._source.locate(chain) if chain else None:
            case (home, ast.ClassDef(keywords=[]) as base):
                quiet = home.quiet
                return (
                    depth < _DEEPEST
                    and not any(_mentions(statement, "__init_subclass__") for statement in base.body)
                    and all(quiet.decorator(one, base.name) for one in base.decorator_list)
                    and all(quiet.base(one, known, depth + 1) for one in base.bases)
                )
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
            and all(self.base(base, PURE_BASES.__contains__) and self.expression(base) for base in node.bases)
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


def _mentions(statement: ast.stmt, name: str) -> bool:
    return any(bound == name for bound, _ in bindings_of(statement, ""))


def _is_doc_blind(origin: str) -> bool:
    return origin.partition(".")[0] in _DOC_BLIND
