"""Trials are runs below the run of their study's node: with parameters, curves and states that MLflow compares."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from levada.artifact import made
from levada.artifacts import Study
from levada.components import between, maximize, one_of, tune
from levada.mlflow import trials
from levada.mlflow.connection import local_folder
from levada.store import Store
from tests.mlflow.pages import NOTE, curve, nodes_of, runs_of
from tests.mlflow.samples import plan_of, run_plan
from tests.tuning.toys import Shape, bend


def studied() -> None:
    space = {"x": between(-3.0, 3.0), "shape": one_of(*Shape), "fails": one_of("", "raise")}
    tuned = tune(bend, space=space, goal=maximize("score"), trials=9)(steps=3)
    bend.with_parameters(tuned.parameters)(fails="")


def trials_of(client: Any, node: Any) -> dict[int, Any]:
    found = client.search_runs([node.info.experiment_id], f"tags.`mlflow.parentRunId` = '{node.info.run_id}'")
    return {int(run.info.run_name.partition("#")[2]): run for run in found}


def test_trials_are_runs_below_the_nodes_run(store: Store, uri: str, client: Any) -> None:
    outcome, reader = run_plan(plan_of(studied), store, uri)
    assert (outcome.status, reader and reader.trouble, reader and reader.refused) == ("finished", "", "")
    (parent,) = runs_of(client, "studied")
    nodes = nodes_of(client, parent)
    assert set(nodes) == {"tune", "bend"}
    study = made(outcome.results["tune"].outputs["study"], store)
    assert isinstance(study, Study)
    told, document = trials_of(client, nodes["tune"]), study.document
    assert sorted(told) == list(range(9))
    states = {"done": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
    for trial in document.trials:
        run = told[trial["number"]]
        assert run.info.status == states[trial["state"]]
        assert run.data.tags["levada.kind"] == "trial"
        assert run.data.tags["levada.run"] == outcome.run_id
        assert run.data.tags["mlflow.source.name"] == "tests.tuning.toys:bend"
        assert set(run.data.params) == {"x", "shape", "fails"}
        assert run.data.params["shape"] == trial["searched"]["shape"]["name"]
        assert float(run.data.params["x"]) == trial["searched"]["x"]
        points = [(step, round(value, 6)) for step, value, _ in trial.get("curves", {}).get("score", [])]
        assert [(step, round(value, 4)) for step, value in curve(client, run, "score")] == [
            (step, round(value, 4)) for step, value in points
        ]
        assert run.info.end_time >= run.info.start_time == trial["began"]
    assert told[0].data.metrics["score"] == -4
    assert told[0].data.metrics["size"] == 10
    failed = [run for run in told.values() if run.info.status == "FAILED"]
    assert all("ValueError: x is too large" in run.data.tags[NOTE] for run in failed)
    assert [number for number, run in told.items() if run.data.tags.get("levada.best")] == [document.chosen]

    # The node's page leads to them and to the report; the component that was given the best says with what it ran.
    note, experiment = nodes["tune"].data.tags[NOTE], parent.info.experiment_id
    wanted = f"tags.%60levada.study%60%20%3D%20%27{outcome.run_id}%2Ftune%27"
    assert f"[as a list](#/experiments/{experiment}/runs?searchFilter={wanted})" in note
    compared = unquote(re.search(r"compare-runs\?runs=([^&]+)&", note)[1])  # type: ignore[index]
    assert json.loads(compared) == [told[number].info.run_id for number in range(9)]
    assert f"[study.html](#/experiments/{experiment}/runs/{nodes['tune'].info.run_id}/artifacts/study.html)" in note
    folder = local_folder(nodes["tune"].info.artifact_uri)
    assert folder is not None
    assert "Best: trial" in (folder / "study.html").read_text()
    best = [value for _, value in curve(client, nodes["tune"], "best_score")]
    assert best == sorted(best)
    assert float(nodes["bend"].data.params["x"]) == document.best["searched"]["x"]
    assert nodes["bend"].data.params["fails"] == ""


def test_a_delivery_that_was_cut_off_makes_no_trial_twice(store: Store, uri: str, client: Any) -> None:
    from levada.mlflow.delivery import deliver_pending

    outcome, _ = run_plan(plan_of(studied), store, None)
    deliver_pending(store, uri)
    (parent,) = runs_of(client, "studied")
    before = trials_of(client, nodes_of(client, parent)["tune"])
    # The cursor as it was written before the first call: what was made has to be found by its tags.
    (key,) = [key for key in store.list(_folder(store)) if key.endswith(f"{outcome.run_id}.json")]
    form = store.read_json(key)
    store.write(key, json.dumps({"run": form["run"], "experiment": form["experiment"]}).encode())
    for other in store.list(_folder(store)):
        if other.endswith("done.json"):
            store.delete(other)
    deliver_pending(store, uri)
    after = trials_of(client, nodes_of(client, parent)["tune"])
    assert {number: run.info.run_id for number, run in after.items()} == {
        number: run.info.run_id for number, run in before.items()
    }


def test_a_trial_that_mlflow_refuses_is_noted_and_the_others_are_told(
    store: Store, uri: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from levada.mlflow.delivery import deliver_pending

    found = trials._metrics

    def too_long(event: Any, began: int) -> Any:
        return [Metric("x" * 300, 0.5, 1, 1)] if event["number"] == 4 else found(event, began)

    monkeypatch.setattr(trials, "_metrics", too_long)
    outcome, _ = run_plan(plan_of(studied), store, None)
    report = deliver_pending(store, uri)
    (refused,) = report.refused
    assert f"{outcome.run_id}: trial 4: " in refused and "exceeds the maximum length" in refused, refused
    (parent,) = runs_of(client, "studied")
    told = trials_of(client, nodes_of(client, parent)["tune"])
    assert sorted(told) == [0, 1, 2, 3, 5, 6, 7, 8], "and of the refused one nothing is left"
    assert outcome.status == "finished"


def test_a_trial_that_was_told_by_half_is_told_again(
    store: Store, uri: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a server its calls are not one transaction."""
    from levada.mlflow.delivery import deliver_pending

    log_batch, cut_off = MlflowClient.log_batch, list[str]()

    def answer(self: MlflowClient, run: str, *given: Any, **named: Any) -> None:
        if not cut_off and self.get_run(run).info.run_name == "tune #4":
            cut_off.append(run)
            raise ConnectionError("the server went away")
        log_batch(self, run, *given, **named)

    monkeypatch.setattr(MlflowClient, "log_batch", answer)
    for module in ("runs", "transaction"):
        monkeypatch.setattr(f"levada.mlflow.{module}.has_transactions", lambda client: False)
    run_plan(plan_of(studied), store, None)
    assert deliver_pending(store, uri).left and cut_off
    assert deliver_pending(store, uri).left == ()
    (parent,) = runs_of(client, "studied")
    told = trials_of(client, nodes_of(client, parent)["tune"])
    assert sorted(told) == list(range(9))
    assert told[4].data.params and told[4].info.status != "RUNNING"


def _folder(store: Store) -> str:
    return store.list("delivery/mlflow")[0]
