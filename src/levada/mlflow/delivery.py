"""Delivering journals to MLflow: at once for the run that goes on, later for what could not be told in time.

A run that needs nothing run (everything cached) imports no MLflow: it stays in the journal until a run that has
something to do, or a command, delivers it. MLflow's absence never fails a run.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from levada.errors import StoreError
from levada.journal import Event
from levada.mlflow.backlog import Backlog
from levada.mlflow.connection import is_server, reason, without_secrets
from levada.mlflow.orders import has_orders
from levada.mlflow.runs import RunDelivery
from levada.registry import Registry
from levada.store import Store

PATIENCE = 30
"""Seconds that older runs may still take after the run itself has ended; the rest waits for the next one."""

_TICK = 0.5
_LONGEST_PAUSE = 15  # below the 30 s for which a push believes that the registry is away
_OTHERS = 30  # seconds to wait for another process that delivers older runs

NOWHERE = (
    "There is no MLflow, so models get no version numbers and pushes wait: name one by mlflow in [tool.levada], or by "
    "MLFLOW_TRACKING_URI."
)


@dataclass(frozen=True)
class Report:
    """What a delivery did: run ids delivered whole, run ids left, why they are left, calls that MLflow refused.

    `said` are lines for the user: pushes that waited and are done now, aliases that were moved in MLflow.
    """

    delivered: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    trouble: str = ""
    refused: tuple[str, ...] = ()
    said: tuple[str, ...] = ()

    def __str__(self) -> str:
        """What a command prints."""
        said = [f"Told MLflow about {_runs(self.delivered)}."] if self.delivered else []
        if self.left:
            said.append(f"{_runs(self.left)} left: {self.trouble}")
        elif self.trouble:
            said.append(self.trouble)
        said += [*self.said, *(f"MLflow would not take {item}" for item in self.refused)]
        return "\n".join(said) or "MLflow knows every run that has ended."


def _runs(runs: tuple[str, ...]) -> str:
    return f"{len(runs)} run{'s' if len(runs) != 1 else ''}"


def deliver_pending(store: Store, tracking_uri: str, root: Path | None = None) -> Report:
    """Deliver what MLflow does not have of a store, and take over what was changed there; never raises for MLflow.

    MLflow is not imported if the store has no run. Runs that still go on are left to their own process. `root` is the
    project's folder, whose settings hold for pushes that waited.
    """
    if not tracking_uri:
        return Report(trouble=NOWHERE)
    backlog = Backlog(store, tracking_uri, root)
    if not store.list("runs"):
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
    return Report(tuple(backlog.delivered), left, trouble, tuple(backlog.refused), tuple(backlog.said))


def say_away(store: Store, why: str) -> bool:
    """Let nobody wait for the version number of a candidate that cannot be registered now; False if there is none."""
    registry = Registry(store)
    some = False
    with suppress(StoreError):  # a store that is away too says so by itself
        for model in registry.models():
            if registry.has_unnumbered(model):
                registry.say_away(model, why)
                some = True
    return some


def forget_away(store: Store) -> None:
    """Take back what was said of an absent registry: whether it is there now is not known yet."""
    registry = Registry(store)
    with suppress(StoreError):
        for model in registry.models():
            registry.forget_away(model)


class MlflowReader:
    """Follows one run's journal and tells MLflow: a `levada.run.Reader`.

    `trouble` says in one sentence why MLflow was not told, empty if all is well; `refused` what it would never
    take; `notes` are these and whatever else the user should know, a line each. `page` is the run's page in MLflow,
    empty until it is there. MLflow is imported when the first node really starts, or at once if a push waits for it.
    Without an address it only sees to it that no push waits for a number.
    """

    seconds = 0.25
    about = "telling MLflow"

    def __init__(self, store: Store, tracking_uri: str, root: Path | None = None) -> None:
        self.trouble = ""
        self.refused = ""
        self.page = ""
        self._backlog = Backlog(store, tracking_uri, root)
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
        if not self._backlog.uri:
            self._see_nowhere(event)
            return
        self._inbox.put(event)
        if self._thread is None and self._is_needed(event):
            # Of its own, so that a slow server holds up nothing and a silent one is asked again in quiet times.
            self._thread = threading.Thread(target=self._work, args=(event["run"],), name="levada-mlflow", daemon=True)
            self._thread.start()
        if event["kind"] == "run_finished" and self._thread is not None:
            self._ended_at = time.monotonic()
            self._thread.join()

    def _see_nowhere(self, event: Event) -> None:
        """Without any MLflow nobody gives numbers: say so before each node, any of which may be a push."""
        if event["kind"] in ("run_started", "candidate") or (event["kind"] == "node_started" and self.trouble):
            self.trouble = NOWHERE if say_away(self._backlog.store, NOWHERE) else ""

    def _is_needed(self, event: Event) -> bool:
        if event["kind"] == "run_started":
            with suppress(StoreError):
                return has_orders(self._backlog.store)
        return event["kind"] == "node_started"

    @property
    def notes(self) -> list[str]:
        return [note for note in (self.trouble, self.refused, *self._backlog.said) if note]

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
            if not locks.enter_context(backlog.cursors.lock(run_id, seconds=_OTHERS)):
                raise StoreError("another process is telling MLflow about this run.")
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
            backlog.finish(self._delivery)
        if cursor.refused:
            self.refused = f"MLflow would not take {cursor.refused[0]}"

    def _out_of_patience(self) -> bool:
        return self._ended_at is not None and time.monotonic() - self._ended_at > PATIENCE
