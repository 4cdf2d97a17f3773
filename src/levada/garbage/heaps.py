"""What can go, by kind: the difference between what a store has and what must stay."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from levada.context import KEPT
from levada.errors import StoreError
from levada.garbage.marking import Marks, attempt_of
from levada.garbage.policy import DAY, Policy
from levada.holdings import records_in
from levada.store import Store
from levada.store.objects import Found

RUNS = "runs"
CACHE = "cache entries"
ARTIFACTS = "artifacts"
ATTEMPTS = "attempts that no run names"
FILES = "project files"
CODE = "copies of code"
TEMPORARY = "temporary files"
KEPT_PLANS = "kept plans"
BACKUPS = "backups of MLflow's database"
CURSORS = "delivery records"
CANDIDATES = "candidates"
STUDIES = "trials of studies"
COPIES = "copies in the temporary folder"

_TEMPORARY = re.compile(r"(?:.*/)?\.[^/]+\.[0-9a-f]{8,12}\.tmp|plans/.*\.tmp|probe-[0-9a-f]{8}")
_BACKUP = re.compile(r"mlflow\.db\.before-\w+")
_CURSOR = re.compile(r"delivery/[^/]+/[^/]+/(?P<run>\d{8}-\d{6}-[0-9a-f]{4})\.json")


@dataclass
class Heap:
    """Garbage of one kind: keys to remove (objects or folders), by the bytes below each, and the oldest change.

    `shared` are bytes that other names on the disk keep, MLflow's for instance: removing frees none of them.
    """

    kind: str
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    shared: int = 0
    oldest: float = 0.0

    @property
    def size(self) -> int:
        """Bytes that removing it frees."""
        return sum(self.sizes.values())

    def add(self, key: str, item: Found) -> None:
        """Count an object to what goes with a key."""
        own = item.size if item.names == 1 else 0
        self.sizes[key] = self.sizes.get(key, 0) + own
        self.shared += item.size - own
        self.oldest = min(self.oldest or item.modified, item.modified)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "count": len(self.sizes),
            "bytes": self.size,
            "shared_bytes": self.shared,
            "oldest": self.oldest,
            "keys": sorted(self.sizes),
        }


class Heaps:
    """All that can go, kind by kind."""

    def __init__(self) -> None:
        self.by_kind: dict[str, Heap] = {}

    def add(self, kind: str, key: str, item: Found) -> None:
        self.by_kind.setdefault(kind, Heap(kind)).add(key, item)

    def keys(self, kind: str) -> list[str]:
        heap = self.by_kind.get(kind)
        return sorted(heap.sizes) if heap else []


def heaps_of(store: Store, found: Iterable[Found], marks: Marks, policy: Policy) -> Heaps:
    """Return what can go of all that was `found`."""
    heaps = Heaps()
    dropped = {run.id for run in marks.dropped}
    orphans = set(marks.orphans)
    moment = time.time()
    fresh: set[str] = set()  # attempts that somebody wrote to just now
    attempts: list[tuple[str, str, Found]] = []
    for item in found:
        top, _, rest = item.key.partition("/")
        age = moment - item.modified
        if top == "runs":
            run = rest.partition("/")[0]
            if run in dropped:
                heaps.add(RUNS, f"runs/{run}", item)
                continue
        elif top == "artifacts":
            attempt = attempt_of(item.key)
            if attempt is not None and attempt[0] not in marks.attempts and attempt[1] not in marks.open:
                attempts.append((*attempt, item))
                if age < policy.grace:
                    fresh.add(attempt[0])
            continue  # what an artifact has is its own, whatever its name
        elif top == "cache":
            if not _is_wanted(store, item.key, marks):
                heaps.add(CACHE, item.key, item)
            continue
        elif item.key in orphans:
            heaps.add(CANDIDATES, item.key, item)
            continue
        if not policy.is_narrow:
            _lying_about(item, age, marks, policy, heaps)
    for folder, run, item in attempts:
        if run in dropped or (not policy.is_narrow and folder not in fresh):
            heaps.add(ATTEMPTS if run in marks.runs and run not in dropped else ARTIFACTS, folder, item)
    return heaps


def _is_wanted(store: Store, key: str, marks: Marks) -> bool:
    """Whether a cache entry can still be a hit that leads to artifacts which stay."""
    try:
        form = store.read_json(key)
        records = list(records_in(key, form)) if form else []
    except StoreError:
        return False  # damaged: it stands in the way of the node that looks for it
    if form is None:
        return True  # removed since it was listed
    return all(marks.needs(record, store) for record in records) and (bool(records) or form.get("key") in marks.keys)


def _lying_about(item: Found, age: float, marks: Marks, policy: Policy, heaps: Heaps) -> None:
    """Sort out an object that is of no run: whether it can go, and as what."""
    top, _, rest = item.key.partition("/")
    lasts = policy.keep_days * DAY
    cursor = _CURSOR.fullmatch(item.key)
    if age < policy.grace or top == "mlflow":
        return
    if _TEMPORARY.fullmatch(item.key):
        heaps.add(TEMPORARY, item.key, item)
    elif top == "scratch":
        attempt = attempt_of(item.key)
        if attempt is None or attempt[1] not in marks.open:
            heaps.add(TEMPORARY, attempt[0] if attempt else item.key, item)
    elif top == KEPT and age > lasts:
        heaps.add(TEMPORARY, item.key, item)
    elif top == "files" and item.key.rsplit("/", 1)[0] not in marks.files:
        heaps.add(FILES, item.key.rsplit("/", 1)[0], item)
    elif top == "code" and rest.removesuffix(".zip") not in marks.code:
        heaps.add(CODE, item.key, item)
    elif top == "studies" and age > lasts:
        heaps.add(STUDIES, item.key, item)
    elif top == "plans" and age > lasts:
        heaps.add(KEPT_PLANS, item.key, item)
    elif _BACKUP.fullmatch(item.key) and age > lasts:
        heaps.add(BACKUPS, item.key, item)
    elif cursor is not None and cursor["run"] not in marks.runs:
        heaps.add(CURSORS, item.key, item)
