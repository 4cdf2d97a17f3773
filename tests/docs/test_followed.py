"""Pages that take a reader by the hand, followed to the letter: files are saved, commands typed, outputs compared.

What is neither a file nor a command is a notebook's cell, and executed. Outputs are compared loosely: not numbers,
times and identifiers, but every word, node and status, in order.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Page, page, pages
from tests.docs.typed import commands_of, loosely, missing, run_on_terminal

FOLLOWED = [one for one in pages() if one.followed_in]
TRANSCRIPT = next(block.text for block in page("README.md").blocks if block.text.startswith("flights · run"))


def clone(folder: Path) -> None:
    """Make a folder as `git clone` and `make setup` leave it; the environment is this one."""
    for name in ("components", "pipelines", "schemas"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "README.md", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "src").symlink_to(ROOT / "src")
    (folder / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (folder / ".venv" / name).symlink_to(ROOT / ".venv" / name)
    (folder / ".venv/.ready").touch()


PLACES = {"a clone": clone, "an empty folder": lambda folder: None}


@pytest.mark.slow
@pytest.mark.parametrize("one", FOLLOWED, ids=lambda one: one.name)
def test_a_page_can_be_followed(one: Page, tmp_path: Path) -> None:
    """From top to bottom; the first step that goes otherwise than the page says is named by its line."""
    folder = tmp_path / "levada"
    folder.mkdir()
    PLACES[one.followed_in](folder)
    for block in one.blocks:
        if block.title:
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        elif block.language == "python":
            (folder / "cell.py").write_text(block.text)
            code, output = run_on_terminal("python cell.py", folder, str(folder / ".venv/bin"))
            assert code == 0, f"{block.where}\n{output}"
        elif block.language == "console":
            for command in commands_of(block.text, one.name, block.line):
                code, output = run_on_terminal(command.words, folder, str(folder / ".venv/bin"))
                assert code == command.code, f"{command.where}: $ {command.words}\n{output}"
                absent = missing(command.shown, output)
                if command.words == "make demo":  # of which README.md shows more
                    shown = [line for line in TRANSCRIPT.splitlines() if line.strip()]
                    absent += missing(shown, output)
                assert not absent, f"{command.where}: $ {command.words}\nlacks {absent}\n{output}"


def test_something_is_followed() -> None:
    assert {"docs/getting-started.md"} <= {one.name for one in FOLLOWED}


def test_comparing_loosely_is_not_comparing_nothing() -> None:
    """Words count, and their order; numbers, times and identifiers do not."""
    output = "  ✓ train          7.5 s  77,911 rows\nrun 20261124-013911-bfea finished in 12.7 s · 2 ran\n"
    assert missing(["✓ train 8.1 s 12 rows", "run 20250101-000000-0000 finished in 1 s · 3 ran"], output) == []
    assert missing(["run 20250101-000000-0000 finished in ..."], output) == []
    assert missing(["ready in 526 ms · p99 61.4 us"], "ready in 1.1 s · p99 1.2 ms") == []
    assert missing(["✓ train cached 12 rows"], output) == ["✓ train cached 12 rows"]
    assert missing(["run 20250101-000000-0000 finished in 1 s · 3 ran", "✓ train 8.1 s 12 rows"], output)
    assert loosely("plan 1beecf · store .levada") == "plan DIGEST · store .levada"
