"""What came of a data set, a file or an artifact: every node that used it, every model that came out.

It reads what every run made, so it costs a few milliseconds a run that ran something; runs in which all was
cached made nothing and are passed over.
"""

from __future__ import annotations

import fnmatch
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from levada.history.run import RunRecord
from levada.history.runs import History
from levada.history.versions import ModelVersion, Versions
from levada.plan import External, Output, Plan, leaves
from levada.resolved import Resolved, sources_within
from levada.values import Json

Made = tuple[str, str]  # a run, and a node that was made in it


@dataclass(frozen=True)
class Use:
    """A node that used something, in the run that made the node. `of` is what it used: digest, file or pattern."""

    run: str
    node: str
    of: str


@dataclass(frozen=True)
class Descent:
    """What came of something: each node that used it, directly or not, and each version of a model."""

    start: str
    nodes: list[Use] = field(default_factory=list[Use])
    models: list[tuple[ModelVersion, list[Made]]] = field(default_factory=list[tuple[ModelVersion, list[Made]]])

    def to_json(self) -> dict[str, Any]:
        return {
            "start": self.start,
            "nodes": [{"run": use.run, "node": use.node, "of": use.of} for use in self.nodes],
            "models": [
                {
                    "name": version.name,
                    "champion": version.is_champion,
                    "fingerprint": version.fingerprint,
                    "through": [{"run": run, "node": node} for run, node in path],
                }
                for version, path in self.models
            ],
        }


class Descents:
    """What every run of a store made, and from what."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._plans: dict[str, Plan] = {}
        self._makers: dict[str, Made] = {}
        self._outputs: dict[Made, set[str]] = defaultdict(set)
        self._users: dict[str, list[Made]] = defaultdict(list)
        self._names: dict[str, set[str]] = defaultdict(set)  # a file, pattern or source -> digests it stood for
        for run in history.newest():
            if run.end is None or run.counts.get("done", 0):
                self._read(run)

    def _read(self, run: RunRecord) -> None:
        plan = self._plan(run)
        forms = {node.id: self._history.store.read_json(f"runs/{run.id}/nodes/{node.id}.json") for node in plan.nodes}
        outputs = {
            (node, name): record
            for node, form in forms.items()
            for name, record in ((form or {}).get("outputs") or {}).items()
        }
        resolved: Resolved | None = None
        for node in plan.nodes:
            form = forms[node.id]
            if form is None or form["status"] != "done":
                continue
            made = (run.id, node.id)
            for name in node.outputs:
                for digest in _digests(outputs.get((node.id, name))):
                    self._makers.setdefault(digest, made)
                    self._outputs[made].add(digest)
            for binding in (*node.inputs.values(), *node.requires):
                for leaf in leaves(binding):
                    if isinstance(leaf, Output):
                        used = _digests(outputs.get((leaf.node, leaf.output)))
                    else:
                        resolved = resolved or run.resolved
                        used = list(self._external(leaf, resolved))
                    self._use(used, made)
            if node.parameters:
                resolved = resolved or run.resolved
                for parameter in node.parameters.values():
                    self._use(list(self._data(parameter, resolved)), made)

    def _plan(self, run: RunRecord) -> Plan:
        digest = str(run.facts.get("plan") or run.id)
        if digest not in self._plans:
            self._plans[digest] = run.plan
        return self._plans[digest]

    def _use(self, digests: list[str], made: Made) -> None:
        for digest in digests:
            if made not in self._users[digest]:
                self._users[digest].append(made)

    def _external(self, leaf: External, resolved: Resolved) -> Iterator[str]:
        resolution = resolved.externals.get(leaf.reference)
        record = resolution.record if resolution else None
        if record is None or leaf.reference.startswith("champion:"):
            return  # to be held against a champion is not to be made from it
        for digest in (record.digest, *(file.sha256 for file in record.files)):
            self._names[leaf.reference.partition(":")[2]].add(digest)
            yield digest

    def _data(self, form: Json, resolved: Resolved) -> Iterator[str]:
        digests = sources_within(form, resolved.sources) if resolved.sources else []
        for digest in digests:
            for name in _paths(form):
                self._names[name].add(digest)
            yield digest

    # -- asking -------------------------------------------------------------------------------------

    def known(self, word: str) -> set[str]:
        """Return the digests that a word names: the beginning of one, or a file or pattern that some run read."""
        found = {digest for name, digests in self._names.items() if _is_named(word, name) for digest in digests}
        if not found and len(word) >= 4 and all(char in "0123456789abcdef" for char in word):
            found = {digest for digest in (*self._makers, *self._users) if digest.startswith(word)}
        return found

    @property
    def names(self) -> list[str]:
        """The files and patterns that runs read."""
        return sorted(self._names)

    def of(self, start: str, digests: set[str]) -> Descent:
        """Return all that came of what has these digests."""
        nodes: list[Use] = []
        came_from: dict[Made, Made | None] = {}
        todo = deque[tuple[str, Made | None]]((digest, None) for digest in sorted(digests))
        seen = set(digests)
        reached: dict[str, Made] = {}
        while todo:
            digest, maker = todo.popleft()
            for made in self._users.get(digest, ()):
                if made in came_from:
                    continue
                came_from[made] = maker
                nodes.append(Use(*made, maker[1] if maker else start))
                for output in self._outputs[made]:
                    reached.setdefault(output, made)
                    if output not in seen:
                        seen.add(output)
                        todo.append((output, made))
        models = [
            (version, list(_path(reached[version.record.digest], came_from)))
            for version in Versions(self._history.store).all()
            if version.record.digest in reached
        ]
        return Descent(start, nodes, models)


def _path(made: Made | None, came_from: dict[Made, Made | None]) -> Iterator[Made]:
    while made is not None:
        yield made
        made = came_from[made]


def _digests(form: dict[str, Any] | None) -> list[str]:
    """Return the digest of an artifact's record, and of each of its items."""
    if form is None:
        return []
    return [form["digest"], *(digest for item in form.get("items") or () for digest in _digests(item))]


def _paths(form: Json) -> Iterator[str]:
    """Yield the texts within a parameter that could name files."""
    if isinstance(form, str):
        yield form
    elif isinstance(form, list):
        for item in form:
            yield from _paths(item)
    elif isinstance(form, dict):
        for name, item in form.items():
            if not name.startswith("$") or name == "$path":
                yield from _paths(item)


def _is_named(word: str, name: str) -> bool:
    return word == name or (any(char in name for char in "*?[") and fnmatch.fnmatch(word, name))
