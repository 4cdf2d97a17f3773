"""Reading a store through, and holding all of it against what was written down when it was made."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from levada.artifact import ArtifactRecord
from levada.errors import LevadaError, StoreError
from levada.holdings import is_result, promotion_in, records_in, version_in
from levada.registry import Promotion
from levada.signing import Policy, policy_of
from levada.store import Store
from levada.store.documents import must_be_sealed
from levada.store.inspection import Damage
from levada.store.objects import Found
from levada.verification.findings import Finding, Report
from levada.verification.mending import Copies
from levada.verification.scope import Scope, scope_of
from levada.verification.served import Served, Signatures, check_destination

Progress = Callable[[int, int], None]
"""Told how many bytes were read, and how many there are."""

ADDRESSED = ("files/", "code/")
"""Folders whose objects are named by the sha256 of their content."""


@dataclass
class _Holding:
    """An artifact, and the keys of the documents that name it."""

    record: ArtifactRecord
    named_by: list[str] = field(default_factory=list[str])


def verify(
    store: Store,
    target: str = "",
    progress: Progress = lambda done, total: None,
    mend: bool = False,
    policy: Policy | None = None,
) -> Report:
    """Check all documents, artifacts and pushed models of a store, or what a target means (see `scope_of`).

    `policy` says which signatures pushed models must have; by default what is set for the working directory's project.
    Nothing is changed, but with `mend`: then damaged files are put back of which there is a whole copy. Raises
    StoreError for an unknown target, and if the store cannot be listed.
    """
    return _Reading(store, scope_of(store, target), progress, Report(store.uri, target), mend, policy).run()


class _Reading:
    def __init__(
        self, store: Store, scope: Scope, progress: Progress, report: Report, mend: bool, policy: Policy | None
    ) -> None:
        self._policy = policy
        self.store = store
        self.scope = scope
        self.report = report
        self._mend = mend
        self._progress = progress
        self._read = 0
        self._lock = threading.Lock()
        self._holdings: dict[tuple[str, str], _Holding] = {}
        self._known: dict[str, ArtifactRecord] = {}  # all there are, by address
        self._calls: dict[str, str] = {}  # an artifact's address -> the cache key of the call that made it
        self._now: dict[str, list[ArtifactRecord]] = {}  # a cache key -> what a run would take for it
        self._promotions: list[Promotion] = []
        self._versions: dict[str, list[str]] = defaultdict(list)  # by fingerprint
        self._by_fingerprint: dict[str, list[ArtifactRecord]] = defaultdict(list)

    def run(self) -> Report:
        started = time.monotonic()
        found = list(self.store.walk())
        # Reading waits for disks and networks, and hashing lets go of Python's lock: threads help with both.
        with ThreadPoolExecutor(max(4, (os.cpu_count() or 1) * 2)) as pool:
            self._read_documents(pool, found)
            addressed = [item for item in found if item.key.startswith(ADDRESSED) and self._is_meant(item.key)]
            holdings = list(self._holdings.values())
            self.report.size = sum(item.size for item in addressed) + sum(item.record.size for item in holdings)
            for findings in pool.map(self._check_addressed, addressed):
                self.report.findings += findings
            damaged = [(holding, damages) for holding, damages in pool.map(self._damages, holdings) if damages]
        self.report.artifacts = len(holdings)
        self.report.files = sum(len(item.record.files) for item in holdings)
        for holding, damages in damaged:
            self.report.findings += self._findings(holding, damages)
        self._check_served()
        self.report.findings = list({(item.address, item.said): item for item in self.report.findings}.values())
        self.report.seconds = round(time.monotonic() - started, 3)
        return self.report

    def _is_meant(self, key: str) -> bool:
        return self.scope.is_everything and not key.endswith(".tmp")

    def _count(self, size: int) -> None:
        with self._lock:
            self._read += size
            self._progress(min(self._read, self.report.size), self.report.size)

    # -- documents ----------------------------------------------------------------------------------

    def _read_documents(self, pool: ThreadPoolExecutor, found: list[Found]) -> None:
        keys = sorted(
            item.key
            for item in found
            if must_be_sealed(item.key)
            or (item.key.startswith(("open/", "delivery/")) and item.key.endswith(".json"))
            or (item.key.startswith("runs/") and item.key.endswith(".jsonl"))
        )
        for key, document, finding in pool.map(self._document, keys):
            asked = self.scope.has_document(key)
            self.report.documents += asked
            if finding is not None:
                if asked:
                    self.report.findings.append(finding)
            elif document is not None:
                self._take(key, document, asked)

    def _document(self, key: str) -> tuple[str, Any, Finding | None]:
        try:
            if key.endswith(".jsonl"):
                return key, None, self._journal(key)
            return key, self.store.read_json(key), None
        except StoreError as error:
            return key, None, Finding("document", self.store.uri_of(key), error.message, remedy=error.hint)

    def _journal(self, key: str) -> Finding | None:
        """Check that every whole line of a journal is an event; the last may be just being written."""
        *lines, _ = (self.store.read(key) or b"").split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                event = json.loads(line)
                is_event = isinstance(event, dict) and {"kind", "time", "run", "id"} <= event.keys()
            except ValueError:
                is_event = False
            if not is_event:
                said = f"{self.store.uri_of(key)}: line {number} is not an event."
                return Finding("document", self.store.uri_of(key), said, remedy="It was damaged from outside.")
        return None

    def _take(self, key: str, document: Any, asked: bool) -> None:
        try:
            records = list(records_in(key, document))
            if is_result(key) and key.startswith("cache/"):
                self._now[str(document["key"])] = records
            elif is_result(key):
                self._calls.update((record.uri, str(document["key"])) for record in records)
            for record in records:
                self._known[record.uri] = record
                fingerprint = record.properties.get("fingerprint")
                if isinstance(fingerprint, str) and record.files:
                    self._by_fingerprint[fingerprint].append(record)
                if asked or self.scope.has_record(record, self.store):
                    holding = self._holdings.setdefault((record.uri, record.digest), _Holding(record))
                    holding.named_by.append(key)
            version, promotion = version_in(key, document), promotion_in(key, document)
        except (StoreError, TypeError) as error:
            said = getattr(error, "message", f"{key} does not say what it should: {error}.")
            self.report.findings.append(Finding("document", self.store.uri_of(key), said))
            return
        if version is not None:
            self._versions[version.fingerprint].append(f"models:/{version.model}/{version.version}")
        if promotion is not None:
            self._promotions.append(promotion)

    # -- files --------------------------------------------------------------------------------------

    def _check_addressed(self, item: Found) -> list[Finding]:
        _, wanted, *_ = item.key.removesuffix(".zip").split("/")
        try:
            digest = self.store.digest(item.key, self._count)
        except FileNotFoundError:
            return []  # collected meanwhile
        except StoreError as error:
            return [Finding("unreadable", self.store.uri_of(item.key), error.message)]
        if digest == wanted:
            return []
        address = self.store.uri_of(item.key)
        said = f"{address} was changed outside Levada: it has the sha256 {digest[:12]}… instead of {wanted[:12]}…."
        return [Finding("content", address, said, remedy="The next run that needs it writes it anew.")]

    def _damages(self, holding: _Holding) -> tuple[_Holding, list[Damage]]:
        damages = list(self.store.inspect(holding.record, self._count))
        if damages and all(self.store.read(key) is None for key in holding.named_by):
            return holding, []  # collected meanwhile
        return holding, damages

    def _findings(self, holding: _Holding, damages: list[Damage]) -> Iterator[Finding]:
        """Yield what is to be said of damage, after having mended what can be, if that is wanted."""
        versions = self._versions.get(holding.record.identity, [])
        for damage in damages:
            copy = self._copies.of(damage)
            if copy and self._mend and self._copies.put_back(damage, copy):
                self.report.mended.append(f"{damage.address} is whole again: copied from {copy}.")
                continue
            mend = " ".join(filter(None, ("levada verify", self.report.target, "--mend"))) if copy else ""
            yield Finding.of(damage, versions, mend, self._made_instead(holding.record))

    @cached_property
    def _copies(self) -> Copies:
        return Copies(self.store, self._known.values(), self._promotions)

    def _made_instead(self, record: ArtifactRecord) -> str:
        """Return the run whose artifact is taken by now for the call that made this one; empty while this one is."""
        now = self._now.get(self._calls.get(record.uri, ""), [])
        if not now or any(other.uri == record.uri for other in now):
            return ""
        return now[0].producer.partition("/")[0]

    # -- pushed models ------------------------------------------------------------------------------

    def _check_served(self) -> None:
        for location, served in _by_destination(self._served()):
            self.report.served += len({item.promotion.version for item in served})
            try:
                signatures = Signatures(self._policy or policy_of(), self.report.notes)
                self.report.findings += check_destination(
                    self.store, location, served, self._promotions, signatures, lambda size: None
                )
            except LevadaError as error:
                self.report.notes.append(f"{location} could not be looked at: {error.message}")
            except Exception as error:  # noqa: BLE001  a file system of any kind
                self.report.notes.append(f"{location} could not be looked at: {error}")

    def _served(self) -> Iterator[Served]:
        for promotion in self._promotions:
            meant = (promotion.model, promotion.version) in self.scope.models
            meant = meant or promotion.destination in self.scope.destinations
            if promotion.destination and (self.scope.is_everything or meant):
                yield Served(promotion, (promotion.release.champion, *self._by_fingerprint[promotion.fingerprint]))


def _by_destination(served: Iterable[Served]) -> list[tuple[str, list[Served]]]:
    grouped: dict[str, list[Served]] = defaultdict(list)
    for item in served:
        grouped[item.promotion.destination].append(item)
    return sorted(grouped.items())
