"""Tune a component: run it with other values of its parameters, and keep those that did best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from levada import Context
from levada.artifacts.study import Study
from levada.component import Component
from levada.draw import caller_position
from levada.errors import LevadaError
from levada.parameters import Parameters
from levada.stand_in import stand_in
from levada.tuning.goals import Goal
from levada.tuning.search import Search, ensure_named, search_of
from levada.tuning.space import Range, shown, shown_value
from levada.tuning.tuning import Tuning
from levada.values import encode

if TYPE_CHECKING:
    from levada.tuning.study import Hooks, Outcome

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
    return Tuning(component, search, study)


@stand_in
def study(ctx: Context, *, search: Search, **arguments: Any) -> Tuned:
    """Run a study: its trials in worker processes, what came of each into the journal and into the ledger."""
    from levada.tuning.ledger import Ledger
    from levada.tuning.pool import Pool, brief
    from levada.tuning.sampling import Sampler
    from levada.tuning.study import Study as Trials

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
    going = Trials(search, fixed, Sampler.of(search, ctx.seed, fixed), ledger, _hooks(ctx))
    going.take_over(known)
    with Pool(brief(ctx, search, inputs), ctx.at_once or 1) as pool:
        going.run(pool)
    return _made(ctx, search, going.outcome(known))


def _hooks(ctx: Context) -> Hooks:
    from levada.tuning.study import Hooks

    def wrote(number: int, text: str) -> None:
        print(f"-- trial {number}\n{text}".rstrip())  # noqa: T201  the node's log

    return Hooks(lambda trial: ctx.emit("trial", **trial.event()), ctx.progress, wrote, lambda: ctx.stopping)


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
    for number, value in found.progress():
        ctx.metric(f"best_{search.metrics[0]}", value, step=number)
    counts = Counter(trial.state for trial in found.trials)
    ctx.metric("trials", len(found.trials))
    for state in ("pruned", "failed"):
        ctx.metric(state, counts[state])
    for name in search.metrics:
        ctx.metric(name, found.chosen.metrics[name])
    values = " · ".join(f"{name} {shown_value(found.chosen.metrics[name])}" for name in search.metrics)
    said = [
        f"{len(found.trials)} trials",
        *(f"{counts[state]} {state}" for state in ("pruned", "failed") if counts[state]),
    ]
    earlier = sum(trial.made_in != ctx.run_id for trial in found.trials)
    said += [f"{earlier} of earlier runs"] if earlier else []
    ctx.summary(f"{', '.join(said)} · {values} with {shown(found.chosen.values.items())}")
    return Tuned(parameters, made)
