"""Importing what pipelines name loads no data or model library: a cached run never waits for one."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("pyarrow", "numpy", "pandas", "apache_beam", "tensorflow_metadata", "tensorflow", "sklearn", "mlflow")


@pytest.mark.parametrize("module", ["levada.artifacts", "levada.components"])
def test_importing_loads_no_library(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
