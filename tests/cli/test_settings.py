"""`levada settings`, and environments on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.answering import WITHOUT_MLFLOW
from tests.command import levada

PROJECT = """
[tool.levada]
code = ["work"]

[tool.levada.env.shared]
store = "shared"
store_options = {key = {env = "S3_KEY"}}
cache = "read"
"""

WORK = """
from levada import Artifact, Context, component, pipeline

class Thing(Artifact):
    pass

@component
def make(ctx: Context) -> Thing:
    return ctx.output(Thing)

@pipeline
def things() -> None:
    make()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "__init__.py").write_text(WORK)
    return tmp_path


def test_what_is_in_force_is_shown_with_where_it_comes_from(project: Path) -> None:
    """For people, from any folder of the project."""
    lines = levada(
        project / "work", "--env", "shared", "settings", S3_KEY="AKIA-1", LEVADA_JOBS="3"
    ).stdout.splitlines()
    shown = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[2:]}
    assert lines[0] == str(project / "pyproject.toml")
    assert shown["env"] == "shared --env"
    assert shown["store"] == f"{project}/shared [tool.levada.env.shared] in pyproject.toml"
    assert shown["store_options"].startswith("key = secret env:S3_KEY (there) ")
    assert shown["jobs"] == "3 LEVADA_JOBS"
    assert shown["mlflow"] == f"sqlite:///{project}/shared/mlflow.db default"


def test_the_same_is_told_to_programs(project: Path) -> None:
    """One JSON object; a secret is where it is, and whether it is there."""
    document = json.loads(levada(project, "settings", "--json", LEVADA_ENV="shared").stdout)
    assert document["file"] == str(project / "pyproject.toml")
    assert document["settings"]["cache"] == {"value": "read", "from": "[tool.levada.env.shared] in pyproject.toml"}
    assert document["settings"]["store_options"]["value"] == {"key": {"env": "S3_KEY", "is_there": False}}
    assert document["settings"]["beam"] == {"value": [], "from": "default"}


def test_an_unknown_environment_ends_with_two(project: Path) -> None:
    """Before anything else; the nearest is offered."""
    stderr = levada(project, "--env", "shred", "run", "things", code=2).stderr
    assert "has no environment 'shred', which --env asks for.\nDid you mean shared?" in stderr


def test_a_run_goes_by_its_environment(project: Path) -> None:
    """Where it writes, and that it leaves the cache as it is."""
    text = PROJECT.replace('store_options = {key = {env = "S3_KEY"}}\n', "")
    (project / "pyproject.toml").write_text(text.replace('cache = "read"', f'cache = "read"\n{WITHOUT_MLFLOW}'))
    for _ in range(2):
        assert "1 ran" in levada(project, "--env", "shared", "run", "things").stdout
    assert (project / "shared" / "runs").is_dir() and not (project / "shared" / "cache").exists()
    assert "1 ran" in levada(project, "--env", "shared", "run", "things", LEVADA_CACHE="read-write").stdout
    assert "1 cached" in levada(project, "--env", "shared", "run", "things").stdout
    assert "1 ran" in levada(project, "--env", "shared", "run", "things", LEVADA_CACHE="off").stdout


def test_beam_options_of_the_settings_come_before_those_of_the_command_line(project: Path) -> None:
    """So the command line wins, as it does everywhere; a wrong one is told."""
    (project / "pyproject.toml").write_text(
        '[tool.levada]\ncode = ["work"]\nbeam = ["--runner=NoSuchRunner"]\n' + WITHOUT_MLFLOW
    )
    assert "NoSuchRunner" in levada(project, "run", "things", code=1).stdout
    assert "1 ran" in levada(project, "run", "things", "--", "--runner=DirectRunner").stdout
