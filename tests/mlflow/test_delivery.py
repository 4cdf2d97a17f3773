"""Runs of a store become runs in MLflow: whole, in order, once, and never at the cost of the run."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from levada.mlflow.connection import local_folder
from levada.mlflow.cursor import Cursors
from levada.mlflow.delivery import deliver_pending
from levada.store import Store
from tests.mlflow.pages import NOTE, alias, curve, first_line, nodes_of, runs_of, versions_of
from tests.mlflow.samples import broken, chain, flights, plan_of, run_plan

NUMBERS = "auc 0.61 (champion v3: 0.674, -0.064)"
V1 = "[flights v1](#/models/flights/versions/1)"


def test_a_run_has_a_child_for_each_node_that_ran(store: Store, uri: str, client: Any) -> None:
    outcome, reader = run_plan(plan_of(flights), store, uri)

    assert (outcome.status, reader and reader.trouble, reader and reader.refused) == ("finished", "", "")
    (parent,) = runs_of(client, "flights")
    children = nodes_of(client, parent)
    assert set(children) == {"ingest", "train", "evaluate", "push"}
    assert {run.info.status for run in [parent, *children.values()]} == {"FINISHED"}
    assert all(run.info.start_time <= run.info.end_time for run in [parent, *children.values()])
    assert parent.info.run_name == parent.data.tags["levada.run"] == outcome.run_id
    assert parent.data.tags["levada.plan"] == outcome.plan.digest
    assert parent.data.tags["mlflow.source.name"] == "levada run flights"
    assert parent.data.tags["mlflow.user"]
    assert len(parent.data.tags["mlflow.source.git.commit"]) == 40
    trained = outcome.results["train"].outputs["output"]
    assert children["train"].data.tags["levada.output.output"] == store.address(trained.uri)
    assert reader is not None
    assert reader.page == f"#/experiments/{parent.info.experiment_id}/runs/{parent.info.run_id}"


def test_parameters_and_metrics_are_on_nodes_and_on_the_run(store: Store, uri: str, client: Any) -> None:
    run_plan(plan_of(flights, epochs=2), store, uri)

    (parent,) = runs_of(client, "flights")
    train = nodes_of(client, parent)["train"]
    assert train.data.params == {"epochs": "2", "rate": "0.1", "seconds": "0"}
    assert train.data.metrics == {"loss": 0.25, "accuracy": 0.85}
    assert curve(client, train, "loss") == [(0, 0.5), (1, 0.25)]
    assert "odd = nan" in train.data.tags[NOTE]
    assert parent.data.params["epochs"] == parent.data.params["train/epochs"] == "2"
    assert parent.data.metrics["auc"] == 0.681
    assert parent.data.metrics["train/loss"] == 0.25


def test_data_is_named_with_digest_rows_and_columns(store: Store, uri: str, client: Any) -> None:
    outcome, _ = run_plan(plan_of(flights), store, uri)

    (parent,) = runs_of(client, "flights")
    (given,) = nodes_of(client, parent)["train"].inputs.dataset_inputs
    record = outcome.results["ingest"].outputs["output"]
    assert given.dataset.name == "ingest"
    assert record.digest.startswith(given.dataset.digest)
    assert json.loads(given.dataset.profile) == {"num_rows": 120, "splits": {"train": 100, "eval": 20}}
    columns = json.loads(given.dataset.schema)["mlflow_colspec"]
    assert [(column["name"], column["type"]) for column in columns] == [
        ("distance", "double"),
        ("carrier", "string"),
        ("late", "long"),
    ]
    assert {tag.key: tag.value for tag in given.tags} == {"mlflow.data.context": "train"}
    (judged,) = parent.inputs.dataset_inputs
    assert {tag.key: tag.value for tag in judged.tags} == {"mlflow.data.context": "evaluation"}


def test_plan_artifacts_and_slices_are_files_of_the_run(store: Store, uri: str, client: Any) -> None:
    outcome, _ = run_plan(plan_of(flights), store, uri)

    (parent,) = runs_of(client, "flights")
    folder = local_folder(parent.info.artifact_uri)
    assert folder is not None
    assert store.local is not None
    assert folder.is_relative_to(store.local / "mlflow" / "artifacts" / "flights")
    assert json.loads((folder / "plan.json").read_text()) == outcome.plan.to_json()
    artifacts = json.loads((folder / "artifacts.json").read_text())
    assert [item["node"] for item in artifacts] == ["ingest", "train", "evaluate"]
    assert json.loads((folder / "slices.json").read_text())["columns"] == ["slice", "rows", "auc"]
    assert json.loads(parent.data.tags["mlflow.loggedArtifacts"]) == [{"path": "slices.json", "type": "table"}]


@pytest.mark.parametrize(
    ("pipeline", "arguments", "status", "line"),
    [
        (
            flights,
            {},
            "FINISHED",
            f"**Open**: auc 0.681 (champion v3: 0.674, +0.007) · {V1} passed its gate · flights v1 is now champion",
        ),
        (
            flights,
            {"auc": 0.61, "blessed": False},
            "FINISHED",
            f"**Closed by evaluate**: auc 0.61 is below 0.7 · {NUMBERS} · {V1} did not pass its gate",
        ),
        (
            broken,
            {},
            "FAILED",
            r"**Failed at stumble**: ValueError: column 'dep\_dealy' is not \| in the examples",
        ),
        (chain, {"length": 2}, "FINISHED", "**Finished**"),
    ],
)
def test_the_first_line_of_a_run_is_its_verdict(
    pipeline: Any, arguments: Any, status: str, line: str, store: Store, uri: str, client: Any
) -> None:
    run_plan(plan_of(pipeline, **arguments), store, uri)

    (parent,) = runs_of(client, pipeline.__name__)
    assert first_line(parent) == line
    assert parent.info.status == status


def test_a_closed_gate_gives_a_version_without_an_alias_and_skips_the_push(store: Store, uri: str, client: Any) -> None:
    outcome, _ = run_plan(plan_of(flights, blessed=False), store, uri)

    assert outcome.status == "closed"
    (parent,) = runs_of(client, "flights")
    assert "push" not in nodes_of(client, parent)
    assert "| skipped" in parent.data.tags[NOTE]
    (version,) = versions_of(client)
    assert version.tags["levada.blessing"] == "refused"
    assert alias(client, "challenger") is None


def test_a_failed_node_shows_the_lines_of_the_users_code(store: Store, uri: str, client: Any) -> None:
    run_plan(plan_of(broken), store, uri)

    (parent,) = runs_of(client, "broken")
    children = nodes_of(client, parent)
    assert {node: child.info.status for node, child in children.items()} == {
        "ingest": "FINISHED",
        "stumble": "FAILED",
        "again": "FAILED",
    }
    note = children["stumble"].data.tags[NOTE]
    assert "The examples have: dep_delay" in note
    assert "tests/mlflow/samples.py:" in note


def test_a_cached_node_has_no_child(store: Store, uri: str, client: Any) -> None:
    run_plan(plan_of(flights, epochs=1, pushed=False), store, uri)
    run_plan(plan_of(flights, epochs=2, pushed=False), store, uri)

    _, second = runs_of(client, "flights")
    assert set(nodes_of(client, second)) == {"train", "evaluate"}
    assert "| cached" in second.data.tags[NOTE]


def test_a_fully_cached_run_imports_no_mlflow_and_is_delivered_by_the_next(store: Store, uri: str, client: Any) -> None:
    run_plan(plan_of(chain, length=2), store, uri)
    code = f"""
import sys
from levada.store import Store
from tests.mlflow.samples import chain, plan_of, run_plan
outcome, reader = run_plan(plan_of(chain, length=2), Store({store.uri!r}), {uri!r})
assert {{result.status for result in outcome.results.values()}} == {{"cached"}}, outcome.results
print("mlflow" in sys.modules, "sqlalchemy" in sys.modules, reader.trouble)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    assert len(runs_of(client, "chain")) == 1

    run_plan(plan_of(broken), store, uri)

    _, cached = runs_of(client, "chain")
    assert nodes_of(client, cached) == {}
    assert cached.info.status == "FINISHED"
    assert "2 nodes: 2 cached" in cached.data.tags[NOTE]


def test_a_store_without_runs_imports_no_mlflow(store: Store, uri: str) -> None:
    code = f"""
import sys
from levada.mlflow.delivery import deliver_pending
from levada.store import Store
print(deliver_pending(Store({store.uri!r}), {uri!r}))
print("mlflow" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["MLflow knows every run that has ended.", "False"]


def test_importing_the_package_imports_no_mlflow() -> None:
    code = """
import importlib, pkgutil, sys
import levada.mlflow
for module in pkgutil.iter_modules(levada.mlflow.__path__):
    importlib.import_module(f"levada.mlflow.{module.name}")
print(sorted({"mlflow", "filelock", "sqlalchemy", "uvicorn", "pandas"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_older_runs_are_delivered_first_and_in_order(store: Store, uri: str, client: Any) -> None:
    for epochs in (1, 2):
        run_plan(plan_of(flights, epochs=epochs, pushed=False), store, None)
    run_plan(plan_of(flights, epochs=3, pushed=False), store, uri)

    versions = versions_of(client)
    assert [version.tags["levada.fingerprint"] for version in versions] == ["fp1", "fp2", "fp3"]
    parents = runs_of(client, "flights")
    assert [parent.data.params["epochs"] for parent in parents] == ["1", "2", "3"]
    assert Cursors(store, uri).pending() == []


@pytest.mark.slow
def test_a_long_node_is_shown_while_it_runs(store: Store, uri: str, client: Any) -> None:
    plan = plan_of(flights, epochs=8, seconds=8, pushed=False)
    thread = threading.Thread(target=run_plan, args=(plan, store, uri))
    thread.start()
    seen: list[tuple[str, int]] = []
    try:
        while thread.is_alive():
            for parent in runs_of(client, "flights"):
                train = nodes_of(client, parent).get("train")
                if train is not None and train.info.status == "RUNNING":
                    seen.append((parent.info.status, len(curve(client, train, "loss"))))
            time.sleep(0.2)
    finally:
        thread.join()

    assert ("RUNNING", 3) in seen or ("RUNNING", 4) in seen
    (parent,) = runs_of(client, "flights")
    train = nodes_of(client, parent)["train"]
    assert len(curve(client, train, "loss")) == 8
    assert train.data.tags[NOTE].startswith("**done**")


def test_a_database_that_cannot_be_used_does_not_fail_the_run(store: Store, tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"this is no database" * 100)
    outcome, reader = run_plan(plan_of(chain, length=2), store, f"sqlite:///{tmp_path}/mlflow.db")

    assert outcome.status == "finished"
    assert reader is not None
    assert "mlflow.db is not a database of MLflow" in reader.trouble
    assert "\n" not in reader.trouble


def test_a_report_says_what_was_delivered_and_what_is_left(store: Store, uri: str, tmp_path: Path) -> None:
    run_plan(plan_of(chain, length=1), store, None)
    (tmp_path / "broken.db").write_bytes(b"no" * 1000)

    left = deliver_pending(store, f"sqlite:///{tmp_path}/broken.db")
    assert len(left.left) == 1
    assert str(left).startswith("1 run left: ")
    assert "broken.db is not a database of MLflow" in str(left)
    assert str(deliver_pending(store, uri)) == "Told MLflow about 1 run."
    assert str(deliver_pending(store, uri)) == "MLflow knows every run that has ended."
    assert deliver_pending(store, "").delivered == ()
