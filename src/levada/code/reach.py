"""What one reference reaches: names are followed through modules, imports and what they run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from levada.code.modules import Modules
from levada.code.scan import DOTTED, IMPORT_MODULE, Chain, Import, Reference, Scan
from levada.code.source import Source, Statement

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


class Reach:
    """Follows names from one reference, each once. It keeps its own list of what is left to follow."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._todo: list[tuple[str, Chain]] = []
        self._met: set[tuple[str, Chain]] = set()
        self._run: dict[str, Source] = {}
        self._whole: set[str] = set()
        self._names: dict[str, set[str]] = {}
        self._scanned: set[Statement] = set()
        self._reads_text = False

    def parts(self, module: str, name: str) -> dict[str, str]:
        return self.reached([(module, tuple(name.split(".")))], [])

    def reached(self, names: Iterable[Reference], scans: Iterable[Scan]) -> dict[str, str]:
        for module, chain in names:
            self._follow(module, chain)
        for scan in scans:
            self._follow_outside(scan)
        while self._todo:
            self._step(*self._todo.pop())
        parts = {f"{source.name}:{name}": said for source in self._run.values() for name, said in self._said(source)}
        return dict(sorted(parts.items()))

    def _follow(self, module: str, chain: Chain) -> None:
        if (module, chain) not in self._met:
            self._met.add((module, chain))
            self._todo.append((module, chain))

    def _step(self, module: str, chain: Chain) -> None:
        source = self._modules.get(module)
        if source is None:
            if chain and self._modules.leads_to_project(module):
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
        if is_module and source.is_package and self._modules.get(below):
            self._follow(below, rest)

    def _take_unbound(self, source: Source, name: str, rest: Chain) -> None:
        for star in source.stars:
            self._follow(star, (name, *rest))
            if self._modules.get(star):
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
                if self._modules.get(found.module):
                    self._follow(found.module, () if found.name == "*" else found.chain)
        self._names[source.name] = set(source.binders)
        for name in self._modules.below(source):
            self._follow(name, ())

    def _take_project(self) -> None:
        for name in self._modules.packages():
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
            source = self._modules.get(name)
            if source is None:
                continue
            self._run[name] = source
            todo += [module for found in source.run_imports for module in self._modules.executed(found)]
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
        self._follow_outside(scan)

    def _follow_outside(self, scan: Scan) -> None:
        """Reach what a statement names in modules other than its own."""
        for module, chain in scan.refers:
            self._follow(module, chain)
        for found in scan.imports:
            for module in self._modules.executed(found):
                self._import(module)
            if found.chain and found.name != "*":
                self._follow(found.module, found.chain)
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
            if match and self._modules.get(module):
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
            has_effects = has_effects or varies or bool(effects and not statement.is_future)
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
        if effective := [module for module in self._modules.executed(found) if self._modules.imports_run(module)]:
            return [f"import {' '.join(effective)}"]
        if self._modules.get(found.executes) is None and source.is_for_its_effect(found):
            return [f"import {found.executes} {'.'.join(found.chain)}"]
        return []


def _digest(said: list[str]) -> str:
    return said[0] if len(said) == 1 else hashlib.sha256("\n".join(said).encode()).hexdigest()
