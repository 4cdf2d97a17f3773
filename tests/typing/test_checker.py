"""Wiring mistakes are type errors in the editor: what the type checker prints is tested as any other output."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def said() -> list[dict[str, Any]]:
    """Return what pyright says, in strict mode, of good.py and bad.py."""
    checker = Path(sys.executable).parent / "basedpyright"
    words = [
        str(checker),
        "--outputjson",
        "--pythonpath",
        sys.executable,
        "--project",
        str(HERE / "pyrightconfig.json"),
    ]
    report = json.loads(subprocess.run(words, capture_output=True, text=True, check=False).stdout)
    assert report["summary"]["filesAnalyzed"] == 2
    return report["generalDiagnostics"]


def marked(file: str, mark: str) -> dict[int, str]:
    """Return the comments `# mark: ...` of a file by line."""
    lines = (HERE / file).read_text().splitlines()
    found = {number: re.search(rf"# {mark}: (.+)$", line) for number, line in enumerate(lines, 1)}
    return {number: match[1] for number, match in found.items() if match}


def of_file(said: list[dict[str, Any]], file: str, severity: str) -> dict[int, dict[str, Any]]:
    chosen = [
        item
        for item in said
        if Path(item["file"]).name == file and (item["severity"] == "information") == (severity == "information")
    ]
    by_line = {item["range"]["start"]["line"] + 1: item for item in chosen}
    assert len(by_line) == len(chosen), "two on one line"
    return by_line


def test_every_mistake_is_reported_on_its_line(said: list[dict[str, Any]]) -> None:
    """And nothing else of the file."""
    found = {line: item["rule"] for line, item in of_file(said, "bad.py", "error").items()}
    assert found == marked("bad.py", "wrong")
    assert len(found) > 30


def test_nothing_is_reported_on_pipelines_that_fit(said: list[dict[str, Any]]) -> None:
    """Options, lists, inner pipelines, two outputs, fan-out."""
    assert of_file(said, "good.py", "error") == {}


def test_a_call_gives_what_the_component_returns(said: list[dict[str, Any]]) -> None:
    """The checker's own words for the type of each call."""
    shown = of_file(said, "good.py", "information")
    found = {line: re.fullmatch(r'Type of ".*" is "(.*)"', item["message"], re.DOTALL) for line, item in shown.items()}
    assert {line: match and match[1] for line, match in found.items()} == marked("good.py", "is")


def test_a_report_names_what_was_wanted_and_what_came(said: list[dict[str, Any]]) -> None:
    """In the words of the pipeline: the parameter, the two artifact types."""
    first = min(of_file(said, "bad.py", "error").items())[1]["message"].splitlines()[0]
    assert first == (
        'Argument of type "Statistics" cannot be assigned to parameter "examples" of type "Examples" '
        'in function "__call__"'
    )
