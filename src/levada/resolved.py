"""What lies outside the plan, as it is when a run starts: files, champions, code, package versions.

It is written once, beside the plan, so that every node of the run sees the same, on any machine; and so
that all that a cache key is made of is on record.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from levada.errors import LevadaError, PlanError
from levada.externals import Resolution, resolve
from levada.plan import Each, External, Node, Plan, leaves
from levada.store import Store, file_digest
from levada.values import Json, decode, digest_of, digested_values, secrets_within


@dataclass(frozen=True)
class Resolved:
    """Everything a run read before its first node.

    `sources` maps the digest of a parameter's JSON form to the digest of the content it stands for; `code` a
    component's reference, and that of a parameter's class, to the digest of the code it reaches, `pieces` the same
    piece by piece. `resumes` names the run that this one goes on with, if it does.
    """

    root: str
    externals: dict[str, Resolution] = field(default_factory=dict[str, Resolution])
    sources: dict[str, str] = field(default_factory=dict[str, str])
    code: dict[str, str] = field(default_factory=dict[str, str])
    pieces: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    packages: dict[str, str] = field(default_factory=dict[str, str])
    beam_options: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    use_cache: bool = True
    write_cache: bool = True
    resumes: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "root": self.root,
            "externals": {name: resolution.to_json() for name, resolution in self.externals.items()},
            "sources": self.sources,
            "code": self.code,
            "pieces": self.pieces,
            "packages": self.packages,
            "beam_options": list(self.beam_options),
            "fresh": list(self.fresh),
            "use_cache": self.use_cache,
            "write_cache": self.write_cache,
            "resumes": self.resumes,
        }

    @staticmethod
    def from_json(form: Mapping[str, Any]) -> Resolved:
        return Resolved(
            root=form["root"],
            externals={name: Resolution.from_json(item) for name, item in form["externals"].items()},
            sources=form["sources"],
            code=form["code"],
            pieces=form["pieces"],
            packages=form["packages"],
            beam_options=tuple(form["beam_options"]),
            fresh=tuple(form["fresh"]),
            use_cache=form["use_cache"],
            write_cache=form["write_cache"],
            resumes=form["resumes"],
        )


CodeDigest = Callable[[str], tuple[str, dict[str, str]]]
"""From a component's reference to the digest of the code it reaches, whole and by piece."""


def resolve_plan(
    plan: Plan,
    store: Store,
    root: Path,
    code_digest: CodeDigest,
    beam_options: tuple[str, ...] = (),
    fresh: tuple[str, ...] = (),
    use_cache: bool = True,
    write_cache: bool = True,
    resumes: str = "",
) -> Resolved:
    """Look at everything outside the plan. Raises the error of what is missing, at the node that wants it."""
    externals: dict[str, Resolution] = {}
    sources: dict[str, str] = {}
    code: dict[str, str] = {}
    pieces: dict[str, dict[str, str]] = {}
    packages: dict[str, str] = {}
    for node in plan.nodes:
        try:
            for binding in node.inputs.values():
                for leaf in leaves(binding):
                    if isinstance(leaf, External) and leaf.reference not in externals:
                        externals[leaf.reference] = resolve(leaf, store, root)
            forms = list(_forms(node))
            for form in forms:
                sources |= source_digests(form, root)
            for package in node.packages:
                packages[package] = _version_of(package)
            for reference in (node.component, *classes_within(forms), *_types_of(node)):
                if reference not in code:
                    code[reference], pieces[reference] = code_digest(reference)
        except LevadaError as error:
            if error.where is None:
                error.where = node.position
            raise
    for node_id in fresh:
        plan.node(node_id)
    return Resolved(
        root.as_posix(),
        externals,
        sources,
        code,
        pieces,
        packages,
        tuple(beam_options),
        tuple(fresh),
        use_cache,
        write_cache,
        resumes,
    )


def _types_of(node: Node) -> Iterator[str]:
    """Yield the artifact types that a node takes from outside or makes; Levada's own count by what components reach."""
    found = [leaf.type for binding in node.inputs.values() for leaf in leaves(binding) if isinstance(leaf, External)]
    for reference in (*found, *node.outputs.values()):
        if not reference.startswith("python:levada."):
            yield reference


def check_secrets(nodes: Iterable[Node]) -> None:
    """Raise SecretError, at its line in the pipeline, for the first node that wants a secret that is not there."""
    for node in nodes:
        for form in _forms(node):
            for secret in secrets_within(form):
                if not secret.is_there():
                    error = secret.missing(f"node {node.id}")
                    error.where = node.position
                    raise error


def _forms(node: Node) -> Iterator[Json]:
    """Yield the parameters of a node, and the values that it runs over."""
    yield from node.parameters.values()
    for binding in node.inputs.values():
        if isinstance(binding, Each):
            yield from binding.values


def source_digests(form: Json, root: Path) -> dict[str, str]:
    """Return, by the digest of their forms, the content digests of the sources and files within a parameter."""
    found: dict[str, str] = {}
    for path_form in _tagged(form, "$path"):
        path = root / cast("str", path_form["$path"])
        if path.is_file():
            found[digest_of(path_form)] = file_digest(path)
    if any(True for _ in _tagged(form, "$dataclass")):
        with contextlib.chdir(root):  # sources name files from there
            digests = [value.digest() for value in digested_values(decode(form))]
        if digests:
            found[digest_of(form)] = digest_of(digests)
    return found


def classes_within(form: Any) -> list[str]:
    """Return the references of the classes and functions in parameters: their code runs in the node too."""
    tagged = [item[tag] for tag in ("$dataclass", "$enum", "$function") for item in _tagged(form, tag)]
    return list(dict.fromkeys(cast("list[str]", tagged)))


def _tagged(form: Json, tag: str) -> Iterator[dict[str, Json]]:
    if isinstance(form, dict):
        if tag in form:
            yield form
        for item in form.values():
            yield from _tagged(item, tag)
    elif isinstance(form, list):
        for item in form:
            yield from _tagged(item, tag)


def sources_within(form: Json, sources: Mapping[str, str]) -> list[str]:
    """Return the content digests that count for a parameter."""
    digests = [sources[digest_of(item)] for item in _tagged(form, "$path") if digest_of(item) in sources]
    whole = digest_of(form)
    return [*digests, sources[whole]] if whole in sources else digests


def files_within(form: Json, sources: Mapping[str, str]) -> dict[str, str]:
    """Return the content digests of the files that a parameter names, by path."""
    named = [(str(item["$path"]), digest_of(item)) for item in _tagged(form, "$path")]
    return {path: sources[digest] for path, digest in named if digest in sources}


def _version_of(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise PlanError(
            f"the package {package} is not installed, and a component declares that it uses it.",
            hint="Install it, or take it out of @component(packages=...). "
            f"('{package}' must be a distribution's name.)",
        ) from None
