"""What a store's runs and its registry need: the roots, and all that can be reached from them."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from levada.artifact import ArtifactRecord
from levada.errors import StoreError
from levada.garbage.policy import DAY, Policy
from levada.holdings import behind, is_result, records_in
from levada.registry.ledger import is_ended
from levada.store import Store
from levada.store.objects import Found

_ATTEMPT = re.compile(r"(?P<run>\d{8}-\d{6}-[0-9a-f]{4})-[0-9a-f]{6}")

OPEN = "going on"
REGISTERED = "behind a registered version or a promotion"
UNTOLD = "not yet told to MLflow"
LATEST = "among the last of their pipeline"
YOUNG = "young"
OTHER = "not asked for"


def attempt_of(key: str) -> tuple[str, str] | None:
    """Return the folder of the attempt that a key of an artifact belongs to, and its run."""
    parts = key.split("/")
    for place, part in enumerate(parts):
        match = _ATTEMPT.fullmatch(part)
        if match:
            return "/".join(parts[: place + 1]), match["run"]
    return None


@dataclass(frozen=True)
class Run:
    """A run as far as its keeping goes: `why` it is kept, empty for one that can go."""

    id: str
    pipeline: str
    began: float
    why: str = ""


@dataclass
class Marks:
    """What must stay: runs, folders of attempts, folders of project files, code, cache keys; and candidates that go."""

    runs: dict[str, Run] = field(default_factory=dict[str, Run])
    open: frozenset[str] = frozenset()
    attempts: set[str] = field(default_factory=set[str])
    files: set[str] = field(default_factory=set[str])
    code: set[str] = field(default_factory=set[str])
    keys: set[str] = field(default_factory=set[str])
    orphans: list[str] = field(default_factory=list[str])

    @property
    def dropped(self) -> list[Run]:
        return [run for run in self.runs.values() if not run.why]

    def needs(self, record: ArtifactRecord, store: Store) -> bool:
        """Whether an artifact must stay; one that lies elsewhere is nobody's to remove."""
        key = store.key_of(record.uri)
        return key is None or self.needs_attempt(key)

    def needs_attempt(self, key: str) -> bool:
        """Whether the attempt that a key belongs to must stay."""
        attempt = attempt_of(key)
        return attempt is None or attempt[0] in self.attempts or attempt[1] in self.open


def open_runs(store: Store) -> frozenset[str]:
    """Return the runs that hold a lease."""
    return frozenset(key.rsplit("/", 1)[1].removesuffix(".json") for key in store.list("open") if key.endswith(".json"))


def mark(store: Store, found: Iterable[Found], policy: Policy | None) -> Marks:
    """Return what must stay; without a policy that is what any run needs that is there.

    Raises StoreError if a document that says so cannot be read: then nothing may go.
    """
    documents: dict[str, list[Found]] = defaultdict(list)
    registry: list[str] = []
    for item in found:
        top, _, rest = item.key.partition("/")
        if top == "runs" and "/" in rest:
            documents[rest.partition("/")[0]].append(item)
        elif top == "registry" and item.key.endswith(".json"):
            registry.append(item.key)
    marks = Marks(open=open_runs(store))
    entries = {key: form for key in sorted(registry) if isinstance(form := _read(store, key), dict)}
    known = {run: _read(store, f"runs/{run}/run.json") for run in documents}
    resumed = {str((known.get(run) or {}).get("resumes", "")) for run in marks.open}
    registered = set(_runs_behind(entries))
    runs = [_run(run, known[run], items) for run, items in documents.items()]
    for run in _judged(runs, policy, marks.open | resumed, registered):
        marks.runs[run.id] = run
        if run.why:
            _mark_run(store, run.id, known[run.id], documents[run.id], marks)
    _mark_registry(store, entries, marks)
    return marks


def _read(store: Store, key: str) -> Any:
    try:
        return store.read_json(key)
    except StoreError as error:
        raise StoreError(
            f"nothing was removed, since what must stay cannot be told: {error.message}",
            hint="`levada verify` shows what else is damaged.",
        ) from None


# -- runs -----------------------------------------------------------------------------------------------


def _run(run: str, facts: dict[str, Any] | None, items: list[Found]) -> Run:
    began = max(item.modified for item in items)
    if facts and facts.get("time"):
        began = datetime.fromisoformat(facts["time"]).timestamp()
    return Run(run, str((facts or {}).get("pipeline", "")), began)


def _judged(
    runs: list[Run], policy: Policy | None, going_on: set[str] | frozenset[str], registered: set[str]
) -> Iterator[Run]:
    """Say of each run why it is kept, the weightiest reason first."""
    newest: dict[str, int] = defaultdict(int)
    moment = time.time()
    for run in sorted(runs, key=lambda run: (run.began, run.id), reverse=True):
        newest[run.pipeline] += 1
        if run.id in going_on:
            why = OPEN
        elif run.id in registered:
            why = REGISTERED
        elif policy is None:
            why = LATEST
        elif run.id in policy.untold:
            why = UNTOLD
        elif policy.runs:
            why = "" if run.id in policy.runs else OTHER
        elif policy.pipeline and run.pipeline != policy.pipeline:
            why = OTHER
        elif newest[run.pipeline] <= policy.keep_runs:
            why = LATEST
        else:
            why = YOUNG if moment - run.began < max(policy.keep_days * DAY, policy.grace) else ""
        yield Run(run.id, run.pipeline, run.began, why)


def _mark_run(store: Store, run: str, facts: dict[str, Any] | None, items: list[Found], marks: Marks) -> None:
    if facts and facts.get("project"):
        marks.code.add(facts["project"])
    for item in items:
        if not item.key.endswith(".json") or not (is_result(item.key) or item.key == f"runs/{run}/resolved.json"):
            continue
        form = _read(store, item.key)
        if form is None:
            continue  # removed since it was listed
        if form.get("key"):
            marks.keys.add(form["key"])
        _mark_records(store, records_in(item.key, form), marks)


def _mark_records(store: Store, records: Iterable[ArtifactRecord], marks: Marks) -> None:
    for record in records:
        key = store.key_of(record.uri)
        if key is None:
            continue
        attempt = attempt_of(key)
        if attempt is not None:
            marks.attempts.add(attempt[0])
        elif key.startswith("files/"):
            marks.files.add(key)


# -- the registry ---------------------------------------------------------------------------------------


def _runs_behind(entries: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield the runs that made, promoted or ordered what the registry keeps."""
    for key, form in entries.items():
        if _is_root(key, entries):
            yield behind(form)
            for record in records_in(key, form):
                yield record.producer.partition("/")[0]


def _is_root(key: str, entries: dict[str, dict[str, Any]]) -> bool:
    """Whether a document of the registry keeps what it names: a numbered candidate, a promotion, an open order."""
    return (
        "/promotions/" in key
        or ("/candidates/" in key and key.replace("/candidates/", "/versions/") in entries)
        or ("/orders/" in key and not is_ended(key, entries))
    )


def _mark_registry(store: Store, entries: dict[str, dict[str, Any]], marks: Marks) -> None:
    """Mark what the registry keeps, and what candidates name that have no number yet but whose run is kept."""
    for key, form in entries.items():
        if _is_root(key, entries):
            _mark_records(store, records_in(key, form), marks)
        elif "/candidates/" in key:
            records = list(records_in(key, form))
            if any(marks.needs(record, store) for record in records):
                _mark_records(store, records, marks)
            else:
                marks.orphans.append(key)
