"""Everything that a user can name has its place in the reference, and the reference names nothing else."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import click
import pytest

from levada import errors, run
from levada.cli.commands import WRONG, cli
from levada.cli.pipelines import Pipelines
from levada.errors import LevadaError
from levada.settings import SETTINGS
from tests.docs.pages import ROOT, Page, page, pages

SOURCE = ROOT / "src/levada"


def cells(text: str) -> list[list[str]]:
    """Return the rows of all tables in a text, cell by cell, without their backticks."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in rows]


# -- the Python API -------------------------------------------------------------------------------------


PUBLIC = (
    "levada",
    "levada.artifacts",
    "levada.components",
    "levada.features",
    "levada.measurement",
    "levada.models",
    "levada.reports",
    "levada.training",
)


def exports() -> Iterator[tuple[str, str]]:
    """Each name that a public package exports (`as`), and where it is from."""
    for package in PUBLIC:
        for statement in ast.parse((SOURCE.parent / package.replace(".", "/") / "__init__.py").read_text()).body:
            if isinstance(statement, ast.ImportFrom) and statement.module:
                for alias in statement.names:
                    if alias.asname == alias.name:
                        yield f"{package}.{alias.name}", f"{statement.module}.{alias.name}"


def documented() -> set[str]:
    """Everything that a page of the reference has an entry for, as MkDocs sees the page."""
    spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "docs/hooks.py")
    assert spec and spec.loader
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    texts = [hooks.on_page_markdown(one.text) for one in pages() if one.name.startswith("docs/reference/")]
    return set(re.findall(r"^::: ([\w.]+)$", "\n".join(texts), re.MULTILINE))


def has_entry(entry: str) -> bool:
    """Whether a page has an entry for a name, or for the module that it is from."""
    return bool({entry, entry.rpartition(".")[0]} & documented())


@pytest.mark.parametrize(("public", "entry"), exports(), ids=str)
def test_every_public_name_has_an_entry(public: str, entry: str) -> None:
    """Its docstring, on a page of docs/reference/."""
    assert has_entry(entry), (
        f"{public} is public, and nothing in docs/reference/ shows it: write '::: public {public.rpartition('.')[0]}' "
        f"or '::: {entry}' into a page"
    )
    module, _, name = entry.rpartition(".")
    assert inspect.getdoc(getattr(importlib.import_module(module), name)), f"{entry} has no docstring"


def imported() -> Iterator[tuple[str, str]]:
    """Each name of ours that the Python of a page imports, with its place."""
    for one in pages():
        for block in one.of("python"):
            for statement in ast.walk(ast.parse(block.padded())):
                if isinstance(statement, ast.ImportFrom) and (statement.module or "").partition(".")[0] == "levada":
                    for alias in statement.names:
                        yield f"{one.name}:{statement.lineno}", f"{statement.module}.{alias.name}"


@pytest.mark.parametrize(("where", "name"), imported(), ids=str)
def test_pages_use_only_what_the_reference_promises(where: str, name: str) -> None:
    """A name that a guide imports has an entry too."""
    assert name in dict(exports()) or has_entry(name), f"{where} uses {name}, which no page of docs/reference/ shows"


@pytest.mark.parametrize(
    "kind",
    [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, LevadaError)],
    ids=lambda kind: kind.__name__,
)
def test_every_error_has_its_place_in_troubleshooting(kind: type) -> None:
    """What it means and what to do."""
    assert f"`{kind.__name__}`" in page("docs/troubleshooting.md").text, (
        f"docs/troubleshooting.md does not say what to do about {kind.__name__}"
    )


# -- the command line -----------------------------------------------------------------------------------


def commands(group: click.Group = cli, path: str = "levada") -> Iterator[tuple[str, click.Command]]:
    """Each command with the words it is called by. Those over a pipeline count once, not for every pipeline."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group) and not isinstance(command, Pipelines):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def options(command: click.Command) -> set[str]:
    """Every `--option` of a command; what stands for both `--x/--no-x` counts by its first name."""
    own: list[Any] = [*command.params]
    if isinstance(command, Pipelines):
        own += command._command_class.own  # pyright: ignore[reportPrivateUsage]
    return {_long(one) for one in own if isinstance(one, click.Option)}


def _long(option: click.Option) -> str:
    return next((name for name in option.opts if name.startswith("--")), option.opts[0])


def sections() -> dict[str, str]:
    """Return the text below each heading of the page on the command line."""
    parts = re.split(r"^## (.+)$", page("docs/reference/cli.md").text, flags=re.MULTILINE)
    return {"levada": parts[0]} | dict(zip(parts[1::2], parts[2::2], strict=True))


def listed(text: str) -> set[str]:
    """Return the options that the first columns of a section's tables name."""
    return {word for row in cells(text) for word in re.findall(r"--\w[\w-]*", row[0])}


@pytest.mark.parametrize(("words", "command"), [("levada", cli), *commands()], ids=str)
def test_every_command_and_its_options_are_in_the_reference(words: str, command: click.Command) -> None:
    """Under a heading of its own, its options in a table or in the line that shows how it is called."""
    section = sections().get(words)
    assert section is not None, f"docs/reference/cli.md has no section '## {words}'"
    known = options(command) - {"--help", "--version"}
    missing = {option for option in known if not re.search(rf"{option}(?![\w-])", section)}
    assert not missing, f"docs/reference/cli.md, '## {words}', does not name {', '.join(sorted(missing))}"
    gone = listed(section) - options(command) - {"--help", "--runner", "--flink_master"}
    assert not gone, f"docs/reference/cli.md, '## {words}', names {', '.join(sorted(gone))}, which is no option of it"


def test_the_reference_has_no_command_that_is_not_there() -> None:
    known = {"levada", *(words for words, _ in commands())}
    assert {title for title in sections() if title.startswith("levada")} <= known


def typed() -> Iterator[tuple[str, list[str]]]:
    """Each `levada ...` that a page shows as typed, with its place. How commands are called in general is not."""
    begin = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:- run: )?(?:\.venv/bin/)?levada (.+)$")
    for one in pages():
        for block in one.blocks:
            if one.name == "docs/reference/cli.md" or block.language not in ("", "console", "yaml"):
                continue
            for number, line in enumerate(block.text.splitlines(), block.line):
                if match := begin.match(line.strip()):
                    yield f"{one.name}:{number}", shlex.split(match[1], comments=True)
        for number, line in enumerate(one.text.splitlines(), 1):
            for words in re.findall(r"`levada ([a-z][^`]*)`", line):
                yield f"{one.name}:{number}", words.split()


@pytest.mark.parametrize(("where", "words"), typed(), ids=lambda part: part if isinstance(part, str) else "")
def test_what_a_page_tells_to_type_can_be_typed(where: str, words: list[str]) -> None:
    """The command is there, and so are its options. Those of pipelines are tried where a page is followed."""
    waiting = [word for word in words if word not in ("|", ">")]
    if "--" in waiting:
        waiting = waiting[: waiting.index("--")]
    group, name = cli, ""
    while waiting:
        word = waiting.pop(0)
        if word.startswith("--") and group is cli:
            assert word.partition("=")[0] in {"--help", "--version", *options(cli)}, f"{where}: levada has no {word}"
            taking = next(one for one in cli.params if word in one.opts) if "=" not in word else None
            if isinstance(taking, click.Option) and not taking.is_flag:
                waiting.pop(0)
        else:
            assert word in group.list_commands(click.Context(group)), f"{where}: there is no {name} {word}".rstrip()
            command, name = group.get_command(click.Context(group), word), f"{name} {word}".strip()
            assert command is not None
            if isinstance(command, click.Group) and not isinstance(command, Pipelines):
                group = command
                continue
            given = {word.partition("=")[0] for word in waiting if word.startswith("--")}
            if not isinstance(command, Pipelines) and not command.context_settings.get("ignore_unknown_options"):
                assert given <= options(command) | {"--help"}, f"{where}: levada {name} does not take all of {given}"
            return


# -- settings, journal, exit codes ----------------------------------------------------------------------


def test_every_setting_is_in_the_reference_with_its_variable() -> None:
    """And no other."""
    table = page("docs/reference/settings.md").text.partition("| setting |")[2].partition("\n\n")[0]
    found = {row[0]: row[1] for row in cells(table) if len(row) > 2 and set(row[0]) != {"-"}}
    assert found == {name: setting.variable for name, setting in SETTINGS.items()}, "docs/reference/settings.md"


def variables() -> set[str]:
    """Return the environment variables of our own that the sources name."""
    texts = [path.read_text() for path in SOURCE.rglob("*.py")]
    return {name for text in texts for name in re.findall(r"\"(LEVADA_[A-Z_]+)\"", text)}


@pytest.mark.parametrize("name", sorted(variables()))
def test_every_environment_variable_is_in_the_reference(name: str) -> None:
    assert f"`{name}`" in page("docs/reference/settings.md").text, f"docs/reference/settings.md does not name {name}"


@pytest.mark.parametrize(
    "kind",
    json.loads((ROOT / "schemas/journal.schema.json").read_text())["properties"]["kind"]["enum"],
)
def test_every_kind_of_event_is_told(kind: str) -> None:
    assert f"`{kind}`" in page("docs/concepts/journal.md").text, f"docs/concepts/journal.md does not say what {kind} is"


def codes(one: Page) -> set[int]:
    """Return the numbers that a page's section on exit codes begins rows or clauses with."""
    section = one.text.partition("## Exit codes")[2].partition("\n## ")[0]
    return {int(number) for number in re.findall(r"(?:^\|? ?|, )(\d+) ", section, re.MULTILINE)}


@pytest.mark.parametrize("name", ["docs/reference/cli.md", "docs/concepts/run.md"])
def test_exit_codes_are_told(name: str) -> None:
    known = {run.OK, run.FAILED, WRONG, run.CLOSED, run.KILLED, run.TERMINATED}
    assert codes(page(name)) == known, f"{name}, '## Exit codes'"
