"""The models of an evaluation as the registry knows them: the champion, and the candidate that is proposed."""

from __future__ import annotations

from typing import Any

from levada.artifact import ArtifactRecord
from levada.artifacts.examples import Examples
from levada.artifacts.measured import Results
from levada.artifacts.model import Model
from levada.artifacts.predictions import Predictions
from levada.context import Context
from levada.errors import DataError, ModelError
from levada.evaluation.asking import Asked, check_takes
from levada.evaluation.assessing import Champion


def judged_of(model: Model, examples: Examples, predictions: Predictions | None) -> Asked:
    """Return the model that is judged, with its answers if they are stored.

    Raises DataError for the predictions of another model, or of other examples.
    """
    if predictions is not None:
        if predictions.fingerprint != model.fingerprint:
            raise DataError(
                f"the predictions are of the model {predictions.fingerprint[:12]}, and "
                f"{model.fingerprint[:12]} is evaluated.",
                hint="Give evaluate() the model that predict() was given.",
            )
        if predictions.properties["of"] != examples.digest:
            raise DataError(
                "the predictions are of other examples than those that are evaluated.",
                hint="Give evaluate() the examples that predict() was given.",
            )
    return Asked("the model", model.document, model.load, predictions)


def champion_of(ctx: Context, name: str | None, champion: Model, examples: Examples) -> Champion:
    """Return the champion as it is asked; raises ModelError if it cannot be."""
    hint = "To judge by the thresholds alone, leave out champion=."
    try:
        predictor = champion.load()
    except ModelError as error:
        raise ModelError(f"the champion cannot be loaded: {error.message}", hint=hint) from error
    try:
        check_takes(predictor.document, examples, "the champion")
    except ModelError as error:
        raise ModelError(error.message, hint=f"Keep the column while that champion is live. {hint}") from None
    found = ctx.registry.version(name, champion.fingerprint) if name is not None else None
    version = found.version if found else None
    who = f"the champion (version {version})" if version else "the champion"
    return Champion(Asked(who, predictor.document, lambda: predictor), champion.fingerprint, version)


def baseline_of(results: Results) -> dict[str, Any] | None:
    """Return what the model was judged against, as a blessing and a candidate have it; None without a champion."""
    if results.champion is None:
        return None
    return {
        "version": results.champion_version,
        "fingerprint": results.champion_fingerprint,
        "metrics": results.champion,
    }


def propose(
    ctx: Context,
    name: str,
    record: ArtifactRecord,
    examples: Examples,
    results: Results,
    card: str,
    baseline: dict[str, Any] | None,
) -> None:
    """Record the candidate for the registry, and say so in the journal, where MLflow's delivery sees it."""
    candidate: dict[str, Any] = {
        "model": name,
        "fingerprint": results.fingerprint,
        "record": record.to_json(),
        "blessed": results.is_open,
        "reasons": results.reasons,
        "metrics": results.metrics,
        "baseline": baseline,
        "slices": slice_table(results, str((baseline or {}).get("who", "champion"))),
        "card": card,
        "data": [
            {
                "name": examples.record.producer.partition("/")[2] or "examples",
                "digest": examples.digest,
                "uri": examples.record.uri,
                "rows": examples.rows(results.split),
                "context": "evaluation",
            }
        ],
    }
    ctx.registry.propose(name, results.fingerprint, candidate)
    ctx.emit("candidate", **candidate)


def slice_table(results: Results, against: str) -> dict[str, Any]:
    """Return the slices as a table; a metric that cannot be said is null. Those of what it was held `against` too."""
    names = [measure.name for measure in results.measures]
    others = [f"{name} of {against}" for name in names] if results.champion is not None else []
    data = [
        [
            part.name,
            part.rows,
            *(part.metrics[name].value if name in part.metrics else None for name in names),
            *(part.champion[name].value if name in part.champion else None for name in names if others),
        ]
        for part in results.slices
    ]
    return {"columns": ["slice", "rows", *names, *others], "data": data}
