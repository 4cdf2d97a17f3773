"""Gates while they are made."""

from __future__ import annotations

from typing import Any

import pytest

from levada.artifact import ArtifactRecord, Gate
from levada.artifacts import Anomalies, Blessing, DriftReport, ServingCheck


@pytest.mark.parametrize("kind", [Anomalies, Blessing, DriftReport, ServingCheck])
def test_a_gate_is_closed_until_a_verdict_is_set(making: Any, kind: type[Gate]) -> None:
    """For whoever has the artifact, and for an engine that has but its record."""
    gate = making(kind)
    record = ArtifactRecord(kind.type_reference(), "", "", gate.properties, ())
    assert not gate.open and not record.open
    assert gate.reasons == record.reasons == ["no verdict was set"]
    gate.set_verdict(True, ["all is well"])
    assert gate.open and record.open
    assert gate.reasons == record.reasons == ["all is well"]
