"""What a user reads of a run that was killed, and of the run that goes on from it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.answering import WITHOUT_MLFLOW, masked
from tests.command import LEVADA, levada

CODE = '''
import os
import signal
from pathlib import Path

from levada import Artifact, Context, component, pipeline

FACTOR = 2


class Number(Artifact):
    """A number."""


@component
def start(ctx: Context) -> Number:
    return ctx.output(Number)


@component
def double(ctx: Context, number: Number) -> Number:
    ctx.metric("factor", FACTOR)
    return ctx.output(Number)


@component
def finish(ctx: Context, number: Number, doubled: Number, *, power: Path) -> Number:
    if not power.exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return ctx.output(Number)


@pipeline
def numbers(*, power: Path) -> None:
    first = start()
    finish(first, double(first), power=power)
'''


@pytest.mark.slow
def test_a_killed_run_is_noted_and_gone_on_from(golden: Any, tmp_path: Path) -> None:
    """By the next command, and by the next run: what is kept, what runs again and why."""
    (tmp_path / "pyproject.toml").write_text(f'[tool.levada]\ncode = ["work"]\n{WITHOUT_MLFLOW}')
    code = tmp_path / "work" / "__init__.py"
    code.parent.mkdir()
    code.write_text(CODE)
    words = ["run", "numbers", "--power", str(tmp_path / "power")]
    assert subprocess.run([LEVADA, *words], cwd=tmp_path, capture_output=True, check=False).returncode == -9
    noted = levada(tmp_path, "runs")
    golden("cut_short/note.txt", masked(noted.stderr, tmp_path))
    assert "killed" in noted.stdout
    (tmp_path / "power").touch()
    code.write_text(CODE.replace("FACTOR = 2", "FACTOR = 3"))
    said = [line for line in levada(tmp_path, *words).stdout.splitlines() if re.match(r"\d\d:\d\d:\d\d ", line)]
    golden("cut_short/resumed.txt", masked("\n".join(f"00:00:00{line[8:]}" for line in said) + "\n", tmp_path))
