"""What is answered to words that are almost right, and to a project that is not whole."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
import pytest

from levada.cli.commands import COMMANDS, cli, execute
from tests.answering import make_project, type_commands
from tests.command import levada, told

MORE = '''

@pipeline
def untyped(x):
    """A parameter that says no type."""
    start(value=x)


@pipeline
def wanting(*, limit: int, values: list[int], strict: bool) -> None:
    start(value=limit)


@pipeline
def nothing(*, times: int = 0) -> None:
    for _ in range(times):
        start()
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("words"), "mistyped")
    with (folder / "mistyped" / "pipelines.py").open("a") as file:
        file.write(MORE)
    type_commands(folder, ("run", "numbers"), ("run", "squares"))
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_examples_line_by_line_and_a_sentence_that_fits_in_the_list(name: str) -> None:
    context = click.Context(cli, info_name="levada", terminal_width=80)
    command = cli.get_command(context, name)
    assert command is not None
    assert "..." not in command.get_short_help_str(62)  # of 80 columns
    if isinstance(command, click.Group):
        return  # its list of commands is the project's
    text = command.get_help(click.Context(command, parent=context, info_name=name))
    assert "\\b" not in text
    examples = re.findall(rf"^ +levada {name} .*$", command.help or "", re.MULTILINE)
    assert all(line.strip() in [shown.strip() for shown in text.splitlines()] for line in examples)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("graph nubmers", "Did you mean numbers?"),
        ("diff nubmers", "Did you mean numbers?"),
        ("lineage @chmpion", "Did you mean @champion?"),
        ("lineage model@chmpion", "Did you mean model@champion?"),
        ("lineage numbers", "write numbers/final."),
        ("run numbers --epcohs 3", "Did you mean '--epochs'?"),
        ("run numbers --epcoh 3", "Did you mean '--epochs'?"),
        ("run untyped --x 3", "the parameter x of pipeline untyped has no annotation"),
        ("run untyped", "the parameter x of pipeline untyped has no annotation"),
        ("run wanting", "Missing option '--limit'"),
        ("run wanting --limit 3", "Missing option '--values'"),
        ("run wanting --limit 3 --values 1", "Missing option '--strict'"),
        ("run nothing", "pipeline nothing calls no component with these arguments"),
    ],
)
def test_the_answer_names_what_was_meant(
    project: Path, words: str, said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.delenv("LEVADA_STORE", raising=False)
    assert execute(words.split()) == 2
    assert said in capfd.readouterr().err


def test_a_run_that_does_not_begin_is_not_announced(project: Path) -> None:
    """No id is told that no command would find."""
    before = told(project, "runs", "--json")
    done = levada(project, "run", "numbers", "--fresh", "jugde", code=2)
    assert done.stdout == "" and "Did you mean judge?" in done.stderr
    assert told(project, "runs", "--json") == before


def test_a_node_that_wrote_nothing_has_an_empty_log(project: Path) -> None:
    done = levada(project, "logs", "numbers", "judge")
    assert done.stdout == "" and re.fullmatch(r"judge wrote nothing in run \w+\.\n", done.stderr)


def test_resuming_where_nothing_was_cut_short_is_said(project: Path) -> None:
    assert "--resume had nothing to go on with: the last run of numbers was neither" in told(
        project, "run", "numbers", "--resume"
    )


def test_a_file_that_does_not_parse_is_named_where_pipelines_are_listed(tmp_path: Path) -> None:
    """Its pipelines are missing from the list; those of other files are not."""
    folder = make_project(tmp_path, "whole")
    (folder / "whole" / "more.py").write_text("def later(:\n")
    done = levada(folder, "pipelines", code=2)
    assert "numbers" in done.stdout
    assert "note: whole/more.py does not parse" in done.stderr and "whole/more.py:1" in done.stderr


def test_a_package_of_the_settings_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    folder = make_project(tmp_path, "wohle")
    (folder / "pyproject.toml").write_text('[tool.levada]\ncode = ["whole"]\n')
    for words in (["pipelines"], ["run", "numbers"]):
        said = levada(folder, *words, code=2).stderr
        assert f"there is no package whole in {folder}." in said and "Did you mean wohle?" in said
    (folder / "whole").mkdir()
    assert "note: none of whole has a function with @pipeline" in levada(folder, "pipelines").stderr


@pytest.mark.skipif(os.geteuid() == 0 and not os.path.ismount("/proc"), reason="needs a folder that cannot be written")
def test_a_project_that_cannot_be_written_is_an_error_of_one_line() -> None:
    said = levada(Path("/"), "init", "/proc/starter", code=2).stderr
    assert "cannot write the project to /proc/starter" in said and "traceback" not in said
