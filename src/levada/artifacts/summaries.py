"""What statistics hold of a column beside its numbers: histogram, lengths, texts, images, times.

Plain values, in JSON as objects with the same names. `docs/guides/profile.md` has the formulas and their sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Correlation = Literal["pearson", "eta", "cramers_v"]
"""How strongly a column and the label go together: `pearson` for two columns of numbers (-1 to 1), `eta` (correlation
ratio) for numbers and categories, `cramers_v` for two columns of categories (both 0 to 1)."""


@dataclass(frozen=True)
class Histogram:
    """How many values lie between edges: bin i holds the values from `edges[i]` to below `edges[i + 1]`.

    The last bin includes its upper edge. There is one edge more than counts, edges rise strictly, and the counts sum to
    the number of (finite) values. All bins have the same width but the first and the last: where there are
    outliers, these reach out to the least and the greatest value. Counts are whole numbers where values were counted
    each, estimates where they come from a sample. Edges of times are ticks of the column's type
    (`TimeProfile.tick` seconds each).
    """

    edges: tuple[float, ...]
    counts: tuple[float, ...]

    def shares(self) -> tuple[float, ...]:
        """The counts as shares of all values; empty for no values."""
        total = sum(self.counts)
        return tuple(count / total for count in self.counts) if total else ()


@dataclass(frozen=True)
class Lengths:
    """Lengths of present values: characters of strings, bytes of binary values, items of lists."""

    min: int
    max: int
    mean: float
    histogram: Histogram | None = None


@dataclass(frozen=True)
class TextProfile:
    """A column of text: `empty`, `blank` and `non_ascii` count values, of all; tokens come from `sampled` values.

    `blank` values hold nothing but white space (and something), `non_ascii` ones a character beyond ASCII. A token is a
    run of letters, marks, digits or underscores of any script; of scripts written without spaces, each
    ideograph or kana. `tokens` gives tokens per value, `distinct_tokens` how many different ones there are among the
    sampled values, and `top_tokens` the most frequent, in lower case, with counts scaled to the column. If
    `sampled` is the number of values, all of it is exact.
    """

    empty: int
    blank: int
    non_ascii: int
    sampled: int
    tokens: Lengths | None = None
    distinct_tokens: int = 0
    top_tokens: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class ImageProfile:
    """A column of encoded images, from `sampled` of its values.

    `corrupt` counts those that cannot be decoded; `formats` and `modes` count the others ("PNG", "RGB").
    `widths` and `heights` are in pixels. `means` and `stds` are those of all pixels of each channel (red,
    green, blue, or one for grey), from 0 to 255; empty if no image was decoded.
    """

    sampled: int
    corrupt: int
    formats: tuple[tuple[str, int], ...] = ()
    modes: tuple[tuple[str, int], ...] = ()
    widths: Lengths | None = None
    heights: Lengths | None = None
    means: tuple[float, ...] = ()
    stds: tuple[float, ...] = ()


@dataclass(frozen=True)
class TimeProfile:
    """A column of dates or times. Durations are in seconds; moments are ISO 8601, as in the column's `min`.

    `zone` is the type's time zone ("UTC", "Europe/Lisbon"; None for times without one) and `tick` the seconds in one
    tick of the type. `resolution` is the greatest step that all times are a whole number of from each other
    (60 for times in full minutes); `step` the median distance between neighbouring different times, their mean
    distance if they were too many to count each. The largest gap lies between `gap_start` and `gap_end`, two
    neighbouring times; all are None for less than two different times.
    """

    zone: str | None
    tick: float
    resolution: float | None = None
    step: float | None = None
    largest_gap: float | None = None
    gap_start: str | None = None
    gap_end: str | None = None


def summary_to_json(summary: Any) -> dict[str, Any] | None:
    """Return a summary in JSON form."""
    return None if summary is None else asdict(summary)


def histogram_from_json(form: Mapping[str, Any] | None) -> Histogram | None:
    """Return the histogram of a JSON form."""
    return None if form is None else Histogram(tuple(form["edges"]), tuple(form["counts"]))


def lengths_from_json(form: Mapping[str, Any] | None) -> Lengths | None:
    """Return the lengths of a JSON form."""
    if form is None:
        return None
    changed: dict[str, Any] = {"histogram": histogram_from_json(form["histogram"])}
    return Lengths(**{**form, **changed})


def text_from_json(form: Mapping[str, Any] | None) -> TextProfile | None:
    """Return the text profile of a JSON form."""
    if form is None:
        return None
    changed: dict[str, Any] = {
        "tokens": lengths_from_json(form["tokens"]),
        "top_tokens": _pairs(form["top_tokens"]),
    }
    return TextProfile(**{**form, **changed})


def images_from_json(form: Mapping[str, Any] | None) -> ImageProfile | None:
    """Return the image profile of a JSON form."""
    if form is None:
        return None
    changed: dict[str, Any] = {
        **{name: _pairs(form[name]) for name in ("formats", "modes")},
        **{name: lengths_from_json(form[name]) for name in ("widths", "heights")},
        **{name: tuple(form[name]) for name in ("means", "stds")},
    }
    return ImageProfile(**{**form, **changed})


def times_from_json(form: Mapping[str, Any] | None) -> TimeProfile | None:
    """Return the time profile of a JSON form."""
    return None if form is None else TimeProfile(**form)


def _pairs(form: Any) -> tuple[tuple[Any, int], ...]:
    return tuple((value, count) for value, count in form)
