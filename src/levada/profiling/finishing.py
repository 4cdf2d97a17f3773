"""What comes out of a column's profile: its statistics, with times as text."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from levada.artifacts.statistics import ColumnStatistics, Counts
from levada.artifacts.summaries import Histogram, TextProfile, TimeProfile
from levada.profiling.arrays import arrow_of, numpy_of
from levada.profiling.column import SAMPLED_TEXTS, ColumnProfile
from levada.profiling.distinct import rank
from levada.profiling.order import steps_for
from levada.profiling.texts import counted_texts
from levada.tables.types import kind_of

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN_CHARACTERS = 256
TICKS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
DAY = 86_400.0


def finish(profile: ColumnProfile, name: str, top: int, columns: int = 1) -> ColumnStatistics:
    """Return the statistics of a column, with the `top` most frequent values; `columns` is how many there are."""
    exact = profile.distinct.is_exact
    keeps_all = exact and (profile.item_kind == "string" or profile.is_integer) and profile.values > 0
    counts = _counts(profile, None if keeps_all else top)
    extent = _presented(profile.item, [profile.extent.min, profile.extent.max])
    quantiles, histogram = _spread(profile, columns)
    return ColumnStatistics(
        name=name,
        type=str(profile.type),
        kind=profile.kind,
        rows=profile.rows,
        missing=profile.missing,
        values=profile.values,
        zeros=profile.zeros,
        infinite=profile.infinite,
        distinct=profile.distinct.number(),
        exact=exact,
        min=extent[0],
        max=extent[1],
        moments=profile.moments.total(),
        quantiles=tuple(_presented(profile.item, quantiles)),
        top=tuple(counts[:top]),
        lengths=profile.lengths.finish(),
        has_vocabulary=keeps_all,
        histogram=histogram,
        text=_text(profile),
        images=profile.images.finish() if profile.item_kind == "bytes" else None,
        times=_times(profile),
        correlation=profile.together.total() if profile.together else None,
        correlation_kind=profile.together.kind if profile.together else None,
        _load=(lambda: counts) if keeps_all else None,
    )


def _spread(profile: ColumnProfile, columns: int) -> tuple[list[Any], Histogram | None]:
    if profile.item_kind not in ("numeric", "timestamp"):
        return [], None
    numbers = profile.in_order()
    is_whole = profile.is_integer or profile.item_kind == "timestamp"
    steps = steps_for(profile.values - profile.infinite, columns)
    return numbers.quantiles(steps, profile.extent), numbers.histogram(profile.extent, is_whole)


def _counts(profile: ColumnProfile, top: int | None) -> Counts:
    """Return the most frequent values: counted each, else (seen twice or more) of the sample, scaled to the column."""
    if profile.item_kind == "bytes":
        return []
    if profile.distinct.is_exact:
        # Infinities have no place in JSON; of those there are two at most.
        found = rank(profile.distinct.values, profile.distinct.counts, None if top is None else top + 2)
    elif profile.item_kind == "string":
        found = _sampled_texts(profile, top or 0)
    else:
        found = profile.in_order().top(top or 0)
    if profile.infinite:
        found = [(value, count) for value, count in found if not isinstance(value, float) or math.isfinite(value)]
    kept = found if top is None else found[:top]
    if profile.item_kind != "timestamp":
        return kept
    moments = _presented(profile.item, [value for value, _ in kept])
    return [(moment, count) for moment, (_, count) in zip(moments, kept, strict=True) if moment is not None]


def _sampled_texts(profile: ColumnProfile, top: int) -> list[tuple[Any, int]]:
    import numpy as np
    import pyarrow.compute as pc

    cut = [pc.utf8_slice_codeunits(part, 0, SHOWN_CHARACTERS) for part in profile.sample.parts]
    texts, counts = counted_texts(cut)
    if texts is None:
        return []
    scale = profile.values / int(counts.sum())
    often = np.flatnonzero(counts > 1)
    ranked = rank(texts.take(arrow_of(often)), counts[often], top)
    return [(value, round(count * scale)) for value, count in ranked]


def _text(profile: ColumnProfile) -> TextProfile | None:
    """Return what is known of a column of text; its tokens come from all values if few differ, else from the sample."""
    if profile.item_kind != "string":
        return None
    texts, counts = profile.distinct.values, profile.distinct.counts
    if texts is None or len(texts) > SAMPLED_TEXTS:
        texts, counts = counted_texts(profile.sample.parts)
    return profile.texts.finish(profile.zeros, profile.values, texts, counts)


def _times(profile: ColumnProfile) -> TimeProfile | None:
    import numpy as np

    if profile.item_kind != "timestamp":
        return None
    tick = tick_of(profile.item)
    zone = getattr(profile.item, "tz", None)
    gap = profile.gaps.largest()
    if gap is None:
        return TimeProfile(zone, tick)
    distinct = profile.distinct
    if distinct.is_exact and distinct.values is not None:
        step = float(np.median(np.diff(np.sort(numpy_of(distinct.values)).astype(float))))
    else:
        step = (profile.extent.max - profile.extent.min) / max(distinct.number() - 1, 1)
    start, end = _presented(profile.item, list(gap))
    return TimeProfile(zone, tick, profile.gaps.step * tick, step * tick, (gap[1] - gap[0]) * tick, start, end)


def tick_of(type_: Any) -> float:
    """Return the seconds in one tick of a date's, time's or timestamp's type."""
    if hasattr(type_, "unit"):
        return TICKS[type_.unit]
    return DAY if type_.bit_width == 32 else TICKS["ms"]


def _presented(item: pa.DataType, values: list[Any]) -> list[Any]:
    return _as_text(values, item) if kind_of(item) == "timestamp" else values


def _as_text(ticks: list[Any], type_: Any) -> list[Any]:
    """Return dates and times, given as ticks, in ISO 8601; in UTC if the type has a time zone."""
    import numpy as np
    import pyarrow as pa

    if not ticks or ticks[0] is None:
        return ticks
    array = arrow_of(np.array(ticks, np.int64))
    if pa.types.is_timestamp(type_) and type_.tz is not None:
        plain = array.cast(pa.timestamp(type_.unit)).cast(pa.string()).to_pylist()
        return [text and text.replace(" ", "T") + "Z" for text in plain]
    narrow = array.cast(pa.int32()) if type_.bit_width == 32 else array
    return [text and text.replace(" ", "T") for text in narrow.cast(type_).cast(pa.string()).to_pylist()]
