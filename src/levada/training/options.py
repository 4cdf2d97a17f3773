"""What an author may ask of a training, held against what there is: before anything is loaded or started."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from levada.errors import ComponentError, LevadaError, did_you_mean
from levada.training.description import Precision, Training
from levada.values import encode

MOST = 2**31 - 1
"""Rows of a batch, or epochs, that can be asked for."""


def check_count(name: str, value: Any, least: int = 1, most: int | None = MOST) -> None:
    """Raise ComponentError unless an option is a whole number of a size that can be."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        limit = f"a whole number, {least} or more" if most is None else f"a whole number from {least} to {most:,}"
        raise ComponentError(f"fit_keras({name}={value!r}): wanted {limit}.")


def check_options(training: Training, workers: Any, devices: Any) -> None:
    """Raise ComponentError for options of `fit_keras` that cannot be."""
    check_count("batch_size", training.batch_size)
    check_count("epochs", training.epochs)
    check_count("workers", workers)
    check_count("memory", training.memory, least=0, most=None)
    _check_word("precision", training.precision, get_args(Precision))
    _check_word("devices", devices, ("one", "all"))
    classes: tuple[Any, ...] = training.classes
    if classes and not (all(isinstance(each, str) for each in classes) or all(type(each) is int for each in classes)):
        raise ComponentError(f"fit_keras(classes={list(classes)!r}): wanted words, or whole numbers.")
    if classes and (len(classes) < 2 or len(set(classes)) < len(classes)):
        raise ComponentError(f"fit_keras(classes={list(classes)!r}): wanted two classes or more, each once.")
    if not isinstance(training.callbacks, Callable | None):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ComponentError(
            f"fit_keras(callbacks=...) is {type(training.callbacks).__name__}: wanted a function that returns a list "
            "of Keras callbacks.",
        )


def _check_word(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ComponentError(
            f"fit_keras({name}={value!r}): wanted {', '.join(map(repr, known))}.", hint=did_you_mean(str(value), known)
        )


def check_sent(training: Training) -> None:
    """Raise ComponentError for a training that no other process can be told of."""
    for name, function in (("callbacks", training.callbacks), ("the network", training.network)):
        try:
            encode(function)
        except LevadaError as error:
            raise ComponentError(
                f"workers are processes of their own, and {name} cannot be sent to them: {error.message}",
                hint="Wanted a function at the top level of a module"
                f"{', without arguments' if name == 'callbacks' else ''}, which they can import.",
            ) from None
