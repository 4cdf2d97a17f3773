"""Where the project's modules are, and what importing one runs.

Only the packages that are named count, at the places given: `sys.path` is not asked. As in an import, a
compiled module goes before one in Python, and a package before a module.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from levada.code.scan import Import
from levada.code.source import Source
from levada.errors import Position, ProjectError


class Modules:
    """The modules of the project, each read when it is asked for, once."""

    def __init__(self, packages: Mapping[str, Path], imported: Mapping[str, bytes]) -> None:
        self._imported = imported
        self._packages = {name: path.absolute() for name, path in packages.items()}
        self._sources: dict[str, Source | None] = {}
        self._effects: dict[str, bool] = {}

    def packages(self) -> list[str]:
        return sorted(self._packages)

    def names(self) -> Iterator[str]:
        """Yield the names of all modules."""
        todo = self.packages()
        while todo:
            name = todo.pop()
            place = self._place(name)
            if place is not None:
                yield name
                if place.is_dir() or not _is_module(place):
                    todo += self._below(name, place if place.is_dir() else place.parent)

    def get(self, name: str) -> Source | None:
        """Return a module of the project, or None if there is none of that name; raises ProjectError."""
        if name not in self._sources:
            self._sources[name] = self._read(name)
        return self._sources[name]

    def file(self, name: str) -> Path | None:
        """Return the file of a module, None if there is none."""
        place = self._place(name)
        return place if place is not None and place.is_file() else None

    def leads_to_project(self, name: str) -> bool:
        """Whether a package that is not the project's has one of the project's below it."""
        return any(package.startswith(f"{name}.") for package in self._packages)

    def below(self, source: Source) -> list[str]:
        """Return the names of the modules right below a package, those that code could import."""
        return self._below(source.name, source.path) if source.is_package else []

    def _below(self, package: str, folder: Path) -> list[str]:
        stems = {path.name.partition(".")[0] for path in folder.iterdir()} - {"__init__", "__pycache__"}
        names = [f"{package}.{stem}" for stem in sorted(stems) if stem.isidentifier()]
        return [name for name in names if self._place(name)]

    def executed(self, found: Import) -> list[str]:
        """Return the modules that an import runs, packages above them aside."""
        package = self.get(found.executes)
        if package is None or not package.is_package or not found.chain:
            return [found.executes]
        return [found.executes, f"{found.executes}.{found.chain[0]}"]  # which may be a module, or not

    def imports_run(self, name: str) -> bool:
        """Whether importing a module runs anything that counts, in it or in what it imports."""
        seen: set[str] = set()
        todo = [name]
        found = False
        while todo and not found:
            module = todo.pop()
            known = self._effects.get(module)
            if module in seen or known is False:
                continue
            seen.add(module)
            source = self.get(module)
            found = bool(known) or (source is not None and source.has_effects)
            todo += [module.rpartition(".")[0]] if "." in module else []
            if source is not None:
                todo += [executed for one in source.run_imports for executed in self.executed(one)]
        self._effects.update(dict.fromkeys([name] if found else seen, found))
        return found

    def _place(self, name: str) -> Path | None:
        """Return the file of a module, or the folder of a package that has no `__init__`."""
        packages = [package for package in self._packages if name == package or name.startswith(f"{package}.")]
        if not packages:
            return None
        package = max(packages, key=len)
        root = self._packages[package]
        if root.is_file():
            return root if name == package else None
        path = root.joinpath(*name[len(package) :].split(".")[1:])
        files = [path / f"__init__{suffix}" for suffix in (*EXTENSION_SUFFIXES, ".py")]
        if name != package:
            files += [path.with_name(path.name + suffix) for suffix in (*EXTENSION_SUFFIXES, ".py")]
        found = next((file for file in files if file.is_file()), path)
        return found if found is not path or path.is_dir() else None

    def _read(self, name: str) -> Source | None:
        place = self._place(name)
        if place is None:
            return None
        if place.is_dir():
            return Source(name, place, is_package=True)
        is_package = not _is_module(place)
        label = name.replace(".", "/") + ("/__init__.py" if is_package else ".py")
        try:
            content = self._imported.get(name) or place.read_bytes()
            tree = ast.parse(content, label) if place.suffix == ".py" else None
        except SyntaxError as error:
            where = Position(label, error.lineno or 1, (error.text or "").strip())
            raise ProjectError(f"{name} is not valid Python: {error.msg}.", where=where) from error
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            raise ProjectError(f"{label} cannot be read: {error}.") from error
        return Source(name, place.parent, is_package, content, tree, self.get)


def _is_module(place: Path) -> bool:
    return place.is_file() and place.name.partition(".")[0] != "__init__"
