"""The guide to data: its code runs as it stands."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from levada.run import OK
from levada.store import Store
from tests.inline import plan_of, run_plan

GUIDE = Path(__file__).parents[2] / "docs/guides/data.md"
SCHEMA = 'feature { name: "fare" type: FLOAT } feature { name: "payment" type: BYTES } feature { name: "customer" }'


@pytest.fixture
def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "guide_to_data.py").write_text("\n\n".join(blocks))
    (tmp_path / "data/trips").mkdir(parents=True)
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas/trips.pbtxt").write_text(SCHEMA)
    rows = [f"{number % 70},{number / 4},{('Cash', 'Card')[number % 2]},01234" for number in range(600)]
    (tmp_path / "data/trips/1.csv").write_text("\n".join(["customer,fare,payment,zip", *rows]))
    (tmp_path / "data/cellar.log").write_text("1.5\n2.5\n")
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("guide_to_data")


def test_its_pipelines_run(guide: Any, tmp_path: Path) -> None:
    def all_of_them() -> None:
        guide.trips()
        guide.readings()
        guide.customers()
        guide.tolerant()
        data = guide.ingest(guide.source, splits={"train": 8, "eval": 2})
        guide.look_aside(data)

    outcome = run_plan(plan_of(all_of_them), Store(tmp_path / "store"), root=tmp_path)
    assert {name: result.failure for name, result in outcome.results.items() if not result.ok} == {}
    assert outcome.exit_code == OK
