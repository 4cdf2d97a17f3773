"""A schema in a notebook: the columns that data must have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from levada import html
from levada.artifacts.schema import Schema
from levada.html import Html

_VALUES = 8


def schema_html(schema: Schema, said: Sequence[str]) -> Html:
    """Return a row per column: type, how often it must be there, the values it may have."""
    proto: Any = schema.proto()
    domains = {domain.name: list(domain.value) for domain in proto.string_domain}
    rows = [
        (html.code(feature.name), html.note(_type(feature)), _presence(feature), _domain(feature, domains))
        for feature in proto.feature
    ]
    drawn = html.table(("column", "type", "present", "values"), rows, wide=(3,))
    return html.card("Schema", [f"{len(rows)} columns", *said], drawn)


def _type(feature: Any) -> str:
    return feature.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[feature.type].name


def _presence(feature: Any) -> str:
    least = feature.presence.min_fraction
    return "always" if least >= 1 else f"at least {least:.0%}" if least else "may be missing"


def _domain(feature: Any, domains: dict[str, list[str]]) -> str:
    kind = feature.WhichOneof("domain_info")
    if kind == "domain":
        return _listed(domains.get(feature.domain, []))
    if kind == "string_domain":
        return _listed(list(feature.string_domain.value))
    if kind in ("int_domain", "float_domain"):
        bounds = getattr(feature, kind)
        low = html.shown(bounds.min) if bounds.HasField("min") else "…"
        high = html.shown(bounds.max) if bounds.HasField("max") else "…"
        return f"{low} to {high}"
    return {"bool_domain": "true, false", "time_domain": "a time", "time_of_day_domain": "a time of day"}.get(
        kind or "", ""
    )


def _listed(values: list[str]) -> str:
    return ", ".join(values[:_VALUES]) + (f", … ({len(values)})" if len(values) > _VALUES else "")
