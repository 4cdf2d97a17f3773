"""What code a component reaches, as a digest, without importing any of it.

Starting from a component (or a pipeline), the names it uses are followed through the project's modules:
functions, classes, constants, imports. What they say is hashed by syntax tree, so comments, formatting
and docstrings do not count, nor do functions that are not reached. To be safe rather than sharp:

- what importing a module runs counts, for every module that is imported on the way: registrations,
  loops, conditional definitions; only statements that merely bind a name can be left out;
- a module used other than as `module.name` counts whole (`getattr(module, ...)`, `vars(module)`);
- code that finds other code by means no reader can follow (`eval`, a computed `import_module`, pickles,
  `globals()`) counts as reaching the whole project.

Installed libraries are the boundary: their versions are somebody else's business. So are data files and
environment variables.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from levada.code_scan import DOTTED, IMPORT_MODULE, Chain, Import
from levada.code_source import Source, Statement
from levada.errors import Position, ProjectError, did_you_mean
from levada.references import split

DYNAMIC = frozenset({
    "builtins.__import__", "builtins.eval", "builtins.exec", "builtins.globals", "code.interact", "gc.get_objects",
    "imp.load_source", "importlib.import_module", "importlib.machinery.SourceFileLoader",
    "importlib.metadata.entry_points", "importlib.reload", "importlib.util.module_from_spec",
    "importlib.util.spec_from_file_location", "inspect.getmodule", "pkgutil.resolve_name", "pydoc.locate",
    "runpy.run_module", "runpy.run_path", "sys.modules", "zipimport.zipimporter",
    # Saved objects name their classes, and loading them imports those.
    "cloudpickle.load", "cloudpickle.loads", "dill.load", "dill.loads", "joblib.load", "keras.models.load_model",
    "keras.models.model_from_json", "keras.saving.deserialize_keras_object", "keras.saving.load_model",
    "mlflow.pyfunc.load_model", "mlflow.sklearn.load_model", "pandas.read_pickle", "pickle.Unpickler", "pickle.load",
    "pickle.loads", "shelve.open", "tensorflow.keras.models.load_model", "torch.load",
})  # fmt: skip
"""Ways to run code that the source does not name: whoever uses one reaches the whole project."""

WHOLE = frozenset({"__dict__", "__dir__", "__getattr__", "__getattribute__", "__loader__", "__path__", "__spec__"})
"""Attributes of a module through which any name in it can be found."""

# A library's module that is passed around may be asked for one of its functions by name.
_HOLDERS = frozenset(name[:at] for name in DYNAMIC for at, char in enumerate(name) if char == ".")

TOP = "<module>"  # the part that stands for what importing a module runs
ORDER = "<order>"  # where among that the reached names are bound
TEXT = "<text>"  # the whole file, where code reads docstrings or source


class CodeIndex:
    """The project's code on disk. Files are read when they are reached, once: make a new index after edits.

    `packages` gives the folder (or file) of each package (or module) that holds project code, by its
    dotted name: `{"components": Path("components"), "levada.components": ...}`.
    """

    def __init__(self, packages: Mapping[str, Path]) -> None:
        self._packages = {name: path.absolute() for name, path in packages.items()}
        self._sources: dict[str, Source | None] = {}
        self._parts: dict[str, dict[str, str]] = {}
        self._effects: dict[str, bool] = {}

    def digest(self, reference: str) -> str:
        """Return the sha256 (hex) of the code that `python:module:name` reaches; raises like `parts`."""
        return hashlib.sha256(json.dumps(self.parts(reference)).encode()).hexdigest()

    def parts(self, reference: str) -> dict[str, str]:
        """Return every piece of code reached and its own digest, by names like `components.features:bucketize`.

        `components.features:<module>` stands for what importing that module runs, `...:<order>` for where
        among it the names reached are bound.
        Raises ProjectError for a module or name that is not there, and for a reached file that is not Python.
        """
        if reference not in self._parts:
            scheme, module, name = split(reference)
            if scheme != "python":
                raise ProjectError(f"'{reference}' has the scheme '{scheme}', and only python: names code in files.")
            self._check(module, name.partition(".")[0])
            self._parts[reference] = _Reach(self).parts(module, name)
        return dict(self._parts[reference])

    def source(self, name: str) -> Source | None:
        """Return a module of the project, or None if there is none of that name; raises ProjectError."""
        if name not in self._sources:
            self._sources[name] = self._read(name)
        return self._sources[name]

    def leads_to_project(self, name: str) -> bool:
        """Whether a package that is not the project's has one of the project's below it."""
        return any(package.startswith(f"{name}.") for package in self._packages)

    def packages(self) -> list[str]:
        return sorted(self._packages)

    def below(self, source: Source) -> Iterator[str]:
        """Yield the names of the modules right below a package, those that code could import."""
        if not source.is_package:
            return
        for path in sorted(source.path.iterdir()):
            name = path.name.partition(".")[0]
            if name.isidentifier() and name not in ("__init__", "__pycache__") and self._place(f"{source.name}.{name}"):
                yield f"{source.name}.{name}"

    def imports_run(self, name: str) -> bool:
        """Whether importing a module runs anything that counts, in it or in what it imports."""
        if name not in self._effects:
            self._effects[name] = any(
                statement.role == "always" and not _is_future(statement)
                for source in self._imported_by(name)
                for statement in source.statements
            )
        return self._effects[name]

    def _imported_by(self, name: str) -> Iterator[Source]:
        seen: set[str] = set()
        todo = [name]
        while todo:
            module = todo.pop()
            if module in seen:
                continue
            seen.add(module)
            if source := self.source(module):
                yield source
                todo += [found for one in _run_imports(source) for found in self.executed(one)]
            todo += [module.rpartition(".")[0]] if "." in module else []

    def executed(self, found: Import) -> list[str]:
        """Return the modules that an import runs, packages above them aside."""
        package = self.source(found.executes)
        if package is None or not package.is_package or not found.chain:
            return [found.executes]
        return [found.executes, f"{found.executes}.{found.chain[0]}"]  # which may be a module, or not

    def _check(self, module: str, name: str) -> None:
        source = self.source(module)
        if source is None:
            known = [known for package in self._packages for known in self._modules(package)]
            raise ProjectError(
                f"There is no module {module} in the project's code ({', '.join(self.packages())}).",
                hint=did_you_mean(module, known),
            )
        is_binary = source.tree is None and source.content
        if is_binary or name in source.binders or source.stars or "__getattr__" in source.binders:
            return
        raise ProjectError(f"{module} has no {name}.", hint=did_you_mean(name, source.binders))

    def _modules(self, name: str) -> Iterator[str]:
        if place := self._place(name):
            yield name
            for below in self.below(Source(name, place.parent if place.suffix else place, not _is_module(place))):
                yield from self._modules(below)

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
            content = place.read_bytes()
            tree = ast.parse(content, label) if place.suffix == ".py" else None
        except SyntaxError as error:
            where = Position(label, error.lineno or 1, (error.text or "").strip())
            raise ProjectError(f"{name} is not valid Python: {error.msg}.", where=where) from error
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            raise ProjectError(f"{label} cannot be read: {error}.") from error
        return Source(name, place.parent, is_package, content, tree)


def _is_module(place: Path) -> bool:
    return place.is_file() and place.name.partition(".")[0] != "__init__"


def _is_future(statement: Statement) -> bool:
    return any(found.module == "__future__" for found in statement.imports)


def _run_imports(source: Source) -> Iterator[Import]:
    for statement in source.statements:
        if statement.role != "unrun":
            yield from statement.imports


class _Reach:
    """Follows names from one reference, each once. It keeps its own list of what is left to follow."""

    def __init__(self, index: CodeIndex) -> None:
        self._index = index
        self._todo: list[tuple[str, Chain]] = []
        self._met: set[tuple[str, Chain]] = set()
        self._run: dict[str, Source] = {}
        self._whole: set[str] = set()
        self._names: dict[str, set[str]] = {}
        self._scanned: set[Statement] = set()
        self._reads_text = False

    def parts(self, module: str, name: str) -> dict[str, str]:
        self._follow(module, tuple(name.split(".")))
        while self._todo:
            self._step(*self._todo.pop())
        parts = {f"{source.name}:{name}": said for source in self._run.values() for name, said in self._said(source)}
        return dict(sorted(parts.items()))

    def _follow(self, module: str, chain: Chain) -> None:
        if (module, chain) not in self._met:
            self._met.add((module, chain))
            self._todo.append((module, chain))

    def _step(self, module: str, chain: Chain) -> None:
        source = self._index.source(module)
        if source is None:
            if chain and self._index.leads_to_project(module):
                self._follow(f"{module}.{chain[0]}", chain[1:])
            self._leave(".".join((module, *chain)))
            return
        self._import(module)
        if not chain or (chain[0] in WHOLE and chain[0] not in source.binders):
            self._take_all(source)
        else:
            self._take(source, chain[0], chain[1:])

    def _take(self, source: Source, name: str, rest: Chain) -> None:
        """Reach a name of a module: what binds it there, and what it may be if nothing does."""
        binders = source.binders.get(name, [])
        for binder in binders:
            if binder.by is not None:
                self._follow(binder.by.module, binder.by.chain + rest)
            if binder.statement.alias is None:
                self._scan(source, binder.statement)
        if binders:
            self._names.setdefault(source.name, set()).add(name)
        else:
            self._take_unbound(source, name, rest)
        below = f"{source.name}.{name}"
        # Where a package binds the name of its own module to something else (`from .train import train`),
        # that is what the bare name gives.
        is_module = rest or all(binder.by and binder.by.target == below for binder in binders)
        if is_module and source.is_package and self._index.source(below):
            self._follow(below, rest)

    def _take_unbound(self, source: Source, name: str, rest: Chain) -> None:
        for star in source.stars:
            self._follow(star, (name, *rest))
            if self._index.source(star):
                self._follow(star, ("__all__",))
        if "__getattr__" in source.binders:
            self._follow(source.name, ("__getattr__",))
        self._leave(".".join(("builtins", name, *rest)))

    def _take_all(self, source: Source) -> None:
        if source.name in self._whole:
            return
        self._whole.add(source.name)
        self._import(source.name)
        for statement in source.statements:
            if statement.alias is None:
                self._scan(source, statement)
            for found in statement.imports:
                if self._index.source(found.module):
                    self._follow(found.module, () if found.name == "*" else found.chain)
        self._names[source.name] = set(source.binders)
        for name in self._index.below(source):
            self._follow(name, ())

    def _take_project(self) -> None:
        for name in self._index.packages():
            self._follow(name, ())

    def _leave(self, path: str) -> None:
        """Note what is used of a library: only ways to run unnamed code matter."""
        heads = [path[:at] for at, char in enumerate(path) if char == "."]
        if path in _HOLDERS or not DYNAMIC.isdisjoint([path, *heads]):
            self._take_project()

    def _import(self, module: str) -> None:
        """Reach what importing a module runs, in it, in the packages above it and in what they import."""
        todo = [module]
        while todo:
            name = todo.pop()
            if name in self._run:
                continue
            todo += [name.rpartition(".")[0]] if "." in name else []
            source = self._index.source(name)
            if source is None:
                continue
            self._run[name] = source
            todo += [module for found in _run_imports(source) for module in self._index.executed(found)]
            for statement in source.statements:
                if statement.role == "always" and statement.alias is None:
                    self._scan(source, statement)

    def _scan(self, source: Source, statement: Statement) -> None:
        if statement in self._scanned:
            return
        self._scanned.add(statement)
        scan = source.scan(statement)
        for chain, literal in scan.reads:
            if literal is not None and IMPORT_MODULE in self._origins(source, chain):
                self._follow(literal, ())
                self._names.setdefault(source.name, set()).add(chain[0])
            else:
                self._follow(source.name, chain)
        for module, chain in scan.refers:
            self._follow(module, chain)
        for found in scan.imports:
            for module in self._index.executed(found):
                self._import(module)
            self._follow(found.module, found.chain) if found.chain and found.name != "*" else None
        for text in scan.strings:
            self._follow_text(text)
        if scan.reflects:
            self._take_project()
        self._reads_text = self._reads_text or scan.reads_text

    def _origins(self, source: Source, chain: Chain) -> set[str]:
        binders = source.binders.get(chain[0], [])
        return {".".join((binder.by.target, *chain[1:])) for binder in binders if binder.by}

    def _follow_text(self, text: str) -> None:
        """Reach what a string names, if it names code of the project: some other code may look it up."""
        match = DOTTED.fullmatch(text)
        names = match[1].split(".") if match else []
        for length in range(len(names), 0, -1):
            module = ".".join(names[:length])
            if match and self._index.source(module):
                attributes = match[2].split(".") if match[2] else []
                self._follow(module, (*names[length:], *attributes))
                return

    def _said(self, source: Source) -> Iterator[tuple[str, str]]:
        if source.tree is None and source.content:
            yield TOP, source.digest
        if self._reads_text and source.content:
            yield TEXT, source.digest
        top, order = self._said_at_import(source)
        if top:
            yield TOP, _digest(top)
        if order:
            yield ORDER, _digest(order)
        for name in self._names.get(source.name, ()):
            statements = [binder.statement for binder in source.binders[name]]
            if said := [source.scan(one).digest for one in statements if one.role == "optional"]:
                yield name, _digest(said)

    def _said_at_import(self, source: Source) -> tuple[list[str], list[str]]:
        """Return what importing a module runs, in its order, and where among it the reached names are bound.

        The place matters if there are effects: `B = A` before or after `A.append(1)` is another value.
        Among themselves only those need an order that are bound twice or read others.
        """
        said: list[str] = []
        order: list[str] = []
        gap: list[str] = []
        has_effects = False
        names = self._names.get(source.name, set[str]())
        for statement in source.statements:
            reached = sorted(names.intersection(statement.names))
            runs = statement.role == "always" or (statement.role == "unrun" and source.name in self._whole)
            if not runs and (statement.role == "unrun" or not (reached or statement.alias)):
                continue
            read = source.read_at_import(statement)
            said += [f"{name} is bound later" for name in sorted(read) if source.is_bound_later(name, statement)]
            effects = [source.scan(statement).digest] if runs else self._said_by_import(source, statement.alias)
            said += effects
            varies = any(source.varies(name) for name in reached)
            has_effects = has_effects or varies or bool(effects and not _is_future(statement))
            if effects or varies or not all(source.is_imported(name) for name in read):
                order += [*sorted(gap), f"{len(said)} {' '.join(reached)}"]
                gap = []
            elif not statement.alias:
                gap += reached
        return said, [*order, *sorted(gap)] if has_effects and (order or gap) else []

    def _said_by_import(self, source: Source, found: Import | None) -> list[str]:
        """Return what an import stands for beside the name it binds: the effects it has, if any."""
        if found is None:
            return []
        if effective := [module for module in self._index.executed(found) if self._index.imports_run(module)]:
            return [f"import {' '.join(effective)}"]
        if self._index.source(found.executes) is None and source.is_for_its_effect(found):
            return [f"import {found.executes} {'.'.join(found.chain)}"]
        return []


def _digest(said: list[str]) -> str:
    return said[0] if len(said) == 1 else hashlib.sha256("\n".join(said).encode()).hexdigest()
