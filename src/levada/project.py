"""A Levada project: a folder with a `pyproject.toml`, the packages that hold its code, its settings."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from levada.code import CodeIndex
from levada.errors import LevadaError, Position, ProjectError, did_you_mean
from levada.pipeline import Pipeline
from levada.references import PYTHON, load, scheme_of, split
from levada.settings import FILE, Settings, find_table, read_settings
from levada.store import Store, file_digest

KEPT = "plans"
"""Where a local store keeps what only saves time: drawn plans, and what code references reach."""

COUNTED = (
    "artifacts",
    "components",
    "compression",
    "drift",
    "evaluation",
    "features",
    "measurement",
    "models",
    "profiling",
    "pushing",
    "schemas",
    "signing",
    "sources",
    "splits",
    "tables",
    "training",
    "tuning",
    "validation",
)
"""Levada's own packages whose code counts in cache keys as a project's does; the engine's does not."""


@dataclass(frozen=True)
class Listing:
    """A pipeline as its file shows it: its reference, and the first line of its docstring."""

    reference: str
    about: str


@dataclass(frozen=True)
class Project:
    """A project at `root`, and the settings that are in force for it.

    `imported` gives the content of modules that this process runs in another form than their files have now.
    """

    root: Path
    settings: Settings = field(default_factory=Settings)
    imported: dict[str, bytes] = field(default_factory=dict[str, bytes])

    @cached_property
    def store(self) -> Store:
        settings = self.settings
        location = settings.store if "://" in settings.store else self.root / settings.store
        return Store(location, settings.store_options, settings.verify)

    @cached_property
    def tracking_uri(self) -> str:
        """MLflow's address, empty for none.

        Whoever asks is about to talk to it: what the settings say of credentials is put where MLflow looks for it.
        Raises SecretError for one that is not there.
        """
        settings = self.settings
        if settings.mlflow_username:
            os.environ["MLFLOW_TRACKING_USERNAME"] = settings.mlflow_username
        if settings.mlflow_password is not None:
            os.environ["MLFLOW_TRACKING_PASSWORD"] = settings.mlflow_password.reveal()
        if settings.mlflow_token is not None:
            os.environ["MLFLOW_TRACKING_TOKEN"] = settings.mlflow_token.reveal()
        return settings.mlflow

    @cached_property
    def packages(self) -> dict[str, Path]:
        """The project's packages: dotted name to folder. Raises ProjectError for one that is not there."""
        found = {name: self.root / name.replace(".", "/") for name in self.settings.code}
        for name, folder in found.items():
            if not folder.is_dir():
                there = sorted(path.parent.name for path in self.root.glob("*/*.py"))
                hint = did_you_mean(name, there) or "code in [tool.levada] names the packages of the project's code."
                raise ProjectError(f"there is no package {name} in {self.root}.", hint=hint)
        return found

    @cached_property
    def index(self) -> CodeIndex:
        """What tells which code a component reaches; the standard components count as project code."""
        local = self.store.local
        return CodeIndex(self._counted, self.imported, local / KEPT if local is not None else None)

    @cached_property
    def _counted(self) -> dict[str, Path]:
        here = Path(__file__).parent
        return {**self.packages, **{f"levada.{name}": here / name for name in COUNTED}}

    def code_digest(self, reference: str) -> tuple[str, dict[str, str]]:
        """Return the digest of the code that a reference reaches, whole and by piece."""
        scheme, module, name = split(reference)
        if scheme != PYTHON:
            return scheme_of(reference).digest(module, name), {}
        if not any(f"{module}.".startswith(f"{name}.") for name in self._counted):
            return _installed_digest(module), {}
        return self.index.digest(reference), self.index.parts(reference)

    # -- pipelines ----------------------------------------------------------------------------------

    @cached_property
    def pipelines(self) -> dict[str, Listing]:
        """The project's pipelines by name, found without importing anything."""
        found: dict[str, Listing] = {}
        for package, folder in self.packages.items():
            for path in sorted(folder.rglob("*.py")):
                inside = path.relative_to(folder).with_suffix("").parts
                module = ".".join((package, *(part for part in inside if part != "__init__")))
                for name, about in self._pipelines_in(path):
                    found.setdefault(name, Listing(f"python:{module}:{name}", about))
        return found

    def _pipelines_in(self, path: Path) -> Iterator[tuple[str, str]]:
        source = path.read_bytes()
        if b"pipeline" not in source:
            return
        try:
            tree = ast.parse(source)
        except SyntaxError:
            return  # said when somebody asks for a pipeline of this file
        for statement in tree.body:
            if isinstance(statement, ast.FunctionDef):
                names = [ast.unparse(decorator).partition("(")[0] for decorator in statement.decorator_list]
                if any(name.rsplit(".", 1)[-1] == "pipeline" for name in names):
                    yield statement.name, (ast.get_docstring(statement) or "").partition("\n")[0]

    def find_pipeline(self, name: str) -> str:
        """Return the reference of a pipeline by name or `module:name`; raises ProjectError with a suggestion."""
        if ":" in name:
            return name if name.startswith("python:") else f"python:{name}"
        if name in self.pipelines:
            return self.pipelines[name].reference
        if self.broken:
            raise self.broken[0]
        known = f"It has: {', '.join(self.pipelines)}." if self.pipelines else self._why_none()
        hint = did_you_mean(name, self.pipelines) or known
        raise ProjectError(f"{self.root.name} has no pipeline '{name}'.", hint=hint)

    def _why_none(self) -> str:
        if self.packages:
            return f"It has none in {', '.join(self.packages)}, where code in [tool.levada] has it look."
        return f'It has none: name the packages of its code in {FILE}, [tool.levada] code = ["pipelines"].'

    @cached_property
    def broken(self) -> list[ProjectError]:
        """What is wrong with files that do not parse, whose pipelines are not known therefore."""
        found: list[ProjectError] = []
        for folder in self.packages.values():
            for path in sorted(folder.rglob("*.py")):
                try:
                    ast.parse(path.read_bytes())
                except SyntaxError as error:
                    found.append(self._syntax_error(error, path))
        return found

    def _syntax_error(self, error: SyntaxError, path: Path) -> ProjectError:
        shown = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        where = Position(shown, error.lineno or 0, (error.text or "").strip())
        return ProjectError(f"{shown} does not parse: {error.msg}.", where=where)

    def load_pipeline(self, reference: str) -> Pipeline[..., Any]:
        """Import a pipeline; raises ProjectError, at the user's line, if its code does not load."""
        self.make_importable()
        _, module, name = split(reference)
        try:
            found = load(reference)
        except SyntaxError as error:
            raise self._syntax_error(error, Path(error.filename or module)) from None
        except LevadaError:
            raise
        except Exception as error:
            from levada.failure import describe

            failure = describe(error)
            frame = failure.frames[-1] if failure.frames else None
            where = Position(frame.file, frame.line, frame.text) if frame else None
            raise ProjectError(f"importing {module} failed: {failure.type}: {failure.message}", where=where) from error
        if not isinstance(found, Pipeline):
            raise ProjectError(
                f"{name} of {module} is not a pipeline.", hint="A pipeline is a function with @pipeline."
            )
        return found

    def make_importable(self) -> None:
        """Put the project's root first on Python's path."""
        if str(self.root) not in sys.path:
            sys.path.insert(0, str(self.root))


def _installed_digest(module: str) -> str:
    """Return the sha256 of an installed library's module: its own file, found without importing it."""
    top, *inside = module.split(".")
    spec = importlib.util.find_spec(top)
    folders = [Path(folder).joinpath(*inside) for folder in (spec.submodule_search_locations or ())] if spec else []
    files = [Path(spec.origin)] if spec and spec.origin and not inside else []
    files += [file for folder in folders for file in (folder.with_suffix(".py"), folder / "__init__.py")]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise ProjectError(f"there is no module {module}, neither in the project's code nor installed.")
    return file_digest(found)


def find_project(start: Path | None = None, store: str | None = None, env: str | None = None) -> Project:
    """Return the project of a folder: the nearest one above it whose pyproject.toml has [tool.levada].

    `store` (a folder or URI) goes before its settings, `env` is the environment whose settings hold. Raises
    ProjectError if there is none, or if its settings are wrong.
    """
    begin = (start or Path.cwd()).absolute()
    given = {"store": store if store and "://" in store else store and str(Path(store).expanduser().absolute())}
    for folder in (begin, *begin.parents):
        path = folder / FILE
        table = find_table(path) if path.is_file() else None
        if table is not None:
            return Project(folder, read_settings(folder, table, env, given))
    raise ProjectError(
        f"there is no Levada project in {begin} or above it.",
        hint='A project is a folder whose pyproject.toml has [tool.levada] with code = ["components", "pipelines"].',
    )
