"""The loop of a study: ask for values, run a trial, tell what came of it, until there are enough."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from levada.errors import Stopped, TuningError, did_you_mean
from levada.failure import Failure
from levada.tuning.goals import Goal, chosen, front
from levada.tuning.ledger import Known, Ledger
from levada.tuning.measures import MEASURED
from levada.tuning.pool import Pool, Worker
from levada.tuning.sampling import Sampler
from levada.tuning.search import Search
from levada.tuning.space import shown
from levada.tuning.trial import Point, Trial
from levada.values import Json

SAME = 3
"""Trials that fail one after the other, before any has worked, and in the same way: then the others would, too."""

_LOOK = 0.2
_MORE = 4
"""Lines that are told of an error below its first, the hint among them."""

_BETWEEN = 0.2


@dataclass(frozen=True)
class Outcome:
    """What a study found: all trials, the chosen one, those that none beats, how much each parameter matters."""

    trials: tuple[Trial, ...]
    chosen: Trial
    front: tuple[int, ...]
    importance: dict[str, dict[str, float]]
    notes: tuple[str, ...]
    goal: Goal

    def progress(self) -> Iterator[tuple[int, float]]:
        """Yield the best value of the first goal so far, with the number of each trial that came to its end."""
        best: list[float] = []
        for trial in self.trials:
            if trial.state == "done":
                best = [self.goal.best([*best, trial.metrics[self.goal.metric]])]
                yield trial.number, best[0]


@dataclass
class _Going:
    """A trial that goes on."""

    number: int
    searched: dict[str, Json]
    began: float
    curves: dict[str, list[Point]] = field(default_factory=dict[str, list[Point]])
    metrics: dict[str, float] = field(default_factory=dict[str, float])
    said: str = ""


@dataclass
class Hooks:
    """What the study's component hears: every trial when it ends, how far all are, what a trial wrote."""

    ended: Callable[[Trial], None]
    progress: Callable[[int, int, str], None]
    wrote: Callable[[int, str], None]
    stopped: Callable[[], bool]


class Study:
    """One study, from the trials that are known to the outcome."""

    def __init__(
        self, search: Search, fixed: Mapping[str, Json], sampler: Sampler, ledger: Ledger, hooks: Hooks
    ) -> None:
        self._search = search
        self._fixed = dict(fixed)
        self._sampler = sampler
        self._ledger = ledger
        self._hooks = hooks
        self._going: dict[int, _Going] = {}
        self._trials: dict[int, Trial] = {}
        self._next = 0
        self._is_exhausted = False
        self._said = 0.0

    def take_over(self, known: Known) -> None:
        """Begin with trials that were made before, as many as this study wants."""
        for trial in known.trials[: self._search.trials]:
            self._sampler.take_over(trial)
            self._trials[trial.number] = trial
            self._hooks.ended(trial)
            self._next = trial.number + 1

    def run(self, pool: Pool) -> None:
        """Run trials until there are enough; raises Stopped if the run is stopped, TuningError if there is no point."""
        self._say()
        while True:
            while pool.room > 0 and self._begin(pool):
                pass
            if not self._going:
                return
            for worker, message in pool.listen(_LOOK):
                self._hear(pool, worker, message)
            if self._hooks.stopped():
                raise Stopped

    def _begin(self, pool: Pool) -> bool:
        """Begin one more trial; False if there are enough."""
        if self._next >= self._search.trials or self._is_exhausted:
            return False
        searched = self._sampler.ask(self._next)
        if searched is None:
            self._is_exhausted = True
            return False
        self._going[self._next] = _Going(self._next, searched, time.time())
        pool.start(self._next, {**self._fixed, **searched})
        self._next += 1
        return True

    # -- what workers say ---------------------------------------------------------------------------

    def _hear(self, pool: Pool, worker: Worker, message: dict[str, Any]) -> None:
        if worker.trial is None:
            if "died" in message:
                pool.bury(worker)
            return
        going = self._going[worker.trial]
        match message:
            case {"metric": [name, value, step, at]}:
                self._point(going, worker, (str(name), float(value), int(step), int(at)), bool(message.get("asked")))
            case {"progress": text}:
                going.said = str(text)
                self._say()
            case {"done": {"metrics": metrics}}:
                self._end(worker, self._judged(going, metrics))
            case {"pruned": step}:
                self._end(worker, replace(self._trial(going, "pruned"), pruned_at=step))
            case {"failed": form}:
                self._end(worker, self._failed(going, Failure.from_json(form)))
            case {"died": how}:
                failure = Failure("ProcessError", f"the process of the trial {how}.")
                self._end(worker, self._failed(going, failure))
                pool.bury(worker)
            case _:
                pass

    def _point(self, going: _Going, worker: Worker, point: tuple[str, float, int, int], is_asked: bool) -> None:
        name, value, step, at = point
        is_new = all(step != known for known, _, _ in going.curves.get(name, []))
        going.curves.setdefault(name, []).append((step, value, at))
        going.metrics[name] = value
        if is_asked:
            hopeless = is_new and math.isfinite(value) and self._sampler.is_hopeless(going.number, step, value)
            worker.send({"prune": hopeless})
        self._say()

    def _trial(self, going: _Going, state: Any, metrics: Mapping[str, float] | None = None) -> Trial:
        return Trial(
            number=going.number,
            state=state,
            searched=going.searched,
            fixed=self._fixed,
            metrics={**going.metrics, **(metrics or {})},
            curves=going.curves,
            began=int(going.began * 1000),
            seconds=round(time.time() - going.began, 3),
            made_in=self._ledger.run,
        )

    def _judged(self, going: _Going, metrics: Mapping[str, float]) -> Trial:
        """Return a trial that came to its end; one without a number to judge it by has failed."""
        trial = self._trial(going, "done", metrics)
        for name in self._search.metrics:
            if name not in trial.metrics:
                raise self._unreported(name, trial.metrics)
            if not math.isfinite(trial.metrics[name]):
                return replace(trial, state="failed", why=f"{name} is {trial.metrics[name]}")
        return trial

    def _unreported(self, name: str, metrics: Mapping[str, float]) -> TuningError:
        component = self._search.component.name
        own = ", ".join(metric for metric in metrics if metric not in MEASURED) or "nothing"
        measured = ", ".join(metric for metric in MEASURED if metric in metrics)
        hint = (
            did_you_mean(name, metrics) or f"Let it call ctx.metric('{name}', value), or name another metric in goal=."
        )
        return TuningError(
            f"{component} does not report '{name}', by which its trials are to be judged. It reports "
            f"{own}; {measured} are measured.",
            hint=hint,
        )

    def _failed(self, going: _Going, failure: Failure) -> Trial:
        first = (failure.message.strip().splitlines() or [""])[0]
        return replace(self._trial(going, "failed"), why=f"{failure.type}: {first}", failure=failure.to_json())

    def _end(self, worker: Worker, trial: Trial) -> None:
        worker.trial = None
        del self._going[trial.number]
        self._hooks.wrote(trial.number, worker.written())
        self._sampler.tell(trial)
        self._trials[trial.number] = trial
        self._ledger.add(trial)
        self._hooks.ended(trial)
        self._say()
        self._give_up()

    def _give_up(self) -> None:
        """Raise TuningError if the first trials have all failed in the same way."""
        if len(self._trials) == SAME and all(trial.state == "failed" for trial in self._trials.values()):
            reasons = {trial.why for trial in self._trials.values()}
            if len(reasons) == 1:
                raise self._all_failed(f"the first {SAME} trials failed in the same way")

    def _all_failed(self, what: str) -> TuningError:
        trials = list(self._trials.values())
        counted = Counter(trial.why for trial in trials).most_common(3)
        lines = [f"  {count} x {why}" for why, count in counted]
        usual = counted[0][0] if counted else ""
        failure = next((trial.failure for trial in trials if trial.failure and trial.why == usual), None) or {}
        lines += [f"      {line}" for line in str(failure.get("message", "")).strip().splitlines()[1:]][:_MORE]
        frames = failure.get("frames") or []
        lines += [f"      {frame['file']}:{frame['line']}   {frame['text']}" for frame in frames[-1:]]
        name, one = self._search.component.name, shown(trials[0].values.items())
        return TuningError(
            "\n".join([f"{what}, so there is nothing to choose from.", *lines, f"  The first was {one}."]),
            hint=f"Run {name} once with these values. What the trials wrote is in the node's log.",
        )

    # -- what came of it ----------------------------------------------------------------------------

    @property
    def progress(self) -> str:
        """How far the study is: `7/20 trials · 2 pruned · best auc 0.681 · epoch 3/5`."""
        counts = Counter(trial.state for trial in self._trials.values())
        said = [f"{len(self._trials)}/{self._search.trials} trials"]
        said += [f"{counts[state]} {state}" for state in ("pruned", "failed") if counts[state]]
        best = self._best()
        said += [f"best {self._search.metrics[0]} {best:.4g}"] if best is not None else []
        going = next((going for going in self._going.values() if going.said), None)
        return " · ".join([*said, *([f"trial {going.number}: {going.said}"] if going else [])])

    def _best(self) -> float | None:
        name = self._search.metrics[0]
        values = [trial.metrics[name] for trial in self._trials.values() if trial.state == "done"]
        return self._search.goals[0].best(values) if values else None

    def _say(self) -> None:
        """Say how far the study is, a few times a second: a trial may report more often than anybody looks."""
        moment = time.monotonic()
        if len(self._trials) == self._search.trials or moment - self._said >= _BETWEEN:
            self._said = moment
            self._hooks.progress(len(self._trials), self._search.trials, self.progress)

    def outcome(self, known: Known) -> Outcome:
        """Return what was found; raises TuningError if no trial worked."""
        trials = tuple(self._trials[number] for number in sorted(self._trials))
        values = {
            trial.number: found
            for trial in trials
            if trial.state == "done" and (found := trial.objectives(self._search.metrics)) is not None
        }
        if not values:
            raise self._all_failed(f"none of {len(trials)} trials worked")
        best = chosen(values, self._search.goals)
        notes = [*known.notes]
        if self._is_exhausted:
            notes.append(f"There are {len(trials)} combinations of these values, and all were tried.")
        return Outcome(
            trials,
            self._trials[best],
            tuple(front(values, self._search.goals)),
            self._sampler.importance(),
            tuple(notes),
            self._search.goals[0],
        )
