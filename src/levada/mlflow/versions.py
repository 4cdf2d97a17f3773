"""Candidates as versions in MLflow's registry.

A candidate becomes a logged model, whose files are the store's own, and a version of the registered model. A
version is known by its fingerprint, so the same model never gets two numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from levada.artifact import ArtifactRecord
from levada.journal import Event
from levada.mlflow.connection import Connection, as_default, is_refusal, without_secrets
from levada.mlflow.datasets import data_of_candidate, short_digest
from levada.mlflow.description import against_baseline, model_description, version_description
from levada.mlflow.files import put_model
from levada.mlflow.limits import PARAM, VERSION_TAG, cut, finite
from levada.mlflow.loadable import make_loadable, model_params, read_model
from levada.mlflow.story import Registered, millis
from levada.registry import Registry, Version
from levada.store import Store

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion

CHALLENGER = "challenger"
_EVALUATED = ("eval", "valid", "test")


class Versions:
    """The registered models of one MLflow, as the deliveries of one store write them."""

    def __init__(self, connection: Connection, store: Store) -> None:
        self._connection = connection
        self._client = connection.client
        self._store = store
        self._registry = Registry(store)
        self._known: set[str] = set()

    # -- candidates ---------------------------------------------------------------------------------

    def register(
        self, candidate: Event, pipeline: str, experiment: str, run: str, facts: Mapping[str, str]
    ) -> Registered:
        """Make a candidate a version, or bring the version it already is up to date, and note its number.

        `run` is the run's id in MLflow, `facts` the run's tags that a version repeats (git, user).
        """
        model, fingerprint = candidate["model"], candidate["fingerprint"]
        self.ensure_model(model, pipeline)
        links = {"the run": f"#/experiments/{experiment}/runs/{run}"}
        found = self.find(model, fingerprint)
        if found is None:
            logged = self._log_model(candidate, experiment, run, facts)
            found = self._create_version(candidate, logged, experiment, run, links)
            if self._store.local is None:
                found = self._first_of(found, fingerprint)
        else:
            self._refresh(candidate, found, experiment, links)
            logged = self._model_of(found)
        if logged is not None:
            self._tie(candidate, found, logged, run)
        self._challenge(candidate, found)
        number = int(found.version)
        self._registry.number(Version(model, fingerprint, number, without_secrets(self._connection.uri)))
        return Registered(model, number, bool(candidate.get("blessed")))

    def ensure_model(self, model: str, pipeline: str) -> None:
        """Make the registered model if it is not there."""
        if model in self._known:
            return
        try:
            self._client.get_registered_model(model)
        except Exception as error:
            if getattr(error, "error_code", "") != "RESOURCE_DOES_NOT_EXIST":
                raise
            try:
                self._client.create_registered_model(
                    model, {"levada.pipeline": pipeline}, model_description(pipeline, model)
                )
            except Exception as again:
                if getattr(again, "error_code", "") != "RESOURCE_ALREADY_EXISTS":
                    raise
        self._known.add(model)

    def find(self, model: str, fingerprint: str) -> ModelVersion | None:
        """Return the version that a fingerprint has in MLflow, None if it has none."""
        found = self._client.search_model_versions(
            f"name = '{model}' and tags.`levada.fingerprint` = '{fingerprint}'", max_results=2
        )
        return min(found, key=lambda version: int(version.version)) if found else None

    def _first_of(self, made: ModelVersion, fingerprint: str) -> ModelVersion:
        """Return the version that counts where two deliverers without a lock made one each: the lower number."""
        first = self.find(made.name, fingerprint)
        if first is None or int(first.version) >= int(made.version):
            return made
        self._client.delete_model_version(made.name, str(made.version))
        return first

    def _log_model(self, candidate: Event, experiment: str, run: str, facts: Mapping[str, str]) -> LoggedModel:
        """Return the candidate's logged model with its files: a half-made one from a run that was cut off, or new."""
        record = ArtifactRecord.from_json(candidate["record"])
        folder, description = read_model(self._store, record)
        name = _logged_model_name(candidate["model"])
        logged = self._half_made(candidate, experiment, run)
        if logged is None:
            logged = self._client.create_logged_model(
                experiment,
                name=name,
                source_run_id=run,
                tags=_model_tags(candidate, record, facts),
                params={key: cut(value, PARAM) for key, value in model_params(description).items() if value},
                model_type="classifier" if description.get("task") == "classification" else None,
            )
        model_id = logged.model_id
        if logged.status != "READY":
            put_model(
                self._connection,
                model_id,
                logged.artifact_location,
                lambda target: make_loadable(
                    target, folder, record, description, name, model_id, run, str(candidate.get("card") or "")
                ),
            )
            logged = self._client.finalize_logged_model(model_id, "READY")
        return logged

    def _half_made(self, candidate: Event, experiment: str, run: str) -> LoggedModel | None:
        found = self._client.search_logged_models(
            [experiment], f"tags.`levada.fingerprint` = '{candidate['fingerprint']}'", max_results=50
        )
        mine = (run, candidate["model"])
        return next((item for item in found if (item.source_run_id, item.tags.get("levada.model")) == mine), None)

    def _create_version(
        self, candidate: Event, logged: LoggedModel, experiment: str, run: str, links: Mapping[str, str]
    ) -> ModelVersion:
        links = {**links, "the model": f"#/experiments/{experiment}/models/{logged.model_id}"}
        with as_default(self._connection.uri):
            return self._client.create_model_version(
                candidate["model"],
                source=f"models:/{logged.model_id}",
                run_id=run,
                tags=_version_tags(candidate),
                description=version_description(candidate, candidate["run"], links),
                await_creation_for=0,
                model_id=logged.model_id,
            )

    def _refresh(self, candidate: Event, version: ModelVersion, experiment: str, links: Mapping[str, str]) -> None:
        """Let the newest evaluation of a model speak on its version's page."""
        for key, value in _version_tags(candidate).items():
            if version.tags.get(key) != value:
                self._client.set_model_version_tag(version.name, version.version, key, value)
        links = {**links, "the model": _model_page(version, experiment)}
        description = version_description(candidate, candidate["run"], links)
        if description != version.description:
            self._client.update_model_version(version.name, version.version, description)

    def _model_of(self, version: ModelVersion) -> LoggedModel | None:
        model_id = _model_id(version)
        try:
            return self._client.get_logged_model(model_id) if model_id else None
        except Exception as error:
            if is_refusal(error):
                return None  # somebody removed it in MLflow
            raise

    def _tie(self, candidate: Event, version: ModelVersion, logged: LoggedModel, run: str) -> None:
        """Tie run, model, data and metrics together, so that each page leads to the others."""
        from mlflow.entities import LoggedModelOutput, Metric

        data = candidate.get("data") or []
        if data:
            self._client.log_inputs(run, data_of_candidate(data))
        judged_on = _judged_on(data)
        time = millis(candidate["time"])
        metrics = [
            Metric(key, value, time, 0, logged.model_id, judged_on and judged_on[0], judged_on and judged_on[1])
            for key, value in finite(candidate.get("metrics") or {}).items()
        ]
        if metrics:
            self._client.log_batch(run, metrics=metrics)
        try:
            self._client.log_outputs(run, [LoggedModelOutput(logged.model_id, 0)])
        except Exception as error:
            if not is_refusal(error):
                raise  # a repeat is refused: they were tied before
        self._client.set_logged_model_tags(
            logged.model_id,
            {
                "mlflow.modelVersions": json.dumps([{"name": version.name, "version": int(version.version)}]),
                "mlflow.note.content": version_description(candidate, candidate["run"], {}),
            },
        )

    def _challenge(self, candidate: Event, version: ModelVersion) -> None:
        """Point `challenger` at a version that passed its gate and is not live; take it from one that did not."""
        model, number = version.name, str(version.version)
        champion = self._registry.champion(model)
        live = champion is not None and champion.fingerprint == candidate["fingerprint"]
        if candidate.get("blessed") and not live:
            self._client.set_registered_model_alias(model, CHALLENGER, number)
        elif self.alias(model, CHALLENGER) == number:
            self._client.delete_registered_model_alias(model, CHALLENGER)

    def challenge(self, model: str, fingerprint: str | None) -> None:
        """Let `challenger` be the version of this fingerprint, or nothing."""
        found = self.find(model, fingerprint) if fingerprint else None
        if found is not None:
            self._client.set_registered_model_alias(model, CHALLENGER, str(found.version))
        elif self.alias(model, CHALLENGER):
            self._client.delete_registered_model_alias(model, CHALLENGER)

    def alias(self, model: str, alias: str) -> str:
        """Return the version that an alias points to, empty if it is not set."""
        try:
            return str(self._client.get_model_version_by_alias(model, alias).version)
        except Exception as error:
            if is_refusal(error):
                return ""
            raise


def _logged_model_name(model: str) -> str:
    return model.replace(".", "_")  # a logged model's name takes fewer characters than a registered model's


def _model_tags(candidate: Event, record: ArtifactRecord, facts: Mapping[str, str]) -> dict[str, str]:
    return {
        "levada.model": candidate["model"],
        "levada.fingerprint": candidate["fingerprint"],
        "levada.run": candidate["run"],
        "levada.node": candidate["node"],
        "levada.uri": record.uri,
        **facts,
    }


def _version_tags(candidate: Event) -> dict[str, str]:
    tags = {
        "levada.fingerprint": candidate["fingerprint"],
        "levada.run": candidate["run"],
        "levada.blessing": "passed" if candidate.get("blessed") else "refused",
        "levada.verdict": against_baseline(candidate),
    }
    for item in candidate.get("data") or []:
        tags[f"dataset.{item['name']}"] = str(item["digest"])
    return {key: cut(value, VERSION_TAG) for key, value in tags.items() if value}


def _model_id(version: ModelVersion) -> str:
    """Return the logged model behind a version; empty for a version that was made from a path."""
    model_id = (version.source or "").removeprefix("models:/")
    return model_id if model_id.startswith("m-") and "/" not in model_id else ""


def _model_page(version: ModelVersion, experiment: str) -> str:
    model_id = _model_id(version)
    return f"#/experiments/{experiment}/models/{model_id}" if model_id else ""


def _judged_on(data: list[Mapping[str, Any]]) -> tuple[str, str] | None:
    """Return name and digest of the data that the metrics are about: the evaluation split, else the last named."""
    if not data:
        return None
    evaluated = [item for item in data if str(item.get("context", "")).startswith(_EVALUATED)]
    item = (evaluated or data)[-1]
    return str(item["name"]), short_digest(str(item["digest"]))
