"""Evidently's report as the guide makes it, where LEVADA_EVIDENTLY names the Python of an environment that has it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.docs.pages import ROOT

PYTHON = os.environ.get("LEVADA_EVIDENTLY", "")

pytestmark = pytest.mark.skipif(not PYTHON, reason="LEVADA_EVIDENTLY does not name a Python that has evidently")


def test_the_script_of_the_guide_writes_evidentlys_page(tmp_path: Path) -> None:
    text = (ROOT / "docs/guides/drift.md").read_text(encoding="utf-8")
    script = re.search(r'SCRIPT = """\n(.*?)"""', text, re.DOTALL)
    assert script is not None
    random = np.random.default_rng(0)
    for name in ("now", "before", "before too"):
        pq.write_table(pa.table({"fare": random.normal(size=500)}), tmp_path / f"{name}.parquet")
    sides = [f"{tmp_path}/now.parquet", f"{tmp_path}/before.parquet|{tmp_path}/before too.parquet"]
    page = tmp_path / "report.html"
    subprocess.run([PYTHON, "-c", script[1], *sides, str(page)], check=True, env={"DO_NOT_TRACK": "1"})
    assert "fare" in page.read_text(encoding="utf-8")
