"""Which values come next, and which trials are hopeless: Optuna, asked and told.

The number of a trial seeds what is drawn for it, so that a study which goes on after an interruption asks for what it
would have asked for without one (with one worker; with several, it depends on who ends first).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from levada.errors import TuningError
from levada.tuning.search import Search
from levada.tuning.space import Between, Range, combinations
from levada.tuning.trial import Trial, identity_of
from levada.values import Json, encode

if TYPE_CHECKING:
    import optuna

SPARED = 5
"""Trials that are done before any is stopped as hopeless."""

TELLING = 5
"""Trials that must be done before it can be said which parameters matter."""


class Sampler:
    """Asks Optuna for values (TPE, the component's own defaults first) and tells it what came of them.

    `seed` is the node's, `defaults` the values that the component has by itself.
    """

    def __init__(self, search: Search, seed: int, defaults: Mapping[str, Any], fixed: Mapping[str, Json]) -> None:
        self._search = search
        self._seed = seed
        self._defaults = dict(defaults)
        self._fixed = dict(fixed)
        self._every = combinations(search.space)
        self._used: set[str] = set()
        self._asked: dict[int, Any] = {}
        optuna = _optuna()
        directions = ["maximize" if goal.higher else "minimize" for goal in search.goals]
        pruner = optuna.pruners.MedianPruner(n_startup_trials=SPARED) if search.prunes else optuna.pruners.NopPruner()
        self._study = optuna.create_study(directions=directions, pruner=pruner)
        self._distributions = {name: _distribution(found) for name, found in search.space.items()}

    @staticmethod
    def of(search: Search, seed: int, fixed: Mapping[str, Json]) -> Sampler:
        """Return the sampler of a search; it begins with the component's own defaults where they lie in the space."""
        taken = search.component.signature.bound.parameters
        defaults = {name: taken[name].default for name in search.space if search.space[name].has(taken[name].default)}
        return Sampler(search, seed, defaults, fixed)

    def take_over(self, trial: Trial) -> None:
        """Count a trial that was made before."""
        self._used.add(trial.identity)
        optuna = _optuna()
        is_done = trial.state == "done"
        made = optuna.trial.create_trial(
            state=optuna.trial.TrialState.COMPLETE if is_done else optuna.trial.TrialState.PRUNED,
            values=list(trial.objectives(self._search.metrics) or ()) if is_done else None,
            params={name: _inside(self._search.space[name], value) for name, value in trial.values.items()},
            distributions=self._distributions,
            intermediate_values=trial.steps(self._search.metrics[0]) if self._search.prunes else None,
        )
        self._study.add_trial(made)

    def ask(self, number: int) -> dict[str, Json] | None:
        """Return the values for a trial, as JSON forms; None if every combination has been tried."""
        self._study.sampler = _optuna().samplers.TPESampler(seed=(self._seed + number * 7919) % 2**32)
        if number == 0 and all(name in self._defaults for name in self._search.space):
            starts = {name: _inside(self._search.space[name], value) for name, value in self._defaults.items()}
            self._study.enqueue_trial(starts)
        asked = self._study.ask(self._distributions)
        values = {name: _outside(self._search.space[name], value) for name, value in asked.params.items()}
        forms: dict[str, Json] = {name: encode(values[name]) for name in self._search.space}
        if self._every is not None and self._is_used(forms):  # a small space: what was tried is not tried again
            self._drop(asked)
            left = [each for each in self._every if not self._is_used({name: encode(each[name]) for name in each})]
            if not left:
                return None
            import random

            values = random.Random(self._seed + number).choice(left)  # noqa: S311  nobody is to be kept from guessing it
            forms = {name: encode(values[name]) for name in self._search.space}
            self._study.enqueue_trial(
                {name: _inside(self._search.space[name], value) for name, value in values.items()}
            )
            asked = self._study.ask(self._distributions)
        self._used.add(identity_of({**self._fixed, **forms}))
        self._asked[number] = asked
        return forms

    def is_hopeless(self, number: int, step: int, value: float) -> bool:
        """Take a value on the way, and say whether the trial should be stopped."""
        asked = self._asked[number]
        asked.report(value, step)
        return bool(asked.should_prune())

    def tell(self, trial: Trial) -> None:
        """Say what came of a trial that was asked for."""
        asked = self._asked.pop(trial.number)
        states = _optuna().trial.TrialState
        if trial.state == "done":
            self._study.tell(asked, list(trial.objectives(self._search.metrics) or ()))
        else:
            self._study.tell(asked, state=states.PRUNED if trial.state == "pruned" else states.FAIL)

    def importance(self) -> dict[str, dict[str, float]]:
        """Return by goal's metric how much each parameter matters for it, the shares summing to 1.

        A metric is absent with too few trials to say, or if it is the same in all. PED-ANOVA (Watanabe et al., IJCAI
        2023): how far the values of trials that are good in this goal are from those of all.
        """
        optuna = _optuna()
        done = self._study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        found: dict[str, dict[str, float]] = {}
        for place, goal in enumerate(self._search.goals):
            if len(done) < TELLING or len({trial.values[place] for trial in done}) < 2:
                continue

            def loss(trial: Any, place: int = place, sign: float = -1.0 if goal.higher else 1.0) -> float:
                return sign * trial.values[place]

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that low is taken for good, which is what `loss` is for
                shares = optuna.importance.get_param_importances(self._study, target=loss)
            found[goal.metric] = {name: float(share) for name, share in shares.items()}
        return found

    def _is_used(self, forms: Mapping[str, Json]) -> bool:
        return identity_of({**self._fixed, **forms}) in self._used

    def _drop(self, asked: Any) -> None:
        self._study.tell(asked, state=_optuna().trial.TrialState.FAIL)


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise TuningError(
            "tune() needs Optuna, which is not installed.", hint="It comes with an extra: pip install 'levada[tune]'."
        ) from None
    if not _QUIET:  # what there is to say is said by the study
        _QUIET.append(True)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.filterwarnings("ignore", module=r"optuna\..*")
    return optuna


_QUIET: list[bool] = []


def _distribution(found: Range) -> optuna.distributions.BaseDistribution:
    """Return a range as Optuna has it; of choices, their places, as they may be of any type."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(found, Between):
        return CategoricalDistribution(tuple(range(len(found.choices))))
    if found.is_whole:
        return IntDistribution(int(found.low), int(found.high), log=found.log, step=int(found.step or 1))
    return FloatDistribution(found.low, found.high, log=found.log, step=found.step)


def _inside(found: Range, value: Any) -> Any:
    if isinstance(found, Between):
        return value
    return next(place for place, choice in enumerate(found.choices) if type(choice) is type(value) and choice == value)


def _outside(found: Range, value: Any) -> Any:
    return value if isinstance(found, Between) else found.choices[value]
