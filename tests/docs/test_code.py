"""The code in README.md and docs/ is code: Python passes the type checker and runs, TOML, JSON and YAML are read."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from levada.component import Component
from levada.pipeline import Pipeline
from levada.settings import read_settings
from tests.docs.pages import ROOT, Block, Page, page, pages

PAGES = {one.slug: one for one in pages()}
WITH_PYTHON = [one for one in pages() if one.of("python")]


def blocks(language: str) -> list[Block]:
    return [block for one in pages() for block in one.of(language)]


def files_of(one: Page) -> dict[str, str]:
    """Return a page's Python as files: the page itself, and those that it says to save, in packages."""
    saved = {block.title: block.padded() for block in one.of("python") if block.title}
    packages = {f"{Path(title).parent}/__init__.py": "" for title in saved}
    return {f"{one.slug}.py": one.module()} | packages | saved


def test_the_python_of_the_pages_passes_the_type_checker(tmp_path: Path) -> None:
    """In strict mode, with the exceptions that the repository's own code has; each complaint names page and line."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["basedpyright"]
    config = {name: value for name, value in config.items() if name not in ("include", "venvPath", "venv")}
    # A notebook's last line is an expression; blocks repeat imports, and show some, for those who read only them.
    config |= dict.fromkeys(("reportUnusedExpression", "reportUnusedImport", "reportDuplicateImport"), False)
    config["executionEnvironments"] = [{"root": one.slug, "extraPaths": [str(ROOT)]} for one in WITH_PYTHON]
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"include": ["."], **config}))
    for one in WITH_PYTHON:
        for name, code in files_of(one).items():
            path = tmp_path / one.slug / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code)
    checker = Path(sys.executable).parent / "basedpyright"
    words = [str(checker), "--outputjson", "--pythonpath", sys.executable, "--project", str(tmp_path)]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    report = json.loads(said)
    assert report["summary"]["filesAnalyzed"] == sum(len(files_of(one)) for one in WITH_PYTHON)
    wrong = [
        f"{PAGES[Path(item['file']).relative_to(tmp_path.resolve()).parts[0]].name}"
        f":{item['range']['start']['line'] + 1}: {item['message']} ({item.get('rule', 'syntax')})"
        for item in report["generalDiagnostics"]
        if item["severity"] == "error"
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "one", [one for one in WITH_PYTHON if not (one.not_run or one.followed_in)], ids=lambda one: one.name
)
def test_the_python_of_a_page_runs(one: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is imported as a module; its components have signatures, its pipelines are drawn, its tests pass."""
    name = f"page_{one.slug}"
    path = tmp_path / f"{name}.py"
    path.write_text(one.module())
    monkeypatch.syspath_prepend(tmp_path)
    try:
        module = importlib.import_module(name)
        for thing in vars(module).values():
            if isinstance(thing, Component):
                assert thing.signature  # pyright: ignore[reportUnknownMemberType]
            elif isinstance(thing, Pipeline) and _needs_nothing(thing.function):
                assert thing.plan().nodes
            elif inspect.isfunction(thing) and thing.__name__.startswith("test_"):
                thing(**({"tmp_path": tmp_path / "of_a_test"} if inspect.signature(thing).parameters else {}))
    except Exception as error:
        error.add_note(f"line numbers are those of {one.name}")
        raise
    finally:
        sys.modules.pop(name, None)


def _needs_nothing(function: object) -> bool:
    assert callable(function)
    return all(one.default is not one.empty for one in inspect.signature(function).parameters.values())


@pytest.mark.parametrize("block", blocks("toml"), ids=lambda block: block.where)
def test_toml_is_read_and_levadas_table_holds_only_settings(block: Block, tmp_path: Path) -> None:
    """Its environments too."""
    table = tomllib.loads(block.text).get("tool", {}).get("levada")
    if table is not None:
        (tmp_path / "pyproject.toml").write_text(block.text)
        for env in (None, *table.get("env", {})):
            read_settings(tmp_path, table, env)


@pytest.mark.parametrize("block", [*blocks("json"), *blocks("yaml")], ids=lambda block: block.where)
def test_json_and_yaml_are_read(block: Block) -> None:
    """Where something is left out in JSON (`...`), it is left out of an object, an array or a text."""
    if block.language == "yaml":
        import yaml

        assert yaml.safe_load(block.text)
    else:
        assert json.loads(block.text.replace(", ...}", "}").replace(", ...]", "]"))


def test_pages_that_are_only_type_checked_say_why() -> None:
    """And those that make something to follow are followed."""
    assert all(len(one.not_run.split()) > 2 for one in pages() if one.not_run)
    unfollowed = [one.name for one in pages() if any(block.title for block in one.of("python")) and not one.followed_in]
    assert not unfollowed, (
        f"{unfollowed} say where to save files; say where the test does so: <!-- followed in: ... -->"
    )


def test_a_block_stands_where_its_page_has_it() -> None:
    """The lines that complaints name are the page's: held against a page that is known."""
    one = page("docs/concepts/gate.md")
    first = one.of("python")[0]
    assert one.text.splitlines()[first.line - 1] == first.text.splitlines()[0]
    assert one.module().splitlines()[first.line - 1] == first.text.splitlines()[0]
