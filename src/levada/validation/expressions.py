"""Expressions over columns, as text, evaluated by Arrow for all rows of a batch at once.

    arrival > departure                         comparisons, chained too: 0 <= share <= 1
    fare + tip == total or payment == 'Cash'    arithmetic; and, or, not
    carrier in ['AA', 'UA']                     membership; `is None`, `is not None`
    hours(arrival - departure) < 24             functions, see FUNCTIONS
    len(`zip code`) == 5                        a column whose name is no word stands in backticks

The grammar is that of Python's expressions, and nothing else of Python is in reach. As in SQL, what is compared with a
missing value is neither true nor false, and a row breaks a rule only where it is false. NaN is missing.
"""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.errors import DataError, ParameterError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

_BACKTICKS = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Expression:
    """A parsed expression: its text, its tree, and the columns it names, in order."""

    text: str
    tree: ast.expr
    columns: tuple[str, ...]
    _names: Mapping[str, str]

    def evaluate(self, batch: pa.RecordBatch) -> pa.Array:
        """Return the truth value of each row, null where a missing value leaves it open.

        Raises DataError if the columns are of types that do not go together.
        """
        import pyarrow as pa

        from levada.validation.arrow_values import is_boolean, is_column

        columns = {name: batch.column(column) for name, column in self._names.items()}
        try:
            found = _Evaluation(columns).of(self.tree)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, TypeError, ValueError) as error:
            types = ", ".join(f"{name} is {batch.schema.field(name).type}" for name in self.columns)
            raise DataError(f"`{self.text}` cannot be evaluated: {types}.", hint=_advice(error)) from None
        if not is_column(found) or not is_boolean(found):
            raise DataError(f"`{self.text}` is neither true nor false.", hint="Compare it with something.")
        return found


_SIGNS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "equal": "==", "not_equal": "!=", "less": "<",
    "less_equal": "<=", "greater": ">", "greater_equal": ">=", "and": "and", "or": "or", "invert": "not",
    "binary_length": "len", "utf8_length": "len",
}  # fmt: skip
"""How expressions write what Arrow calls by another name."""

_KERNEL = re.compile(r"Function '(?:utf8_)?(\w+?)(?:_checked|_kleene)?' has no kernel matching input types \((.*)\)")


def _advice(error: Exception) -> str:
    """Return what is wrong with an expression, without any value of the data: Arrow's other words may have some."""
    import pyarrow as pa

    text = str(error).split("\n", 1)[0]
    if isinstance(error, pa.ArrowException):
        found = _KERNEL.match(text)
        if found is not None:
            types = " and ".join(found[2].split(", "))
            return (
                f"`{_SIGNS.get(found[1], found[1])}` does not go with {types}: declare the column's type at its source."
            )
        return text if text.startswith("Invalid regular expression: ") else ""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


_EXAMPLE = "Write for instance 'arrival > departure'."
_OTHER_WORDS = {
    r"=[<>]": "Write >= and <=.",
    r"<>": "Unlike is !=.",
    r"&&|\|\|": "Write and, or.",
    r"!(?!=)": "Write not.",
    r"(?<![=<>!])=(?!=)": "Equality is ==.",
}
"""What other languages write, and what to write here."""


def parse(text: str) -> Expression:
    """Return the expression that a text is; raises ParameterError, with what is wrong, if it is none."""
    names: dict[str, str] = {}

    def word(found: re.Match[str]) -> str:
        name = f"_column_{len(names)}"
        names[name] = found[1]
        return name

    try:
        tree = ast.parse(_BACKTICKS.sub(word, text).strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        what = error.msg if isinstance(error, SyntaxError) else str(error)
        hint = next((hint for found, hint in _OTHER_WORDS.items() if re.search(found, text)), _EXAMPLE)
        raise ParameterError(f"`{text}` is no expression: {what}.", hint=hint) from None
    for node in ast.walk(tree):
        _check(node, text)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    used = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called]
    if not used:
        raise ParameterError(f"`{text}` names no column.")
    columns = {name: names.get(name, name) for name in used}
    return Expression(text, tree, tuple(dict.fromkeys(columns.values())), columns)


_ALLOWED = (
    ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.BinOp, ast.Add, ast.Sub, ast.Mult,
    ast.Div, ast.FloorDiv, ast.Mod, ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn,
    ast.Is, ast.IsNot, ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple, ast.Call, ast.IfExp,
)  # fmt: skip


def _check(node: ast.AST, text: str) -> None:
    if not isinstance(node, _ALLOWED):
        raise ParameterError(
            f"`{text}`: {type(node).__name__} has no place in an expression.",
            hint="Use comparisons, arithmetic, and, or, not, in, functions; or check(function) with your own Python.",
        )
    if isinstance(node, ast.Call):
        from levada.validation.arrow_values import FUNCTIONS

        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS or node.keywords:
            hint = did_you_mean(name, FUNCTIONS) or f"There are {', '.join(FUNCTIONS)}."
            raise ParameterError(f"`{text}`: there is no function {name or '?'}.", hint=hint)
        if len(node.args) != FUNCTIONS[name].arguments:
            raise ParameterError(f"`{text}`: {name} takes {FUNCTIONS[name].arguments}, got {len(node.args)}.")
    if isinstance(node, ast.Compare):
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, ast.Is | ast.IsNot) and not (
                isinstance(right, ast.Constant) and right.value is None
            ):
                raise ParameterError(f"`{text}`: `is` compares with None alone.", hint="Write == instead.")
            if isinstance(operator, ast.In | ast.NotIn) and not _is_list(right):
                raise ParameterError(f"`{text}`: `in` wants a list of values behind it.", hint="As in x in ['a', 'b'].")
    if isinstance(node, ast.Constant) and not isinstance(node.value, bool | int | float | str | None):
        raise ParameterError(f"`{text}`: {node.value!r} is neither a number nor a text.")


def _is_list(node: ast.expr) -> bool:
    return isinstance(node, ast.List | ast.Tuple) and all(_is_value(item) for item in node.elts)


def _is_value(node: ast.expr) -> bool:
    signed = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd) else node
    return isinstance(signed, ast.Constant)


class _Evaluation:
    """One evaluation over the columns of a batch. Values are Arrow arrays, or Python's for constants."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        from levada.validation.arrow_values import loaded

        self._columns = {name: loaded(column) for name, column in columns.items()}

    def of(self, node: ast.expr) -> Any:
        from levada.validation import arrow_values

        match node:
            case ast.Name(id=name):
                return self._columns[name]
            case ast.Constant(value=value):
                return value
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [self.of(item) for item in items]
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return arrow_values.invert(self.of(operand))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return arrow_values.negate(self.of(operand))
            case ast.UnaryOp(operand=operand):
                return self.of(operand)
            case ast.BoolOp(op=operator, values=values):
                return arrow_values.combine(isinstance(operator, ast.And), [self.of(value) for value in values])
            case ast.BinOp(left=left, op=operator, right=right):
                return arrow_values.arithmetic(type(operator).__name__, self.of(left), self.of(right))
            case ast.IfExp(test=test, body=body, orelse=other):
                return arrow_values.choose(self.of(test), self.of(body), self.of(other))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return arrow_values.FUNCTIONS[name].call(*[self.of(argument) for argument in arguments])
            case ast.Compare():
                return self._compare(node)
            case _:
                raise TypeError(type(node).__name__)

    def _compare(self, node: ast.Compare) -> Any:
        from levada.validation import arrow_values

        left, parts = self.of(node.left), []
        compare: Callable[[str, Any, Any], Any] = arrow_values.compare
        for operator, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.of(comparator)
            parts.append(compare(type(operator).__name__, left, right))
            left = right
        return parts[0] if len(parts) == 1 else arrow_values.combine(True, parts)
