"""Fitting a scikit-learn estimator in a component: the same shape as for a network, and ONNX in the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, Literal

from levada.artifacts.examples import Examples
from levada.artifacts.model import TRAINING, Model, Tensor
from levada.context import Context
from levada.errors import ComponentError, ModelError
from levada.models.feed import arrays_of
from levada.models.sklearn_export import save_sklearn
from levada.models.tensors import columns_of
from levada.signature import definition
from levada.training.labels import Target, check_weight, look_at, weights_of

if TYPE_CHECKING:
    import pyarrow as pa
    from sklearn.base import BaseEstimator

CURVES = ("loss_curve_", "train_score_", "validation_scores_")
"""Where estimators that learn step by step keep how it went."""


def fit_sklearn(
    ctx: Context,
    estimator: Callable[[], BaseEstimator],
    examples: Examples,
    *,
    inputs: Sequence[Tensor],
    label: str | None,
    split: str = "train",
    validation: str | None = None,
    weight: str | None = None,
    class_weights: Mapping[Any, float] | Literal["balanced"] | None = None,
    tolerance: float = 1e-5,
    seed: int | None = None,
) -> Model:
    """Fit a scikit-learn estimator on a split, save it as ONNX, and return the Model of this node.

        def classifier(strength: float) -> Pipeline:
            return make_pipeline(StandardScaler(), LogisticRegression(C=strength))

        fit_sklearn(ctx, partial(classifier, strength), examples, inputs=[PIXELS], label="digit")

    `estimator` is a function, or a `functools.partial` of one, that returns an estimator or a Pipeline that is not
    fitted yet. One input that stacks columns (`Tensor("pixels", "float32", (-1, 64), columns=[...])`) is fitted as a
    matrix; otherwise the estimator gets a DataFrame with a column for each input. Labels may be words. `weight` names a
    column that says how much each row counts, `class_weights` does it by the value of the label.

    Every `random_state` that is not set gets the node's seed, or `seed`. The score (accuracy, or R2 of a regression) on
    the split, and on `validation`, is reported; so are the curves of an estimator that learns step by step.
    The model is accepted only if ONNX answers the rows as scikit-learn does, up to `tolerance`: see
    `levada.models.save_sklearn`.

    Raises DataError for labels that nothing can be learnt from, ModelError for an estimator that cannot be fitted on
    the inputs or converted.
    """
    target = Target(Tensor(label, "float32") if label is not None else None, weight=weight or "")
    tensors = tuple(inputs)
    wanted = list(dict.fromkeys([*columns_of(tensors), *target.columns]))
    counts: Mapping[Any, int] = {}
    if label is not None:
        counts, *_ = look_at(examples, split, target, words=True)
    if weight:
        check_weight(examples, split, weight)
    table = examples.table(split, wanted)
    model = _seeded(_made(estimator), ctx.seed if seed is None else seed)
    ctx.progress(0, 1, f"{table.num_rows:,} rows")
    features, labels = _features(tensors, table), _labels(table, label)
    weights = _weights(model, table, weight, weights_of(class_weights, counts, split), label)
    try:
        model.fit(features, *labels, **weights)
    except (ValueError, TypeError) as error:
        raise _misfit(estimator, model, label, error) from error
    curves = _curves(model)
    for name, values in curves.items():
        for step, value in enumerate(values, 1):
            ctx.metric(name, value, step=step)
    scores = {}
    if labels and hasattr(model, "score"):
        name = "accuracy" if hasattr(model, "classes_") else "r2"
        scores[name] = float(model.score(features, *labels))
        if validation is not None:
            held = examples.table(validation, wanted)
            scores[f"val_{name}"] = float(model.score(_features(tensors, held), *_labels(held, label)))
    for name, value in scores.items():
        ctx.metric(name, value)
    out = save_sklearn(model, ctx.output(Model), table, inputs=tensors, tolerance=tolerance)
    form = {"estimator": str(model), "rows": table.num_rows, "split": split, "scores": scores, "curves": curves}
    (out.path / TRAINING).write_text(json.dumps(form, indent=2, ensure_ascii=False) + "\n")
    shown = [f"{name} {value:.3f}" for name, value in scores.items()]
    difference = f"ONNX differs by at most {out.properties['largest_difference']:.0e}"
    ctx.summary(" · ".join([f"{table.num_rows:,} rows", *shown, difference]))
    return out


def _made(estimator: Callable[[], Any]) -> Any:
    hint = "return make_pipeline(StandardScaler(), LogisticRegression())"
    if not callable(estimator):
        raise ComponentError(
            f"the estimator is {type(estimator).__name__}: wanted a function that returns one, not fitted yet.",
            hint=f"def estimator(): {hint}. functools.partial(estimator, ...) gives it arguments.",
        )
    made = estimator()
    if isinstance(made, type) or not hasattr(made, "fit") or not hasattr(made, "get_params"):
        name = getattr(getattr(estimator, "func", estimator), "__name__", type(estimator).__name__)
        raise ModelError(f"{name}() returned {type(made).__name__}: wanted a scikit-learn estimator.", hint=hint)
    return made


def _misfit(estimator: Callable[[], Any], model: Any, label: str | None, error: Exception) -> ModelError:
    """Return the error for what an estimator did not take."""
    from sklearn.base import is_classifier

    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0] if lines else type(error).__name__
    hint = f"A classifier tells words or whole numbers apart; for '{label}' as a number take a regressor."
    function = getattr(estimator, "func", estimator)
    return ModelError(
        f"{type(model).__name__} cannot be fitted on this: {said}",
        where=definition(function) if isinstance(function, FunctionType) else None,
        hint=hint if is_classifier(model) and "label type" in said else "",
    )


def _seeded(model: Any, seed: int) -> Any:
    parameters: dict[str, Any] = model.get_params()
    unset = {
        name: seed
        for name, value in parameters.items()
        if (name == "random_state" or name.endswith("__random_state")) and value is None
    }
    return model.set_params(**unset) if unset else model


def _features(inputs: tuple[Tensor, ...], table: pa.Table) -> Any:
    """Return what an estimator is fitted on: a matrix, or a DataFrame."""
    arrays = arrays_of(inputs, table)
    if any(len(tensor.shape) > 1 for tensor in inputs):
        if len(inputs) != 1:
            raise ComponentError(
                "inputs= has a matrix and something beside it.",
                hint="Stack all columns into one Tensor(columns=[...]), or none of them: then it is a DataFrame.",
            )
        return next(iter(arrays.values()))
    import pandas as pd

    return pd.DataFrame(arrays)


def _labels(table: pa.Table, label: str | None) -> list[Any]:
    return [] if label is None else [table[label].to_numpy()]


def _weights(
    model: Any, table: pa.Table, weight: str | None, by_value: Mapping[Any, float], label: str | None
) -> dict[str, Any]:
    """Return the weights of rows as the arguments of `fit`, where any were asked for."""
    import numpy as np

    if not weight and not by_value:
        return {}
    weights: Any = np.ones(table.num_rows)
    if weight:
        weights = table[weight].to_numpy().astype("float64")
    if by_value and label is not None:
        values, places = np.unique(table[label].to_numpy(), return_inverse=True)
        weights = weights * np.array([by_value.get(value, 1.0) for value in values.tolist()])[places]
    from sklearn.utils.validation import has_fit_parameter

    steps: Any = getattr(model, "steps", None)
    last = steps[-1][1] if steps else model
    if not has_fit_parameter(last, "sample_weight"):
        raise ModelError(
            f"{type(last).__name__} has no way to let rows count differently.",
            hint="Leave out weight= and class_weights=, or take an estimator whose fit has sample_weight.",
        )
    return {f"{steps[-1][0]}__sample_weight" if steps else "sample_weight": weights}


def _curves(model: Any) -> dict[str, list[float]]:
    steps: Any = getattr(model, "steps", None)
    last = steps[-1][1] if steps else model
    found: dict[str, list[float]] = {}
    for name in CURVES:
        values = getattr(last, name, None)
        if values is not None and len(values):
            found[name.rstrip("_").removesuffix("_curve")] = [float(value) for value in values]
    return found
