"""What a schema says of drift and skew: TensorFlow Metadata's comparators, as limits."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from levada.drift.limits import INFINITE, MISSING, Limits

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

NOT_IN_USE = ("PLANNED", "ALPHA", "DEBUG_ONLY", "DEPRECATED", "DISABLED")


def limits_in(schema: schema_pb2.Schema, kind: Literal["drift", "skew"]) -> dict[str, Limits]:
    """Return the limits of the columns that have a `drift_comparator` or `skew_comparator`, as `kind` says.

    Its thresholds (`infinity_norm`, `jensen_shannon_divergence`) take the place of all other limits on the shape of
    that column, and what is above one fails. TFDV's is the divergence; the distance is its root.
    """
    found: dict[str, Limits] = {}
    for feature in schema.feature:
        comparator: Any = getattr(feature, f"{kind}_comparator")
        if not feature.HasField(f"{kind}_comparator"):
            continue
        limits: dict[str, tuple[float, float]] = {}
        if comparator.HasField("infinity_norm"):
            threshold = max(comparator.infinity_norm.threshold, 0.0)
            limits["l_infinity"] = (threshold, threshold)
        if comparator.HasField("jensen_shannon_divergence"):
            root = math.sqrt(max(comparator.jensen_shannon_divergence.threshold, 0.0))
            limits["jensen_shannon"] = (root, root)
        if limits:
            found[feature.name] = Limits.only(**limits, missing=MISSING, infinite=INFINITE)
    return found


def left_out(schema: schema_pb2.Schema, environment: str) -> set[str]:
    """Return the columns that a schema does not expect: out of use, or left out in an environment (the label, say)."""
    from tensorflow_metadata.proto.v0 import schema_pb2

    names: set[str] = set()
    for feature in schema.feature:
        if schema_pb2.LifecycleStage.Name(feature.lifecycle_stage) in NOT_IN_USE:
            names.add(feature.name)
        elif environment:
            included = environment in feature.in_environment or environment in schema.default_environment
            if not included or environment in feature.not_in_environment:
                names.add(feature.name)
    return names
