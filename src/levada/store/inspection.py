"""Holding an artifact's files against its record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from levada.artifact import ArtifactRecord
from levada.errors import StoreError
from levada.store.digests import artifact_digest, file_digest
from levada.store.objects import INSIDE, Objects

RESTED = 2.0
"""Seconds that a file must have been left alone before its digest is remembered.

File systems stamp changes coarsely: of two within one tick the second would not show.
"""

_TAKEN: dict[tuple[int, ...], str] = {}

Kind = Literal["missing", "size", "content", "added", "record", "unreadable"]


@dataclass(frozen=True)
class Damage:
    """One file of an artifact that is not what the record says; `found` and `wanted` are words for people."""

    kind: Kind
    address: str
    wanted: str
    found: str
    record: ArtifactRecord

    def __str__(self) -> str:
        match self.kind:
            case "missing":
                return f"{self.address} is missing ({self.wanted}): it was removed outside Levada."
            case "added":
                return f"{self.address} ({self.found}) is a file that no node made."
            case "unreadable":
                return f"{self.address} cannot be read: {self.found}."
            case _:
                return f"{self.address} was changed outside Levada: it has {self.found} instead of {self.wanted}."

    @property
    def maker(self) -> Maker:
        return Maker.of(self.record)

    def error(self) -> StoreError:
        """Return what to raise before the artifact is used."""
        maker = self.maker
        return StoreError(f"{self}{f' {maker}' if maker.node else ''}", hint=maker.remedy)


@dataclass(frozen=True)
class Maker:
    """Who made an artifact: run, node and pipeline; all empty for a file of the project, which has a `source`."""

    run: str = ""
    node: str = ""
    pipeline: str = ""
    source: str = ""

    @staticmethod
    def of(record: ArtifactRecord) -> Maker:
        run, _, node = record.producer.partition("/")
        inside = record.uri.removeprefix(f"{INSIDE}artifacts/")  # <pipeline>/<node>/<attempt>/<output>
        pipeline = inside.partition("/")[0] if inside != record.uri and inside.count("/") > 2 else ""
        return Maker(run, node, pipeline, str(record.properties.get("source", "")))

    def __str__(self) -> str:
        return f"Node {self.node} of run {self.run} made it." if self.node else ""

    @property
    def command(self) -> str:
        """What to type to have it made again; empty if no command does."""
        return f"levada run {self.pipeline or 'PIPELINE'} --fresh {self.node}" if self.node else ""

    @property
    def remedy(self) -> str:
        """How to have it back, as a sentence."""
        if self.command:
            return f"Make it again: {self.command}"
        return f"The next run copies it anew from the project's {self.source}." if self.source else ""


def inspect(record: ArtifactRecord, home: Objects, digest: Callable[[str], str] | None) -> Iterator[Damage]:
    """Yield what is wrong with an artifact's files below `home`: missing, added, of another size or content.

    `digest` gives the sha256 of a key below `home`; without it sizes are compared alone.
    """
    wanted = {entry.path: entry for entry in record.files}
    there = {found.key: found for found in home.walk() if not is_dropping(found.key)}
    if record.producer and artifact_digest(record.files, record.properties) != record.digest:
        yield Damage("record", home.uri, f"{record.digest[:12]}…", "a record of another digest", record)
    for path, entry in wanted.items():
        address = home.uri_of(path)
        found = there.get(path)
        if found is None:
            yield Damage("missing", address, _bytes(entry.size), "nothing", record)
        elif found.size != entry.size:
            yield Damage("size", address, _bytes(entry.size), _bytes(found.size), record)
        elif digest is not None:
            try:
                sha256 = digest(path)
            except FileNotFoundError:
                yield Damage("missing", address, _bytes(entry.size), "nothing", record)
                continue
            except (OSError, StoreError) as error:  # a broken disk, say
                reason = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
                yield Damage("unreadable", address, f"{entry.sha256[:12]}…", reason, record)
                continue
            if sha256 != entry.sha256:
                said = f"the sha256 {sha256[:12]}…"
                yield Damage("content", address, f"{entry.sha256[:12]}…", said, record)
    if record.producer:  # the folder of a project's file may hold others of the same content
        for path in sorted(there.keys() - wanted.keys()):
            yield Damage("added", home.uri_of(path), "nothing", _bytes(there[path].size), record)


def is_dropping(path: str) -> bool:
    """Whether a file is one that systems leave in folders by themselves: an NFS client's, the macOS Finder's."""
    name = path.rsplit("/", 1)[-1]
    return name == ".DS_Store" or name.startswith(".nfs")


def remembered_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes, read once in this process as long as the file is left alone."""
    before = path.stat()
    mark = (before.st_dev, before.st_ino, before.st_size, before.st_mtime_ns, before.st_ctime_ns)
    known = _TAKEN.get(mark)
    if known is not None:
        return known
    rested = time.time() - max(before.st_mtime, before.st_ctime) > RESTED
    digest = file_digest(path)
    if rested:
        _TAKEN[mark] = digest
    return digest


def _bytes(size: int) -> str:
    return f"{size:,} byte{'' if size == 1 else 's'}"
