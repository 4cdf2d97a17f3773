"""Tune a component: run it with other values of its parameters, and keep those that did best."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

from levada import Artifact, Context, Many
from levada.artifacts.study import Study
from levada.component import Component, stand_in
from levada.draw import Drawing, caller_position
from levada.errors import LevadaError, WiringError
from levada.options import Options
from levada.parameters import Parameters
from levada.signature import Signature
from levada.tuning.goals import Goal
from levada.tuning.ledger import Ledger
from levada.tuning.pool import Pool
from levada.tuning.sampling import Sampler, defaults_within
from levada.tuning.search import RESERVED, Search, ensure_named, search_of
from levada.tuning.space import Range, shown
from levada.tuning.study import Hooks, Outcome
from levada.tuning.study import Study as Trials
from levada.tuning.trial import Trial
from levada.values import Json, encode

P = ParamSpec("P")
R = TypeVar("R")


class Tuned(NamedTuple):
    """What `tune` gives: the parameters that did best, and the study that found them."""

    parameters: Parameters
    study: Study


def tune(
    component: Component[P, R],
    *,
    space: Mapping[str, Range],
    goal: Goal | Sequence[Goal],
    trials: int = 20,
    prune: bool = True,
) -> Component[P, Tuned]:
    """Return a component that runs `component` with other values of its parameters, and finds the best.

        tuned = tune(train, space={"rate": between(1e-4, 1e-1, log=True)}, goal=maximize("val_auc"))(data, epochs=4)
        model = train.with_parameters(tuned.parameters)(data, epochs=4)

    It takes what `component` takes. Parameters of the `space` are tried, and cannot be said in the call; all others are
    the same in every trial. `goal` names a metric that the component reports, or several: then those that none beats
    are found, and one of them is chosen as the goals say. `trials` is how many there are in all, with those of an
    interrupted study, which count. With `prune`, one that looks hopeless by the values of the goal's metric on the way
    (`ctx.metric(..., step=)`) is stopped.

    Trials run in worker processes, `with_options(at_once=2)` in two at the same time. What they make is not kept.
    Raises WiringError for a parameter that the component has not, ParameterError for values that it cannot have.
    """
    position = caller_position()
    try:
        search = search_of(component, space, goal, trials, prune)
        ensure_named(search.component)
    except LevadaError as error:
        error.where = error.where or position
        raise
    return Tuning(component, search)


class Tuning(Component[P, Tuned]):
    """A component that is being tuned; made by `tune`."""

    def __init__(self, component: Component[P, Any], search: Search, options: Options | None = None) -> None:
        super().__init__(component.function, options or _options_of(component.options))
        self._component = component
        self._search = search

    @cached_property
    def signature(self) -> Signature:
        """What the component takes, but for what is searched; what comes of it is `Tuned`."""
        own, mine = self._component.signature, study.signature
        rest = [parameter for name, parameter in own.bound.parameters.items() if name not in self._search.space]
        return replace(
            mine,
            inputs=own.inputs,
            parameters={name: kind for name, kind in own.parameters.items() if name not in self._search.space},
            bound=own.bound.replace(parameters=rest),
        )

    @property
    def reference(self) -> str:
        return study.reference

    def _with(self, options: Options) -> Component[P, Tuned]:
        return Tuning(self._component, self._search, options)

    def draw(self, drawing: Drawing, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Add the node of a study; raises WiringError for a value that is searched and said as well."""
        for name in kwargs:
            if name in self._search.space:
                raise WiringError(
                    f"tune({self._component.name}, ...)({name}=...): {name} is searched, and cannot be said as well.",
                    where=caller_position(),
                    hint=f"Take it out of space= to have the same {name} in every trial.",
                )
        return super().draw(drawing, args, kwargs)

    def _arranged(self, parameters: dict[str, Json]) -> dict[str, Json]:
        """Put the search beside the parameters that stay the same."""
        form: Any = encode(replace(self._search, component=None))  # pyright: ignore[reportArgumentType]
        form["fields"]["component"] = {"$function": self._component.reference}
        return {**parameters, RESERVED: form}


def _options_of(own: Options) -> Options:
    """Return what a study's node is told by its component: what it needs and waits for, not how it is run."""
    return Options(name="tune", after=own.after, requires=own.requires, needs=own.needs, packages=own.packages)


@stand_in
def study(ctx: Context, *, search: Search, **arguments: Any) -> Tuned:
    """Run a study: its trials in worker processes, what came of each into the journal and into the ledger."""
    component = search.component
    inputs = {name: value for name, value in arguments.items() if name in component.signature.inputs}
    rest = {name: value for name, value in arguments.items() if name not in inputs and name not in search.space}
    fixed = {name: encode(value) for name, value in rest.items()}
    component.check_given(fixed, None)
    ledger = Ledger.of(ctx.store, ctx.pipeline, ctx.node_id, ctx.item, ctx.basis, ctx.attempt, ctx.run_id)
    known = ledger.known(search, fixed, only_this_run=ctx.is_fresh)
    for note in known.notes:
        ctx.log.info(note)
    ledger.begin(search)
    going = Trials(search, fixed, _sampler(ctx, search, fixed), ledger, _hooks(ctx, search))
    going.take_over(known)
    with Pool(_about(ctx, search, inputs), ctx.at_once or 1) as pool:
        going.run(pool)
    return _made(ctx, search, going.outcome(known))


def _sampler(ctx: Context, search: Search, fixed: dict[str, Json]) -> Sampler:
    taken = search.component.signature.bound.parameters
    defaults = {
        name: taken[name].default for name in search.space if taken[name].default is not inspect.Parameter.empty
    }
    return Sampler(search, ctx.seed, defaults_within(search.space, defaults), fixed)


def _about(ctx: Context, search: Search, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a worker is told of the study."""
    return {
        "component": search.component.reference,
        "inputs": {name: _records(value) for name, value in inputs.items()},
        "root": ctx.root.as_posix(),
        "beam_options": list(ctx.beam_options),
        "run": ctx.run_id,
        "pipeline": ctx.pipeline,
        "node": ctx.node_id,
        "item": ctx.item,
        "attempt": ctx.attempt,
        "goals": list(search.metrics),
        "uses_keras": "keras" in search.component.options.packages,
        "pruned_by": search.metrics[0] if search.prunes else "",
    }


def _records(value: Any) -> Any:
    """Return artifacts as a worker is told of them: the record, and the folder on this machine, whole."""
    if isinstance(value, Artifact):
        return {"record": value.record.to_json(), "path": value.path.as_posix()}
    if isinstance(value, list | tuple | Many):
        return [_records(artifact) for artifact in cast("Sequence[Artifact]", value)]
    return None


def _hooks(ctx: Context, search: Search) -> Hooks:
    first = search.goals[0]
    best: list[float] = []

    def ended(trial: Trial) -> None:
        ctx.emit("trial", **trial.event())
        if trial.state == "done":
            value = trial.metrics[first.metric]
            best[:] = [first.best([*best, value])]
            ctx.metric(f"best_{first.metric}", best[0], step=trial.number)

    def wrote(number: int, text: str) -> None:
        print(f"-- trial {number}\n{text}".rstrip())  # noqa: T201  the node's log

    return Hooks(ended, ctx.progress, wrote, lambda: ctx.stopping)


def _made(ctx: Context, search: Search, found: Outcome) -> Tuned:
    """Write down what was found, and say it."""
    parameters, made = ctx.output(Parameters), ctx.output(Study)
    parameters.put(found.chosen.values)
    made.write(
        component=search.component.name,
        space={name: str(range_) for name, range_ in search.space.items()},
        goals=[{"metric": goal.metric, "higher": goal.higher, "within": goal.within} for goal in search.goals],
        trials=[trial.to_json() for trial in found.trials],
        chosen=found.chosen.number,
        front=found.front,
        importance=found.importance,
        notes=found.notes,
        forms={name: encode(range_) for name, range_ in search.space.items()},
    )
    counts = Counter(trial.state for trial in found.trials)
    ctx.metric("trials", len(found.trials))
    for state in ("pruned", "failed"):
        ctx.metric(state, counts[state])
    for name in search.metrics:
        ctx.metric(name, found.chosen.metrics[name])
    values = " · ".join(f"{name} {found.chosen.metrics[name]:.4g}" for name in search.metrics)
    said = [
        f"{len(found.trials)} trials",
        *(f"{counts[state]} {state}" for state in ("pruned", "failed") if counts[state]),
    ]
    earlier = sum(trial.made_in != ctx.run_id for trial in found.trials)
    said += [f"{earlier} of earlier runs"] if earlier else []
    ctx.summary(f"{', '.join(said)} · {values} with {shown(found.chosen.values.items())}")
    return Tuned(parameters, made)
