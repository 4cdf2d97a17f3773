"""Trials that are kept in the store while a study goes on, so that none is made twice.

    studies/<pipeline>/<node>/[<item>/]<basis>/<attempt>.jsonl

The basis is a digest over the code, the packages and the inputs of the study, so that what is kept below it stands for
every later study of the same node, also with another space, other goals, or more trials. The first line of a file says
which run wrote it and what it searched; each further line is a trial that ended. One process writes one file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from levada.store import Store
from levada.tuning.search import Search
from levada.tuning.space import differences, lies_in
from levada.tuning.trial import Trial, identity_of
from levada.values import Json, canonical, float_or_object, json_text, utf8

FOLDER = "studies"

_DIGITS = 16


@dataclass(frozen=True)
class Known:
    """What earlier studies of a node found: trials that count for this one, in their order.

    `run` is the newest run that any is from, `left_out` how many are not taken over, `changed` in words how the space
    is not what it was. `others` is how many trials there are of other code, or of other data.
    """

    trials: tuple[Trial, ...] = ()
    run: str = ""
    left_out: int = 0
    changed: tuple[str, ...] = ()
    others: int = 0

    @property
    def notes(self) -> list[str]:
        """What somebody should know of it, a sentence each."""
        kept, said = len(self.trials), list[str]()
        if self.changed:
            total = kept + self.left_out
            said.append(
                f"The search space is not that of run {self.run}, which left {_count(total)} behind: "
                f"{'; '.join(self.changed)}. {_lie(kept, total)} To go on with all of them, give space= as it was."
            )
        elif kept:
            said.append(f"It goes on with {_count(kept)} of run {self.run}.")
        if not kept and not self.changed and self.others:
            said.append(
                f"{_count(self.others).capitalize()} of earlier runs were made with other code, packages or inputs, "
                "and do not count: it begins anew."
            )
        return said


def _lie(kept: int, total: int) -> str:
    if kept == total:
        return "All of them lie in the new one, and count."
    return (
        f"{kept} of them lie in the new one, and count."
        if kept
        else "None of them lies in the new one: it begins anew."
    )


def _count(number: int) -> str:
    return f"{number} trial{'s' if number != 1 else ''}"


@dataclass
class Ledger:
    """A study's own file of trials."""

    store: Store
    folder: str
    basis: str
    attempt: str
    run: str
    _written: bytes = field(default=b"", repr=False)

    @staticmethod
    def of(store: Store, pipeline: str, node: str, item: str, basis: str, attempt: str, run: str) -> Ledger:
        """Return the ledger of one attempt at a node (or at one item of it)."""
        folder = "/".join(filter(None, (FOLDER, pipeline, node.replace("/", "."), item)))
        return Ledger(store, folder, basis[:_DIGITS], attempt, run)

    @property
    def key(self) -> str:
        return f"{self.folder}/{self.basis}/{self.attempt}.jsonl"

    def begin(self, search: Search) -> None:
        """Write down what is searched."""
        self._append({"run": self.run, "space": _words(search), "goals": [str(goal) for goal in search.goals]})

    def add(self, trial: Trial) -> None:
        """Write down a trial that has ended. It is kept when this returns."""
        self._append(trial.to_json())

    def _append(self, form: dict[str, Any]) -> None:
        line = utf8(json_text(form)) + b"\n"
        self.store.append(self.key, line, self._written)
        if self.store.local is None:
            self._written += line

    def known(self, search: Search, fixed: Mapping[str, Json], only_this_run: bool = False) -> Known:
        """Return what earlier studies found that counts for this one: done or pruned, each combination once.

        A trial that failed is tried again: what it failed of may be over. `only_this_run`: what earlier attempts of the
        run found, and no other.
        """
        found: dict[str, Trial] = {}
        space: dict[str, str] = {}
        run = ""
        left_out: set[str] = set()
        for head, trial in self._kept():
            if only_this_run and head.get("run") != self.run:
                continue
            if trial is None or not _is_alike(trial, head.get("space", {}), search, fixed):
                continue
            space, run = head.get("space", {}), head.get("run", run)
            taken = _as_ours(trial, search, fixed)
            if taken is None:
                left_out.add(trial.identity)
            elif trial.state == "done" or taken.identity not in found:
                found[taken.identity] = taken
        trials = tuple(replace(trial, number=place) for place, trial in enumerate(found.values()))
        changed = differences(space, _words(search)) if (trials or left_out) else []
        others = 0 if trials or left_out or only_this_run else sum(1 for _ in self._of_other_basis())
        return Known(trials, run, len(left_out - found.keys()), tuple(changed), others)

    def _kept(self) -> Iterator[tuple[dict[str, Any], Trial | None]]:
        for key in sorted(self.store.list(f"{self.folder}/{self.basis}")):
            yield from _read(self.store, key)

    def _of_other_basis(self) -> Iterator[Trial]:
        for folder in self.store.list(self.folder):
            for key in self.store.list(folder):
                yield from (trial for _, trial in _read(self.store, key) if trial is not None)


def _read(store: Store, key: str) -> Iterator[tuple[dict[str, Any], Trial | None]]:
    """Yield what a file says it is, with each trial that ended well in it; lines that are torn are passed over."""
    head: dict[str, Any] = {}
    for line in (store.read(key) or b"").split(b"\n"):
        try:
            form = json.loads(line, object_hook=float_or_object)
        except ValueError:
            continue
        if "number" not in form:
            head = form
            yield head, None
        elif form.get("state") in ("done", "pruned"):
            yield head, Trial.from_json(form)


def _is_alike(trial: Trial, space: Mapping[str, str], search: Search, fixed: Mapping[str, Json]) -> bool:
    """Whether a trial differs from those of this search by nothing but what either searches."""
    forms = {**trial.fixed, **trial.searched}
    rest = (forms.keys() | fixed.keys()) - space.keys() - search.space.keys()
    return all(name in forms and name in fixed and canonical(forms[name]) == canonical(fixed[name]) for name in rest)


def _as_ours(trial: Trial, search: Search, fixed: Mapping[str, Json]) -> Trial | None:
    """Return a trial as one of this search, None if it is not one: outside the space, or judged by something else."""
    forms = {**trial.fixed, **trial.searched}
    rest = {name: form for name, form in forms.items() if name not in search.space}
    if identity_of(rest) != identity_of(fixed) or not set(search.space) <= set(forms):
        return None
    searched = {name: forms[name] for name in search.space}
    moved = replace(trial, searched=searched, fixed=dict(fixed))
    if not lies_in(search.space, moved.values):
        return None
    if trial.state == "pruned":
        return moved if search.prunes and search.metrics[0] in trial.curves else None
    return moved if moved.objectives(search.metrics) is not None else None


def _words(search: Search) -> dict[str, str]:
    return {name: str(found) for name, found in search.space.items()}
