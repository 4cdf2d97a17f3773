"""A schema in a notebook: the columns that data must have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from levada import html
from levada.artifacts.schema import Schema
from levada.html import Html
from levada.schemas.wording import Worded, worded

_VALUES = 8


def schema_html(schema: Schema, said: Sequence[str]) -> Html:
    """Return a row per column: type, how often it must be there, the values it may have, and what people noted."""
    proto: Any = schema.proto()
    features = [worded(feature, proto) for feature in proto.feature]
    rows = [
        (
            html.code(feature.name),
            html.note(feature.facets.get("type", "")),
            feature.facets.get("presence", ""),
            _values(feature),
            feature.facets.get("unit", ""),
            _notes(feature),
        )
        for feature in features
    ]
    drawn = html.table(("column", "type", "present", "values", "unit", "description"), rows, wide=(3, 5))
    return html.card("Schema", [f"{len(rows)} columns", *said], drawn)


def _values(feature: Worded) -> str:
    if feature.values is None:
        return ", ".join(feature.facets[name] for name in ("shape", "range", "distinct") if name in feature.facets)
    if feature.sensitive:
        return f"{len(feature.values):,} values"
    return ", ".join(feature.values[:_VALUES]) + (
        f", … ({len(feature.values)})" if len(feature.values) > _VALUES else ""
    )


def _notes(feature: Worded) -> Html | str:
    notes = [feature.facets[name] for name in ("environments", "stage", "tags") if name in feature.facets]
    notes += ["sensitive"] * feature.sensitive
    return html.join([feature.facets.get("description", ""), *([" ", html.note(", ".join(notes))] if notes else [])])
