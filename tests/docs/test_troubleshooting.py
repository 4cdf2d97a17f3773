"""The page of errors: each heading is what the sources say, so that a user finds it by what is on the screen."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.docs.pages import ROOT, page

PAGE = page("docs/troubleshooting.md")
HEADINGS = re.findall(r"^### `(.+)`$", PAGE.text, re.MULTILINE)
GAP = "\0"


@cache
def texts() -> tuple[str, ...]:
    """Every text of the sources but docstrings, with a gap where a value is put in."""
    found: list[str] = []
    for path in sorted((ROOT / "src/levada").rglob("*.py")):
        tree = ast.parse(path.read_text())
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(_part(part) for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                found.append(node.value)
    return tuple(found)


def _part(part: ast.expr) -> str:
    return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else GAP


def said(heading: str) -> Iterator[str]:
    """Yield the texts of the sources in which the words of a heading stand in order; `...` is a gap or anything."""
    words = [re.escape(word.strip()) for word in heading.split("...") if word.strip(" '`().,=")]
    pattern = re.compile(r".*?".join(word.replace(r"\ ", r"\s+") for word in words), re.DOTALL)
    return (text for text in texts() if pattern.search(text))


@pytest.mark.parametrize("heading", HEADINGS)
def test_each_error_of_the_page_is_one_that_can_be_read(heading: str) -> None:
    """A message that is written otherwise now fails here."""
    assert any(said(heading)), f"no message in src/levada says: {heading}"


def test_a_message_that_nobody_says_is_not_found() -> None:
    """The search is not satisfied by anything."""
    assert not any(said("... wants a hat, got ..."))
    assert not any(said("got ..., wants ... more of"))
    assert len(HEADINGS) > 30
