"""What a schema says of its columns for people: descriptions, units, which of them are sensitive.

TensorFlow Metadata has a place for such notes, which TFX loads and passes on:

    feature {
      name: "salary"
      annotation {
        comment: "What the person earned last year, before taxes."
        tag: "unit: EUR"
        tag: "sensitive"
      }
    }
"""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

from typing import Any

SENSITIVE = "sensitive"
UNIT = "unit:"


def description_of(feature: Any) -> str:
    """Return what a feature's annotation says of it, its comments joined; empty if nothing."""
    return " ".join(" ".join(comment.split()) for comment in feature.annotation.comment)


def unit_of(feature: Any) -> str:
    """Return the unit of a feature's values, from its tag `unit: ...`; empty if none is named."""
    units = (tag.removeprefix(UNIT).strip() for tag in feature.annotation.tag if tag.startswith(UNIT))
    return next(units, "")


def is_sensitive(feature: Any) -> bool:
    """Whether a feature has the tag `sensitive`: its values are for no person's eyes."""
    return SENSITIVE in feature.annotation.tag


def sensitive_columns(schema: Any) -> frozenset[str]:
    """Return the names of the columns that a schema marks as sensitive."""
    return frozenset(feature.name for feature in schema.feature if is_sensitive(feature))


def keep_notes(proposal: Any, kept: Any) -> None:
    """Write into a proposed schema what people noted in the kept one: annotations, environments, stages.

    A sensitive column gets no domain: its values would stand in the file.
    """
    noted = {feature.name: feature for feature in kept.feature}
    for feature in proposal.feature:
        before = noted.get(feature.name)
        if before is None:
            continue
        if before.HasField("annotation"):
            feature.annotation.CopyFrom(before.annotation)
        if before.HasField("lifecycle_stage"):
            feature.lifecycle_stage = before.lifecycle_stage
        feature.in_environment.extend(before.in_environment)
        feature.not_in_environment.extend(before.not_in_environment)
        if is_sensitive(before):
            for name in ("string_domain", "int_domain", "float_domain"):
                feature.ClearField(name)
    proposal.default_environment.extend(kept.default_environment)
