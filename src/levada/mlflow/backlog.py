"""What one MLflow was not told of a store: runs that have ended, promotions, pushes that waited for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from levada.errors import LevadaError, RegistryError
from levada.journal import Event, Tail
from levada.mlflow.approvals import Approvals
from levada.mlflow.connection import Connection, connect, is_refusal, reason, without_secrets
from levada.mlflow.cursor import Cursor, Cursors, Told
from levada.mlflow.orders import settle_orders
from levada.mlflow.promotions import Promotions
from levada.mlflow.runs import RunDelivery
from levada.mlflow.story import Story
from levada.mlflow.versions import Versions
from levada.plan import Plan
from levada.pushing.moves import finish_all_moves
from levada.registry import Registry
from levada.store import Store

_LOOKED_AT = 5
"""How many of a model's versions are looked for in an MLflow that is new to the store."""


class Backlog:
    """The records of a store that one MLflow does not have whole.

    `delivered` and `refused` say what became of runs, `said` what the user should know besides, a line each. By the
    settings of the project at `root` (of the working directory) what is pushed is signed.
    """

    def __init__(self, store: Store, tracking_uri: str, root: Path | None = None) -> None:
        self.store = store
        self.root = root
        self.uri = tracking_uri
        self.cursors = Cursors(store, tracking_uri)
        self.registry = Registry(store)
        self.delivered: list[str] = []
        self.refused: list[str] = []
        self.trouble = ""
        self.connection: Connection | None = None
        self.versions: Versions | None = None
        self.promotions: Promotions | None = None
        self.approvals: Approvals | None = None
        self._said: list[str] = []

    @property
    def said(self) -> list[str]:
        return [
            *self._said,
            *(self.promotions.said if self.promotions else []),
            *(self.approvals.said if self.approvals else []),
        ]

    # -- MLflow itself ------------------------------------------------------------------------------

    def connect(self, rebuilding: bool = False) -> None:
        """Open MLflow; raises what it raises, and RegistryError if it is not the one that was told before."""
        if self.connection is not None:
            return
        connection = connect(self.store, self.uri)
        versions = Versions(connection, self.store)
        if not rebuilding:
            self._check_same(connection, versions)
        self.use(connection, versions)

    def use(self, connection: Connection, versions: Versions) -> None:
        """Tell everything to this MLflow from now on."""
        self.connection, self.versions = connection, versions
        self.promotions = Promotions(connection, self.store, self.cursors, versions, self.root)
        self.approvals = Approvals(connection, self.store, versions)

    def _check_same(self, connection: Connection, versions: Versions) -> None:
        """Raise RegistryError if this MLflow lacks what it should know: numbers given anew would not be the same."""
        where = without_secrets(self.uri)
        hint = "`levada sync --rebuild` fills an empty MLflow from the journals, with the same version numbers."
        if self.cursors.rebuilding() is not None:
            raise RegistryError(f"MLflow at {where} is half filled: `levada sync --rebuild` goes on with it.")
        if not self.cursors.is_new():
            newest = self.cursors.newest()
            if newest and not any(_has_run(connection, cursor) for cursor in newest):
                first = newest[0]
                if not self._has_experiment(connection, first):
                    raise RegistryError(f"MLflow at {where} has lost what it was told. {hint}")
            return
        for model in self.registry.models():
            known = self.registry.versions(model)[-_LOOKED_AT:]
            if known and not any(self._has_version(versions, model, item.fingerprint, item.version) for item in known):
                lacking = f"version {known[-1].version} of {model}"
                raise RegistryError(f"MLflow at {where} does not know {lacking}, which this store has. {hint}")

    def _has_experiment(self, connection: Connection, cursor: Cursor) -> bool:
        """Whether the experiment of a run is still there: runs alone may have been collected."""
        form = self.store.read_json(f"runs/{cursor.run}/plan.json")
        found = connection.client.get_experiment_by_name(form["pipeline"]) if form else None
        return found is not None and found.experiment_id == cursor.experiment

    def _has_version(self, versions: Versions, model: str, fingerprint: str, number: int) -> bool:
        found = versions.find(model, fingerprint)
        return found is not None and int(found.version) == number

    # -- runs ---------------------------------------------------------------------------------------

    def due(self) -> list[str]:
        """Return the runs that have ended and are not delivered whole, oldest first."""
        found: list[tuple[str, str]] = []
        for run_id in self.cursors.pending():
            events = self.events(run_id)
            started = next((event for event in events if event["kind"] == "run_started"), None)
            if started is not None and any(event["kind"] == "run_finished" for event in events):
                found.append((started["time"], run_id))
        return [run_id for _, run_id in sorted(found)]

    def events(self, run_id: str) -> list[Event]:
        """Return what a run's journal says, nothing if it cannot be read."""
        try:
            return Tail(self.store, run_id).poll()
        except LevadaError:
            return []

    def clear(self, besides: str | None = None, stop: Callable[[], bool] = lambda: False) -> None:
        """Deliver what is due besides one run, in order, until `stop()`; then pushes that waited, and promotions.

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
        self.finish()

    def _deliver_whole(self, run_id: str, again: bool = False) -> bool:
        delivery = self.open(run_id)
        if delivery is None or (delivery.cursor.finished and not again):
            return False  # another process was first, or there is no plan to tell it by
        delivery.take(self.events(run_id))
        delivery.advance(live=False)
        self.refused += [f"{run_id}: {said}" for said in delivery.cursor.refused]
        if delivery.cursor.finished:
            self.cursors.close([run_id])
        return True

    def open(self, run_id: str, is_new: bool = False) -> RunDelivery | None:
        """Return the delivery of a run, as far as it has come; None if the store has no plan of it."""
        assert self.connection is not None and self.versions is not None and self.promotions is not None
        try:
            form = self.store.read_json(f"runs/{run_id}/plan.json")
            plan = Plan.from_json(form) if form is not None else None
        except LevadaError:
            plan = None
        if plan is None:
            return None
        known = self.cursors.load(run_id)
        return RunDelivery(
            self.connection,
            self.store,
            self.cursors,
            self.versions,
            self.promotions,
            Story.of(run_id, plan),
            known or Cursor(run_id),
            is_fresh=is_new and known is None,
        )

    # -- pushes that waited, and promotions ---------------------------------------------------------

    def finish(self, own: RunDelivery | None = None) -> None:
        """Carry out pushes that waited, then bring aliases to where the store has them, and read approvals.

        `own` is the delivery of a run that this process holds; others are opened as they are needed.
        """
        assert self.promotions is not None and self.approvals is not None
        with self.cursors.lock("orders", seconds=60) as mine:
            if mine:
                self._said += finish_all_moves(self.registry)
                self._said += settle_orders(self.store, self.root)
        for model in self.registry.models():
            try:
                with self.cursors.lock("registry", seconds=60) as mine:
                    if mine:
                        self.promotions.follow(model)
                        self.approvals.follow(model)
            except Exception as error:
                if not is_refusal(error):
                    raise
                self.refused.append(f"the aliases of {model}: {(str(error).splitlines() or [''])[0]}")
            self._tell_settled(model, own)

    def _tell_settled(self, model: str, own: RunDelivery | None) -> None:
        """Write the pages of runs anew whose pushes were pending, and are not any more."""
        told = self.cursors.told(model)
        fresh = [order for order in self.registry.settled(model) if order.number not in told.orders]
        done: list[int] = []
        for order in fresh:
            if own is not None and own.cursor.run == order.run:
                own.take(self.events(order.run))
                own.advance(live=False)
                done.append(order.number)
                continue
            cursor = self.cursors.load(order.run)
            with self.cursors.lock(order.run) as mine:
                if mine and cursor is not None and cursor.finished and self._deliver_whole(order.run, again=True):
                    done.append(order.number)
        if done:
            now = self.cursors.told(model)
            self.cursors.save_told(model, Told(now.promotions, now.alias, sorted({*now.orders, *done})))


def _has_run(connection: Connection, cursor: Cursor) -> bool:
    try:
        connection.client.get_run(cursor.parent)
    except Exception as error:
        if is_refusal(error):
            return False
        raise
    return True
