"""The retail pipeline: half a million purchase lines, whose known defects are found and put aside."""

from __future__ import annotations

import os

import pytest

from levada.errors import DataError
from pipelines.retail import retail
from tests.project.conftest import Runner

DATA = os.environ.get("LEVADA_DATA")


def test_it_plans_without_its_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEVADA_DATA", raising=False)
    assert len(retail.plan().nodes) == 7


def test_without_its_data_it_says_what_is_missing(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEVADA_DATA", raising=False)
    with pytest.raises(DataError, match="the data of this pipeline is not here: LEVADA_DATA is not set") as caught:
        runner("retail")
    assert "online_retail/online_retail.parquet" in str(caught.value)


@pytest.mark.slow
@pytest.mark.skipif(not DATA, reason="LEVADA_DATA does not name a folder with real data")
def test_the_known_defects_are_found_and_put_aside(runner: Runner) -> None:
    """As many as those who know the data have counted."""
    done = runner("retail")
    assert done.exit_code == 0
    said = done.results["quarantine"].summary
    for defect in ("135,080 CustomerID is missing", "9,288 cancelled", "5,268 the same as an earlier row"):
        assert defect in said
    assert "2,517 no price" in said
    kept, rejected = (done.results["quarantine"].outputs[name] for name in ("kept", "rejected"))
    assert sum(kept.properties["splits"].values()) + sum(rejected.properties["splits"].values()) == 541_909
    assert done.results["check_data"].outputs["output"].properties["errors"] == 0
    assert "warned" in done.results["drift"].summary
