"""The project's code as it was when a run started, and as it is now, a module at a time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Protocol

from levada.history.run import RunRecord

ENGINE = "levada"


class Sources(Protocol):
    """Code by module: the file as one would name it from the project's root, and what it says."""

    def find(self, module: str) -> tuple[str, str] | None: ...


class SourcesThen:
    """What a run kept of the project's code; nothing where it kept none."""

    def __init__(self, run: RunRecord) -> None:
        self._run = run

    @cached_property
    def _zip(self) -> zipfile.ZipFile | None:
        digest = self._run.facts.get("project")
        content = self._run.store.read(f"code/{digest}.zip") if digest else None
        return zipfile.ZipFile(io.BytesIO(content)) if content else None

    @cached_property
    def names(self) -> set[str]:
        """The files that were kept."""
        return set(self._zip.namelist()) if self._zip else set()

    def find(self, module: str) -> tuple[str, str] | None:
        for name in _files_of(module):
            if name in self.names:
                return name, self.read(name)
        return None

    def read(self, name: str) -> str:
        """Return the text of a file, empty if it was not kept."""
        if self._zip is None or name not in self.names:
            return ""
        return self._zip.read(name).decode(errors="replace")


class SourcesNow:
    """The project's packages on disk, by dotted name, and the files in them."""

    def __init__(self, packages: Mapping[str, Path]) -> None:
        self._packages = packages

    @cached_property
    def _files(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for package, folder in self._packages.items():
            home = package.replace(".", "/")
            if folder.is_file():
                found[f"{home}.py"] = folder
            for path in sorted(folder.rglob("*.py")):
                found[f"{home}/{path.relative_to(folder).as_posix()}"] = path
        return found

    @property
    def names(self) -> set[str]:
        return set(self._files)

    def find(self, module: str) -> tuple[str, str] | None:
        for name in _files_of(module):
            if name in self._files:
                return name, self.read(name)
        return None

    def read(self, name: str) -> str:
        path = self._files.get(name)
        return path.read_text(errors="replace") if path else ""


def _files_of(module: str) -> tuple[str, str]:
    path = module.replace(".", "/")
    return f"{path}.py", f"{path}/__init__.py"


def file_of(module: str, *sources: Sources) -> str:
    """Return the file of a module, as it is named in the first of some sources that has it."""
    for source in sources:
        found = source.find(module)
        if found:
            return found[0]
    return _files_of(module)[0]
