"""Where files are: a path, a pattern or an address, which of its spans, and what its file system wants to be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypedDict

from levada.errors import ParameterError, did_you_mean
from levada.sources.spans import Last, SpanPattern, Wish


class Where(TypedDict, total=False):
    """What every source of files takes beside its path.

    `span` is the one span to read, `spans` several of them (`last(3)`, or a list); the newest one without either.
    `version` is the version to read of each span, the highest without it. `storage_options` go to the fsspec file
    system of an address such as `s3://...`; what is secret among them is a `Secret`.
    """

    span: int | str | date | None
    spans: Last | list[int] | list[str] | list[date] | None
    version: int | None
    storage_options: Mapping[str, Any]


@dataclass(frozen=True)
class Location:
    """A path, pattern or address with spans chosen or options given; a plain one is its text."""

    path: str
    spans: tuple[str, ...] | Last = ()
    version: int | None = None
    storage_options: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def wish(self) -> Wish:
        return Wish(self.spans, self.version)

    def __str__(self) -> str:
        return self.path


def is_elsewhere(path: str) -> bool:
    """Whether a path is the address of a file system that fsspec knows, not a place on this machine."""
    return "://" in path and not path.startswith("file://")


def located(source: str, path: str | Path, where: Where) -> str | Location:
    """Return where the files of `source` ("csv") are; raises ParameterError for words and spans that do not fit."""
    for name in where:
        if name not in Where.__annotations__:
            hint = did_you_mean(name, Where.__annotations__)
            raise TypeError(f"{source}() got an unexpected keyword argument '{name}'. {hint}".strip())
    text = str(path) if "://" in str(path) else Path(path).as_posix()  # a Path has no double slashes
    pattern = SpanPattern(text)
    pattern.check()
    span, spans, version = where.get("span"), where.get("spans"), where.get("version")
    options = dict(where.get("storage_options") or {})
    if span is not None and spans is not None:
        raise ParameterError(f"{source}('{text}'): span= and spans= at once.", hint="Give one of them.")
    if (span is not None or spans is not None) and not pattern.has_spans:
        raise ParameterError(
            f"{source}('{text}'): there is no span in this path.",
            hint="Write {SPAN} where the number stands, or {YYYY}, {MM}, {DD}, {HH}.",
        )
    if version is not None and "VERSION" not in pattern.words:
        raise ParameterError(f"{source}('{text}'): there is no {{VERSION}} in this path.")
    if options and not is_elsewhere(text):
        raise ParameterError(f"{source}('{text}'): storage_options are for addresses such as s3://...")
    if not isinstance(spans, Last):
        asked = [span] if span is not None else spans or []
        if spans is not None and not spans:
            raise ParameterError(f"{source}('{text}', spans=[]): wanted spans, or last(3).")
        spans = tuple(dict.fromkeys(pattern.wanted(item) for item in asked))
    if not spans and version is None and not options:
        return text
    return Location(text, spans, version, options)
