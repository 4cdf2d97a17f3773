"""Statistics: what is in each column of each split, and what preprocessing layers need of it.

    carrier = statistics.column("carrier")
    StringLookup(vocabulary=carrier.vocabulary())
    distance = statistics.column("distance")
    Normalization(mean=distance.mean, variance=distance.variance)
    Discretization(bin_boundaries=distance.boundaries(8))

`statistics.json` holds everything but long vocabularies, which are in `vocabularies.json`.
"""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifact import Artifact
from levada.artifacts.summaries import (
    Correlation,
    Histogram,
    ImageProfile,
    Lengths,
    TextProfile,
    TimeProfile,
    histogram_from_json,
    images_from_json,
    lengths_from_json,
    summary_to_json,
    text_from_json,
    times_from_json,
)
from levada.errors import DataError, did_you_mean
from levada.tables.types import Kind

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

FILE = "statistics.json"
VOCABULARIES = "vocabularies.json"
FORMAT = 2
EXCHANGED_SPLIT = "all"

Value = bool | int | float | str
Counts = list[tuple[Value, int]]


@dataclass(frozen=True)
class ColumnStatistics:
    """One column of one split.

    `type` is the Arrow type, `kind` what it is for statistics (dates and times are `timestamp`). `rows` counts all
    rows and `missing` those that are null or NaN. For a list column, what follows is about the items of its lists:
    `values` counts what is present, `zeros` the zeros (empty strings, false), `infinite` plus and minus infinity,
    which `min`, `max`, `mean`, `variance` and `quantiles` leave out. `distinct` is the number of distinct values.

    `quantiles` has the values at 0, 1/n, ... 1 of the sorted column: n is up to 1,000, and less where there are few
    values or many columns. `histogram` counts the finite numbers or the times (as ticks). `top` has the most frequent
    values with counts, most frequent first, ties by value; `lengths` is for strings, bytes and lists, `text` for
    strings, `images` for bytes that are images, `times` for dates and times. Timestamps are ISO 8601 strings, in UTC
    where the column has a time zone. `correlation` is with the label, if one was named; `correlation_kind` says which.

    `exact` is False if there were too many distinct values to count each: then `distinct` is an estimate
    (standard error 1.6 %), `top` comes from a sample, and there is no vocabulary. Quantiles are exact if `exact` is
    True or there are at most 131,072 values, else from a sample of that many (the error of a rank has
    a standard deviation of at most 0.14 %).
    """

    name: str
    type: str
    kind: Kind
    rows: int
    missing: int
    values: int
    zeros: int = 0
    infinite: int = 0
    distinct: int = 0
    exact: bool = True
    min: Value | None = None
    max: Value | None = None
    moments: tuple[float, float] | None = None
    quantiles: tuple[Value, ...] = ()
    top: tuple[tuple[Value, int], ...] = ()
    lengths: Lengths | None = None
    has_vocabulary: bool = False
    histogram: Histogram | None = None
    text: TextProfile | None = None
    images: ImageProfile | None = None
    times: TimeProfile | None = None
    correlation: float | None = None
    correlation_kind: Correlation | None = None
    _load: Callable[[], Counts] | None = field(default=None, repr=False, compare=False)

    @property
    def count(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing

    @property
    def missing_share(self) -> float:
        """The share of rows without a value, 0 for no rows."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def is_integer(self) -> bool:
        """Whether the column holds whole numbers."""
        return self.kind == "numeric" and "int" in self.type

    @property
    def mean(self) -> float:
        """The mean of the finite values. Raises DataError for a column that has none."""
        return self._moments("mean")[0]

    @property
    def variance(self) -> float:
        """The population variance (n, not n - 1, as Keras' Normalization wants it). Raises DataError as `mean`."""
        return self._moments("variance")[1]

    @property
    def std(self) -> float:
        """The square root of the variance. Raises DataError as `mean`."""
        return math.sqrt(self._moments("standard deviation")[1])

    def boundaries(self, bins: int) -> list[float]:
        """Return the values that cut the column into `bins` parts of about equal size, strictly increasing.

        There are at most `bins - 1`: fewer where one value fills more than a bin. A value equal to a boundary belongs
        above it, as in Keras' Discretization. Raises DataError for a column without numbers.
        """
        if bins < 2:
            raise DataError(f"boundaries({bins}): wanted 2 bins or more.")
        self._moments("boundaries")
        points = [float(value) for value in self.quantiles]
        cuts = {self._interpolated(points, part / bins) for part in range(1, bins)}
        return sorted(cut for cut in cuts if cut > points[0])

    def vocabulary(self, top: int | None = None) -> list[Any]:
        """Return the distinct values, or the `top` most frequent, by falling count, then by rising value.

        Raises DataError for a column whose distinct values were too many to keep, or that is neither text nor
        whole numbers.
        """
        return [value for value, _ in self.counts(top)]

    def counts(self, top: int | None = None) -> Counts:
        """Return the distinct values with their counts, in the order of `vocabulary`. Raises DataError like it."""
        if not self.has_vocabulary:
            if self.exact:
                raise DataError(f"column '{self.name}' is {self.kind} ({self.type}): it has no vocabulary.")
            raise DataError(
                f"column '{self.name}' has about {self.distinct:,} distinct values, too many for a vocabulary.",
                hint="profile(..., vocabulary=N) keeps more (up to 4 MB of text); or hash the values.",
            )
        if self._load is not None and (top is None or top > len(self.top)):
            return self._load()[:top]
        return list(self.top[:top])

    def _moments(self, wish: str) -> tuple[float, float]:
        if self.moments is None:
            why = f"is {self.kind} ({self.type})" if self.kind not in ("numeric", "list") else "has no finite numbers"
            raise DataError(f"column '{self.name}' {why}: it has no {wish}.")
        return self.moments

    @staticmethod
    def _interpolated(points: list[float], share: float) -> float:
        place = share * (len(points) - 1)
        below = min(int(place + 1e-9), len(points) - 2)
        part = max(place - below, 0.0)
        return points[below] if part < 1e-9 else points[below] + (points[below + 1] - points[below]) * part


@dataclass(frozen=True)
class RowStatistics:
    """Rows (a split, or a slice of one) and their columns by name, in order."""

    rows: int
    columns: dict[str, ColumnStatistics]
    slices: dict[str, RowStatistics] = field(default_factory=dict[str, "RowStatistics"])


class Statistics(Artifact):
    """What is in each column of each split, as `statistics.json`. Properties: `splits` (rows by split).

    A `*.pb` or `*.pbtxt` file with a `DatasetFeatureStatisticsList` is read too, as one split, `all`.

    A slice is the rows of a split that have some value: `origin=EWR`, or `origin=EWR, carrier=UA`; for rows without
    one, `origin is missing`.
    """

    @property
    def splits(self) -> list[str]:
        """The splits that were looked at."""
        return list(self._splits)

    @property
    def label(self) -> str | None:
        """The column that `correlation` is with, if one was named."""
        return self._document["label"]

    def slices(self, split: str | None = None) -> list[str]:
        """The slices of a split that were looked at, the largest of each kind first. `split` as in `columns`."""
        return list(self._splits[self._known(split)].slices)

    def rows(self, split: str | None = None, slice: str | None = None) -> int:
        """The number of rows of a split, or of a slice of it. Raises DataError if it was not looked at."""
        return self._rows(split, slice).rows

    def columns(self, split: str | None = None, slice: str | None = None) -> dict[str, ColumnStatistics]:
        """The columns of a split, or of a slice of it, by name, in order. Raises DataError if it was not looked at.

        Without `split`: of `train`, or of the first split if there is no `train`.
        """
        return self._rows(split, slice).columns

    def column(self, name: str, split: str | None = None, slice: str | None = None) -> ColumnStatistics:
        """One column; `split` and `slice` as in `columns`. Raises DataError if there is no such column."""
        columns = self.columns(split, slice)
        if name not in columns:
            shown = ", ".join(list(columns)[:8]) + (", ..." if len(columns) > 8 else "")
            raise DataError(
                f"the statistics have no column '{name}'.",
                hint=f"They have: {shown} ({len(columns)}). {did_you_mean(name, columns)}".strip(),
            )
        return columns[name]

    def write(
        self,
        splits: Mapping[str, tuple[int, list[ColumnStatistics]]],
        *,
        slices: Mapping[str, Mapping[str, tuple[int, list[ColumnStatistics]]]] | None = None,
        label: str | None = None,
    ) -> None:
        """Write the rows and columns of each split, of the slices of each split, and the label of correlations."""
        document: dict[str, Any] = {}
        vocabularies: dict[str, dict[str, Any]] = {}
        for split, found in splits.items():
            document[split] = _rows_to_json(found, vocabularies, _key(split))
            its_slices = (slices or {}).get(split, {})
            document[split]["slices"] = {
                name: _rows_to_json(found, vocabularies, _key(split, name)) for name, found in its_slices.items()
            }
        self._dump(FILE, {"format": FORMAT, "label": label, "splits": document})
        (self.path / VOCABULARIES).write_text(_vocabularies_to_text(vocabularies), encoding="utf-8")
        self.properties["splits"] = {split: rows for split, (rows, _) in splits.items()}

    def to_proto(self, split: str | None = None) -> statistics_pb2.DatasetFeatureStatisticsList:
        """A split, with its slices, as TensorFlow Metadata's message, for TFX's tools. `split` as in `columns`."""
        from levada.artifacts.exchange import to_proto

        return to_proto(self._splits[self._known(split)])

    def write_proto(self, path: str | Path, split: str | None = None) -> None:
        """Write `to_proto` to a file: in text form if its name ends in `.pbtxt`, else in binary form."""
        from levada.artifacts.exchange import write_proto

        write_proto(self.to_proto(split), Path(path))

    def _dump(self, name: str, form: Any) -> None:
        text = json.dumps(form, ensure_ascii=False, allow_nan=False)
        (self.path / name).write_text(text + "\n", encoding="utf-8")

    def _known(self, split: str | None) -> str:
        if split is None:
            split = "train" if "train" in self._splits else next(iter(self._splits), "train")
        if split not in self._splits:
            hint = did_you_mean(split, self.splits) or f"They have {', '.join(self.splits) or 'none'}."
            raise DataError(f"these statistics have no split '{split}'.", hint=hint)
        return split

    def _rows(self, split: str | None, slice: str | None) -> RowStatistics:
        split = self._known(split)
        found = self._splits[split]
        if slice is None:
            return found
        if slice not in found.slices:
            hint = did_you_mean(slice, found.slices) or (
                f"They have {', '.join(list(found.slices)[:8])}{', ...' if len(found.slices) > 8 else ''}."
                if found.slices
                else "profile(..., slices=[COLUMN, ...]) makes them."
            )
            raise DataError(f"these statistics have no slice '{slice}' of split '{split}'.", hint=hint)
        return found.slices[slice]

    @cached_property
    def _document(self) -> dict[str, Any]:
        if self._exchanged:
            return {"label": None, "splits": {}}
        return json.loads((self.path / FILE).read_text(encoding="utf-8"))

    @property
    def _exchanged(self) -> list[Path]:
        """The files of statistics that another tool made."""
        return sorted(path for path in self.path.glob("*.pb*") if path.suffix in (".pb", ".pbtxt"))

    @cached_property
    def _splits(self) -> dict[str, RowStatistics]:
        if self._exchanged:
            from levada.artifacts.exchange import from_proto, read_proto

            return {EXCHANGED_SPLIT: from_proto(read_proto(self._exchanged[0]))}
        return {
            split: RowStatistics(
                form["rows"],
                self._columns(form, _key(split)),
                {
                    name: RowStatistics(part["rows"], self._columns(part, _key(split, name)))
                    for name, part in form["slices"].items()
                },
            )
            for split, form in self._document["splits"].items()
        }

    @cached_property
    def _vocabularies(self) -> dict[tuple[str, str], str]:
        """The JSON text of each vocabulary: who wants one need not read the others."""
        return _vocabularies_from_text((self.path / VOCABULARIES).read_text(encoding="utf-8"))

    def _columns(self, form: dict[str, Any], key: str) -> dict[str, ColumnStatistics]:
        return {column["name"]: self._from_json(key, column) for column in form["columns"]}

    def _from_json(self, key: str, form: dict[str, Any]) -> ColumnStatistics:
        name: str = form["name"]

        def load() -> Counts:
            return [(value, count) for value, count in json.loads(self._vocabularies[key, name])]

        in_file = form.get("has_vocabulary", False) and form["distinct"] > len(form["top"])
        return column_from_json(form, load if in_file else None)


def _key(split: str, slice: str = "") -> str:
    """Return where the vocabularies of a split or of a slice stand."""
    return f"{split} / {slice}" if slice else split


def _rows_to_json(
    found: tuple[int, list[ColumnStatistics]], vocabularies: dict[str, dict[str, Any]], key: str
) -> dict[str, Any]:
    rows, columns = found
    for column in columns:
        if column.has_vocabulary and column.distinct > len(column.top):
            vocabularies.setdefault(key, {})[column.name] = column.counts()
    return {"rows": rows, "columns": [column_to_json(column) for column in columns]}


def _vocabularies_to_text(vocabularies: Mapping[str, Mapping[str, Any]]) -> str:
    """Return vocabularies as a JSON document with a line for each."""
    dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    parts = [
        f"{dumps(key)}: {{\n" + ",\n".join(f"{dumps(name)}: {dumps(counts)}" for name, counts in its.items()) + "\n}"
        for key, its in vocabularies.items()
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _vocabularies_from_text(text: str) -> dict[tuple[str, str], str]:
    decode = json.JSONDecoder().raw_decode
    found: dict[tuple[str, str], str] = {}
    key = ""
    for line in text.split("\n"):
        if line.startswith('"'):
            name, end = decode(line)
            if line.endswith(": {"):
                key = name
            else:
                found[key, name] = line[end + 2 :].removesuffix(",")
    return found


_SUMMARIES: dict[str, Callable[[Any], Any]] = {
    "lengths": lengths_from_json,
    "histogram": histogram_from_json,
    "text": text_from_json,
    "images": images_from_json,
    "times": times_from_json,
}


def column_to_json(column: ColumnStatistics, *, whole: bool = False) -> dict[str, Any]:
    """Return a column in JSON form; `whole` adds all values of its vocabulary."""
    form = {name: value for name, value in vars(column).items() if name != "_load"}
    for part in _SUMMARIES:
        form[part] = summary_to_json(form[part])
    if whole and column.has_vocabulary:
        form["vocabulary"] = column.counts()
    return form


def column_from_json(form: Mapping[str, Any], load: Callable[[], Counts] | None = None) -> ColumnStatistics:
    """Return the column of a JSON form; `load` gives its vocabulary where that is kept elsewhere."""
    fields = dict(form)
    if "vocabulary" in fields:
        counts: Counts = [(value, count) for value, count in fields.pop("vocabulary")]
        load = lambda: counts  # noqa: E731
    fields["moments"] = tuple(form["moments"]) if form["moments"] else None
    fields["quantiles"] = tuple(form["quantiles"])
    fields["top"] = tuple((value, count) for value, count in form["top"])
    for part, from_json in _SUMMARIES.items():
        fields[part] = from_json(form[part])
    return ColumnStatistics(**fields, _load=load)
