"""Each kind of feature, row by row and in plain Python: what layers and transformers are held against.

The state is worked out here too, from the training rows themselves.
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

PUNCTUATION = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"


def present(values: list[Any]) -> list[Any]:
    return [value for value in values if value is not None and value == value and value != ""]


def finite(values: list[Any]) -> np.ndarray[Any, Any]:
    numbers = np.array([float(value) for value in present(values)])
    return numbers[np.isfinite(numbers)]


def zscore(value: Any, seen: list[Any], *, missing: float | None = None) -> float:
    """Scale a number by the mean and variance of what was seen; an infinity is the extreme, a missing one the mean."""
    numbers = finite(seen)
    if value is None or value != value:
        value = numbers.mean() if missing is None else missing
    value = min(max(value, numbers.min()), numbers.max()) if math.isinf(value) else value
    return float((value - numbers.mean()) / numbers.std())


def minmax(value: Any, seen: list[Any], low: float, high: float) -> float:
    """Clip to bounds, scale to 0..1 between the bounds; a missing one is the median, clipped."""
    numbers = finite(seen)
    if value is None or value != value:
        value = float(np.quantile(numbers, 0.5, method="inverted_cdf"))
    bottom, top = max(numbers.min(), low), min(numbers.max(), high)
    return (min(max(value, low), high) - bottom) / (top - bottom)


def log(value: Any, seen: list[Any]) -> float:
    """log(1 + x) unscaled; missing is 0, negative is 0, an infinity the extreme."""
    numbers = finite(seen)
    if value is None or value != value:
        return 0.0
    value = min(max(value, numbers.min()), numbers.max()) if math.isinf(value) else value
    return math.log1p(max(value, 0.0))


def bucket(value: Any, cuts: list[float]) -> int:
    if value is None or value != value:
        return 0
    return 1 + sum(np.float32(value) >= np.float32(cut) for cut in cuts)


def vocabulary(seen: list[Any]) -> list[Any]:
    """Words by falling count, then by code point."""
    counts = Counter(present(seen))
    return sorted(counts, key=lambda word: (-counts[word], word))


def place(value: Any, words: list[Any], top: int | None = None) -> int:
    if value is None or value != value or value == "":
        return 0
    return 2 + words[:top].index(value) if value in words[:top] else 1


def hot(places: list[int], size: int) -> list[float]:
    return [1.0 if index in places else 0.0 for index in range(size)]


def tokens(text: Any, ngrams: int) -> list[str]:
    words = "".join(char for char in (text or "").lower() if char not in PUNCTUATION).split()
    return [" ".join(words[at : at + n]) for n in range(1, ngrams + 1) for at in range(len(words) - n + 1)]


def text_words(seen: list[Any], ngrams: int, top: int) -> tuple[list[str], list[float]]:
    """The n-grams that most texts have, with their idf by scikit-learn's formula."""
    counts = Counter(gram for text in seen for gram in set(tokens(text, ngrams)))
    words = sorted(counts, key=lambda word: (-counts[word], word))[:top]
    return words, [math.log((1 + len(seen)) / (1 + counts[word])) + 1 for word in words]


def tfidf(text: Any, words: list[str], idf: list[float], ngrams: int) -> list[float]:
    counts = Counter(tokens(text, ngrams))
    row = [counts[word] * weight for word, weight in zip(words, idf, strict=True)]
    length = math.sqrt(sum(value * value for value in row))
    return [value / length for value in row] if length else row


def clock(moment: datetime | None, zone: str) -> list[float]:
    """Hour, weekday and month of the clock in a zone, each as a point on a circle."""
    if moment is None:
        return [0.0] * 6
    local = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(ZoneInfo(zone))
    row: list[float] = []
    for part, period in ((local.hour, 24), (local.weekday(), 7), (local.month - 1, 12)):
        row += [math.sin(part * 2 * math.pi / period), math.cos(part * 2 * math.pi / period)]
    return row
