"""The digests of code, by reference."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from levada.code.kept import KeptParts
from levada.code.modules import Modules
from levada.code.reach import Reach
from levada.code.scan import Reference, Scan
from levada.errors import ProjectError, did_you_mean
from levada.references import split


class CodeIndex:
    """The project's code on disk. Files are read when they are reached, once: make a new index after edits.

    `packages` gives the folder (or file) of each package (or module) that holds project code, by its
    dotted name: `{"components": Path("components"), "levada.components": ...}`. `imported` gives the content of
    modules that this process runs in another form than their files have now. What references reach is kept in the
    folder `kept`, if one is given, for the next process.
    """

    def __init__(
        self, packages: Mapping[str, Path], imported: Mapping[str, bytes] | None = None, kept: Path | None = None
    ) -> None:
        self._modules = Modules(packages, imported or {})
        self._parts: dict[str, dict[str, str]] = {}
        self._kept = KeptParts(kept, packages, imported or {}) if kept is not None else None

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
            self._parts[reference] = self._known(reference) or self._found(reference, module, name)
        return dict(self._parts[reference])

    def _known(self, reference: str) -> dict[str, str] | None:
        return self._kept.get(reference) if self._kept is not None else None

    def _found(self, reference: str, module: str, name: str) -> dict[str, str]:
        self._check(module, name.partition(".")[0])
        parts = Reach(self._modules).parts(module, name)
        if self._kept is not None:
            self._kept.keep(reference, parts)
        return parts

    def reached(self, names: Iterable[Reference], scans: Iterable[Scan]) -> dict[str, str]:
        """Return the pieces, as `parts` does, that names in modules and statements from outside the project reach.

        What they use of installed libraries reaches nothing, unless it runs code that nobody can name.
        """
        return Reach(self._modules).reached(names, scans)

    def file(self, module: str) -> Path | None:
        """Return the file of a module of the project, None if there is none."""
        return self._modules.file(module)

    def modules(self) -> list[str]:
        """Return the names of the project's modules."""
        return list(self._modules.names())

    def _check(self, module: str, name: str) -> None:
        source = self._modules.get(module)
        if source is None:
            raise ProjectError(
                f"There is no module {module} in the project's code ({', '.join(self._modules.packages())}).",
                hint=did_you_mean(module, self._modules.names()),
            )
        is_binary = source.tree is None and source.content
        if is_binary or name in source.binders or source.stars or "__getattr__" in source.binders:
            return
        raise ProjectError(f"{module} has no {name}.", hint=did_you_mean(name, source.binders))
