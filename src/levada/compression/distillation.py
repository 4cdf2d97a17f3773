"""Distillation: a smaller network, the student, learns from the labels and from what the large one, the teacher, says.

The loss is `labels` of the student's own and the rest of how far its answers, softened by a temperature T, are from the
teacher's: T^2 times the Kullback-Leibler divergence (G. Hinton, O. Vinyals, J. Dean, Distilling the Knowledge in a
Neural Network, 2015); the mean square for numbers. Whether that helps is not known before: the same student is always
trained on the labels alone too, from the same seed, and stands beside it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from levada.compression import recipe
from levada.errors import ComponentError, ModelError, ParameterError, did_you_mean
from levada.training.description import Network

if TYPE_CHECKING:
    import keras

    from levada.compression.bench import Bench, Live


@dataclass(frozen=True)
class Distill(recipe.NetworkStep):
    """A student that is trained instead of the model; made by `distill`.

    `network` is the student's function (None: that of the model), `options` are further arguments. With `alone` it
    learns from labels only.
    """

    network: Network | None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    temperature: float = 4.0
    labels: float = 0.3
    epochs: int | None = None
    alone: bool = False

    @property
    def by_itself(self) -> Distill:
        """The same student, without a teacher: what it would hear of one makes no difference."""
        return Distill(self.network, self.options, epochs=self.epochs, alone=True)

    def apply(self, live: Live, bench: Bench) -> Live:
        from levada.compression.bench import Live
        from levada.training import faults
        from levada.training.fitting import precise

        training = replace(bench.training, network=self.student(bench.training.network))

        def build() -> Any:
            import keras

            keras.utils.set_random_seed(training.seed)
            with precise(training.precision):
                return faults.built(training)

        student = build()
        if student.count_params() >= live.parameters:
            raise ModelError(
                f"the student of {self} has {student.count_params():,} weights, and its teacher {live.parameters:,}: "
                "it must be smaller.",
                where=faults.where_of(training),
                hint="Give it fewer units or layers: distill(units=16), or a network of its own.",
            )
        if self.alone:
            bench.train_anew(student, self.epochs, str(self))
        else:
            from levada.compression.pupil import pupil_of

            pupil = pupil_of(student, live.network(), self.temperature, self.labels, training)
            bench.train_anew(pupil, self.epochs, str(self))
        return Live.of(student, build)

    def student(self, teacher: Network) -> Network:
        """Return the student's function with all that it is called with.

        What it wants and was not given is taken from what the teacher's was called with, by name: the description of
        the features, say. Raises ComponentError for what nobody gave.
        """
        given = _named(teacher)
        if self.network is None:
            unknown = [name for name in self.options if name not in inspect.signature(teacher.function).parameters]
            if unknown:
                known = list(inspect.signature(teacher.function).parameters)
                raise ComponentError(
                    f"distill({unknown[0]}=...): {teacher.name}() has no such parameter.",
                    hint=did_you_mean(unknown[0], known) or f"It has {', '.join(known)}.",
                )
            return Network(teacher.function, (), {**given, **self.options})
        mine = self.network
        taken = inspect.signature(mine.function)
        bound = taken.bind_partial(*mine.args, **{**mine.options, **self.options}).arguments
        wanted = [
            name
            for name, parameter in taken.parameters.items()
            if name not in bound and parameter.default is parameter.empty and parameter.kind not in (2, 4)
        ]
        lacking = [name for name in wanted if name not in given]
        if lacking:
            raise ComponentError(
                f"the student {mine.name}() wants {', '.join(lacking)}, which neither distill() gave nor "
                f"{teacher.name}() was called with.",
                hint=f"distill(partial({mine.name}, {lacking[0]}=...)).",
            )
        filled = {name: given[name] for name in wanted}
        return Network(mine.function, mine.args, {**mine.options, **self.options, **filled})

    def __str__(self) -> str:
        changed = {**(self.network.options if self.network else {}), **self.options}
        with_ = ", ".join(f"{name}={value!r}" for name, value in changed.items())
        name = self.network.name if self.network else "student"
        return f"{name}({with_}) {'alone' if self.alone else 'distilled'}"


def distill(
    network: Callable[..., keras.Model] | None = None,
    *,
    temperature: float = 4.0,
    labels: float = 0.3,
    epochs: int | None = None,
    **options: Any,
) -> Distill:
    """Train a smaller network that learns from the model, instead of the model.

        distill(units=16)                                  the model's own function, called with another argument
        distill(partial(student, units=16), labels=0.5)    a network of its own

    The student is a function that builds and compiles a network, as for `fit_keras`; arguments that it wants and is not
    given are those of the model's function. It is trained as the model was, for `epochs` if they are given, on
    `labels` times its own loss and the rest of the teacher's answers, softened by `temperature`. The same student
    trained on labels alone becomes a candidate too, and the report says whether the teacher helped. Raises
    ParameterError for numbers that cannot be meant, ComponentError for what is no function.
    """
    if not temperature > 0:
        raise ParameterError(f"distill(temperature={temperature!r}): wanted a number above 0; 1 softens nothing.")
    if not 0 <= labels < 1:
        raise ParameterError(
            f"distill(labels={labels!r}): wanted the part of the loss that labels have, from 0 to below 1."
        )
    if network is None and not options:
        raise ParameterError(
            "distill(): nothing says how the student is smaller.",
            hint="Name an argument of the model's function, as in distill(units=16), or give a function.",
        )
    given = Network.of(network) if network is not None else None
    return Distill(
        given,
        options,
        float(temperature),
        float(labels),
        recipe.epochs("distill()", epochs) if epochs is not None else None,
    )


def _named(network: Network) -> dict[str, Any]:
    """Return what a network's function is called with, by name."""
    bound = inspect.signature(network.function).bind_partial(*network.args, **network.options)
    found = dict(bound.arguments)
    for parameter in bound.signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            found |= found.pop(parameter.name, {})
    return found
