"""Filling an empty MLflow from a store's journals: runs as they were, models with the numbers that they had.

The order is: every run but its end, versions by number, the ends of the runs (which name versions), promotions. A
number that the store does not know is taken by a placeholder, which is deleted when all are there, since
MLflow counts on from the highest number that it ever gave. Stopped at any point, it goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from levada.errors import RegistryError
from levada.journal import Event
from levada.mlflow.backlog import Backlog
from levada.mlflow.connection import is_refusal, reason, without_secrets
from levada.mlflow.delivery import say_away
from levada.mlflow.runs import RunDelivery
from levada.registry import Registry
from levada.store import Store

FILLER = "levada.filler"
_PLACE = "levada://store/filler"  # a server wants an absolute path in it
_OTHERS = 60  # seconds to wait for another process that delivers


@dataclass(frozen=True)
class Numbers:
    """What became of a model's version numbers: kept, without a model, never given."""

    kept: tuple[int, ...] = ()
    empty: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()
    champion: int | None = None


@dataclass(frozen=True)
class Rebuilt:
    """What was brought back: run ids, numbers by model, what MLflow would not take, lines for the user."""

    where: str
    runs: tuple[str, ...] = ()
    models: Mapping[str, Numbers] = field(default_factory=dict[str, Numbers])
    refused: tuple[str, ...] = ()
    said: tuple[str, ...] = ()

    def __str__(self) -> str:
        """What the command prints."""
        runs = f"{len(self.runs)} run{'s' if len(self.runs) != 1 else ''}"
        lines = [f"MLflow at {self.where} is filled again: {runs}."]
        for model, numbers in self.models.items():
            parts = [f"versions {_listed(numbers.kept)}" if numbers.kept else "no versions"]
            if numbers.empty:
                parts.append(f"{_listed(numbers.empty)} without the model, whose record is gone")
            if numbers.left_out:
                parts.append(f"{_listed(numbers.left_out)} left out, which the store does not know")
            if numbers.champion is not None:
                parts.append(f"champion is version {numbers.champion}")
            lines.append(f"{model}: {'; '.join(parts)}.")
        return "\n".join([*lines, *self.said, *(f"MLflow would not take {item}" for item in self.refused)])


def _listed(numbers: tuple[int, ...]) -> str:
    return ", ".join(str(number) for number in numbers)


def rebuild(store: Store, tracking_uri: str, root: Path | None = None) -> Rebuilt:
    """Fill an empty MLflow with everything that a store's journals tell; `root` is as for `deliver_pending`.

    Raises RegistryError if it has runs of this store, or versions of its models, that another rebuild did not bring
    there; and if MLflow is away, in which case the same command goes on later.
    """
    if not tracking_uri:
        raise RegistryError(
            "no MLflow is set up that could be filled.",
            hint='Set MLFLOW_TRACKING_URI, or mlflow = "..." in [tool.levada].',
        )
    where = without_secrets(tracking_uri)
    backlog = Backlog(store, tracking_uri, root)
    try:
        backlog.connect(rebuilding=True)
        with backlog.cursors.lock("catch-up", seconds=_OTHERS) as mine:
            if not mine:
                raise RegistryError(f"another process is telling MLflow at {where} about this store's runs.")
            return Rebuilding(backlog, where).rebuild()
    except RegistryError:
        raise
    except Exception as error:
        why = reason(error, tracking_uri)
        say_away(store, why)
        hint = "" if is_refusal(error) else "Run the same command again when it is back: it goes on where it was."
        raise RegistryError(why, hint=hint) from error


class Rebuilding:
    """One filling of one MLflow."""

    def __init__(self, backlog: Backlog, where: str) -> None:
        assert backlog.connection is not None and backlog.versions is not None
        self._backlog = backlog
        self._client = backlog.connection.client
        self._versions = backlog.versions
        self._cursors = backlog.cursors
        self._registry = Registry(backlog.store)
        self._where = where

    def rebuild(self) -> Rebuilt:
        progress = self._cursors.rebuilding()
        if progress is None:
            self._refuse_unless_empty()
            self._cursors.forget()
            progress = {"numbered": []}
            self._cursors.save_rebuilding(progress)
        runs = [run for run in self._all_runs() if run is not None]
        for run in runs:
            run.tell_but_the_end()
        for model in self._registry.models():
            self._number(model, runs, progress)
        for run in runs:
            self._register_rest(run)
            run.advance(live=False)
        self._cursors.close([run.cursor.run for run in runs if run.cursor.finished])
        for model in self._registry.models():
            self._challenge(model, runs)
        self._backlog.finish()
        self._cursors.save_rebuilding(None)
        refused = [f"{run.cursor.run}: {said}" for run in runs for said in run.cursor.refused]
        return Rebuilt(
            self._where,
            tuple(run.cursor.run for run in runs),
            {model: self._numbers_of(model) for model in self._registry.models() if self._registry.versions(model)},
            (*refused, *self._backlog.refused),
            tuple(self._backlog.said),
        )

    def _all_runs(self) -> list[RunDelivery | None]:
        """Open the delivery of every run that has ended, oldest first, its events taken."""
        opened: list[RunDelivery | None] = []
        for run_id in self._backlog.due():
            delivery = self._backlog.open(run_id)
            if delivery is not None:
                delivery.take(self._backlog.events(run_id))
            opened.append(delivery)
        return opened

    # -- what is there already ----------------------------------------------------------------------

    def _refuse_unless_empty(self) -> None:
        from mlflow.entities import ViewType

        hint = (
            "Only an empty one can be filled with the same numbers: name another, or `levada sync` without --rebuild."
        )
        store = self._backlog.store
        ours = {key.rsplit("/", 1)[1] for key in store.list("runs")}
        token = None
        while True:
            page = self._client.search_experiments(
                ViewType.ALL, filter_string="tags.`levada.pipeline` LIKE '%'", page_token=token
            )
            for experiment in page:
                known = self._run_of(experiment.experiment_id, ours)
                if known:
                    raise RegistryError(f"MLflow at {self._where} has runs of this store already ({known}).", hint=hint)
            token = page.token
            if not token:
                break
        for model in self._registry.models():
            if self._client.search_model_versions(f"name = '{model}'", max_results=1):
                raise RegistryError(f"MLflow at {self._where} has versions of {model} already.", hint=hint)

    def _run_of(self, experiment: str, ours: set[str]) -> str:
        token = None
        while True:
            page = self._client.search_runs(
                [experiment], "tags.`levada.kind` = 'pipeline'", max_results=1000, page_token=token
            )
            known = next((name for run in page if (name := run.data.tags.get("levada.run", "")) in ours), "")
            token = page.token
            if known or not token:
                return known

    # -- versions -----------------------------------------------------------------------------------

    def _number(self, model: str, runs: list[RunDelivery], progress: dict[str, Any]) -> None:
        """Make a model's versions, each under the number that the store knows it by."""
        wanted = {version.version: version.fingerprint for version in self._registry.versions(model)}
        if not wanted:
            return
        if model not in progress["numbered"]:
            first = next((run for run in runs if any(_of(model, event) for event in _proposed(run))), None)
            self._versions.ensure_model(model, first.story.plan.pipeline if first else model)
            for number in range(1, max(wanted) + 1):
                if number not in wanted:
                    self._fill(model, number, "")
                elif not self._register(model, wanted[number], number, runs):
                    self._fill(model, number, wanted[number])
            progress["numbered"].append(model)
            self._cursors.save_rebuilding(progress)
        for version in self._client.search_model_versions(f"name = '{model}' and tags.`{FILLER}` = 'true'"):
            self._client.delete_model_version(model, str(version.version))

    def _register(self, model: str, fingerprint: str, number: int, runs: list[RunDelivery]) -> bool:
        """Register a candidate, and what later runs said of it; False if no journal has it or its files are gone."""
        for run in runs:
            for event in _proposed(run):
                if _of(model, event) and event["fingerprint"] == fingerprint:
                    given = run.register(event)
                    if given is not None and given != number:
                        raise RegistryError(
                            f"MLflow at {self._where} gave version {given} to version {number} of {model}: "
                            "something else registers models there.",
                            hint="Fill one that nobody else uses meanwhile.",
                        )
        return self._versions.find(model, fingerprint) is not None

    def _register_rest(self, run: RunDelivery) -> None:
        """Register the candidates of a run that never had a number."""
        for event in _proposed(run):
            if event["id"] not in run.story.registered:
                run.register(event)

    def _fill(self, model: str, number: int, fingerprint: str) -> None:
        """Take a number with a placeholder: one that goes again, or one that stands for a model that is gone."""
        try:
            found = self._client.get_model_version(model, str(number))
        except Exception as error:
            if not is_refusal(error):
                raise
            found = None
        if found is not None:
            return
        tags = {"levada.fingerprint": fingerprint} if fingerprint else {FILLER: "true"}
        said = "Its record is no longer in the store: the number alone is kept." if fingerprint else ""
        made = self._client.create_model_version(model, _PLACE, tags=tags, description=said, await_creation_for=0)
        if int(made.version) != number:
            raise RegistryError(
                f"MLflow at {self._where} gave version {made.version} of {model} where {number} was due."
            )

    def _challenge(self, model: str, runs: list[RunDelivery]) -> None:
        """Let `challenger` be the newest model that passed its gate and did not go live afterwards."""
        live = {promotion.fingerprint: promotion.time for promotion in self._registry.promotions(model)}
        challenger = None
        for event in (event for run in runs for event in _proposed(run) if _of(model, event)):
            if event.get("blessed") and live.get(event["fingerprint"], "") < event["time"]:
                challenger = event["fingerprint"]
            elif event["fingerprint"] == challenger:
                challenger = None
        champion = self._registry.champion(model)
        is_live = champion is not None and champion.fingerprint == challenger
        self._versions.challenge(model, None if is_live else challenger)

    def _numbers_of(self, model: str) -> Numbers:
        there = {int(found.version): found for found in self._client.search_model_versions(f"name = '{model}'")}
        empty = tuple(sorted(number for number, found in there.items() if found.source == _PLACE))
        champion = self._versions.alias(model, "champion")
        return Numbers(
            kept=tuple(sorted(set(there) - set(empty))),
            empty=empty,
            left_out=tuple(number for number in range(1, max(there, default=0)) if number not in there),
            champion=int(champion) if champion else None,
        )


def _proposed(run: RunDelivery) -> list[Event]:
    return [event for _, event in run.story.candidates()]


def _of(model: str, event: Event) -> bool:
    return event["model"] == model
