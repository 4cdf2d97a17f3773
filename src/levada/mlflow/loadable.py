"""A model folder of the store as one that `mlflow.pyfunc.load_model` loads, without MLflow looking at the model.

    MLmodel            what MLflow reads: flavour, signature, ids
    model.py           the code that predicts (levada/mlflow/model_code/model.py, copied)
    before_graph/      the code of what is done before the graph, where there is such (copied from levada/models)
    model/             the model's own files, as in the store
    model_card.md      the model's card, where it was evaluated with one
    requirements.txt   what predicting needs, in the versions that were here

MLflow's own `log_model` would import the model's framework, infer requirements and copy the files.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shutil
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from levada import models
from levada.artifact import ArtifactRecord
from levada.artifacts.evaluation import CARD
from levada.errors import ModelError, StoreError
from levada.mlflow.files import link_tree
from levada.store import Store

FORMATS = {
    "saved_model": ("tensorflow", "tensorflow-cpu"),
    "litert": ("ai-edge-litert",),
    "onnx": ("onnxruntime",),
}
_LOOKUPS = ("lookups.py", "calendar.py", "farmhash.py", "pictures.py")
"""The modules of levada.models that do what is done before a graph: the first imports the others, and nothing else."""
_CODE = Path(__file__).parent / "model_code" / "model.py"

_OUTPUT_TYPES = {"string": "string", "int64": "long", "float32": "float", "float64": "double", "bool": "boolean"}


def read_model(store: Store, record: ArtifactRecord) -> tuple[Path, dict[str, Any]]:
    """Return the local folder of a Model artifact and its `model.json`; raises ModelError if it is not one."""
    try:
        folder = store.fetch(record)
    except StoreError as error:
        raise ModelError(f"the model cannot be registered: {error.message}", hint=error.hint) from error
    path = folder / "model.json"
    if not path.is_file():
        raise ModelError(f"{record.uri} has no model.json: it is not a model that can be registered.")
    description = json.loads(path.read_text())
    if description.get("format") not in FORMATS:
        raise ModelError(f"{path}: wanted a format of {', '.join(FORMATS)}, got {description.get('format')!r}.")
    return folder, description


def make_loadable(
    target: Path,
    folder: Path,
    record: ArtifactRecord,
    description: Mapping[str, Any],
    name: str,
    model_id: str,
    run: str,
    card: str = "",
) -> None:
    """Fill `target` with the files of a loadable model; the large ones are hard links where they can be."""
    link_tree((entry.path for entry in record.files), folder, target / "model")
    shutil.copyfile(_CODE, target / "model.py")
    kinds: set[str] = set()
    if description.get("lookups"):
        _copy_lookups(target / "before_graph")
        form = json.loads((folder / str(description["lookups"])).read_text(encoding="utf-8"))
        kinds = {step["kind"] for step in form["steps"]}
    if card:
        (target / CARD).write_text(card, encoding="utf-8")
    needed = requirements(str(description["format"]), kinds)
    (target / "requirements.txt").write_text("".join(f"{line}\n" for line in needed))
    environment = {"python": platform.python_version(), "dependencies": ["-r requirements.txt"]}
    _write_yaml(target / "python_env.yaml", environment)
    _write_yaml(target / "MLmodel", _mlmodel(record, description, name, model_id, run))


def _copy_lookups(target: Path) -> None:
    """Write what interprets `lookups.json` as a package of its own."""
    target.mkdir()
    for name in _LOOKUPS:
        text = (Path(models.__file__).parent / name).read_text(encoding="utf-8")
        here = "__init__.py" if name == _LOOKUPS[0] else name
        (target / here).write_text(text.replace("from levada.models.", "from ."), encoding="utf-8")


def requirements(format_: str, before: Collection[str] = ()) -> list[str]:
    """Return what a model of a format needs to predict, pinned to what is installed here.

    `before` has the kinds of what is done before its graph.
    """
    runtime = next((name for name in FORMATS[format_] if _version(name)), FORMATS[format_][0])
    names = ["mlflow", runtime, "numpy", "pandas", *(["pillow"] if "pixels" in before else [])]
    return [f"{name}=={version}" if (version := _version(name)) else name for name in names]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _mlmodel(
    record: ArtifactRecord, description: Mapping[str, Any], name: str, model_id: str, run: str
) -> dict[str, Any]:
    form: dict[str, Any] = {
        "artifact_path": name,
        "flavors": {
            "python_function": {
                "loader_module": "mlflow.pyfunc.model",
                "model_code_path": "model.py",
                "artifacts": {"model": {"path": "model", "uri": record.uri}},
                "env": {"virtualenv": "python_env.yaml"},
                "python_version": platform.python_version(),
                "streamable": False,
            }
        },
        "metadata": {"levada.fingerprint": description.get("fingerprint", ""), "format": description["format"]},
        "mlflow_version": _version("mlflow"),
        "model_id": model_id,
        "model_size_bytes": record.size,
        "model_uuid": model_id.removeprefix("m-"),
        "name": name,
        "run_id": run,
        "utc_time_created": datetime.now(UTC).isoformat(sep=" ").removesuffix("+00:00"),
    }
    signature = model_signature(description)
    return form | ({"signature": signature} if signature else {})


def model_signature(description: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the columns that the model takes and gives, as MLflow's signature.

    Columns are taken as they come: MLflow would refuse integers for a float, or a categorical for a text, and
    `model.py` casts them. None for a model with an input that is neither a column nor columns side by side (an
    image, say): it takes an array too, which a signature would refuse.
    """
    inputs = description["inputs"]
    if any(not item.get("columns") and len(item["shape"]) > 1 and item["shape"][1:] != [1] for item in inputs):
        return None
    columns = dict.fromkeys(column for item in inputs for column in item.get("columns") or [item["name"]])
    taken = [{"type": "any", "name": column, "required": True} for column in columns]
    given = [{**_output_type(item), "name": item["name"], "required": True} for item in description["outputs"]]
    return {"inputs": json.dumps(taken), "outputs": json.dumps(given), "params": None}


def model_params(description: Mapping[str, Any]) -> dict[str, str]:
    """Return what a logged model's page says of the model: its format, and what it takes and gives."""
    return {
        "format": str(description["format"]),
        "framework": str(description.get("framework", "")),
        "inputs": ", ".join(_tensor(item) for item in description["inputs"]),
        "outputs": ", ".join(_tensor(item) for item in description["outputs"]),
    }


def _tensor(item: Mapping[str, Any]) -> str:
    rest = "x".join(str(size) for size in item["shape"][1:])
    columns = f" of {', '.join(item['columns'])}" if item.get("columns") else ""
    return f"{item['name']} ({item['dtype']}{f' {rest}' if rest else ''}{columns})"


def _output_type(item: Mapping[str, Any]) -> dict[str, Any]:
    form: dict[str, Any] = {"type": _OUTPUT_TYPES[item["dtype"]]}
    if item["shape"][1:] != [1]:
        for _ in item["shape"][1:]:
            form = {"type": "array", "items": form}
    return form


def _write_yaml(path: Path, form: Mapping[str, Any]) -> None:
    import yaml

    path.write_text(yaml.safe_dump(form, sort_keys=False, allow_unicode=True))
