"""The runs of a store: newest first, by abbreviation, by pipeline."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice

from levada.errors import StoreError, did_you_mean
from levada.history.moments import on_the_clock
from levada.history.run import RunRecord
from levada.lease import newest_runs
from levada.registry import Registry
from levada.store import Store

LAST = "last"
CHAMPION = "champion"
SHOWN = 5  # runs named where one is not found


class History:
    """All runs of a store. A run is read when it is asked for."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._known: dict[str, RunRecord | None] = {}

    @cached_property
    def ids(self) -> list[str]:
        """The ids of all runs, oldest first."""
        return list(newest_runs(self.store))[::-1]

    @cached_property
    def _endings(self) -> Counter[str]:
        return Counter(ending_of(run_id) for run_id in self.ids)

    def short(self, run_id: str) -> str:
        """Return the fewest characters that name a run: its ending, if no other run has the same."""
        ending = ending_of(run_id)
        return ending if self._endings[ending] == 1 else run_id

    def get(self, run_id: str) -> RunRecord | None:
        """Return a run by its whole id, None if it is not there or never started."""
        if not re.fullmatch(r"\w[\w.-]*", run_id):  # a word of the user's, or of a record: never a path
            return None
        if run_id not in self._known:
            facts = self.store.read_json(f"runs/{run_id}/run.json")
            self._known[run_id] = RunRecord(self.store, run_id, facts) if facts else None
        return self._known[run_id]

    def newest(self, pipeline: str = "") -> Iterator[RunRecord]:
        """Yield the runs, of one pipeline or of all, from the newest on."""
        for run_id in reversed(self.ids):
            run = self.get(run_id)
            if run is not None and (not pipeline or run.pipeline == pipeline):
                yield run

    def before(self, run: RunRecord) -> Iterator[RunRecord]:
        """Yield the runs of the same pipeline that started before a run, newest first."""
        later = {run.id, *self.ids[self.ids.index(run.id) :]}
        for earlier in self.newest(run.pipeline):
            if earlier.id not in later:
                yield earlier

    def last(self, pipeline: str = "") -> RunRecord:
        """Return the newest run; raises StoreError if there is none."""
        run = next(self.newest(pipeline), None)
        if run is None:
            whose = f"of {pipeline} " if pipeline else ""
            raise StoreError(
                f"there is no run {whose}in {self.store.uri}.", hint=f"Make one: levada run {pipeline or 'PIPELINE'}."
            )
        return run

    def find(self, word: str, also: Iterable[str] = ()) -> RunRecord:
        """Return the run that a word names; raises StoreError with what it could have meant, one of `also` perhaps.

        A word is a run's id, how it begins or ends if no other run does, `last`, the name of a pipeline (its last
        run), or `champion` (the run that made what is live, `champion:flights` where there are several models).
        """
        if word == LAST:
            return self.last()
        if word.removeprefix("@").partition(":")[0] == CHAMPION:
            return self._champions(word.partition(":")[2])
        run = self.get(word)
        if run is not None:
            return run
        fitting = [run_id for run_id in self.ids if run_id.endswith(word)] or [
            run_id for run_id in self.ids if run_id.startswith(word)
        ]
        runs = [run for run in map(self.get, fitting) if run is not None]
        if len(runs) == 1:
            return runs[0]
        if runs:
            raise StoreError(f"'{word}' names {len(runs)} runs:\n{self._listed(runs)}", hint="Type more of the id.")
        of_pipeline = next(self.newest(word), None)
        if of_pipeline is not None:
            return of_pipeline
        raise self._unknown(word, also)

    def _unknown(self, word: str, also: Iterable[str]) -> StoreError:
        newest = list(islice(self.newest(), SHOWN))
        if not newest:
            return StoreError(f"there is no run '{word}': {self.store.uri} has none.", hint=did_you_mean(word, also))
        known = [*also, LAST, CHAMPION, *self.ids, *(ending_of(run_id) for run_id in self.ids)]
        known += list({run.pipeline for run in newest})
        hint = did_you_mean(word, known)
        return StoreError(f"there is no run '{word}'. The newest:\n{self._listed(newest)}", hint=hint)

    def _listed(self, runs: list[RunRecord]) -> str:
        shown = runs[-1:-SHOWN:-1] if len(runs) > SHOWN else runs
        width = max(len(run.pipeline) for run in shown)
        lines = [f"  {run.id}   {run.pipeline:<{width}}   {on_the_clock(run.started)}" for run in shown]
        return "\n".join(lines)

    def _champions(self, model: str) -> RunRecord:
        registry = Registry(self.store)
        live = {name: promotion for name in registry.models() if (promotion := registry.champion(name)) is not None}
        if model and model not in live:
            raise StoreError(f"no version of '{model}' was ever live.", hint=did_you_mean(model, live))
        if not model and len(live) != 1:
            names = ", ".join(f"champion:{name}" for name in live)
            raise StoreError(
                "there is no champion: nothing was ever pushed." if not live else "several models have a champion.",
                hint=f"Say which: {names}." if live else "",
            )
        promotion = live[model or next(iter(live))]
        made_by = promotion.release.champion.producer.partition("/")[0] or promotion.release.run
        run = self.get(made_by)
        if run is None:
            raise StoreError(
                f"the run {made_by}, which made the champion of {promotion.model}, is not in {self.store.uri}."
            )
        return run


def ending_of(run_id: str) -> str:
    """Return what tells a run from others at a glance: the part behind the last dash."""
    return run_id.rpartition("-")[2]
