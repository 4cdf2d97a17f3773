"""What expressions do with Arrow arrays: arithmetic, comparisons, functions. A missing value stays missing."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from levada.validation.row_tests import plain

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Function:
    """A function of expressions: how many arguments it takes, what it does."""

    arguments: int
    call: Callable[..., Any]


def is_column(value: Any) -> bool:
    """Whether a value is a column and not a constant."""
    import pyarrow as pa

    return isinstance(value, pa.Array | pa.ChunkedArray)


def is_boolean(column: Any) -> bool:
    """Whether a column holds truth values."""
    import pyarrow as pa

    return pa.types.is_boolean(column.type)


def loaded(column: Any) -> pa.Array:
    """Return a column ready to be computed with: NaN is missing, decimals are floats, short integers wide."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values, types = plain(column), pa.types
    if types.is_decimal(values.type) or types.is_float16(values.type):
        values = values.cast(pa.float64())
    elif types.is_uint64(values.type):
        narrow = len(values) == 0 or not pc.any(pc.greater(values, pa.scalar(2**63 - 1, pa.uint64()))).as_py()
        values = values.cast(pa.int64() if narrow else pa.float64(), safe=False)
    elif types.is_integer(values.type):
        values = values.cast(pa.int64())
    if types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def compare(operator: str, left: Any, right: Any) -> Any:
    """Return what a comparison says of each row; `operator` is named as in Python's `ast`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if operator in ("Is", "IsNot"):
        missing = pc.is_null(left) if is_column(left) else left is None
        return missing if operator == "Is" else invert(missing)
    if operator in ("In", "NotIn"):
        if not is_column(left):
            raise TypeError("a constant is looked for")
        values = pa.array([_constant(value, left.type) for value in right if value is not None], left.type)
        found = pc.if_else(pc.is_valid(left), pc.is_in(left, value_set=values), pa.scalar(None, pa.bool_()))
        return found if operator == "In" else pc.invert(found)
    function = {
        "Eq": pc.equal,
        "NotEq": pc.not_equal,
        "Lt": pc.less,
        "LtE": pc.less_equal,
        "Gt": pc.greater,
        "GtE": pc.greater_equal,
    }[operator]
    return function(*_alike(left, right))


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Return two sides of a comparison with the constant among them in the type of the column."""
    import pyarrow as pa

    if is_column(left) and not is_column(right):
        return left, pa.scalar(_constant(right, left.type), _type_for(right, left.type))
    if is_column(right) and not is_column(left):
        return pa.scalar(_constant(left, right.type), _type_for(left, right.type)), right
    return left, right


def _type_for(value: Any, type_: Any) -> Any:
    """Return the type that a constant is compared in: a column's, but 0.5 stays a float beside whole numbers."""
    import pyarrow as pa

    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and pa.types.is_integer(type_):
        return pa.int64() if isinstance(value, int) and -(2**63) <= value < 2**63 else pa.float64()
    return pa.float64() if number and pa.types.is_floating(type_) else type_


def _constant(value: Any, type_: Any) -> Any:
    """Return a constant as a column's type takes it: text as a date or time, whole numbers as truth values."""
    import pyarrow as pa

    types = pa.types
    if types.is_temporal(type_) and not types.is_duration(type_) and value is not None:
        return _moment(value, type_)
    if types.is_boolean(type_) and value in (0, 1):
        return bool(value)
    if isinstance(value, int) and types.is_floating(type_):
        return float(value)
    if (types.is_string(type_) or types.is_large_string(type_)) and not isinstance(value, str | None):
        raise TypeError(f"the column is text and {value!r} is not: compare it with a text, as '{value}'")
    if isinstance(value, str) and (types.is_integer(type_) or types.is_floating(type_) or types.is_boolean(type_)):
        kind = "true and false" if types.is_boolean(type_) else "numbers"
        raise TypeError(f"the column holds {kind} and {value!r} is a text: leave out the quotes")
    if types.is_boolean(type_) and not isinstance(value, bool | None):
        raise TypeError(f"the column holds true and false and {value!r} is neither: compare it with True or False")
    return value


def _moment(value: Any, type_: Any) -> Any:
    """Return a constant as a date or time; raises TypeError for what is none."""
    import pyarrow as pa

    is_clock = pa.types.is_time(type_)
    try:
        moment = datetime.fromisoformat(f"2000-01-01T{value}" if is_clock else value)
    except (TypeError, ValueError) as error:
        form = "'10:30'" if is_clock else "'2024-05-01' or '2024-05-01T10:30'"
        why = f" ({error})" if isinstance(value, str) and "format" not in str(error) else ""
        raise TypeError(f"the column holds times and {value!r} is none{why}: write it as {form}") from None
    if is_clock:
        return moment.time()
    return moment.date() if pa.types.is_date(type_) else moment


def arithmetic(operator: str, left: Any, right: Any) -> Any:
    """Return a sum, difference, product, quotient or remainder; whole numbers that overflow raise ArrowInvalid."""
    import pyarrow as pa
    import pyarrow.compute as pc

    left, right = (_counted(side) for side in (left, right))
    if operator in ("Add", "Sub", "Mult"):
        function = {"Add": pc.add_checked, "Sub": pc.subtract_checked, "Mult": pc.multiply_checked}[operator]
        return function(left, right)
    dividend, divisor = (pc.cast(side, pa.float64()) for side in (left, right))
    quotient = pc.divide(dividend, divisor)
    if operator == "Div":
        return _without_nan(quotient)
    whole = pc.floor(quotient)
    return _without_nan(whole if operator == "FloorDiv" else pc.subtract(dividend, pc.multiply(whole, divisor)))


def _counted(value: Any) -> Any:
    """Return truth values as 0 and 1, constants as Arrow has them."""
    import pyarrow as pa

    if is_column(value):
        return value.cast(pa.int64()) if is_boolean(value) else value
    return pa.scalar(int(value) if isinstance(value, bool) else value)


def _without_nan(values: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)


def negate(value: Any) -> Any:
    """Return a number with the other sign."""
    import pyarrow.compute as pc

    return pc.negate_checked(_counted(value)) if is_column(value) else -value


def invert(value: Any) -> Any:
    """Return the other truth value."""
    import pyarrow.compute as pc

    return pc.invert(value) if is_column(value) else not value


def combine(every: bool, values: list[Any]) -> Any:
    """Return `and` or `or` of truth values, as SQL has it: false and missing is false, true or missing is true."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = values[0]
    for value in values[1:]:
        sides = [side if is_column(side) else pa.scalar(bool(side)) for side in (found, value)]
        found = (pc.and_kleene if every else pc.or_kleene)(*sides)
    return found


def choose(condition: Any, then: Any, other: Any) -> Any:
    """Return one value where a condition is true, another where it is false."""
    import pyarrow.compute as pc

    return pc.if_else(condition, *_alike(then, other))


def _called(name: str, **options: Any) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        import pyarrow.compute as pc

        return getattr(pc, name)(*arguments, **options)

    return call


def _length(value: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    types = pa.types
    if types.is_list(value.type) or types.is_large_list(value.type):
        return pc.list_value_length(value).cast(pa.int64())
    lengths = pc.utf8_length(value) if types.is_string(value.type) else pc.binary_length(value)
    return lengths.cast(pa.int64())


def _seconds(unit: float) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not pa.types.is_duration(value.type):
            raise TypeError("a duration is wanted")
        ticks = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}[value.type.unit]
        return pc.divide(value.cast(pa.int64()).cast(pa.float64(), safe=False), ticks * unit)

    return call


def _matches(value: Any, pattern: str) -> Any:
    import pyarrow.compute as pc

    return pc.match_substring_regex(value, f"^(?:{pattern})$")


def _extreme(name: str) -> Callable[[Any, Any], Any]:
    def call(left: Any, right: Any) -> Any:
        import pyarrow.compute as pc

        return getattr(pc, name)(*_alike(left, right), skip_nulls=False)

    return call


def _coalesce(left: Any, right: Any) -> Any:
    import pyarrow.compute as pc

    return pc.coalesce(*_alike(left, right))


FUNCTIONS: dict[str, Function] = {
    **{name: Function(1, _called(name)) for name in ("abs", "round", "floor", "ceil", "sqrt", "exp")},
    "log": Function(1, _called("ln")),
    "min": Function(2, _extreme("min_element_wise")),
    "max": Function(2, _extreme("max_element_wise")),
    "len": Function(1, _length),
    "lower": Function(1, _called("utf8_lower")),
    "upper": Function(1, _called("utf8_upper")),
    "strip": Function(1, _called("utf8_trim_whitespace")),
    "startswith": Function(2, _called("starts_with")),
    "endswith": Function(2, _called("ends_with")),
    "contains": Function(2, _called("match_substring")),
    "matches": Function(2, _matches),
    **{name: Function(1, _called(name)) for name in ("year", "month", "day", "hour", "minute")},
    "weekday": Function(1, _called("day_of_week")),
    "days": Function(1, _seconds(86400)),
    "hours": Function(1, _seconds(3600)),
    "minutes": Function(1, _seconds(60)),
    "seconds": Function(1, _seconds(1)),
    "coalesce": Function(2, _coalesce),
}
"""The functions of expressions. `weekday` is 0 on Mondays; `days` to `seconds` make numbers of durations; `matches`
wants the whole text to match a regular expression (RE2)."""
