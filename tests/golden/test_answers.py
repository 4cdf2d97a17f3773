"""What a user reads of what happened, and why: the answers that come from the store alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from levada.cli.commands import execute
from tests.answering import RUNS, make_project, masked, runs_of, type_commands

QUESTIONS = {
    "runs": "runs",
    "runs_failed": "runs --status failed",
    "runs_of_none": "runs --pipeline nubmers",
    "runs_since_nonsense": "runs --since yesterdayish",
    "show": "show numbers",
    "show_failed": "show failing",
    "show_mapped": "show squares",
    "show_node": "show numbers --node judge",
    "show_mapped_node": "show squares --node square",
    "show_unknown_run": "show nubmers",
    "show_unknown_node": "show numbers --node jugde",
    "why_cached": "why start",
    "why_pipeline": "why numbers",
    "why_parameter": "why numbers train --epochs 5",
    "why_upstream": "why numbers final --epochs 5",
    "why_failed": "why broken",
    "why_skipped": "why numbers final --limit 7",
    "why_mapped": "why squares square --upto 5",
    "why_in_a_run": "why numbers judge --run numbers",
    "why_unknown": "why trian",
    "why_new_argument": "why train --epcohs 5",
    "diff_runs": "diff {first} numbers",
    "diff_now": "diff squares",
    "lineage": "lineage numbers/train",
    "lineage_forward": "lineage numbers/start --forward",
    "lineage_of_a_file": "lineage limits.pbtxt",
    "lineage_unknown": "lineage models:/nubmers/3",
    "logs_attempts": "logs squares square --attempts",
    "logs_cached": "logs numbers train",
    "logs_without_item": "logs squares square",
    "logs_unknown_item": "logs squares square --item 9",
    "debug_failed": "debug failing broken --no-breakpoint",
    "debug_done": "debug {first} train --no-breakpoint",
    "debug_without_inputs": "debug failing train --no-breakpoint",
    "graph_of_the_wrong_kind": "graph numbers -o numbers.png",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("answers"), "answered")
    type_commands(folder, *RUNS)
    return folder


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answer_says_what_happened_and_what_to_type_next(
    name: str, project: Path, golden: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In the words that are written down: read the difference before you change them."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("LEVADA_STORE", raising=False)
    time.tzset()
    first = runs_of(project)[0]
    question = QUESTIONS[name].format(first=first)
    code = execute(question.split())
    said = capfd.readouterr()
    text = f"$ levada {QUESTIONS[name].format(first='aaaa')}\n{said.out}{said.err}(exit code {code})\n"
    golden(f"answers/{name}.txt", masked(text, project))


def test_every_golden_answer_belongs_to_a_question() -> None:
    """A text that nothing is held against says nothing."""
    assert {path.stem for path in (Path(__file__).parent / "answers").glob("*.txt")} == set(QUESTIONS)
