"""What `pip install levada` brings: every file of the package, and a starter that can be laid out from there."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

from tests.inline import ROOT


def test_a_wheel_has_all_that_the_package_reads(tmp_path: Path) -> None:
    """Templates, pages and their scripts too: not only Python, and nothing that is not under version control."""
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as wheel:
        wheel.extractall(tmp_path / "installed")
        packed = {name for name in wheel.namelist() if name.startswith("levada/")}
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "src/levada"]
    ours = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert packed == {name.removeprefix("src/") for name in ours if (ROOT / name).is_file()}
    assert any(name.endswith(".ipynb.in") for name in packed) and any(name.endswith(".html") for name in packed)
    script = "import sys, levada.cli; print(levada.__file__); levada.cli.main(['init', 'demo'])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path / "installed"))
    assert (tmp_path / "demo" / "demo" / "pipelines" / "training.py").is_file()
