"""What can be made of a column: the kinds of features, each a small value that a plan can hold.

A kind reads the column of its feature's own name, or the one that `column` names, so that one column may give several
features. What a missing, an unknown or an infinite value becomes is said with each kind.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from levada.errors import ParameterError, did_you_mean

Scale = Literal["zscore", "minmax", "none"]
Encoding = Literal["one_hot", "embedding", "index"]
TimePart = Literal["minute", "hour", "weekday", "day", "month", "age"]
Weight = Literal["tfidf", "count", "binary", "sequence"]

PERIODS: dict[str, int] = {"minute": 60, "hour": 24, "weekday": 7, "day": 31, "month": 12}
"""How many values each part of a time has; `weekday` 0 is Monday, `day` and `month` count from 0."""


@dataclass(frozen=True, repr=False)
class Kind:
    """What all kinds have: a readable form, in which defaults are left out."""

    def __repr__(self) -> str:
        said = [
            f"{field.name}={value!r}" for field in fields(self) if (value := getattr(self, field.name)) != field.default
        ]
        return f"{type(self).__name__}({', '.join(said)})"

    @property
    def encoding(self) -> Encoding | None:
        """How an index of this kind goes into a network; None for a kind that gives numbers."""
        return getattr(self, "encode", None)

    def _one_of(self, name: str, choice: Any) -> None:
        value = getattr(self, name)
        if value not in get_args(choice):
            words = [str(word) for word in get_args(choice)]
            raise ParameterError(
                f"{type(self).__name__}({name}={value!r}): wanted one of {', '.join(words)}.",
                hint=did_you_mean(str(value), words),
            )

    def _at_least(self, name: str, least: float) -> None:
        value = getattr(self, name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not value >= least:
            raise ParameterError(f"{type(self).__name__}({name}={value!r}): wanted {least:g} or more.")

    def _check_encoding(self) -> None:
        self._one_of("encode", Encoding)
        self._at_least("dim", 0)


@dataclass(frozen=True, repr=False)
class Number(Kind):
    """A number: clipped, logged, scaled, in that order. float32, one value a row (an item, for lists).

    `winsorize` clips at the quantiles of this share and of one minus it, `clip` at values (None: no bound on that
    side). `log` takes log(1 + x), of 0 for what is negative. `scale`: `zscore` gives mean 0 and variance 1, `minmax`
    gives 0 to 1 for what the statistics saw and more for what lies beyond, `none` leaves it. After `log`, `clip` or
    `winsorize`, mean and variance are those of the statistics' quantiles.

    A missing value (null, NaN) becomes the `mean`, the `median`, or the number `missing`, and is then scaled like any
    other; with `indicator` a second value is 1 where it was missing and 0 elsewhere. An infinity becomes the largest
    or smallest value that the statistics saw. A list is filled up to, or cut at, `length` items; 0 means the longest
    seen.
    """

    scale: Scale = "zscore"
    log: bool = False
    winsorize: float = 0.0
    clip: tuple[float | None, float | None] | None = None
    missing: Literal["mean", "median"] | float = "mean"
    indicator: bool = False
    length: int = 0
    column: str = ""

    def __post_init__(self) -> None:
        self._one_of("scale", Scale)
        self._at_least("length", 0)
        if not 0 <= self.winsorize < 0.5:
            raise ParameterError(f"Number(winsorize={self.winsorize!r}): wanted a share from 0 to below 0.5.")
        if isinstance(self.missing, str):
            self._one_of("missing", Literal["mean", "median"])
        elif not abs(self.missing) < float("inf"):
            raise ParameterError(f"Number(missing={self.missing!r}): wanted 'mean', 'median' or a finite number.")
        if self.clip is not None:
            low, high = self.clip
            if low is not None and high is not None and not low < high:
                raise ParameterError(f"Number(clip={self.clip!r}): the lower bound comes first.")

    @property
    def is_bent(self) -> bool:
        """Whether more than a linear function is taken."""
        return self.log or self.winsorize > 0 or self.clip is not None


@dataclass(frozen=True, repr=False)
class Buckets(Kind):
    """Which of some intervals a number is in: 0 missing, 1 below the first boundary, 2 from it on, and so on.

    Without `boundaries`, the quantiles cut the column into `bins` parts of about equal size: fewer where one value
    fills more than a part. A value equal to a boundary belongs above it. Infinities are in the outermost buckets.
    """

    bins: int = 10
    boundaries: tuple[float, ...] = ()
    encode: Encoding = "one_hot"
    dim: int = 0
    column: str = ""

    def __post_init__(self) -> None:
        self._check_encoding()
        self._at_least("bins", 2)
        if any(not low < high for low, high in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ParameterError(f"Buckets(boundaries={self.boundaries!r}): wanted rising numbers.")


@dataclass(frozen=True, repr=False)
class Words(Kind):
    """The place of a word (or whole number, or truth value) in the column's vocabulary, most frequent first.

    0 is missing (null or an empty text; NaN for numbers), 1 to `oov` are unknown words, divided by their hash if `oov`
    is more than 1. `top` keeps the most frequent, `min_count` those seen so often. A list column gives several hot
    places, or the mean of its items' embeddings; as indices it is filled up with 0, or cut, to `length` (0: the
    longest seen).
    """

    top: int | None = None
    min_count: int = 1
    oov: int = 1
    encode: Encoding = "one_hot"
    dim: int = 0
    length: int = 0
    column: str = ""

    def __post_init__(self) -> None:
        self._check_encoding()
        for name in ("min_count", "oov"):
            self._at_least(name, 1)
        self._at_least("length", 0)
        if self.top is not None:
            self._at_least("top", 1)


@dataclass(frozen=True, repr=False)
class Hashed(Kind):
    """A hash of a word or whole number: 0 is missing, 1 to `bins` everything else; nothing needs to be known before.

    The hash is TensorFlow's `to_hash_bucket_fast` (FarmHash Fingerprint64 of the UTF-8 bytes), the same on every
    machine.
    """

    bins: int = 1000
    encode: Encoding = "embedding"
    dim: int = 0
    length: int = 0
    column: str = ""

    def __post_init__(self) -> None:
        self._check_encoding()
        self._at_least("bins", 1)
        self._at_least("length", 0)


@dataclass(frozen=True, repr=False)
class Cross(Kind):
    """An index for each combination of the indices of other features (`Buckets`, `Words`, `Hashed`), named in `of`.

    With neither `top` nor `bins` there is one for every possible combination. `top` keeps the most frequent (0: any
    other), which needs a look at the rows: `fit_features`. `bins` divides the combinations by their hash.
    """

    of: tuple[str, ...] = ()
    top: int = 0
    bins: int = 0
    encode: Encoding = "index"
    dim: int = 0

    def __post_init__(self) -> None:
        self._check_encoding()
        if len(self.of) < 2:
            raise ParameterError(f"Cross(of={self.of!r}): wanted the names of two features or more.")
        self._at_least("top", 0)
        self._at_least("bins", 0)
        if self.top and self.bins:
            raise ParameterError(
                "Cross(top=, bins=): wanted one of them; `top` keeps combinations, `bins` hashes them."
            )


@dataclass(frozen=True, repr=False)
class Text(Kind):
    """Words and their sequences (n-grams) in a text: how often, weighted, or in order.

    A text is lowered and its punctuation removed (`standardize`), then split at white space, or into characters;
    `ngrams=2` adds each pair that follows one another. The vocabulary is the `top` n-grams by the number of texts that
    have them, which needs a look at the rows: `fit_features`. With `bins` n-grams are hashed instead, and nothing is
    looked at.

    `weight`: `count` how often, `binary` whether, `tfidf` count times log((1 + n) / (1 + df)) + 1 as scikit-learn has
    it (n texts, df of them with the n-gram), brought to length 1 by `normalize`; `sequence` gives indices in order,
    `length` of them: 0 behind the end, 1 unknown. Missing and empty texts, and unknown words, count nothing.
    """

    top: int = 10_000
    ngrams: int = 1
    min_count: int = 1
    weight: Weight = "tfidf"
    normalize: bool = True
    standardize: bool = True
    split: Literal["words", "characters"] = "words"
    bins: int = 0
    length: int = 100
    dim: int = 0
    column: str = ""

    def __post_init__(self) -> None:
        self._one_of("weight", Weight)
        self._one_of("split", Literal["words", "characters"])
        for name, least in (("top", 1), ("ngrams", 1), ("min_count", 1), ("bins", 0), ("length", 1), ("dim", 0)):
            self._at_least(name, least)
        if self.bins and self.weight == "tfidf":
            raise ParameterError(
                "Text(bins=..., weight='tfidf'): hashed n-grams have no document frequencies.",
                hint="Take weight='count' or 'binary', or leave bins out.",
            )

    @property
    def encoding(self) -> Encoding | None:
        return "embedding" if self.weight == "sequence" else None


@dataclass(frozen=True, repr=False)
class Image(Kind):
    """An encoded image (JPEG, PNG, GIF, BMP) as pixels: float32 `(rows, *size, channels)`.

    It is decoded, resized (bilinear, with anti-aliasing) and rescaled: `unit` to 0..1, `signed` to -1..1, `none` keeps
    0..255. In training only, it is mirrored at random (`flip`), and shifted and turned by up to these shares of its
    size and of a full turn. A missing image is black. Bytes that are no image stop the run, or the request.
    """

    size: tuple[int, int] = (64, 64)
    channels: Literal[1, 3] = 3
    rescale: Literal["unit", "signed", "none"] = "unit"
    flip: bool = False
    shift: float = 0.0
    rotate: float = 0.0
    column: str = ""

    def __post_init__(self) -> None:
        self._one_of("channels", Literal[1, 3])
        self._one_of("rescale", Literal["unit", "signed", "none"])
        if len(self.size) != 2 or min(self.size) < 1:
            raise ParameterError(f"Image(size={self.size!r}): wanted (height, width).")
        for name in ("shift", "rotate"):
            self._at_least(name, 0)


@dataclass(frozen=True, repr=False)
class Time(Kind):
    """Parts of a date or time. A model takes it as seconds since 1970-01-01 UTC (float64), NaN where missing.

    `minute`, `hour`, `weekday` (Monday first), `day` and `month` become a point on a circle (sine, cosine) each, so
    that December is next to January; without `cyclic` one place of many is hot. `age` is how long after the earliest
    time in the statistics it is, as a share of the time to the latest. Parts are of the clock in `zone`; without it,
    of the column's own zone. A missing time is 0 in all of them.
    """

    parts: tuple[TimePart, ...] = ("hour", "weekday", "month")
    cyclic: bool = True
    zone: str = ""
    column: str = ""

    def __post_init__(self) -> None:
        for part in self.parts:
            if part not in get_args(TimePart):
                raise ParameterError(
                    f"Time(parts={self.parts!r}): there is no part '{part}'.",
                    hint=did_you_mean(part, list(get_args(TimePart))) or f"Parts are {', '.join(get_args(TimePart))}.",
                )
        if not self.parts:
            raise ParameterError("Time(parts=()): wanted a part or more.", hint=f"{', '.join(get_args(TimePart))}.")


@dataclass(frozen=True, repr=False)
class AsIs(Kind):
    """A number (or truth value) as it is: float32, NaN where missing; `length` of them for a list (0: the longest)."""

    length: int = 0
    column: str = ""

    def __post_init__(self) -> None:
        self._at_least("length", 0)
