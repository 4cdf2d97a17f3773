"""Finding a metric by what somebody calls it: Levada's own, scikit-learn's, Keras's, or a function of the project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from levada.artifacts.measured import Task
from levada.errors import ComponentError, ParameterError, did_you_mean
from levada.evaluation.built_in import USUAL, built_in
from levada.evaluation.functions import (
    keras_names,
    of_keras,
    of_project,
    of_sklearn,
    sklearn_names,
)
from levada.evaluation.metrics import Metric

SKLEARN, KERAS = "sklearn.", "keras."


@dataclass(frozen=True)
class MetricOf:
    """A metric with what it needs; made by `metric`."""

    what: str | Callable[..., Any]
    name: str
    lower_is_better: bool | None
    columns: tuple[str, ...]
    options: dict[str, Any]


def metric(
    what: str | Callable[..., Any],
    *,
    name: str = "",
    lower_is_better: bool | None = None,
    columns: Iterable[str] = (),
    **options: Any,
) -> MetricOf:
    """Say more of a metric than its name, for `metrics` of `evaluate`.

        metric("fbeta_score", beta=2)                                   of scikit-learn, with an option
        metric("keras.TopKCategoricalAccuracy", k=3, name="top_3")      of Keras, under a name of its own
        metric(cost, lower_is_better=True, columns=["distance"])        a function of the project

    A function of the project, at the top level of a module, is called with labels and predictions as arrays (in the
    forms of its task), and with the `columns` of the examples by name: `cost(labels, predictions, distance=...)`. It
    returns a number, or an array with one for each row, whose mean is the metric: that is much cheaper in slices.
    Greater is better unless `lower_is_better`; of scikit-learn and Keras it is known by the name (`..._loss`,
    `...Error`).
    """
    if isinstance(what, str):
        if columns:
            raise ParameterError(f"metric('{what}', columns=...): only a function of the project takes columns.")
        return MetricOf(what, name or what, lower_is_better, (), options)
    if not callable(what):
        raise ParameterError(f"metric({what!r}): wanted a name, or a function of a module.")
    return MetricOf(what, name or what.__name__, bool(lower_is_better), tuple(columns), options)


def find_metrics(
    task: Task,
    wanted: Iterable[str | MetricOf] | None,
    asked: Mapping[str, Iterable[str]],
    who: str = "evaluate",
) -> dict[str, Metric]:
    """Return metrics by name: those `wanted` (else the usual ones of the task), then those that conditions name.

    `asked` has the names by the parameter that names them, of the component `who`. Raises ComponentError for a
    name that nobody has.
    """
    found: dict[str, Metric] = {}
    for each in USUAL[task] if wanted is None else wanted:
        spec = each if isinstance(each, MetricOf) else MetricOf(each, each, None, (), {})
        if spec.name in found:
            raise ComponentError(
                f"{who}(metrics=...) has two metrics named '{spec.name}'.", hint="Give one another name=."
            )
        found[spec.name] = _find(task, spec, f"{who}(metrics=...)", [])
    for parameter, names in asked.items():
        for name in names:
            if name not in found:
                found[name] = _find(task, MetricOf(name, name, None, (), {}), f"{who}({parameter}=...)", list(found))
    return found


def columns_of(wanted: Iterable[str | MetricOf] | None) -> list[str]:
    """Return the columns of the examples that metrics want."""
    return [column for each in wanted or () if isinstance(each, MetricOf) for column in each.columns]


def _find(task: Task, spec: MetricOf, where: str, others: list[str]) -> Metric:
    if not isinstance(spec.what, str):
        return of_project(spec.what, spec.name, bool(spec.lower_is_better), spec.columns, spec.options)
    own = built_in(task)
    if spec.what in own and spec.name == spec.what and not spec.options:
        return own[spec.what]
    if spec.what.startswith(KERAS):
        return _of(of_keras, KERAS, keras_names(), task, spec, where)
    names = sklearn_names()
    if spec.what.removeprefix(SKLEARN) in names:
        return _of(of_sklearn, SKLEARN, names, task, spec, where)
    if spec.what[:1].isupper():
        return _of(of_keras, KERAS, keras_names(), task, spec, where)
    raise _unknown(task, spec.what, where, [*others, *own], names)


def _of(make: Callable[..., Metric], prefix: str, names: list[str], task: Task, spec: MetricOf, where: str) -> Metric:
    assert isinstance(spec.what, str)
    known = spec.what.removeprefix(prefix)
    if known not in names:
        raise _unknown(task, spec.what, where, [f"{prefix}{name}" for name in names], list(names))
    return make(known, spec.name, spec.lower_is_better, spec.options)


def _unknown(task: Task, name: str, where: str, first: list[str], then: list[str]) -> ComponentError:
    elsewhere = [other for other in USUAL if other != task and name in built_in(other)]
    hint = f"It is one of a {elsewhere[0]} task." if elsewhere else ""
    hint = hint or did_you_mean(name, [*first, *then])
    known = ", ".join(built_in(task))
    return ComponentError(
        f"{where}: a {task} task has no metric '{name}'.",
        hint=hint or f"It has {known}, and those of scikit-learn and Keras.",
    )
