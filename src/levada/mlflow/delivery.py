"""Delivering journals to MLflow: at once for the run that goes on, later for what could not be told in time.

A run that needs nothing run (everything cached) imports no MLflow: it stays in the journal until a run that has
something to do, or a command, delivers it. MLflow's absence never fails a run.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from levada.errors import LevadaError, StoreError
from levada.journal import Event, Tail
from levada.mlflow.connection import Connection, connect, is_server, reason, without_secrets
from levada.mlflow.cursor import Cursor, Cursors
from levada.mlflow.process import is_gone
from levada.mlflow.runs import RunDelivery
from levada.mlflow.story import Story
from levada.mlflow.versions import Versions
from levada.plan import Plan
from levada.registry import Registry
from levada.store import Store

PATIENCE = 30
"""Seconds that older runs may still take after the run itself has ended; the rest waits for the next one."""

_TICK = 0.5
_LONGEST_PAUSE = 15  # below the 30 s for which a push believes that the registry is away
_OTHERS = 30  # seconds to wait for another process that delivers older runs


@dataclass(frozen=True)
class Report:
    """What a delivery did: run ids delivered whole, run ids left, why they are left, calls that MLflow refused."""

    delivered: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    trouble: str = ""
    refused: tuple[str, ...] = ()

    def __str__(self) -> str:
        """What a command prints."""
        said = [f"Told MLflow about {_runs(self.delivered)}."] if self.delivered else []
        if self.left:
            said.append(f"{_runs(self.left)} left: {self.trouble}")
        said += [f"MLflow would not take {item}" for item in self.refused]
        return "\n".join(said) or "MLflow knows every run that has ended."


def _runs(runs: tuple[str, ...]) -> str:
    return f"{len(runs)} run{'s' if len(runs) != 1 else ''}"


def deliver_pending(store: Store, tracking_uri: str) -> Report:
    """Deliver every run of a store that has ended and that MLflow does not have whole; never raises for MLflow.

    MLflow is not imported if there is nothing to deliver. Runs that still go on are left to their own process.
    """
    backlog = Backlog(store, tracking_uri)
    if not tracking_uri or not backlog.due():
        return Report()
    try:
        backlog.connect()
        with backlog.cursors.lock("catch-up", seconds=_OTHERS) as mine:
            if mine:
                backlog.clear()
    except Exception as error:  # noqa: BLE001  whatever MLflow raises must not fail the command
        backlog.trouble = reason(error, tracking_uri)
        say_away(store, backlog.trouble)
    left = tuple(backlog.due())
    trouble = backlog.trouble or "another process is delivering." if left else ""
    return Report(tuple(backlog.delivered), left, trouble, tuple(backlog.refused))


def say_away(store: Store, why: str) -> None:
    """Let nobody wait for the version number of a candidate that cannot be registered now."""
    registry = Registry(store)
    with suppress(StoreError):  # a store that is away too says so by itself
        for folder in store.list("registry"):
            model = folder.rsplit("/", 1)[1]
            numbered = {key.rsplit("/", 1)[1] for key in store.list(f"{folder}/versions")}
            if any(key.rsplit("/", 1)[1] not in numbered for key in store.list(f"{folder}/candidates")):
                registry.say_away(model, why)


def forget_away(store: Store) -> None:
    """Take back what was said of an absent registry: whether it is there now is not known yet."""
    with suppress(StoreError):
        for folder in store.list("registry"):
            store.delete(f"{folder}/away.json")


class Backlog:
    """The runs of a store that one MLflow does not have whole."""

    def __init__(self, store: Store, tracking_uri: str) -> None:
        self.store = store
        self.uri = tracking_uri
        self.cursors = Cursors(store, tracking_uri)
        self.delivered: list[str] = []
        self.refused: list[str] = []
        self.trouble = ""
        self._connection: Connection | None = None
        self._versions: Versions | None = None

    def connect(self) -> None:
        """Open MLflow; raises what it raises."""
        if self._connection is None:
            self._connection = connect(self.store, self.uri)
            self._versions = Versions(self._connection, self.store)

    def due(self) -> list[str]:
        """Return the runs that have ended (or lost their process) and are not delivered whole, oldest first."""
        found: list[tuple[str, str]] = []
        for run_id in self.cursors.pending():
            events = self._events(run_id)
            started = next((event for event in events if event["kind"] == "run_started"), None)
            if started is not None and self._has_ended(run_id, started, events):
                found.append((started["time"], run_id))
        return [run_id for _, run_id in sorted(found)]

    def _has_ended(self, run_id: str, started: Event, events: list[Event]) -> bool:
        if any(event["kind"] == "run_finished" for event in events):
            return True
        cursor = self.cursors.load(run_id)
        if cursor is not None and cursor.lost and all(cursor.has(event) for event in events):
            return False  # closed as lost, and silent since
        return is_gone(started, max(event["time"] for event in events))

    def _events(self, run_id: str) -> list[Event]:
        try:
            return Tail(self.store, run_id).poll()
        except (LevadaError, ValueError, KeyError):
            return []  # damaged: nothing to tell

    def clear(self, besides: str | None = None, stop: Callable[[], bool] = lambda: False) -> None:
        """Deliver what is due besides one run, in order, until `stop()`.

        A single run that MLflow cannot digest is passed over (`trouble` says why), so that it does not hold up the
        others for ever; after a second one MLflow is taken to be away, and what it raised is raised.
        """
        passed_over = False
        for run_id in self.due():
            if stop():
                return
            if run_id == besides:
                continue
            try:
                with self.cursors.lock(run_id) as mine:
                    if mine and self._deliver_whole(run_id):
                        self.delivered.append(run_id)
            except Exception as error:
                self.trouble = reason(error, self.uri)
                if passed_over:
                    raise
                passed_over = True

    def _deliver_whole(self, run_id: str) -> bool:
        delivery = self.open(run_id)
        if delivery is None or delivery.cursor.finished:
            return False  # another process was first, or there is no plan to tell it by
        delivery.take(self._events(run_id))
        delivery.advance(live=False)
        if delivery.story.finished is None:
            delivery.lose()
        self.refused += [f"{run_id}: {said}" for said in delivery.cursor.refused]
        if delivery.cursor.finished:
            self.cursors.close([run_id])
        return True

    def open(self, run_id: str, is_new: bool = False) -> RunDelivery | None:
        """Return the delivery of a run, as far as it has come; None if the store has no plan of it."""
        assert self._connection is not None
        assert self._versions is not None
        try:
            form = self.store.read_json(f"runs/{run_id}/plan.json")
            plan = Plan.from_json(form) if form is not None else None
        except LevadaError:
            plan = None
        if plan is None:
            return None
        known = self.cursors.load(run_id)
        return RunDelivery(
            self._connection,
            self.store,
            self.cursors,
            self._versions,
            Story.of(run_id, plan),
            known or Cursor(run_id),
            is_fresh=is_new and known is None,
        )


class MlflowReader:
    """Follows one run's journal and tells MLflow: a `levada.run.Reader`.

    `trouble` says in one sentence why MLflow was not told, empty if all is well; `refused` what it would never
    take. `page` is the run's page in MLflow, empty until it is there. MLflow is imported when the first node
    really starts.
    """

    seconds = 0.25

    def __init__(self, store: Store, tracking_uri: str) -> None:
        self.trouble = ""
        self.refused = ""
        self.page = ""
        self._backlog = Backlog(store, tracking_uri)
        self._inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ended_at: float | None = None
        self._delivery: RunDelivery | None = None
        self._retry_at = 0.0
        self._pause = 1.0
        self._caught_up = False
        self._locked = False
        if tracking_uri:
            forget_away(store)  # a push of this run must not believe what the last run found

    def see(self, event: Event) -> None:
        """Take one event. The last one of a run returns when MLflow has it all, or is known to be away."""
        self._inbox.put(event)
        if event["kind"] == "node_started" and self._thread is None and self._backlog.uri:
            # Of its own, so that a slow server holds up nothing and a silent one is asked again in quiet times.
            self._thread = threading.Thread(target=self._work, args=(event["run"],), name="levada-mlflow", daemon=True)
            self._thread.start()
        if event["kind"] == "run_finished" and self._thread is not None:
            self._ended_at = time.monotonic()
            self._thread.join()

    def _work(self, run_id: str) -> None:
        waiting: list[Event] = []
        with ExitStack() as locks:
            while True:
                ended = self._ended_at is not None
                fresh = list(self._gather(_TICK))
                waiting += fresh
                if ended or time.monotonic() >= self._retry_at:
                    self._try(run_id, waiting, locks)
                elif any(event["kind"] == "candidate" for event in fresh):
                    say_away(self._backlog.store, self.trouble)
                if ended:
                    return

    def _gather(self, seconds: float) -> Iterator[Event]:
        """Yield the events that are there; if there are none, those that come within `seconds`."""
        try:
            yield self._inbox.get(timeout=0.01 if self._ended_at is not None else seconds)
            while True:
                yield self._inbox.get_nowait()
        except queue.Empty:
            return

    def _try(self, run_id: str, waiting: list[Event], locks: ExitStack) -> None:
        """Deliver what waits; when MLflow is away, say so and set the time of the next attempt."""
        try:
            self._advance(run_id, waiting, locks)
        except Exception as error:  # noqa: BLE001  whatever MLflow raises must not fail the run
            self.trouble = reason(error, self._backlog.uri)
            self._retry_at = time.monotonic() + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            say_away(self._backlog.store, self.trouble)
        else:
            self.trouble, self._pause, self._retry_at = "", 1.0, 0.0

    def _advance(self, run_id: str, waiting: list[Event], locks: ExitStack) -> None:
        backlog = self._backlog
        backlog.connect()
        if not self._caught_up:
            with backlog.cursors.lock("catch-up", seconds=_OTHERS) as mine:
                if mine:  # otherwise another process is at it
                    backlog.clear(besides=run_id, stop=self._out_of_patience)
            self._caught_up = True
        if not self._locked:
            locks.enter_context(backlog.cursors.lock(run_id, seconds=_OTHERS))
            self._locked = True
        if self._delivery is None:
            self._delivery = backlog.open(run_id, is_new=True)
        if self._delivery is None:
            return
        self._delivery.take(waiting)
        waiting.clear()
        self._delivery.advance(live=True)
        cursor = self._delivery.cursor
        self.page = f"#/experiments/{cursor.experiment}/runs/{cursor.parent}"
        if is_server(backlog.uri):
            self.page = f"{without_secrets(backlog.uri)}/{self.page}"
        if cursor.finished:
            backlog.cursors.close([run_id])
        if cursor.refused:
            self.refused = f"MLflow would not take {cursor.refused[0]}"

    def _out_of_patience(self) -> bool:
        return self._ended_at is not None and time.monotonic() - self._ended_at > PATIENCE
