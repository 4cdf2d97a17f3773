"""Spans and versions in a path: `data/{SPAN}/trips-{VERSION}.csv`, `data/{YYYY}-{MM}/*.parquet`.

A span is a slice of data that keeps arriving: a number, or a year, month, day or hour. The newest one is read unless
another is asked for, and of each span the highest version. The words are TFX's, and `{SPAN:3}` is written with three
digits there too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from levada.errors import DataError, ParameterError, did_you_mean

_WORD = re.compile(r"\{([A-Za-z]+)(?::(\d+))?\}")
_DATES = ("YYYY", "MM", "DD", "HH")
WORDS = ("SPAN", "VERSION", *_DATES)
_WIDTHS = {"YYYY": 4, "MM": 2, "DD": 2, "HH": 2}
_STEPS = ("year", "month", "day", "hour")
_MARK = 0xE000
"""The first of Unicode's private characters: they stand for the words while the rest of a pattern is translated."""

NAMED = 12
"""Spans that an error names."""


@dataclass(frozen=True)
class Last:
    """The newest spans: a window of `count`, `skip` spans before the newest; see `last`."""

    count: int
    skip: int = 0
    gaps: bool = False


def last(count: int, *, skip: int = 0, gaps: bool = False) -> Last:
    """Return a rolling window: the newest `count` spans, or as many before the newest `skip`.

    The window is one of numbers or dates: `last(3)` of months is three months in a row, and a month without files in it
    is an error that names it. With `gaps=True` those that are there are read, one at least. Raises ParameterError for a
    count below 1 or a negative skip.
    """
    if count < 1 or skip < 0:
        raise ParameterError(f"last({count}, skip={skip}): wanted a count of 1 or more, and a skip of 0 or more.")
    return Last(count, skip, gaps)


@dataclass(frozen=True)
class Wish:
    """Which spans and which version of them are to be read; without `spans` the newest."""

    spans: tuple[str, ...] | Last = ()
    version: int | None = None


@dataclass(frozen=True)
class Match:
    """A file's place among the spans: `index` counts from one span to the next, `label` names it for people."""

    name: str
    index: int = 0
    label: str = ""
    version: int | None = None
    written: str = ""


@dataclass(frozen=True)
class SpanPattern:
    """A path with words in braces, glob characters beside them or not."""

    text: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(match[1] for match in _WORD.finditer(self.text)))

    @property
    def glob(self) -> str:
        """The pattern for a file system: every word matches anything there."""
        return _WORD.sub("*", self.text)

    @property
    def has_spans(self) -> bool:
        return bool(set(self.words) - {"VERSION"})

    def check(self) -> None:
        """Raise ParameterError for words that are unknown or do not go together."""
        for word in self.words:
            if word not in WORDS:
                hint = did_you_mean(word.upper(), WORDS) or f"Known: {', '.join(f'{{{word}}}' for word in WORDS)}."
                raise ParameterError(f"'{self.text}': {{{word}}} means nothing in a path.", hint=hint)
        for match in _WORD.finditer(self.text):
            if match[2] and (match[1] in _DATES or int(match[2]) < 1):
                raise ParameterError(f"'{self.text}': {match[0]} cannot have that width.")
        units = [word for word in _DATES if word in self.words]
        if "SPAN" in self.words and units:
            raise ParameterError(f"'{self.text}' has {{SPAN}} and {{{units[0]}}}.", hint="A span is one or the other.")
        if units != list(_DATES[: len(units)]):
            wanted = next(word for word in _DATES if word not in units)
            raise ParameterError(
                f"'{self.text}' has {{{units[-1]}}} and no {{{wanted}}}.", hint="A date begins with its year."
            )

    # -- spans as they are written and counted ---------------------------------------------------------

    @cached_property
    def _units(self) -> int:
        return sum(word in self.words for word in _DATES)

    @property
    def step(self) -> str:
        """What lies between one span and the next: "month", say, or "number"."""
        return _STEPS[self._units - 1] if self._units else "number"

    def index_of(self, parts: Sequence[int]) -> int:
        """Return a number that is one higher for the next span. Raises ValueError for what is no date."""
        if not self._units:
            return parts[0]
        moment = datetime(*[*parts, 1, 1][: max(3, len(parts))])  # type: ignore[arg-type]  # noqa: DTZ001
        match self._units:
            case 1:
                return moment.year
            case 2:
                return moment.year * 12 + moment.month - 1
            case 3:
                return moment.toordinal()
            case _:
                return moment.toordinal() * 24 + moment.hour

    def label_of(self, index: int) -> str:
        """Return how people write a span: 12, 2013, 2013-01, 2013-01-31, 2013-01-31T05."""
        match self._units:
            case 0:
                return str(index)
            case 1:
                return f"{index:04d}"
            case 2:
                return f"{index // 12:04d}-{index % 12 + 1:02d}"
            case 3:
                return date.fromordinal(index).isoformat()
            case _:
                return f"{date.fromordinal(index // 24).isoformat()}T{index % 24:02d}"

    def wanted(self, span: int | str | date) -> str:
        """Return the label of a span that is asked for: 12, "2013-01", a date. Raises ParameterError for another."""
        if isinstance(span, date):
            moment = span if isinstance(span, datetime) else datetime(span.year, span.month, span.day)  # noqa: DTZ001
            parts = [moment.year, moment.month, moment.day, moment.hour][: self._units or 1]
            if not self._units:
                raise ParameterError(f"'{self.text}' counts its spans, and span={span} is a date.")
        else:
            parts = [int(digits) for digits in re.findall(r"\d+", str(span))]
        example = self.label_of(self.index_of([2013, 1, 31, 5][: self._units] if self._units else [12]))
        try:
            label = self.label_of(self.index_of(parts)) if len(parts) == (self._units or 1) else ""
        except (ValueError, OverflowError):
            label = ""
        text = str(span) if not isinstance(span, date) else label
        if not label or text.replace(" ", "T").lstrip("0") != label.lstrip("0"):
            raise ParameterError(f"'{self.text}' has no span '{span}'.", hint=f"Write it like this: {example!r}.")
        return label

    # -- files -----------------------------------------------------------------------------------------

    def matches(self, names: Iterable[str], pattern: str) -> list[Match]:
        """Return the names that fit, with their spans; `pattern` is the text as the file system has it.

        Raises DataError for a name that has no date where one should be.
        """
        expression = _expression(pattern)
        found: list[Match] = []
        for name in names:
            match = expression.fullmatch(name)
            if match is None:
                continue
            groups = match.groupdict()
            version = groups.get("VERSION")
            written = "-".join(groups[word] for word in self.words)
            if not self.has_spans:
                found.append(Match(name, version=int(version or 0), written=written))
                continue
            parts = [int(groups[word]) for word in ("SPAN", *_DATES) if word in groups]
            try:
                index = self.index_of(parts)
            except ValueError:
                said = "-".join(groups[word] for word in _DATES if word in groups)
                raise DataError(
                    f"{name}: '{said}' is not a {self.step}.", hint="Rename the file, or move it."
                ) from None
            label = self.label_of(index)
            found.append(Match(name, index, label, int(version) if version else None, written))
        return found

    def chosen(self, found: Iterable[Match], wish: Wish) -> list[Match]:
        """Return the files of the spans wished for, oldest span first. Raises DataError if one is not there."""
        spans: dict[int, list[Match]] = {}
        for match in found:
            spans.setdefault(match.index, []).append(match)
        return [
            match
            for index in (self._picked(spans, wish) if self.has_spans else sorted(spans))
            for match in self._of_one_version(spans[index], wish.version)
        ]

    def _picked(self, spans: Mapping[int, Any], wish: Wish) -> list[int]:
        newest = max(spans)
        if not wish.spans:
            return [newest]
        if isinstance(wish.spans, Last):
            end = newest - wish.spans.skip
            window = list(range(end - wish.spans.count + 1, end + 1))
            there = [index for index in window if index in spans]
            if there and (wish.spans.gaps or len(there) == len(window)):
                return there
            missing = [self._named(index) for index in window if index not in spans]
            skip = f", skip={wish.spans.skip}" if wish.spans.skip else ""
            hint = f"Bring them, or read what is there: last({wish.spans.count}{skip}, gaps=True)." if there else ""
        else:
            labels = {self.label_of(index): index for index in spans}
            missing = [label for label in wish.spans if label not in labels]
            if not missing:
                return sorted(labels[label] for label in wish.spans)
            hint = ""
        named = ", ".join(missing[:NAMED]) + (", ..." if len(missing) > NAMED else "")
        what = f"span {named} is" if len(missing) == 1 else f"spans {named} are"
        there = in_words([self.label_of(index) for index in sorted(spans)])
        raise DataError(f"'{self.text}': {what} not there.", hint=f"{hint} There {_be(len(spans))} {there}.".strip())

    def _named(self, index: int) -> str:
        try:
            return self.label_of(index)
        except (ValueError, OverflowError):  # before the first day that there is
            return str(index)

    def _of_one_version(self, files: list[Match], version: int | None) -> list[Match]:
        if "VERSION" in self.words:
            there = sorted({match.version or 0 for match in files})
            wanted = there[-1] if version is None else version
            if wanted not in there:
                span = f"span {files[0].label} has" if self.has_spans else "there is"
                known = ", ".join(map(str, there))
                raise DataError(f"'{self.text}': {span} no version {wanted}.", hint=f"Versions: {known}.")
            files = [match for match in files if match.version == wanted]
        ways = sorted({match.written for match in files})
        if len(ways) > 1:
            raise DataError(
                f"'{self.text}': {files[0].label or 'a version'} is written in two ways, in {files[0].name} and "
                f"{next(match.name for match in files if match.written != files[0].written)}.",
                hint="Remove one of them, or say how wide the number is: {SPAN:3}.",
            )
        return files


def _expression(pattern: str) -> re.Pattern[str]:
    from fsspec.utils import glob_translate

    words: list[tuple[str, str]] = []

    def mark(match: re.Match[str]) -> str:
        words.append((match[1], match[2]))
        return chr(_MARK + len(words) - 1)

    expression = glob_translate(_WORD.sub(mark, pattern))
    seen: set[str] = set()
    for number, (word, width) in enumerate(words):
        digits = rf"\d{{{_WIDTHS.get(word, width)}}}" if word in _WIDTHS or width else r"\d+"
        group = f"(?P={word})" if word in seen else f"(?P<{word}>{digits})"
        expression = expression.replace(chr(_MARK + number), group)
        seen.add(word)
    return re.compile(expression, re.ASCII)


def in_words(labels: Sequence[str]) -> str:
    """Return how spans are told: `span 12`, `3 spans 2013-01..03`; nothing for none."""
    if len(labels) < 2:
        return f"span {labels[0]}" if labels else ""
    first, end = labels[0], labels[-1]
    parts, others = re.split(r"(?<=[-T])", first), re.split(r"(?<=[-T])", end)
    same = next((n for n, (one, other) in enumerate(zip(parts, others, strict=False)) if one != other), len(parts) - 1)
    return f"{len(labels)} spans {first}..{''.join(others[same:])}"


def _be(count: int) -> str:
    return "is" if count == 1 else "are"
