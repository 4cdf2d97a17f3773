"""`levada verify` and `levada gc`, typed in a project that has runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.answering import WITHOUT_MLFLOW
from tests.command import levada, told

WORK = '''
from __future__ import annotations
from levada import Artifact, Context, component, pipeline

class Number(Artifact):
    """A number."""

@component
def start(ctx: Context, *, value: int = 1) -> Number:
    out = ctx.output(Number)
    (out.path / "number.txt").write_text(str(value))
    return out

@component
def double(ctx: Context, number: Number) -> Number:
    out = ctx.output(Number)
    (out.path / "number.txt").write_text(str(2 * int((number.path / "number.txt").read_text())))
    return out

@pipeline
def numbers(*, value: int = 1) -> None:
    """Numbers, doubled."""
    double(start(value=value))
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(f'[tool.levada]\ncode = ["work"]\n{WITHOUT_MLFLOW}')
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "__init__.py").write_text(WORK)
    return tmp_path


def test_damage_is_shown_with_what_to_type_and_typing_it_helps(project: Path) -> None:
    """The run that reads it fails with the same words; the named command makes it anew."""
    told(project, "run", "numbers")
    assert "Everything is as it was made." in told(project, "verify")
    (file,) = (project / ".levada" / "artifacts" / "numbers" / "start").glob("*/output/number.txt")
    file.write_text("7")
    said = told(project, "verify", code=1)
    assert f"✗ {file} was changed outside Levada" in said
    assert "made by start of run" in said
    assert "next   levada run numbers --fresh start" in said
    report = json.loads(told(project, "verify", str(file.parent), "--json", code=1))
    assert [finding["node"] for finding in report["findings"]] == ["start"]
    assert "Make it again: levada run numbers --fresh start" in told(
        project, "run", "numbers", "--fresh", "double", code=1
    )
    told(project, "run", "numbers", "--fresh", "start", "--fresh", "double")
    assert "next   levada verify --mend" in told(project, "verify", code=1)
    assert f"✓ {file} is whole again: copied from" in told(project, "verify", "--mend")
    assert "Everything is as it was made." in told(project, "verify")


def test_runs_are_named_as_everywhere(project: Path) -> None:
    """By how they end, as the last, by their pipeline; another word is answered by what there is."""
    told(project, "run", "numbers")
    ending = max((project / ".levada" / "runs").iterdir()).name.rpartition("-")[2]
    for word in (ending, "last", "numbers"):
        assert "read 2 artifacts" in told(project, "verify", word)
        assert "would remove 2 artifact folders of 1 run" in told(project, "gc", "--runs", word, "--even-untold")
    for words in (["verify", "nubmers"], ["gc", "--runs", "nubmers"]):
        assert "there is no run 'nubmers'. The newest:" in levada(project, *words, code=2).stderr


def test_what_nothing_needs_is_shown_and_then_removed(project: Path) -> None:
    """Young and latest runs stay by themselves; a run can be named."""
    for value in ("1", "2"):
        told(project, "run", "numbers", "--value", value)
    assert "Nothing to remove" in told(project, "gc")
    first = min((project / ".levada" / "runs").iterdir()).name
    said = told(project, "gc", "--runs", first, "--even-untold")
    assert "would remove 2 artifact folders of 1 run" in said
    assert "next   levada gc --delete" in said
    assert (project / ".levada" / "runs" / first).is_dir()
    answer = json.loads(told(project, "gc", "--runs", first, "--even-untold", "--delete", "--json"))
    assert (answer["deleted"], answer["runs"], answer["waiting"]) == (True, [first], {})
    assert not (project / ".levada" / "runs" / first).exists()
    assert "Everything is as it was made." in told(project, "verify")
    assert "2 cached" in told(project, "run", "numbers", "--value", "2")


def test_neither_loads_a_heavy_library(project: Path) -> None:
    """Both answer from the store."""
    told(project, "run", "numbers")
    script = (
        "import sys; from levada.cli.commands import execute; codes = execute(['verify']), execute(['gc']); "
        "heavy = {'apache_beam', 'mlflow', 'tensorflow', 'pandas', 'pyarrow'} & set(sys.modules); "
        "assert codes == (0, 0) and not heavy, (codes, heavy)"
    )
    tracking = {"MLFLOW_TRACKING_URI": f"sqlite:///{project}/mlflow.db"}
    subprocess.run(
        [sys.executable, "-c", script], cwd=project, env=os.environ | tracking, check=True, capture_output=True
    )
