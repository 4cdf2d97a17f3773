"""What `pip install levada` brings: every file of the package, and a starter that can be laid out from there."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.inline import ROOT


def test_a_wheel_has_all_that_the_package_reads(tmp_path: Path) -> None:
    """Templates, pages and their scripts too: not only Python, and nothing that is not under version control."""
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as wheel:
        wheel.extractall(tmp_path / "installed")
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "src"]
    ours = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert packed == {name.removeprefix("src/") for name in ours if (ROOT / name).is_file()}
    assert any(name.endswith(".ipynb.in") for name in packed) and any(name.endswith(".html") for name in packed)
    script = "import sys, levada, levada_command; print(levada.__file__); levada_command.main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "init", "demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path / "installed"))
    assert (tmp_path / "demo" / "demo" / "pipelines" / "training.py").is_file()


@pytest.mark.parametrize(("ignored", "code"), [(False, 130), (True, 3)])
def test_an_interrupt_at_its_first_moment_ends_the_command_without_a_word(
    tmp_path: Path, ignored: bool, code: int
) -> None:
    """While the package is imported; nohup's processes go on."""
    (tmp_path / "levada").mkdir()
    (tmp_path / "levada/__init__.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    (tmp_path / "levada/cli.py").write_text("def main():\n    raise SystemExit(3)\n")
    (tmp_path / "levada_command.py").write_text((ROOT / "src/levada_command.py").read_text())
    before = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); " if ignored else ""
    script = f"{before}import levada_command; levada_command.main()"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")
