"""What is wrong with a schema by itself, whatever the data."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from levada.schemas.widening import in_use
from levada.schemas.wording import type_name
from levada.validation.finding import Finding

FITTING = {
    "int_domain": ("INT", "BYTES"),
    "float_domain": ("FLOAT", "BYTES"),
    "string_domain": ("BYTES",),
    "bool_domain": ("INT", "BYTES", "FLOAT"),
    "struct_domain": ("STRUCT",),
    "natural_language_domain": ("BYTES", "INT"),
    "image_domain": ("BYTES",),
    "audio_domain": ("BYTES",),
    "video_domain": ("BYTES",),
    "content_chunk_domain": ("BYTES",),
    "mid_domain": ("BYTES",),
    "url_domain": ("BYTES",),
    "time_domain": ("INT", "BYTES"),
    "time_of_day_domain": ("INT", "BYTES"),
}
"""The types that a domain can be of."""

DERIVED = "VALIDATION_DERIVED"


def find_faults(schema: Any) -> Iterator[Finding]:
    """Yield what contradicts itself in a schema, feature by feature, then names that are used twice."""
    names = Counter(feature.name for feature in schema.feature)
    for feature in schema.feature:
        if not feature.HasField("name"):
            yield Finding("", "FEATURE_MISSING_NAME", "a feature of the schema has no name")
            continue
        if in_use(feature):
            yield from _faults(feature, schema)
            yield from _derived(feature, set(names))
    for name, count in names.items():
        if count > 1:
            yield Finding(name, "INVALID_SCHEMA_SPECIFICATION", f"the schema has {count} features of this name")
    yield from _collisions(schema, set(names))


def _faults(feature: Any, schema: Any) -> Iterator[Finding]:
    def wrong(type_: str, what: str) -> Finding:
        return Finding(feature.name, type_, f"{what}, in the schema")

    least = feature.presence.min_fraction
    if not 0 <= least <= 1:
        yield wrong("INVALID_SCHEMA_SPECIFICATION", f"presence.min_fraction is {least:g}: wanted 0 to 1")
    counts = [feature.value_count] if feature.HasField("value_count") else []
    for count in [*counts, *feature.value_counts.value_count]:
        if count.min < 0 or (count.HasField("max") and count.max < count.min):
            yield wrong("INVALID_SCHEMA_SPECIFICATION", f"value_count is from {count.min} to {count.max}")
    domain = feature.WhichOneof("domain_info")
    if feature.HasField("distribution_constraints") and domain not in ("string_domain", "domain"):
        yield wrong("INVALID_SCHEMA_SPECIFICATION", "distribution_constraints without a string domain")
    type_ = type_name(feature)
    if domain in FITTING and type_ not in ("TYPE_UNKNOWN", *FITTING[domain]):
        yield wrong("DOMAIN_INVALID_FOR_TYPE", f"{domain} for the type {type_}")
    yield from _domain_faults(feature, schema)


def _domain_faults(feature: Any, schema: Any) -> Iterator[Finding]:
    def wrong(what: str) -> Finding:
        return Finding(feature.name, "INVALID_DOMAIN_SPECIFICATION", f"{what}, in the schema")

    if feature.HasField("domain"):
        shared = [item.name for item in (*schema.string_domain, *schema.int_domain, *schema.float_domain)]
        if feature.domain not in shared:
            yield wrong(f"domain '{feature.domain}' is not defined")
    if feature.HasField("bool_domain"):
        domain = feature.bool_domain
        if domain.HasField("true_value") and domain.true_value == domain.false_value:
            yield wrong(f"true and false are both '{domain.true_value}'")
    twice = [value for value, count in Counter(feature.string_domain.value).items() if count > 1]
    if twice:
        yield wrong(f"string_domain has '{twice[0]}' twice")
    for kind in ("int_domain", "float_domain"):
        bounds = getattr(feature, kind)
        if bounds.HasField("min") and bounds.HasField("max") and bounds.min > bounds.max:
            yield wrong(f"{kind} is from {bounds.min:g} to {bounds.max:g}")


def _derived(feature: Any, names: set[str]) -> Iterator[Finding]:
    stages = feature.DESCRIPTOR.fields_by_name["lifecycle_stage"].enum_type.values_by_number
    is_derived = stages[feature.lifecycle_stage].name == DERIVED
    source = feature.validation_derived_source
    if is_derived != feature.HasField("validation_derived_source"):
        what = f"lifecycle_stage {DERIVED} and validation_derived_source belong together"
        yield Finding(feature.name, "DERIVED_FEATURE_BAD_LIFECYCLE", f"{what}, in the schema")
    for path in source.source_path:
        if not path.step or path.step[0] not in names:
            what = f"is derived from {'.'.join(path.step) or 'nothing'}, which the schema does not have"
            yield Finding(feature.name, "DERIVED_FEATURE_INVALID_SOURCE", what)


def _collisions(schema: Any, names: set[str]) -> Iterator[Finding]:
    sparse = {item.name for item in schema.sparse_feature if in_use(item)}
    for item in schema.sparse_feature:
        if in_use(item) and item.name in names:
            yield Finding(item.name, "SPARSE_FEATURE_NAME_COLLISION", "a feature and a sparse feature of the schema")
    for item in schema.weighted_feature:
        if in_use(item) and item.name in names | sparse:
            yield Finding(item.name, "WEIGHTED_FEATURE_NAME_COLLISION", "a weighted feature of the schema and another")
