"""The documentation's pages as the tests see them: their blocks of code, each with its page and line.

What a reader does not see but code needs to stand alone (imports, data) is in HTML comments: `<!--python` starts a
hidden block of Python, `<!--console` hidden commands. A block ```` ```python title="components/words.py" ```` is a file
to save. The other Python blocks of a page are one module, read from top to bottom.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"(?P<language>[\w-]*)(?:\s+.*?title=\"(?P<title>[^\"]+)\")?")
_HIDDEN = re.compile(r"<!--(?P<language>python|console)\n(?P<text>.*)-->", re.DOTALL)
_NOTE = re.compile(r"<!-- (?P<word>not run|followed in): (?P<said>[^>]+?) -->")


@dataclass(frozen=True)
class Block:
    """A block of code. `line` is the line of the page that its first line stands on."""

    page: Page
    line: int
    language: str
    title: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page.name}:{self.line}"

    def padded(self) -> str:
        """The code at the line that it has in the page, so that what is said of it names that line."""
        return "\n" * (self.line - 1) + self.text


@dataclass(frozen=True)
class Page:
    """A page. `not_run` says why its Python is only type-checked, `followed_in` where its commands are followed."""

    name: str
    text: str
    not_run: str = ""
    followed_in: str = ""

    @property
    def slug(self) -> str:
        return re.sub(r"\W", "_", self.name.removesuffix(".md").removeprefix("docs/"))

    @property
    def blocks(self) -> list[Block]:
        found: list[Block] = []
        for token in MarkdownIt("commonmark").parse(self.text):
            if token.type == "fence" and token.map and (fence := _FENCE.match(token.info)):
                found.append(
                    Block(self, token.map[0] + 2, fence["language"], fence["title"] or "", token.content),
                )
            elif token.type == "html_block" and token.map and (hidden := _HIDDEN.match(token.content)):
                found.append(Block(self, token.map[0] + 2, hidden["language"], "", hidden["text"]))
        return found

    def of(self, language: str) -> list[Block]:
        return [block for block in self.blocks if block.language == language]

    def module(self) -> str:
        """All Python of the page that is no file of its own, each line at the line of the page."""
        lines = [""] * len(self.text.splitlines())
        for block in self.of("python"):
            if not block.title:
                code = block.text.splitlines()
                lines[block.line - 1 : block.line - 1 + len(code)] = code
        return "\n".join(lines).rstrip() + "\n"


@cache
def pages() -> tuple[Page, ...]:
    """Return README.md and every page of docs/."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return tuple(_read(path.relative_to(ROOT).as_posix(), path.read_text()) for path in paths)


def page(name: str) -> Page:
    """Return a page by its path from the repository's root."""
    return next(page for page in pages() if page.name == name)


def _read(name: str, text: str) -> Page:
    notes = {note["word"].replace(" ", "_"): note["said"] for note in _NOTE.finditer(text)}
    return Page(name, text, **notes)
