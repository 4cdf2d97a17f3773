"""The digests of code as this process runs it: of cells, of modules as they were imported, of the rest as files are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from levada.code import CodeIndex
from levada.errors import LevadaError
from levada.notebook.cells import Cell, cell_of
from levada.notebook.imported import Imported
from levada.project import Project, find_project
from levada.references import CELLS, LIVE, is_cell


class RunningCode:
    """A project's code as this process runs it; ask `refresh` before anything that needs a digest."""

    def __init__(self, project: Project, warn: Callable[[str], None]) -> None:
        self._project = project
        self._imported = Imported()
        self._warn = warn
        self._mark: object = None
        self._warned: set[str] = set()

    def refresh(self) -> None:
        """Look at the files and modules again; says it once of each module that runs as it was imported before."""
        files = self._files()
        stale = self._imported.look(files)
        mark = [(name, file.stat().st_mtime_ns, file.stat().st_size) for name, file in files.items()], stale
        if mark != self._mark:
            self._mark = mark
            self._project = replace(self._project, imported=stale)
        for name in sorted(stale.keys() - self._warned):
            shown = files[name].relative_to(self._project.root)
            self._warn(
                f"{shown} has changed since it was imported, and what was imported is what runs. "
                f"Reload it: `%load_ext autoreload` and `%autoreload 2`, or restart the kernel."
            )
        self._warned = set(stale)

    @property
    def stale(self) -> set[str]:
        """The modules that run as they were imported, while their files say something else."""
        return self._warned

    @property
    def index(self) -> CodeIndex:
        return self._project.index

    def digest(self, reference: str) -> tuple[str, dict[str, str]]:
        """Return the digest of the code that a reference reaches, whole and by piece: a `CodeDigest`."""
        if is_cell(reference):
            cell = _cells[reference]
            return cell.digest, cell.pieces
        return self._project.code_digest(reference)

    def _files(self) -> dict[str, Path]:
        files: dict[str, Path] = {}
        for package, folder in self._project.packages.items():
            for path in sorted(folder.rglob("*.py")):
                inside = path.relative_to(folder).with_suffix("").parts
                files[".".join((package, *(part for part in inside if part != "__init__")))] = path
        return files


_cells: dict[str, Cell] = {}
_running: list[RunningCode] = []


def enter(code: RunningCode) -> None:
    """Let cells be named with what `code` knows of their project."""
    _running[:] = [code]


def cell(reference: str) -> Cell:
    """Return what is known of a reference to something in a cell."""
    return _cells[reference]


def name_cell(thing: Any) -> str:
    """Return the `cell:` reference of a function or class of `__main__`, as it is now."""
    found = cell_of(thing, _index())
    _cells[found.reference] = found
    CELLS.setdefault(found.reference, thing)
    if isinstance(thing, type):
        CELLS[found.reference] = thing  # the newest of several that say the same
    if found.live:
        LIVE[found.reference] = found.live
    return found.reference


def _index() -> CodeIndex | None:
    if _running:
        return _running[0].index
    try:
        return find_project().index
    except LevadaError:
        return None
