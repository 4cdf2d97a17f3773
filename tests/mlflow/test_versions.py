"""Candidates are versions that load and predict, promotions move aliases, and every page leads to the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from levada.mlflow.connection import as_default, local_folder
from levada.registry import Registry
from levada.store import Store
from tests.mlflow.pages import alias, nodes_of, runs_of, versions_of
from tests.mlflow.samples import (
    evaluate,
    flights,
    ingest,
    number_of,
    plan_of,
    push,
    run_plan,
    train_of_unknown_format,
    train_saved_model,
    write_model_json,
)

RAW = pd.DataFrame({"distance": [0.1, 0.9], "carrier": ["UA", "UA"], "not_a_feature": [1, 2]}, index=[7, 8])


def load(uri: str, name: str) -> Any:
    import mlflow

    with as_default(uri):
        return mlflow.pyfunc.load_model(name)


def test_a_promoted_model_predicts_raw_features_by_its_alias(store: Store, uri: str) -> None:
    run_plan(plan_of(flights), store, uri)

    predicted = load(uri, "models:/flights@champion").predict(RAW)

    assert list(predicted.columns) == ["label", "probabilities"]
    assert predicted["label"].tolist() == [0, 1]
    assert [len(row) for row in predicted["probabilities"]] == [2, 2]
    assert predicted.index.tolist() == [7, 8]


@pytest.mark.parametrize(
    "frame",
    [
        {"distance": [0, 1], "carrier": pd.Categorical(["UA", "UA"])},
        {"distance": np.array([0.1, 0.9], np.float32), "carrier": np.array(["UA", "UA"])},
        {"distance": pd.array([0, 1], "Int64"), "carrier": pd.array(["UA", "UA"], "string")},
    ],
    ids=["integers and categories", "numpy", "nullable"],
)
def test_columns_are_cast_to_what_the_model_wants(frame: dict[str, Any], store: Store, uri: str) -> None:
    run_plan(plan_of(flights), store, uri)

    assert load(uri, "models:/flights@champion").predict(pd.DataFrame(frame))["label"].tolist() == [0, 1]


def test_loading_a_version_imports_no_levada(store: Store, uri: str) -> None:
    import subprocess
    import sys

    run_plan(plan_of(flights), store, uri)
    code = """
import sys
import mlflow, pandas
model = mlflow.pyfunc.load_model("models:/flights@champion")
print(model.predict(pandas.DataFrame({"distance": [0.9], "carrier": ["UA"]}))["label"].tolist())
print([name for name in sys.modules if name.partition(".")[0] == "levada"])
"""
    environment = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_DISABLE_TELEMETRY": "true", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines() == ["[1]", "[]"]
    assert "Add type hints" not in done.stderr


def test_a_column_that_the_model_wants_is_named_when_it_is_missing(store: Store, uri: str) -> None:
    run_plan(plan_of(flights), store, uri)

    with pytest.raises(Exception, match="carrier"):
        load(uri, "models:/flights@champion").predict(RAW[["distance"]])


def test_the_models_files_are_the_stores_own(store: Store, uri: str, client: Any) -> None:
    outcome, _ = run_plan(plan_of(flights), store, uri)

    (model,) = client.search_logged_models(["1"])
    folder = local_folder(model.artifact_location)
    assert folder is not None
    made = store.fetch(outcome.results["train"].outputs["output"]) / "model.onnx"
    assert (folder / "model" / "model.onnx").samefile(made)
    assert "onnxruntime==" in (folder / "requirements.txt").read_text()


def test_the_run_leads_to_the_model_and_the_model_to_run_data_and_version(store: Store, uri: str, client: Any) -> None:
    run_plan(plan_of(flights), store, uri)

    (parent,) = runs_of(client, "flights")
    (output,) = parent.outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert model.params["inputs"] == "distance (float32 1), carrier (string 1)"
    assert (str(model.status), model.source_run_id) == ("READY", parent.info.run_id)
    assert {(metric.key, metric.value, metric.dataset_name) for metric in model.metrics} == {
        ("auc", 0.681, "ingest"),
        ("accuracy", 0.9, "ingest"),
    }
    (judged,) = parent.inputs.dataset_inputs
    assert {metric.dataset_digest for metric in model.metrics} == {judged.dataset.digest}
    assert json.loads(model.tags["mlflow.modelVersions"]) == [{"name": "flights", "version": 1}]
    assert model.tags["mlflow.source.name"] == "levada run flights"
    (version,) = versions_of(client)
    assert (version.source, version.run_id) == (f"models:/{output.model_id}", parent.info.run_id)


def test_a_version_says_why_it_passed_and_against_what(store: Store, uri: str, client: Any) -> None:
    outcome, _ = run_plan(plan_of(flights, pushed=False), store, uri)

    (version,) = versions_of(client)
    lines = version.description.splitlines()
    assert lines[0] == "Passed its gate · auc 0.681 (champion v3: 0.674, +0.007)"
    assert "- auc 0.681 is at least 0.6" in lines
    assert "| auc&emsp; | 0.681&emsp; | 0.674&emsp; | +0.007&emsp; |" in lines
    assert "| carrier = EV&emsp; | 812&emsp; | 0.6521&emsp; |" in lines
    assert len(version.description) <= 5000
    assert version.tags["levada.blessing"] == "passed"
    assert version.tags["levada.run"] == outcome.run_id
    assert version.tags["dataset.ingest"] == outcome.results["ingest"].outputs["output"].digest
    assert "@champion" in client.get_registered_model("flights").description


def test_the_challenger_becomes_champion_when_it_is_pushed(store: Store, uri: str, client: Any) -> None:
    run_plan(plan_of(flights, epochs=1), store, uri)
    run_plan(plan_of(flights, epochs=2, pushed=False), store, uri)
    assert (alias(client, "champion"), alias(client, "challenger")) == (1, 2)

    outcome, _ = run_plan(plan_of(flights, epochs=2), store, uri)

    assert {name: result.status for name, result in outcome.results.items()} == {
        **dict.fromkeys(["ingest", "train", "evaluate"], "cached"),
        "push": "done",
    }
    assert (alias(client, "champion"), alias(client, "challenger")) == (2, None)
    promoted = versions_of(client)[1].tags["levada.promoted"]
    assert "before: v1" in promoted
    assert "served from serving" in promoted
    assert f"in run {outcome.run_id}" in promoted
    assert runs_of(client, "flights")[-1].data.tags["levada.promoted"] == "flights v2 is champion · before: v1"


def test_numbers_come_from_mlflow_and_go_to_the_store_without_credentials(store: Store, uri: str) -> None:
    run_plan(plan_of(flights, epochs=1, pushed=False), store, uri)
    run_plan(plan_of(flights, epochs=2, pushed=False), store, uri)

    assert (number_of(store, "fp1"), number_of(store, "fp2")) == (1, 2)
    assert {version.registry for version in Registry(store).versions("flights")} == {uri}


def test_a_model_whose_files_are_gone_is_left_out_and_the_rest_is_told(store: Store, uri: str, client: Any) -> None:
    outcome, _ = run_plan(plan_of(flights, pushed=False), store, None)
    (store.fetch(outcome.results["train"].outputs["output"]) / "model.onnx").unlink()
    from levada.mlflow.delivery import deliver_pending

    report = deliver_pending(store, uri)

    assert report.delivered == (outcome.run_id,)
    assert "candidate flights: the model cannot be registered" in report.refused[0]
    (parent,) = runs_of(client, "flights")
    assert parent.info.status == "FINISHED"
    assert set(nodes_of(client, parent)) == {"ingest", "train", "evaluate"}
    assert versions_of(client) == []


@pytest.mark.slow
def test_a_saved_model_predicts_through_its_signature(store: Store, uri: str) -> None:
    def saved() -> None:
        data = ingest()
        model = train_saved_model(data, weight=3.0)
        push(model, evaluate(model, data))

    outcome, _ = run_plan(plan_of(saved), store, uri)
    assert outcome.status == "finished"

    frame = pd.DataFrame({"distance": [1.0, 2.0], "carrier": ["ev", None], "wind": [0.5, 0.0], "rain": [1, 0]})
    predicted = load(uri, "models:/flights@champion").predict(frame)

    assert predicted.to_dict("list") == {"y": [4.5, 6.0], "name": ["EV", ""]}


def test_a_model_is_a_version_only_if_its_folder_says_what_it_is(store: Store, uri: str, client: Any) -> None:
    def strange() -> None:
        data = ingest()
        evaluate(train_of_unknown_format(data), data)

    outcome, reader = run_plan(plan_of(strange), store, uri)
    assert outcome.status == "finished"
    assert reader is not None
    assert "wanted a format of saved_model, litert, onnx, got 'pickle'" in reader.refused
    assert versions_of(client) == []


def test_inputs_of_every_form_reach_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code that travels with a model, asked as MLflow asks it, with a stand-in for the model itself."""
    import importlib.util
    import types

    import levada.mlflow.loadable as loadable

    spec = importlib.util.spec_from_file_location("served_model", loadable._CODE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr("mlflow.models.set_model", lambda model: None)
    spec.loader.exec_module(module)
    asked: dict[str, Any] = {}

    def ask(tensors: dict[str, Any]) -> dict[str, Any]:
        asked.update(tensors)
        return {"y": np.zeros((2, 1), np.float32), "m": np.ones((2, 3)), "t": np.array([b"a", b"b"], object)}

    module._load_onnx = lambda path: ask
    inputs = [
        {"name": "text", "dtype": "string", "shape": [-1]},
        {"name": "flag", "dtype": "bool", "shape": [-1, 1]},
        {"name": "image", "dtype": "float32", "shape": [-1, 2, 2]},
        {"name": "both", "dtype": "float64", "shape": [-1, 2], "columns": ["a", "b"]},
    ]
    outputs = [{"name": name, "dtype": "float32", "shape": [-1]} for name in ("y", "m", "t")]
    write_model_json(tmp_path, "onnx", "model.onnx", inputs, outputs, "f")
    model = module.LevadaModel()
    model.load_context(types.SimpleNamespace(artifacts={"model": str(tmp_path)}))
    frame = {"text": ["x", None], "flag": [1, 0], "image": [[[1, 2], [3, 4]], np.eye(2)], "a": [1, 2], "b": [3, 4]}

    predicted = model.predict(None, pd.DataFrame(frame))

    assert {name: (value.shape, value.dtype.kind) for name, value in asked.items()} == {
        "text": ((2,), "O"),
        "flag": ((2, 1), "b"),
        "image": ((2, 2, 2), "f"),
        "both": ((2, 2), "f"),
    }
    assert asked["text"].tolist() == ["x", ""]
    assert predicted.to_dict("list") == {"y": [0.0, 0.0], "m": [[1.0, 1.0, 1.0]] * 2, "t": ["a", "b"]}
    with pytest.raises(ValueError, match="image"):
        model.predict(None, pd.DataFrame(frame).drop(columns="image"))
    assert model.predict(None, {name: np.asarray(values) for name, values in frame.items()})["y"].tolist() == [0.0, 0.0]


def test_a_signature_lists_columns_and_is_left_out_where_it_would_refuse_an_image() -> None:
    from levada.mlflow.loadable import model_signature

    both = {"name": "both", "dtype": "float32", "shape": [-1, 2], "columns": ["a", "b"]}
    image = {"name": "image", "dtype": "float32", "shape": [-1, 8, 8]}
    matrix = {"name": "p", "dtype": "float32", "shape": [-1, 3]}
    signature = model_signature({"inputs": [both], "outputs": [matrix]})

    assert signature is not None
    assert [column["name"] for column in json.loads(signature["inputs"])] == ["a", "b"]
    assert json.loads(signature["outputs"]) == [
        {"type": "array", "items": {"type": "float"}, "name": "p", "required": True}
    ]
    assert model_signature({"inputs": [image], "outputs": [matrix]}) is None


def test_a_store_that_is_not_a_folder_gives_versions_that_load(tmp_path: Path, uri: str) -> None:
    outcome, reader = run_plan(plan_of(flights), Store(f"memory://{tmp_path.name}"), uri)

    assert (outcome.status, reader and reader.trouble, reader and reader.refused) == ("finished", "", "")
    assert load(uri, "models:/flights@champion").predict(RAW)["label"].tolist() == [0, 1]
