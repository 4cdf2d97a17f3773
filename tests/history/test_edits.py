"""What was edited, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from levada.code import CodeIndex
from levada.history.edits import edits
from levada.history.sources import SourcesNow

BEFORE = '''
"""A module."""
RATE = 0.1
NAMES = ["a", "b"]
TABLE = {name: len(name) for name in NAMES}

def used(x, *, scale: float = 2.0, other: int = 2):
    """Prose."""
    return helper(x) * scale + RATE

def helper(x):
    for step in range(3):
        x += step
    return x

class Model:
    size = 4
    def fit(self):
        return self.size

def everything(x):
    return used(x) + Model().fit() + len(TABLE)

def unused():
    return 1
'''


def said(tmp_path: Path, *replacements: tuple[str, str]) -> dict[str, list[str]]:
    """Edit a module and say what differs, as far as `everything` reaches."""
    after = BEFORE
    for old, new in replacements:
        assert old in after
        after = after.replace(old, new)
    sides: list[tuple[dict[str, str], SourcesNow]] = []
    for name, text in (("before", BEFORE), ("after", after)):
        folder = tmp_path / name / "work"
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
        (folder / "m.py").write_text(text)
        packages = {"work": folder}
        sides.append((CodeIndex(packages).parts("python:work.m:everything"), SourcesNow(packages)))
    (old_pieces, then), (new_pieces, now) = sides
    return edits(old_pieces, new_pieces, then, now)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("RATE = 0.1", "RATE = 0.2", "RATE: 0.1 -> 0.2"),
        ("scale: float = 2.0", "scale: float = 3.0", "function used: default of scale 2.0 -> 3.0"),
        ("other: int = 2", "other: int = 5", "function used: default of other 2 -> 5"),
        ("range(3)", "range(4)", "function helper: 3 -> 4"),
        ("    return x\n\nclass", "    x *= 2\n    return -x\n\nclass", "function helper: +2 -1"),
        ("size = 4", "size = 8", "class Model: 4 -> 8"),
    ],
)
def test_an_edit_is_said_with_the_old_and_the_new(old: str, new: str, words: str, tmp_path: Path) -> None:
    """A value where only values differ, else how many lines."""
    assert said(tmp_path, (old, new)) == {"work/m.py": [words]}


@pytest.mark.parametrize(
    ("old", "new"), [("return 1", "return 2"), ("Prose.", "Other prose."), ("    x += step", "    x += step  # a word")]
)
def test_what_does_not_count_is_not_said(old: str, new: str, tmp_path: Path) -> None:
    """What is not reached, comments, docstrings."""
    text = BEFORE.replace(old.strip(), new.strip())
    assert text != BEFORE
    assert said(tmp_path, (old.strip(), new.strip())) == {}


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    """A line is read at a glance."""
    (words,) = said(tmp_path, ('["a", "b"]', str(["a" * 10] * 20)))["work/m.py"]
    assert words.startswith("NAMES: ['a', 'b'] -> ['aaaa") and words.endswith("...") and len(words) < 90


def test_a_function_that_is_called_now_or_no_more_is_named(tmp_path: Path) -> None:
    """Both ways: what is used now, and what is not any more."""
    found = said(tmp_path, ("return used(x) +", "return unused() +"))["work/m.py"]
    assert "function unused is used now" in found and "function used is used no more" in found
