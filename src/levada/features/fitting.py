"""Fitting: the state of each feature, taken from statistics and never from rows.

A state is JSON: what a layer, a scikit-learn transformer or a person needs to know beyond the description.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.artifacts.statistics import ColumnStatistics, Statistics
from levada.errors import DataError
from levada.features.civil import seconds_of, transitions
from levada.features.columns import ITEM_KINDS, input_of, item_kind
from levada.features.description import Features, needs_rows
from levada.features.fitted import Fitted, State, size_of
from levada.features.kinds import AsIs, Buckets, Cross, Hashed, Image, Kind, Number, Text, Time, Words

if TYPE_CHECKING:
    import numpy as np

LARGEST_CROSS = 1 << 24
"""More possible combinations than this need `bins` or `top`: a weight each would fill memory."""
EXACT_FLOAT64 = 1 << 53


@dataclass(frozen=True)
class Counted:
    """What a look at the rows found for a feature: values by falling count, of so many rows (texts) in all."""

    rows: int
    ranked: list[tuple[Any, int]]


def fit(
    features: Features,
    statistics: Statistics,
    *,
    split: str | None = None,
    counts: Mapping[str, Counted] | None = None,
) -> Fitted:
    """Return the description with its state; `counts` has what the statistics do not tell (see `fit_features`)."""
    if not len(features):
        raise DataError("there are no features to fit.", hint="Features.infer(statistics) describes some.")
    columns = {name: statistics.column(name, split) for name in features.columns}
    states: dict[str, State] = {}
    for name, kind in features.kinds.items():
        if not isinstance(kind, Cross):
            states[name] = _state(name, kind, columns[features.column(name)], counts)
    for name, kind in features.kinds.items():
        if isinstance(kind, Cross):
            states[name] = _cross(name, kind, features, states, counts)
    lengths = dict.fromkeys(columns, 0)
    for name, kind in features.kinds.items():
        if not isinstance(kind, Cross):
            column = features.column(name)
            lengths[column] = max(lengths[column], int(states[name].get("length", 0)))
    inputs = {name: input_of(column, lengths[name]) for name, column in columns.items()}
    return Fitted(features, {name: states[name] for name in features}, inputs)


def _state(name: str, kind: Kind, column: ColumnStatistics, counts: Mapping[str, Counted] | None) -> State:
    _check_kind(name, kind, column)
    match kind:
        case Number():
            return _number(name, kind, column)
        case Buckets():
            return {"cuts": _cuts(name, kind, column)}
        case Words():
            return _words(name, kind, column)
        case Hashed():
            _check_whole(name, column)
            return {"length": _length(kind, column)}
        case Text():
            return {} if kind.bins else _text(name, kind, counts)
        case Time():
            return _time(name, kind, column)
        case AsIs():
            return {"length": _length(kind, column)}
        case _:
            return {}


WANTED: dict[type, tuple[tuple[str, ...], str]] = {
    Number: (("numeric", "boolean"), "Text is read by Words, Hashed or Text, a time by Time."),
    Buckets: (("numeric",), "Text is read by Words, Hashed or Text, a time by Time."),
    Words: (("string", "boolean", "numeric"), "A time is read by Time."),
    Hashed: (("string", "numeric"), "A time is read by Time."),
    Text: (("string",), "Numbers are read by Number, Buckets or Words."),
    Image: (("bytes",), "Encoded images are in a column of bytes (binary)."),
    Time: (("timestamp",), "Text and numbers that hold dates: cast them to timestamp when they are ingested."),
    AsIs: (("numeric", "boolean"), "Text is read by Words, Hashed or Text, a time by Time."),
}
LISTS = (Number, Words, Hashed, AsIs)


def _check_kind(name: str, kind: Kind, column: ColumnStatistics) -> None:
    wanted, hint = WANTED[type(kind)]
    what = f"feature '{name}' is {type(kind).__name__}, and column '{column.name}' "
    found = item_kind(column)
    if column.kind == "list" and not isinstance(kind, LISTS):
        raise DataError(f"{what}has lists ({column.type}).", hint="Lists are read by Number, Words, Hashed and AsIs.")
    if column.kind == "empty" or not column.values:
        raise DataError(f"{what}has no values at all.", hint="Leave it out.")
    if found not in wanted:
        raise DataError(f"{what}has {ITEM_KINDS.get(found, 'other values')} ({column.type}).", hint=hint)


def _length(kind: Number | Words | Hashed | AsIs, column: ColumnStatistics) -> int:
    """Return how many items of a list are used, 0 for a column that has no lists."""
    if column.kind != "list":
        return 0
    return kind.length or max(column.lengths.max if column.lengths else 1, 1)


# -- numbers --------------------------------------------------------------------------------------------


def _number(name: str, kind: Number, column: ColumnStatistics) -> State:
    if column.kind == "boolean" or "bool" in column.type:
        least, greatest, points = 0.0, 1.0, [0.0, 1.0]
        share = 1 - column.zeros / column.values
        mean, variance = share, share * (1 - share)
    else:
        mean, variance = column.mean, column.variance  # raises for a column without finite numbers
        least, greatest = float(column.min or 0), float(column.max or 0)
        points = [float(value) for value in column.quantiles]
    low, high = _bounds(kind, points)
    if kind.log and least < 0 and (low is None or low < 0):
        raise DataError(
            f"feature '{name}' takes the logarithm of column '{column.name}', which goes down to {least:g}.",
            hint="Number(log=True, clip=(0, None)) takes what is negative as 0; or leave log out.",
        )
    state: State = {"low": low, "high": high, "least": least, "greatest": greatest, "length": _length(kind, column)}
    median = points[len(points) // 2]
    if kind.is_bent:
        mean, variance = _bent_moments(points, state, kind.log)
    bottom, top = _bend(least, state, kind.log), _bend(greatest, state, kind.log)
    state |= _scaling(name, kind, column, mean, variance, bottom, top)
    fill = (
        mean if kind.missing == "mean" else _bend(median if kind.missing == "median" else kind.missing, state, kind.log)
    )
    state["filled"] = (fill - state["offset"]) / state["divisor"]
    return state


def _bounds(kind: Number, points: list[float]) -> tuple[float | None, float | None]:
    low, high = kind.clip or (None, None)
    if kind.winsorize:
        place = kind.winsorize * (len(points) - 1)
        least, greatest = points[round(place)], points[round(len(points) - 1 - place)]
        low = least if low is None else max(low, least)
        high = greatest if high is None else min(high, greatest)
    return low, high


def _scaling(
    name: str, kind: Number, column: ColumnStatistics, mean: float, variance: float, bottom: float, top: float
) -> State:
    if kind.scale == "none":
        return {"offset": 0.0, "divisor": 1.0}
    width = math.sqrt(variance) if kind.scale == "zscore" else top - bottom
    if not width > 0 or not math.isfinite(width):
        never = "never changes" if column.distinct <= 1 else f"has variance {variance:g} after clipping"
        what = "z-scored" if kind.scale == "zscore" else "scaled to 0..1"
        raise DataError(
            f"feature '{name}': column '{column.name}' {never}, so it cannot be {what}.",
            hint="A column that never changes tells a model nothing: leave it out; or take scale='none'.",
        )
    return {"offset": mean if kind.scale == "zscore" else bottom, "divisor": width}


def _bend(value: float, state: State, log: bool) -> float:
    """Return what clipping and the logarithm make of a number."""
    if state["low"] is not None:
        value = max(value, state["low"])
    if state["high"] is not None:
        value = min(value, state["high"])
    return math.log1p(max(value, 0.0)) if log else value


def _bent_moments(points: list[float], state: State, log: bool) -> tuple[float, float]:
    """Return mean and variance of a bent column: integrals over its quantiles, by the trapezoid rule."""
    import numpy as np

    bent: np.ndarray[Any, Any] = np.array([_bend(point, state, log) for point in points])
    mean = float(np.trapezoid(bent) / (len(bent) - 1))
    return mean, float(np.trapezoid(np.square(bent - mean)) / (len(bent) - 1))


def _cuts(name: str, kind: Buckets, column: ColumnStatistics) -> list[float]:
    cuts = list(kind.boundaries) or column.boundaries(kind.bins)
    if not cuts:
        raise DataError(
            f"feature '{name}': column '{column.name}' cannot be cut into {kind.bins} buckets, since nearly all of its "
            "values are the same.",
            hint="Take more bins, give the boundaries, or take Number().",
        )
    # As the model compares: boundaries that are one number in its precision are one boundary.
    import numpy as np

    dtype = input_of(column).dtype
    return sorted({float(cut) for cut in np.array(cuts, dtype)})


# -- words ----------------------------------------------------------------------------------------------


def _words(name: str, kind: Words, column: ColumnStatistics) -> State:
    found = item_kind(column)
    if found == "boolean":
        words = ["0", "1"]
    elif not column.has_vocabulary:
        raise DataError(
            f"feature '{name}': column '{column.name}' has no vocabulary: "
            + (
                f"about {column.distinct:,} distinct values are too many."
                if not column.exact
                else f"it has {column.type}."
            ),
            hint=f"Hashed(bins={_round_up(column.distinct)}) needs none; profile(..., vocabulary=N) keeps more words; "
            "numbers with fractions are cut by Buckets().",
        )
    else:
        if found == "numeric":
            _check_whole(name, column)
        words = [str(value) for value, count in column.counts(kind.top) if count >= kind.min_count and value != ""]
    if not words:
        raise DataError(
            f"feature '{name}': column '{column.name}' has no word that is seen {kind.min_count} times.",
            hint="Lower min_count, or leave the column out.",
        )
    return {"words": words, "length": _length(kind, column)}


def _check_whole(name: str, column: ColumnStatistics) -> None:
    if item_kind(column) != "numeric":
        return
    if "int" not in column.type:
        raise DataError(
            f"feature '{name}': column '{column.name}' has numbers with fractions ({column.type}), which are no words.",
            hint="Number() or Buckets() reads them; cast whole numbers that are floats only since some are missing.",
        )
    if max(abs(int(column.min or 0)), abs(int(column.max or 0))) > EXACT_FLOAT64:
        raise DataError(
            f"feature '{name}': column '{column.name}' has whole numbers beyond 2**53, which a model would confuse.",
            hint="Cast the column to text when it is ingested: columns={...: 'string'}.",
        )


def _round_up(count: int) -> int:
    return max(1 << (count - 1).bit_length(), 16) if count > 1 else 16


def _text(name: str, kind: Text, counts: Mapping[str, Counted] | None) -> State:
    found = _counted(name, kind, counts)
    kept = [(word, count) for word, count in found.ranked[: kind.top] if count >= kind.min_count]
    if not kept:
        raise DataError(f"feature '{name}': no text has a word that is seen in {kind.min_count} of them.")
    state: State = {"words": [word for word, _ in kept]}
    if kind.weight == "tfidf":
        state["idf"] = [math.log((1 + found.rows) / (1 + count)) + 1 for _, count in kept]
    return state


def _counted(name: str, kind: Kind, counts: Mapping[str, Counted] | None) -> Counted:
    if counts is None or name not in counts:
        what = "the n-grams of its texts" if isinstance(kind, Text) else "its most frequent combinations"
        raise DataError(
            f"feature '{name}' needs {what}, and statistics do not have them.",
            hint="fit_features(examples, statistics, features=...) looks at the rows; or hash them: bins=1000.",
        )
    return counts[name]


# -- times and crosses ----------------------------------------------------------------------------------


def _time(name: str, kind: Time, column: ColumnStatistics) -> State:
    own = column.type.rpartition("tz=")[2].rstrip("]") if "tz=" in column.type else ""
    if kind.zone and not own:
        raise DataError(
            f"feature '{name}' wants the clock in {kind.zone}, and column '{column.name}' ({column.type}) has no zone.",
            hint="Leave zone out: its times are taken as they are. Or give the column its zone when it is ingested.",
        )
    zone = kind.zone or own
    if zone and zone.startswith(("+", "-")):
        sign, hours, minutes = zone[0], int(zone[1:3]), int(zone[-2:])
        offset = (hours * 60 + minutes) * (-60 if sign == "-" else 60)
        moments, offsets = (), (offset,)
    else:
        moments, offsets = transitions(zone) if zone and zone != "UTC" else ((), (0,))
    start, end = seconds_of(str(column.min)), seconds_of(str(column.max))
    if "age" in kind.parts and not end > start:
        raise DataError(
            f"feature '{name}': all times of column '{column.name}' are the same, so none has an age.",
            hint="Leave 'age' out of parts.",
        )
    return {"moments": list(moments), "offsets": list(offsets), "start": start, "span": max(end - start, 1.0)}


def _cross(
    name: str, kind: Cross, features: Features, states: Mapping[str, State], counts: Mapping[str, Counted] | None
) -> State:
    sizes = [size_of(features[part], states[part]) for part in kind.of]
    for part in kind.of:
        if states[part].get("length"):
            raise DataError(
                f"feature '{name}' crosses '{part}', which has lists.", hint="Cross what is one value a row."
            )
    number = math.prod(sizes)
    if number > LARGEST_CROSS and not kind.bins and not kind.top:
        raise DataError(
            f"feature '{name}' has {number:,} possible combinations ({' x '.join(map(str, sizes))}): too many.",
            hint="Hash them: Cross(..., bins=10_000); or keep the most frequent: Cross(..., top=10_000).",
        )
    if number >= 1 << 62:
        raise DataError(f"feature '{name}' has {number:,} possible combinations, more than an index can count.")
    state: State = {"sizes": sizes}
    if kind.top:
        found = _counted(name, kind, counts)
        state["kept"] = sorted(int(value) for value, _ in found.ranked[: kind.top])
    return state


__all__ = ["Counted", "fit", "needs_rows"]
