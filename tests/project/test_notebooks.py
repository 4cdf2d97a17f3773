"""The notebooks of this repository run from top to bottom, in a kernel of their own; what they show is committed."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import nbformat
import pytest

from levada.lease import ended, open_leases
from levada.project import find_project
from tests.project.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXECUTE: Any = runpy.run_path(str(ROOT / "notebooks/execute.py"))


def sources(notebook: Any) -> list[str]:
    return [cell.source for cell in notebook.cells]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This repository's project, as a folder of the test's, with a store of its own."""
    for name in ("components", "pipelines", "schemas", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("LEVADA_STORE", str(tmp_path / "store"))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_a_restarted_kernel_computes_nothing_twice(path: Path, project: Path) -> None:
    """Two kernels, one after the other: the second takes everything from the cache."""
    pytest.importorskip("skl2onnx")
    copy = project / "notebooks" / path.name
    copy.write_bytes(path.read_bytes())
    store = find_project(project).store
    seen: set[str] = set()
    for turn in range(2):
        executed = EXECUTE["execute"](copy, store.uri)
        assert [cell.execution_count for cell in executed.cells if cell.cell_type == "code"] == list(
            range(1, 1 + sum(cell.cell_type == "code" for cell in executed.cells))
        )
        runs = {key.rsplit("/", 1)[1] for key in store.list("runs")} - seen
        seen |= runs
        assert open_leases(store) == []
        for run in runs:
            end = ended(store, run)
            assert end is not None and end.status == "finished"
            if turn:
                assert set(end.counts) == {"cached"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_with_outputs_that_name_no_place(path: Path) -> None:
    """Executed, small, and without what is only true of one machine."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    text = path.read_text()
    assert "levada" in text and len(text) < 150_000
    for word in ("/home/", "/tmp/", "/root/", "/Users/", ".venv", "ipykernel"):
        assert word not in text
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    assert any("levada" in output.get("data", {}).get("text/html", "") for cell in code for output in cell.outputs)
