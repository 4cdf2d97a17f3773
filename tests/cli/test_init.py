"""`levada init`: a project that plans, runs and passes its own tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from levada.cli.commands import execute
from levada.errors import ProjectError
from levada.settings import SETTINGS
from levada.starter import make_project, package_of

BIN = Path(sys.executable).parent


def typed(folder: Path, *words: str, code: int = 0) -> str:
    """Type a command in a folder, with no other settings than the project's own."""
    ours = {"LEVADA_ENV", *(setting.variable for setting in SETTINGS.values())}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment["PATH"] = f"{BIN}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
def test_a_new_project_runs_and_passes_its_own_tests(tmp_path: Path) -> None:
    """From the command line alone, below a folder with spaces and letters of another alphabet."""
    home = tmp_path / "mes données" / "日本"
    home.mkdir(parents=True)
    said = typed(home, "levada", "init", "tumour-watch")
    assert "the pipeline tumour_watch" in said and "cd tumour-watch" in said and "levada run tumour_watch" in said
    project = home / "tumour-watch"
    assert "Is a tumour malignant?" in typed(project, "levada", "pipelines")
    assert "8 ran" in typed(project, "levada", "run", "tumour_watch")
    assert (project / "serving" / "tumour_watch" / "1" / "model.onnx").is_file()
    assert "8 cached" in typed(project, "levada", "run", "tumour_watch")
    assert "4 passed" in typed(project, "pytest", "-q")
    # Its own rules: the linter finds nothing, and what runs leave behind is not for git.
    typed(project, "ruff", "check", "--exclude", ".levada", ".")
    typed(project, "ruff", "format", "--check", "--exclude", ".levada", ".")
    typed(project, "git", "init", "-q")
    tracked = typed(project, "git", "ls-files", "--others", "--exclude-standard").splitlines()
    assert set(tracked) == {
        ".github/workflows/levada.yml",
        ".gitignore",
        "README.md",
        "notebooks/explore.ipynb",
        "pyproject.toml",
        "schemas/tumour_watch.pbtxt",
        "tests/test_pipeline.py",
        "tumour_watch/__init__.py",
        "tumour_watch/components/__init__.py",
        "tumour_watch/components/training.py",
        "tumour_watch/components/tumours.py",
        "tumour_watch/pipelines/__init__.py",
        "tumour_watch/pipelines/training.py",
    }


def test_what_the_starter_needs_beyond_a_base_install_is_the_next_thing_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its model is ONNX. The project asks for it itself, so installing the project is enough."""
    monkeypatch.chdir(tmp_path)
    assert execute(["init", "with-all"]) == 0
    assert "pip install" not in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # to Python a module that is not there
    assert execute(["init", "demo"]) == 0
    assert capsys.readouterr().out.splitlines()[2:4] == [
        "next   cd demo",
        '       pip install -e ".[dev]"   its model is kept as ONNX, which the extra levada[onnx] brings',
    ]
    assert tomllib.loads((tmp_path / "demo" / "pyproject.toml").read_text())["project"]["dependencies"] == [
        "levada[onnx,signing]"
    ]


def test_every_file_has_its_own_form(tmp_path: Path) -> None:
    """TOML, YAML, a notebook, Python; no placeholder is left."""
    import yaml

    folder = tmp_path / "demo"
    assert make_project(folder) == "demo"
    assert tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["levada"] == {"code": ["demo"]}
    workflow = yaml.safe_load((folder / ".github" / "workflows" / "levada.yml").read_text())
    assert {step["run"] for step in workflow["jobs"]["train"]["steps"] if "run" in step} == {
        "pip install -e .",
        "levada run demo",
    }
    assert workflow["jobs"]["train"]["env"]["LEVADA_STORE"] == "${{ vars.LEVADA_STORE }}"
    assert workflow["jobs"]["train"]["needs"] == "test"
    notebook = json.loads((folder / "notebooks" / "explore.ipynb").read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids) and all(1 <= len(name) <= 64 for name in ids)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
            compile("".join(cell["source"]), "cell", "exec")
    for name in files(folder):
        text = (folder / name).read_text()
        assert not any(word in text for word in ("$package", "$name")), name
        if name.endswith(".py"):
            compile(text, name, "exec")


def test_two_projects_share_an_interpreter(tmp_path: Path) -> None:
    """Their packages have their names, so both can be imported and planned."""
    for name in ("first-one", "second"):
        make_project(tmp_path / name)
    script = (
        "import sys; sys.path[:0] = sys.argv[1:]; from first_one.pipelines.training import first_one; "
        "from second.pipelines.training import second; a, b = first_one.plan(), second.plan(); "
        "print(a.node('train').component, b.node('train').component)"
    )
    out = typed(tmp_path, sys.executable, "-c", script, str(tmp_path / "first-one"), str(tmp_path / "second"))
    assert out.split() == [
        "python:first_one.components.training:train",
        "python:second.components.training:train",
    ]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    """Not even a file is added."""
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "README.md").write_text("mine")
    said = typed(tmp_path, "levada", "init", "demo", code=2)
    assert "is there already, and it is not empty: nothing was written." in said
    assert files(tmp_path) == ["demo/README.md"] and (tmp_path / "demo" / "README.md").read_text() == "mine"


def test_an_empty_folder_becomes_a_project_from_within(tmp_path: Path) -> None:
    """`levada init .` in a fresh clone, which has a .git and nothing else."""
    folder = tmp_path / "fresh-clone"
    (folder / ".git").mkdir(parents=True)
    said = typed(folder, "levada", "init", ".")
    assert "cd " not in said and (folder / "fresh_clone" / "pipelines" / "training.py").is_file()


@pytest.mark.parametrize(
    ("name", "why", "instead"),
    [
        ("My Project!", "could not be imported", "my_project"),
        ("2nd", "could not be imported", "project_2nd"),
        ("größe", "could not be imported", "groe"),
        ("été", "could not be imported", "ete"),
        ("class", "a word of the language", "class_pipeline"),
        ("json", "Python itself has a module", "json_pipeline"),
        ("numpy", "a package 'numpy' is installed already", "numpy_pipeline"),
        ("levada", "a package 'levada' is installed already", "levada_pipeline"),
        ("ingest", "which is something else there", "ingest_pipeline"),
        ("tests", "which is something else there", "tests_pipeline"),
    ],
)
def test_a_bad_name_is_told_with_one_that_would_do(tmp_path: Path, name: str, why: str, instead: str) -> None:
    """And nothing is written."""
    with pytest.raises(ProjectError, match=why) as caught:
        make_project(tmp_path / name)
    assert f" {instead}" in caught.value.hint
    assert package_of(instead) == instead
    assert files(tmp_path) == []
