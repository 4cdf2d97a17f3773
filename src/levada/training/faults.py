"""What is wrong with a network or its data, said before the first step or after the step that failed."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path
from typing import Any

from levada.artifacts.model import Tensor
from levada.errors import LevadaError, ModelError, Position, TrainingError, did_you_mean
from levada.signature import definition
from levada.training.data import Feed
from levada.training.description import Training
from levada.training.labels import Target


def where_of(training: Training) -> Position:
    """Return the line where the author's function stands."""
    return definition(training.network.function)


def built(training: Training) -> Any:
    """Return the network that the author's function makes; raises ModelError unless it is a compiled Keras model."""
    import keras

    name, where = training.network.name, where_of(training)
    model = training.network.build()
    if not isinstance(model, keras.Model):
        raise ModelError(
            f"{name}() returned {type(model).__name__}: wanted a keras.Model.", where=where, hint="return network"
        )
    if not getattr(model, "compiled", False) or model.optimizer is None:
        raise ModelError(
            f"{name}() returned a network that is not compiled.",
            where=where,
            hint='network.compile(keras.optimizers.Adam(), loss="binary_crossentropy") says how it learns.',
        )
    return model


def is_bare(model: Any) -> bool:
    """Whether a model takes its one input as it is, not in a dict by name."""
    import keras

    if isinstance(model, keras.Sequential):
        return True
    symbolic = getattr(model, "inputs", None)
    return bool(symbolic) and len(symbolic) == 1 and not isinstance(getattr(model, "_inputs_struct", None), dict)


def check_fit(training: Training, target: Target, model: Any, given_shape: Any = None) -> None:
    """Raise ModelError where a network's inputs or outputs do not fit what it is fed.

    `given_shape` is the shape of what a network gives that does not know it by itself.
    """
    import keras

    where = where_of(training)
    symbolic = {item.name: item for item in getattr(model, "inputs", None) or ()}
    given = {tensor.name: tensor for tensor in training.inputs}
    if is_bare(model) and len(given) == 1:
        symbolic = dict(zip(given, symbolic.values(), strict=False))  # its name is nothing that anybody would say
    for name in symbolic:
        if name not in given:
            raise ModelError(
                f"the network takes '{name}', which is none of the inputs it is fed.",
                where=where,
                hint=did_you_mean(name, given) or f"inputs= has {', '.join(given)}.",
            )
    for name, tensor in given.items():
        if symbolic and name not in symbolic:
            raise ModelError(
                f"the network is fed '{name}', and has no keras.Input of that name.",
                where=where,
                hint=did_you_mean(name, symbolic) or f"It has {', '.join(symbolic)}.",
            )
        if symbolic:
            _check_shape(tensor, symbolic[name], where)
    shape = model.output_shape if getattr(model, "outputs", None) else given_shape
    if target.label is not None and type(model).train_step is keras.Model.train_step:
        _check_single(target.label.name, shape, where)
        if target.label.row_size == 1:
            _check_output(target, model, shape, where)


def _check_shape(tensor: Tensor, symbolic: Any, where: Position) -> None:
    wanted = tuple(symbolic.shape[1:])
    fits = len(wanted) == len(tensor.shape) - 1 and all(
        size is None or size == own for size, own in zip(wanted, tensor.shape[1:], strict=True)
    )
    if not fits and {wanted, tensor.shape[1:]} != {(), (1,)}:
        raise ModelError(
            f"the network takes '{tensor.name}' as {_shown(wanted)} a row, and is fed {_shown(tensor.shape[1:])}.",
            where=where,
            hint="The shape of the keras.Input is that of inputs=, which is that of the column.",
        )
    is_text = symbolic.dtype == "string"
    if is_text != (tensor.dtype == "string"):
        raise ModelError(
            f"the network takes '{tensor.name}' as {symbolic.dtype}, and is fed {tensor.dtype}.", where=where
        )


def _check_single(name: str, shape: Any, where: Position) -> None:
    """Raise ModelError for a network of several outputs: they have losses and labels of their own."""
    if isinstance(shape, list | tuple) and shape and not isinstance(shape[0], tuple):
        return  # the shape of one
    if isinstance(shape, dict | list | tuple) and len(shape) > 1:
        raise ModelError(
            f"the network has {len(shape)} outputs, and label '{name}' is one.",
            where=where,
            hint="fit_keras trains one. Outputs with labels of their own are trained by network.fit, and saved by "
            "save_keras: evaluate(..., output=...) judges each.",
        )


def _check_output(target: Target, model: Any, shape: Any, where: Position) -> None:
    assert target.label is not None
    name, loss = target.label.name, _loss_name(model)
    if isinstance(shape, dict | list):
        (shape,) = shape.values() if isinstance(shape, dict) else shape
    if shape is None or math.isnan(target.lowest):
        return
    if len(shape) > 2:
        raise ModelError(
            f"the network gives an array {list(shape[1:])} a row, and label '{name}' is one number.",
            where=where,
            hint="End it with Flatten, or a pooling layer, before the last Dense.",
        )
    units = shape[-1] if len(shape) == 2 else 1
    _check_classes(target.classes, units, where)
    span = f"{target.lowest:g} to {target.highest:g}"
    if loss == "sparse_categorical_crossentropy":
        if target.lowest < 0 or target.highest >= units:
            raise ModelError(
                f"label '{name}' is {span}, and the network has {units} outputs, for 0 to {units - 1}.",
                where=where,
                hint=f"Give the last layer {target.highest + 1:g} units, or say with classes= which labels there are.",
            )
    elif loss == "binary_crossentropy" and (target.lowest < 0 or target.highest > 1):
        raise ModelError(
            f"label '{name}' is {span}, and binary_crossentropy takes 0 to 1.",
            where=where,
            hint="For several classes: sparse_categorical_crossentropy, and a unit for each.",
        )
    if loss in _OF_ONE and units != 1:
        raise ModelError(
            f"the network has {units} outputs, and label '{name}' is one number a row.",
            where=where,
            hint="Give the last layer 1 unit; for several classes use sparse_categorical_crossentropy.",
        )
    if loss in ("categorical_crossentropy", "categorical_focal_crossentropy") and units != 1:
        raise ModelError(
            f"{loss} wants a place for each class, and label '{name}' is one number a row.",
            where=where,
            hint="sparse_categorical_crossentropy takes it as it is.",
        )


_OF_ONE = frozenset(
    [
        *("binary_crossentropy", "binary_focal_crossentropy", "hinge", "squared_hinge", "poisson"),
        *("mse", "mae", "mape", "msle", "huber", "log_cosh", "logcosh", "mean_squared_error", "mean_absolute_error"),
        *("mean_absolute_percentage_error", "mean_squared_logarithmic_error"),
    ]
)
"""Losses that hold a number against a number."""


def _check_classes(classes: tuple[str | int, ...], units: int, where: Position) -> None:
    if classes and units != len(classes) and (units, len(classes)) != (1, 2):
        raise ModelError(
            f"the network has {units} output{'s' * (units != 1)}, and there are {len(classes)} classes.",
            where=where,
            hint=f"Give the last layer {len(classes)} units"
            f"{', or 1 with a sigmoid' if len(classes) == 2 else ''}, or say with classes= which there are.",
        )


def _loss_name(model: Any) -> str:
    loss = getattr(model, "loss", None)
    return loss if isinstance(loss, str) else str(getattr(loss, "name", ""))


def _shown(shape: tuple[Any, ...]) -> str:
    return str(list(shape)) if shape else "a scalar"


# -- after a step that failed ---------------------------------------------------------------------------


def no_number(training: Training, feed: Feed, model: Any, epoch: int, step: int, loss: float) -> LevadaError:
    """Return the error for a loss that is no finite number, with what the batch of that step had."""
    import numpy as np

    batches = feed.batches(epoch).skip(step * feed.share.devices).take(1)
    infinite, missing = _no_numbers(feed, batches)
    found = f"the loss is {loss} at step {step + 1} of {feed.steps} in epoch {epoch + 1} of {training.epochs}"
    if infinite:
        return TrainingError(f"{found}: {'; '.join(infinite)} of its batch.", hint=_INFINITE)
    broken = [
        variable.path for variable in model.trainable_variables if not np.isfinite(np.asarray(variable.numpy())).all()
    ]
    if missing:
        return TrainingError(f"{found}: {'; '.join(missing)} of its batch.", hint=_MISSING)
    after = f" The weights of {broken[0]} are no numbers any more." if broken else ""
    return TrainingError(
        f"{found}, and all its inputs and labels are finite.{after}",
        where=where_of(training),
        hint="A smaller learning rate, or clipnorm=1.0 in the optimizer, keeps steps small; a loss of logarithms wants "
        "predictions that are never exactly 0: take from_logits=True.",
    )


_INFINITE = "Clip or leave out infinite values where the examples are made; check_data finds them before training."
_MISSING = "NaN means missing: levada.features' layers take it; a network of plain layers needs values filled in."


def no_measure(training: Training, feed: Feed, said: str) -> LevadaError:
    """Return the error for a metric that is watched and is no number, with what its rows have."""
    infinite, missing = _no_numbers(feed, feed.batches(mixed=False).take(feed.steps * feed.share.devices))
    if infinite or missing:
        found = "; ".join([*infinite, *missing])
        return TrainingError(f"{said}: in split '{feed.split}' {found}.", hint=_INFINITE if infinite else _MISSING)
    return TrainingError(
        f"{said}, and all inputs and labels of split '{feed.split}' are finite.",
        where=where_of(training),
        hint="Watch a metric that is a number on these rows, or take a smaller learning rate.",
    )


def _no_numbers(feed: Feed, batches: Any) -> tuple[list[str], list[str]]:
    """Say what is infinite, and what is NaN, in batches of a feed, and in how many rows."""
    import numpy as np

    counts: dict[str, Any] = {}
    for x, *rest in batches:
        named = {feed.training.inputs[0].name: x} if feed.bare else dict(x)
        if rest and feed.target.label is not None:
            named[f"label {feed.target.label.name}"] = rest[0]
        for name, tensor in named.items():
            array = tensor.numpy()
            if array.dtype.kind == "f":
                rows = [test(array).any(axis=_inner(array)).sum() for test in (np.isinf, np.isnan)]
                counts[name] = counts.get(name, 0) + np.array(rows)
    infinite = [f"'{name}' is infinite in {found[0]:,} rows" for name, found in counts.items() if found[0]]
    return infinite, [f"'{name}' is NaN in {found[1]:,} rows" for name, found in counts.items() if found[1]]


def _inner(array: Any) -> tuple[int, ...]:
    return tuple(range(1, array.ndim))


def is_of_disk(error: BaseException) -> bool:
    """Whether an error says that a disk is full."""
    return getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in str(error)


def no_disk(training: Training, folder: Path | None, error: BaseException) -> LevadaError:
    """Return the error for a model that could not be saved, as a disk is full."""
    name = getattr(error, "filename", None) or folder or training.home
    return TrainingError(
        f"no space is left on the disk of {name}: the network was trained, and could not be saved.",
        where=where_of(training),
        hint="`levada gc` removes what no run needs. After that the same command goes on from the last checkpoint.",
    )


def no_memory(training: Training, error: BaseException) -> LevadaError:
    """Return the error for a training that found no memory."""
    first = str(error).strip().splitlines()
    return TrainingError(
        f"there was no memory left for batches of {training.batch_size:,} rows"
        f"{f' ({first[0][:120]})' if first and first[0] else ''}.",
        where=where_of(training),
        hint="Take a smaller batch_size=, or give the node more: with_options(needs={'memory': '8GB'}).",
    )
