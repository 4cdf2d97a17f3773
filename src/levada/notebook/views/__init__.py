"""What artifacts look like in a notebook, a module a kind, imported when a cell shows one.

They stand here and not beside the types because the code of `levada.artifacts` counts in cache keys: a picture that is
drawn another way must not make a model anew.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence

from levada import html
from levada.artifact import Artifact
from levada.html import Html

_VIEWS = {
    "levada.artifacts.anomalies.Anomalies": "statistics:anomalies_html",
    "levada.artifacts.evaluation.Blessing": "gates:blessing_html",
    "levada.artifacts.compression.Compression": "compression:compression_html",
    "levada.artifacts.drift.DriftReport": "statistics:drift_html",
    "levada.artifacts.evaluation.Evaluation": "evaluation:evaluation_html",
    "levada.artifacts.examples.Examples": "examples:examples_html",
    "levada.artifacts.model.Model": "model:model_html",
    "levada.artifacts.study.Study": "tuning:study_html",
    "levada.parameters.Parameters": "tuning:parameters_html",
    "levada.artifacts.pushed.PushedModel": "model:pushed_html",
    "levada.artifacts.schema.Schema": "schema:schema_html",
    "levada.artifacts.statistics.Statistics": "statistics:statistics_html",
}


def html_of(artifact: Artifact, told: Sequence[str]) -> Html:
    """Return what a notebook shows of a made artifact; `told` are facts about how it came about."""
    for kind in type(artifact).__mro__:
        view = _VIEWS.get(f"{kind.__module__}.{kind.__qualname__}")
        if view is not None:
            module, _, name = view.partition(":")
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)(artifact, told)
    return _of_any(artifact, told)


def _of_any(artifact: Artifact, told: Sequence[str]) -> Html:
    """Return what there is to say of a user's own type: properties, files, who made it."""
    record = artifact.record
    files = [(html.code(file.path), html.size_of(file.size)) for file in record.files]
    return html.card(
        type(artifact).__name__,
        [html.size_of(record.size), *told],
        html.facts({name: json.dumps(value, ensure_ascii=False) for name, value in record.properties.items()}),
        html.table(("file", "size"), files, numbers=(1,)) if files else "",
        html.facts({"made by": record.producer, "digest": html.code(record.digest[:12])}),
    )
