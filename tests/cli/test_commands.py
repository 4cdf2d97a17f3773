"""The command line, as a user types it: a real project in a folder, the real command in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.answering import WITHOUT_MLFLOW
from tests.command import levada

PIPELINES = '''
from __future__ import annotations
import enum
from datetime import datetime
from pathlib import Path
from typing import Literal
from levada import Artifact, Context, Gate, component, pipeline

class Number(Artifact):
    """A number."""

class Verdict(Gate):
    """A gate."""

class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"

@component
def start(ctx: Context, *, value: int = 1) -> Number:
    out = ctx.output(Number)
    out.properties["value"] = value
    ctx.summary(f"value {value}")
    return out

@component
def double(ctx: Context, number: Number) -> Number:
    print("a word on standard output")
    out = ctx.output(Number)
    out.properties["value"] = 2 * int(str(number.properties["value"]))
    return out

@component
def judge(ctx: Context, number: Number, *, limit: int) -> Verdict:
    out = ctx.output(Verdict)
    value = int(str(number.properties["value"]))
    out.set_verdict(value <= limit, [f"{value} against a limit of {limit}"])
    return out

@component
def broken(ctx: Context, number: Number) -> Number:
    row = {"dep_delay": 1}
    return row["dep_dealy"]

@pipeline
def numbers(*, value: int = 1, limit: int = 10) -> None:
    """Numbers, doubled.

    Args:
        value: where to start.
        limit: what the gate lets through.
    """
    first = start(value=value)
    gate = judge(first, limit=limit)
    double.with_options(requires=gate)(first)

@pipeline
def failing() -> None:
    """A pipeline with a node that fails."""
    first = start()
    double(broken(first))
    double.with_options(name="sibling")(first)

@pipeline
def typed(
    *, mode: Mode = Mode.FAST, kind: Literal["a", "b"] = "a", names: list[str] = [], where: Path | None = None,
    moment: datetime | None = None, deep: bool = False, pair: tuple[int, float] = (1, 2.0),
) -> None:
    """Arguments of many types."""
    start()

@pipeline
def miswired() -> None:
    first = start()
    gate = judge(first, limit=1)
    double(gate)
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a project with spaces")
    (folder / "pyproject.toml").write_text(f'[tool.levada]\ncode = ["work"]\n{WITHOUT_MLFLOW}')
    (folder / "work").mkdir()
    (folder / "work" / "__init__.py").write_text("")
    (folder / "work" / "pipelines.py").write_text(PIPELINES)
    return folder


def test_a_run_ends_with_zero_and_says_what_came_out(project: Path) -> None:
    """The plain lines name each node, and the second run is cached."""
    first = levada(project, "run", "numbers", "--value", "3").stdout
    assert "value 3" in first and "finished" in first and "3 ran" in first
    second = levada(project, "run", "numbers", "--value", "3").stdout
    assert "3 cached" in second


def test_a_cached_run_loads_neither_beam_nor_mlflow(project: Path) -> None:
    """What is cached is answered from the store alone."""
    levada(project, "run", "numbers", "--value", "4")
    script = (
        "import sys; from levada.cli.commands import execute; code = execute(['run', 'numbers', '--value', '4']); "
        "heavy = {'apache_beam', 'mlflow', 'tensorflow', 'pandas', 'pyarrow', 'work.pipelines'} & set(sys.modules); "
        "assert code == 0 and not heavy, heavy"
    )
    tracking = {"MLFLOW_TRACKING_URI": f"sqlite:///{project}/mlflow.db"}
    subprocess.run(
        [sys.executable, "-c", script], cwd=project, env=os.environ | tracking, check=True, capture_output=True
    )


def test_a_closed_gate_ends_with_three_and_says_why(project: Path) -> None:
    """What hangs on the gate is skipped with the gate's reason."""
    out = levada(project, "run", "numbers", "--value", "30", code=3).stdout
    assert "30 against a limit of 10" in out
    assert "judge closed the gate" in out


def test_a_failing_node_ends_with_one_and_shows_the_users_line(project: Path) -> None:
    """Siblings go on; what waited is skipped; the next command is named."""
    out = levada(project, "run", "failing", code=1).stdout
    assert "KeyError: 'dep_dealy'" in out
    assert "work/pipelines.py:" in out and 'return row["dep_dealy"]' in out
    assert "needs broken, which failed" in out
    assert "sibling" in out and "1 failed" in out
    assert "Traceback" not in out
    assert "levada run failing" in out


def test_debug_shows_the_whole_traceback(project: Path) -> None:
    """`--debug` asks for it."""
    assert "Traceback (most recent call last)" in levada(project, "--debug", "run", "failing", code=1).stderr


def test_bad_wiring_ends_with_two_before_anything_runs(project: Path) -> None:
    """The line of the pipeline is named."""
    done = levada(project, "run", "miswired", code=2)
    assert done.stderr.startswith("WiringError: double(number=...) wants Number, got Verdict.")
    assert "work/pipelines.py:" in done.stderr and "double(gate)" in done.stderr
    assert "start() gives Number: pass `first`." in done.stderr


def test_pipeline_arguments_become_typed_options(project: Path) -> None:
    """Each annotation reads its own kind of text."""
    words = ["--mode", "slow", "--kind", "b", "--names", "x", "--names", "y", "--where", "a b/c", "--deep"]
    plan = json.loads(
        levada(project, "plan", "typed", *words, "--moment", "2013-01-31T10:00+01:00", "--pair", "3", "4").stdout
    )
    assert plan["arguments"] == {
        "mode": {"$enum": "python:work.pipelines:Mode", "name": "SLOW"},
        "kind": "b",
        "names": ["x", "y"],
        "where": {"$path": "a b/c"},
        "moment": {"$datetime": "2013-01-31T10:00:00+01:00"},
        "deep": True,
        "pair": {"$tuple": [3, 4.0]},
    }
    assert "time zone" in levada(project, "plan", "typed", "--moment", "2013-01-31", code=2).stderr
    assert "'c' is not one of" in levada(project, "plan", "typed", "--kind", "c", code=2).stderr


def test_help_shows_the_docstring_and_the_arguments(project: Path) -> None:
    """The `Args:` section is the options' help."""
    out = levada(project, "run", "numbers", "--help").stdout
    assert "Numbers, doubled." in out and "what the gate lets through." in out and "--jobs" in out
    assert "Args:" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "nubers"), "Did you mean numbers?"),
        (("rnu", "numbers"), "Did you mean run?"),
        (("run", "numbers", "--valu", "3"), "Did you mean '--value'"),
        (("run", "numbers", "--value", "three"), "'three' is not a valid integer"),
        (("run", "numbers", "--fresh", "duble"), "Did you mean double?"),
        (("plan", "work.nothing:numbers"), "There is no module work.nothing"),
        (("--project", "nowhere", "pipelines"), "there is no folder nowhere"),
    ],
)
def test_mistyped_words_are_answered_with_the_right_one(project: Path, words: tuple[str, ...], said: str) -> None:
    """Exit code 2, and no traceback."""
    done = levada(project, *words, code=2)
    assert said in done.stderr and "Traceback" not in done.stderr


def test_outside_a_project_the_error_says_what_one_is(tmp_path: Path) -> None:
    """Nothing is created in a folder that is no project."""
    assert "[tool.levada]" in levada(tmp_path, "pipelines", code=2).stderr
    assert list(tmp_path.iterdir()) == []


def test_a_pipeline_file_with_a_syntax_error_is_named_with_its_line(project: Path, tmp_path: Path) -> None:
    """Also when the pipeline asked for is the one that cannot be read."""
    (tmp_path / "pyproject.toml").write_text('[tool.levada]\ncode = ["work"]\n')
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "flights.py").write_text("from levada import pipeline\n\n@pipeline\ndef flights(:\n    pass\n")
    stderr = levada(tmp_path, "run", "flights", code=2).stderr
    assert "work/flights.py does not parse" in stderr and "work/flights.py:4" in stderr


def test_json_prints_one_object_an_event(project: Path) -> None:
    """A script reads the journal from standard output."""
    out = levada(project, "run", "numbers", "--value", "5", "--json").stdout
    events = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert events[0]["kind"] == "run_started"
    assert events[-1]["kind"] == "run_finished" and events[-1]["exit_code"] == 0


def test_the_node_command_runs_one_node_of_a_run(project: Path) -> None:
    """A node that has ended answers with what was committed."""
    out = levada(project, "run", "numbers", "--value", "6", "--json").stdout
    run = json.loads(out.splitlines()[0])["run"]
    plan = project / ".levada" / "runs" / run / "plan.json"
    result = json.loads(levada(project, "node", str(plan), "start", run).stdout)
    assert result["node"] == "start" and result["outputs"]["output"]["properties"] == {"value": 6}


def test_the_graph_shows_each_node_with_what_it_takes(project: Path) -> None:
    """Lanes on the left, names on the right."""
    out = levada(project, "plan", "numbers", "--graph").stdout
    assert "double  ← start · if judge opens" in out


def test_an_unwritable_store_is_a_clear_error(project: Path, tmp_path: Path) -> None:
    """A store below a file cannot be made."""
    (tmp_path / "file").write_text("")
    stderr = levada(project, "--store", str(tmp_path / "file" / "store"), "run", "numbers", code=2).stderr
    assert stderr.startswith("StoreError: cannot write") and "--store" in stderr


def test_a_source_whose_code_changed_is_read_again(tmp_path: Path) -> None:
    """The class of a parameter is code that runs in the node, so it counts in the key."""
    (tmp_path / "pyproject.toml").write_text('[tool.levada]\ncode = ["work"]\n')
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "__init__.py").write_text("")
    (tmp_path / "work" / "data.py").write_text(
        "from dataclasses import dataclass\nfrom levada import pipeline\n"
        "from levada.components import Source, ingest\n\n"
        "@dataclass(frozen=True)\nclass Rows(Source):\n    count: int\n"
        "    def digest(self):\n        return 'always'\n"
        "    def table(self, root):\n        import pyarrow as pa\n"
        "        return pa.table({'x': list(range(self.count))})\n\n"
        "@pipeline\ndef rows() -> None:\n    ingest(Rows(3))\n"
    )
    assert "3 rows" in levada(tmp_path, "run", "rows").stdout
    assert "1 cached" in levada(tmp_path, "run", "rows").stdout
    file = tmp_path / "work" / "data.py"
    file.write_text(file.read_text().replace("range(self.count)", "range(self.count + 1)"))
    assert "4 rows" in levada(tmp_path, "run", "rows").stdout


def test_a_comment_above_moves_the_lines_that_a_plan_names(tmp_path: Path) -> None:
    """The kept plan is drawn anew, and the nodes are cached all the same."""
    (tmp_path / "pyproject.toml").write_text('[tool.levada]\ncode = ["work"]\n')
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "__init__.py").write_text("")
    file = tmp_path / "work" / "pipelines.py"
    file.write_text(PIPELINES)

    def line() -> int:
        return json.loads(levada(tmp_path, "plan", "numbers").stdout)["nodes"][0]["position"]["line"]

    levada(tmp_path, "run", "numbers")
    before = line()
    file.write_text("# a comment\n" + PIPELINES)
    assert line() == before + 1
    assert "3 cached" in levada(tmp_path, "run", "numbers").stdout
