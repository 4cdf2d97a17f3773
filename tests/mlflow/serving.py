"""A pipeline whose models are real ones and are really pushed: data, a model, a verdict, a serving folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from levada import Context, component
from levada.artifacts import Blessing, Model
from levada.artifacts.pushed import Pointer, ServingFolder
from levada.components import push
from tests.mlflow.samples import SLICES, Examples, ingest, write_onnx


@component
def fit(ctx: Context, examples: Examples, *, seed: int = 0) -> Model:
    model = ctx.output(Model)
    model.properties["fingerprint"] = write_onnx(model.path, seed)
    ctx.metric("loss", 0.5, step=0)
    ctx.metric("loss", 0.25, step=1)
    return model


@component
def judge(ctx: Context, model: Model, examples: Examples, *, auc: float = 0.681, blessed: bool = True) -> Blessing:
    verdict = ctx.output(Blessing)
    reasons = [f"auc {auc} is at least 0.6"]
    verdict.write(blessed, reasons, model="flights", fingerprints=[model.fingerprint])
    candidate: dict[str, Any] = {
        "model": "flights",
        "fingerprint": model.fingerprint,
        "record": model.record.to_json(),
        "blessed": blessed,
        "reasons": reasons,
        "metrics": {"auc": auc},
        "baseline": None,
        "slices": SLICES,
        "data": [{"name": "ingest", "digest": examples.digest, "uri": examples.uri, "rows": 20, "context": "eval"}],
    }
    ctx.registry.propose("flights", model.fingerprint, candidate)
    ctx.emit("candidate", **candidate)
    return verdict


def served(*, to: str, seed: int = 0, auc: float = 0.681, blessed: bool = True, pushed: bool = True) -> None:
    data = ingest()
    model = fit(data, seed=seed)
    verdict = judge(model, data, auc=auc, blessed=blessed)
    if pushed:
        push(model, verdict, to=to)


def live(folder: Path) -> Pointer | None:
    """Return what a serving folder's pointer names."""
    return ServingFolder(str(folder)).pointer()


def placed(folder: Path) -> list[str]:
    """Return the versions that lie in a serving folder."""
    return sorted(path.name for path in folder.glob("[0-9]*")) if folder.is_dir() else []
