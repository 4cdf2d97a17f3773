"""How strongly a column goes together with the label, in forms that merge.

Numbers with numbers: Pearson's r. Numbers with categories, either way: the correlation ratio eta (K. Pearson, "On the
general theory of skew correlation and non-linear regression", 1905), with T. Kelley's correction for its bias ("An
unbiased correlation ratio measure", PNAS 21, 1935). Categories with categories: Cramer's V with W. Bergsma's correction
("A bias-correction for Cramer's V and Tschuprow's T", Journal of the Korean Statistical Society 42, 2013). Without the
corrections a column of many categories would seem to tell much by chance.
"""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levada.artifacts.summaries import Correlation
from levada.profiling.arrays import arrow_of, numpy_of
from levada.tables.types import kind_of

if TYPE_CHECKING:
    import pyarrow as pa

CATEGORIES = 1000
"""Columns of text with more different values than this get no correlation: they name rows rather than groups."""


@dataclass
class Together:
    """What a column and the label have in common, piece by piece, added up in the order of the pieces' numbers."""

    kind: Correlation
    pieces: dict[int, Any] = field(default_factory=dict[int, Any])
    gave_up: bool = False

    @staticmethod
    def of(column: Any, label: Any) -> Together | None:
        """Return an empty one for the Arrow types of a column and the label, None if they have no correlation."""
        shapes = {_shape(column), _shape(label)}
        if "" in shapes:
            return None
        if len(shapes) == 2:
            return Together("eta")
        return Together("pearson" if shapes == {"numbers"} else "cramers_v")

    def add(self, piece: int, column: pa.Array, label: pa.Array) -> None:
        """Take in the rows of a piece: the column's values and the label's, row by row."""
        if self.gave_up:
            return
        if self.kind == "pearson":
            self._keep(piece, _two_numbers(as_numbers(column), as_numbers(label)))
        elif self.kind == "cramers_v":
            self._keep(piece, _two_categories(column, label))
        elif _shape(column.type) == "numbers":
            self._keep(piece, _groups(label, as_numbers(column)))
        else:
            self._keep(piece, _groups(column, as_numbers(label)))

    def _keep(self, piece: int, found: Any) -> None:
        if found is None:
            self._give_up()
        elif found[0] is not None:
            self.pieces[piece] = found

    def _give_up(self) -> None:
        self.gave_up = True
        self.pieces.clear()

    def merge(self, other: Together) -> None:
        if self.gave_up or other.gave_up:
            self._give_up()
        else:
            self.pieces.update(other.pieces)

    def total(self) -> float | None:
        """Return the correlation; None if one of the two never changes, or there are too many categories."""
        found = [self.pieces[piece] for piece in sorted(self.pieces)]
        if not found:
            return None
        value = {"pearson": _pearson, "eta": _eta, "cramers_v": _cramers_v}[self.kind](found)
        return value if value is not None and math.isfinite(value) else None


def _shape(type_: Any) -> str:
    kind = kind_of(type_)
    if kind in ("numeric", "boolean", "timestamp"):
        return "numbers"
    return "categories" if kind == "string" else ""


def as_numbers(values: pa.Array) -> Any:
    """Return a column as float64, NaN where there is none (times as ticks)."""
    import pyarrow as pa

    type_ = values.type
    if kind_of(type_) == "timestamp":
        values = values.cast(pa.int32() if type_.bit_width == 32 else pa.int64())
    elif pa.types.is_duration(type_):
        values = values.cast(pa.int64())
    elif pa.types.is_boolean(type_):
        values = values.cast(pa.uint8())
    elif pa.types.is_decimal(type_):
        values = values.cast(pa.float64())
    elif pa.types.is_float16(type_):
        values = values.cast(pa.float32())
    return numpy_of(values.cast(pa.float64(), safe=False).fill_null(math.nan))


def _two_numbers(x: Any, y: Any) -> Any:
    """Return count, means, sums of squared deviations, and the sum of their products."""
    import numpy as np

    both = np.isfinite(x) & np.isfinite(y)
    if not both.all():
        x, y = x[both], y[both]
    if not len(x):
        return (None,)
    mean_x, mean_y = float(x.mean()), float(y.mean())
    x, y = x - mean_x, y - mean_y
    return len(x), mean_x, mean_y, float((x * x).sum()), float((y * y).sum()), float((x * y).sum())


def _pearson(pieces: list[Any]) -> float | None:
    """Add up by the pairwise formula (see `Moments`), which holds for products as it does for squares."""
    count, mean_x, mean_y, xx, yy, xy = pieces[0]
    for more, its_x, its_y, its_xx, its_yy, its_xy in pieces[1:]:
        together = count + more
        dx, dy, share = its_x - mean_x, its_y - mean_y, count * more / together
        mean_x, mean_y = mean_x + dx * more / together, mean_y + dy * more / together
        xx, yy, xy = xx + its_xx + dx * dx * share, yy + its_yy + dy * dy * share, xy + its_xy + dx * dy * share
        count = together
    return max(-1.0, min(1.0, xy / math.sqrt(xx) / math.sqrt(yy))) if xx > 0 and yy > 0 else None


def _groups(categories: pa.Array, numbers: Any) -> Any:
    """Return the categories of a piece, with the count and the mean of their numbers, and the moments of all."""
    import numpy as np

    kept = np.isfinite(numbers) & numpy_of(categories.is_valid())
    if not kept.any():
        return (None,)
    names, codes = _coded(categories, kept)
    if len(names) > CATEGORIES:
        return None
    numbers = numbers[kept]
    counts = np.bincount(codes, minlength=len(names))
    mean = float(numbers.mean())
    deviations = numbers - mean
    means = np.bincount(codes, deviations, len(names)) / counts + mean
    return names, counts, means, len(numbers), mean, float((deviations * deviations).sum())


def _eta(pieces: list[Any]) -> float | None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    total, mean, squares = 0, 0.0, 0.0
    for _, _, _, more, its_mean, its_squares in pieces:
        delta, together = its_mean - mean, total + more
        mean += delta * more / together
        squares += its_squares + delta * delta * total * more / together
        total = together
    coded = pa.concat_arrays([piece[0] for piece in pieces]).dictionary_encode()
    number = len(coded.dictionary)
    if number > CATEGORIES or total <= number or squares <= 0 or number < 2:
        return None
    counts = np.concatenate([piece[1] for piece in pieces])
    offsets = np.concatenate([piece[2] for piece in pieces]) - mean
    codes = numpy_of(coded.indices)
    in_group = np.bincount(codes, counts, number)
    means = np.bincount(codes, counts * offsets, number) / in_group
    # Summed in the order of the names, so that the order in which groups were met does not matter.
    order = numpy_of(pc.sort_indices(coded.dictionary))
    between = float((in_group * means * means)[order].sum())
    within = max(squares - between, 0.0)
    return math.sqrt(min(1.0, max(0.0, 1 - within / (total - number) / (squares / (total - 1)))))


def _two_categories(one: pa.Array, other: pa.Array) -> Any:
    """Return the pairs of categories of a piece with their counts."""
    import numpy as np

    kept = (numpy_of(one.is_valid())) & (numpy_of(other.is_valid()))
    if not kept.any():
        return (None,)
    (names, codes), (others, other_codes) = _coded(one, kept), _coded(other, kept)
    if len(names) > CATEGORIES or len(others) > CATEGORIES:
        return None
    cells = np.bincount(codes * len(others) + other_codes)
    used = np.flatnonzero(cells)
    return names.take(arrow_of(used // len(others))), others.take(arrow_of(used % len(others))), cells[used]


def _cramers_v(pieces: list[Any]) -> float | None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    rows, columns = (pa.concat_arrays([piece[side] for piece in pieces]).dictionary_encode() for side in (0, 1))
    r, k = len(rows.dictionary), len(columns.dictionary)
    if max(r, k) > CATEGORIES or min(r, k) < 2:
        return None
    order = [np.argsort(numpy_of(pc.sort_indices(side.dictionary))) for side in (rows, columns)]
    places = order[0][numpy_of(rows.indices)] * k + order[1][numpy_of(columns.indices)]
    table = np.bincount(places, np.concatenate([piece[2] for piece in pieces]), r * k).reshape(r, k)
    n = table.sum()
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / n
    squared = float(((table - expected) ** 2 / expected).sum()) / n
    corrected = max(0.0, squared - (k - 1) * (r - 1) / (n - 1))
    least = min(k - (k - 1) ** 2 / (n - 1), r - (r - 1) ** 2 / (n - 1)) - 1
    return min(1.0, math.sqrt(corrected / least)) if least > 0 else None


def _coded(categories: pa.Array, kept: Any) -> tuple[pa.Array, Any]:
    """Return the different categories of the kept rows, and the place of each row's among them."""
    import numpy as np
    import pyarrow as pa

    if not kept.all():
        categories = categories.take(arrow_of(np.flatnonzero(kept)))
    if not pa.types.is_dictionary(categories.type):
        categories = categories.dictionary_encode()
    codes = numpy_of(categories.indices).astype(np.int64)
    used = np.flatnonzero(np.bincount(codes, minlength=len(categories.dictionary)))
    if len(used) == len(categories.dictionary):
        return categories.dictionary, codes
    renamed = np.zeros(len(categories.dictionary), np.int64)
    renamed[used] = np.arange(len(used))
    return categories.dictionary.take(arrow_of(used)), renamed[codes]
