"""What a feature of a schema asks for, in words: what people read in tables, differences and notebooks."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from levada.artifacts.annotations import SENSITIVE, UNIT, description_of, is_sensitive, unit_of

FREE = "any"
"""What a facet without a constraint says."""

_WORDED = (
    "name",
    "type",
    "presence",
    "shape",
    "value_count",
    "value_counts",
    "domain",
    "string_domain",
    "int_domain",
    "float_domain",
    "bool_domain",
    "time_domain",
    "in_environment",
    "not_in_environment",
    "lifecycle_stage",
    "unique_constraints",
    "annotation",
)
"""The fields of a feature that `Worded` has words for; what else there is stands in `other`."""


@dataclass(frozen=True)
class Worded:
    """A feature in words: each facet's text by its name, and the values of its domain (None where it has none).

    `facets` has `type`, `presence`, `shape`, `range`, `mass`, `distinct`, `environments`, `stage`, `unit`,
    `description`, `sensitive`, `tags` and `other`, those that the feature says something of.
    """

    name: str
    facets: dict[str, str]
    values: tuple[str, ...] | None = None
    sensitive: bool = False

    @property
    def line(self) -> str:
        """What the column is, in a line: type, presence, shape, domain."""
        said = [self.facets[name] for name in ("type", "presence", "shape", "range", "distinct") if name in self.facets]
        if self.values is not None:
            said.append(f"one of {len(self.values):,} values")
        return ", ".join([*said, *(["sensitive"] if self.sensitive else [])])


def worded(feature: Any, schema: Any) -> Worded:
    """Return a feature of a schema in words."""
    return Worded(feature.name, dict(_facets(feature, schema)), domain_values(feature, schema), is_sensitive(feature))


def domain_values(feature: Any, schema: Any) -> tuple[str, ...] | None:
    """Return the values that a feature of text may have, None if any: its own domain, or the shared one it names."""
    if feature.HasField("string_domain"):
        return tuple(feature.string_domain.value)
    if feature.HasField("domain"):
        shared = (domain for domain in schema.string_domain if domain.name == feature.domain)
        return next((tuple(domain.value) for domain in shared), None)
    return None


def type_name(feature: Any) -> str:
    """Return INT, FLOAT, BYTES, STRUCT, or TYPE_UNKNOWN."""
    return _enum_name(feature, "type")


def bounds_of(feature: Any, schema: Any) -> Any:
    """Return the IntDomain or FloatDomain of a feature, its own or the shared one that it names; None for none."""
    for kind in ("int_domain", "float_domain"):
        if feature.HasField(kind):
            return getattr(feature, kind)
    if feature.HasField("domain"):
        shared = [*schema.int_domain, *schema.float_domain]
        return next((domain for domain in shared if domain.name == feature.domain), None)
    return None


def _facets(feature: Any, schema: Any) -> Iterator[tuple[str, str]]:
    type_ = _type_words(feature)
    if type_:
        yield "type", type_
    yield "presence", _presence(feature)
    shape = _shape(feature)
    if shape:
        yield "shape", shape
    bounds = bounds_of(feature, schema)
    if bounds is not None:
        yield "range", range_words(bounds)
    if feature.HasField("distribution_constraints"):
        yield "mass", f"at least {feature.distribution_constraints.min_domain_mass:.4g} within the domain"
    if feature.HasField("unique_constraints"):
        unique = feature.unique_constraints
        yield "distinct", f"{unique.min:,} to {unique.max:,} distinct values"
    environments = [*(f"in {name}" for name in feature.in_environment)]
    environments += [f"not in {name}" for name in feature.not_in_environment]
    if environments:
        yield "environments", ", ".join(environments)
    if feature.HasField("lifecycle_stage"):
        yield "stage", _enum_name(feature, "lifecycle_stage").lower().replace("_", " ")
    yield from _notes(feature)
    rest = _rest(feature)
    if rest:
        yield "other", rest


def _notes(feature: Any) -> Iterator[tuple[str, str]]:
    if unit_of(feature):
        yield "unit", unit_of(feature)
    if description_of(feature):
        yield "description", description_of(feature)
    if is_sensitive(feature):
        yield "sensitive", "yes"
    others = [tag for tag in feature.annotation.tag if tag != SENSITIVE and not tag.startswith(UNIT)]
    if others:
        yield "tags", ", ".join(others)


def _type_words(feature: Any) -> str:
    name = type_name(feature)
    if feature.HasField("bool_domain"):
        return "true or false"
    if feature.HasField("time_domain"):
        return "a time"
    return {"INT": "whole numbers", "FLOAT": "numbers", "BYTES": "text", "STRUCT": "a structure"}.get(name, "")


def _presence(feature: Any) -> str:
    presence = feature.presence
    least = presence.min_fraction
    if least >= 1:
        return "always there"
    if least > 0:
        return f"there in at least {100 * least:.4g} % of rows"
    return f"there in at least {presence.min_count:,} rows" if presence.min_count > 1 else "may be missing"


def _shape(feature: Any) -> str:
    """Return how many values a row has; nothing for the usual one."""
    if feature.HasField("shape"):
        sizes = [dim.size for dim in feature.shape.dim]
        return "" if sizes in ([], [1]) else f"{' x '.join(map(str, sizes))} values a row"
    if feature.HasField("value_count"):
        return count_words(feature.value_count)
    levels = feature.value_counts.value_count
    return " of ".join(["lists", *(["lists"] * (len(levels) - 1))]) if levels else ""


def count_words(count: Any) -> str:
    """Return how many values a row may have; nothing for exactly one."""
    if (count.min, count.max) == (1, 1):
        return ""
    return (
        f"{count.min:,} to {count.max:,} values a row"
        if count.HasField("max")
        else f"{count.min:,} or more values a row"
    )


def range_words(bounds: Any) -> str:
    """Return what an IntDomain or FloatDomain allows."""
    low, high = bounds.HasField("min"), bounds.HasField("max")
    said: list[str] = []
    if low and high:
        said.append(f"{number(bounds.min)} to {number(bounds.max)}")
    elif low or high:
        said.append(f"{number(bounds.min)} and more" if low else f"{number(bounds.max)} and less")
    refused = {"disallow_nan": "no NaN", "disallow_inf": "nothing infinite"}
    said += [words for name, words in refused.items() if getattr(bounds, name, False)]
    return ", ".join(said) or "any number"


def number(value: float) -> str:
    """Return a number for people, as short as tells it from others: 1,440 and 0.1."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.7g}"


def _rest(feature: Any) -> str:
    """Return in the text form, on one line, what else a feature says."""
    from google.protobuf import text_format

    left = type(feature)()
    left.CopyFrom(feature)
    for name in _WORDED:
        left.ClearField(name)
    return text_format.MessageToString(left, as_one_line=True).strip()


def _enum_name(message: Any, field: str) -> str:
    values = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    return values[getattr(message, field)].name
