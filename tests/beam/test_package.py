"""The project's code travels as one file named by its content."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from levada import draw
from levada.beam.package import CodePackage, this_process


@pytest.fixture
def packages(tmp_path: Path) -> dict[str, Path]:
    folder = tmp_path / "project" / "orchard" / "components"
    (folder / "deep").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "trees.py").write_text("AGE = 7\n")
    (folder / "deep" / "words.txt").write_text("data beside code")
    return {"orchard.components": folder}


def test_equal_code_gives_equal_bytes(packages: dict[str, Path]) -> None:
    """Whatever the times of the files, their order on disk, or compiled leftovers."""
    first = CodePackage.of(packages)
    folder = packages["orchard.components"]
    os.utime(folder / "trees.py", (1, 1))
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "trees.cpython-311.pyc").write_bytes(b"compiled")
    assert CodePackage.of(packages).content == first.content
    (folder / "trees.py").write_text("AGE = 8\n")
    assert CodePackage.of(packages).digest != first.digest


def test_the_process_that_packed_it_needs_no_copy(packages: dict[str, Path]) -> None:
    """A second copy, first on the path, would shadow the code that is being edited."""
    before = list(sys.path)
    CodePackage.of(packages).unpack()
    assert sys.path == before


UNPACK = """
import pickle, sys
pickle.loads(sys.stdin.buffer.read()).unpack()
from orchard.components import trees
print(trees.AGE, trees.__file__)
"""


def test_another_process_imports_it(packages: dict[str, Path], tmp_path: Path) -> None:
    """As often as there are workers: they share one folder, and repair it if files of it were cleaned away."""
    package = CodePackage.of(packages)

    def import_elsewhere() -> str:
        return subprocess.run(
            [sys.executable, "-c", UNPACK],
            input=pickle.dumps(package),
            capture_output=True,
            check=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        ).stdout.decode()

    first = import_elsewhere()
    age, file = first.split()
    assert (age, Path(file).is_relative_to(tmp_path)) == ("7", True)
    assert package.digest in file
    assert import_elsewhere() == first
    Path(file).unlink()
    assert import_elsewhere() == first


def test_a_single_module_is_a_package_too(tmp_path: Path) -> None:
    """A project may be one file."""
    (tmp_path / "lone.py").write_text("WORD = 'alone'\n")
    package = CodePackage.of({"lone": tmp_path / "lone.py"})
    assert zipfile.ZipFile(io.BytesIO(package.content)).namelist() == ["lone.py"]


def test_lines_of_unpacked_code_are_named_as_in_the_project(
    packages: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error on a worker names components/trees.py, not a temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(draw, "UNPACKED", [])
    monkeypatch.setattr("levada.beam.package.UNPACKED", draw.UNPACKED)
    package = replace(CodePackage.of(packages), origin="elsewhere")
    package.unpack()
    (folder,) = draw.UNPACKED
    assert draw.shown_path(f"{folder}/orchard/components/trees.py") == "orchard/components/trees.py"


def test_a_process_has_a_name_of_its_own() -> None:
    """Process ids are used again; this says which start of which machine it was, too."""
    other = subprocess.run(
        [sys.executable, "-c", "from levada.beam.package import this_process as t; print(t())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert this_process() == this_process()
    assert other != this_process()
