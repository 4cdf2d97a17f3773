"""A student while it learns from a teacher: the same layers, and a loss that hears both the labels and the teacher.

Imports Keras: import it where a training begins.
"""

from __future__ import annotations

from typing import Any

import keras

from levada.compression.bench import compile_like
from levada.errors import ModelError
from levada.training.description import Training
from levada.training.faults import is_bare

ops: Any = keras.ops  # its functions are declared to give None where a backend has them only in part
_LEAST = 1e-7
"""A smaller probability is not told apart: its logarithm would be infinite."""


class Pupil(keras.Model):
    """A network whose loss, in training, is `labels` of its own and the rest of how far it is from its teacher."""

    def learn_from(self, teacher: Any, kind: str, temperature: float, labels: float, name: str) -> None:
        """Say who the teacher is; `kind` is what answers are: `one` of some classes, `each` by itself, or `number`."""
        # Behind a function, since a model that is an attribute of a model becomes a part of it, with its weights.
        self.__dict__["_ask"] = lambda x: teacher(_as(x, bare=is_bare(teacher), name=name), training=False)
        self.__dict__["_how"] = (kind, temperature, labels)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        own = super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        if not training:
            return own
        kind, temperature, labels = self.__dict__["_how"]
        teacher = ops.stop_gradient(ops.cast(self.__dict__["_ask"](x), "float32"))
        apart = _apart(kind, teacher, ops.cast(y_pred, "float32"), temperature)
        return labels * own + (1 - labels) * apart


def pupil_of(student: Any, teacher: Any, temperature: float, labels: float, training: Training) -> Pupil:
    """Return a student, with its very layers, as one that learns from a teacher.

    Raises ModelError where the answers of both cannot be held against each other.
    """
    for network, who in ((student, "student"), (teacher, "teacher")):
        if not getattr(network, "outputs", None) or len(network.outputs) != 1:
            raise ModelError(f"the {who} of a distillation must be a network with one output, built from keras.Input.")
    shapes = [tuple(network.outputs[0].shape[1:]) for network in (student, teacher)]
    if shapes[0] != shapes[1]:
        raise ModelError(f"the student gives {list(shapes[0])} numbers a row, and its teacher {list(shapes[1])}.")
    inputs = student.inputs[0] if isinstance(student, keras.Sequential) else student._inputs_struct
    outputs = student.outputs[0] if isinstance(student, keras.Sequential) else student._outputs_struct
    pupil = Pupil(inputs, outputs)
    compile_like(pupil, student)
    pupil.learn_from(teacher, _kind_of(student), temperature, labels, training.inputs[0].name)
    return pupil


def _as(x: Any, *, bare: bool, name: str) -> Any:
    """Return inputs in the form that a network takes them: the one as it is, or a dict by name."""
    if bare and isinstance(x, dict):
        return next(iter(x.values()))
    return x if bare or isinstance(x, dict) else {name: x}


def _kind_of(network: Any) -> str:
    loss = network.loss
    name = loss if isinstance(loss, str) else str(getattr(loss, "name", "") or getattr(loss, "__name__", ""))
    if getattr(loss, "from_logits", False) or getattr(loss, "_fn_kwargs", {}).get("from_logits"):
        raise ModelError(
            "a student and its teacher are held against each other by probabilities, and this one gives logits.",
            hint="End the network with its sigmoid or softmax, and leave out from_logits=True.",
        )
    if name.startswith("binary"):
        return "each"
    return "one" if "categorical" in name else "number"


def _apart(kind: str, teacher: Any, student: Any, temperature: float) -> Any:
    """Return how far a student's answers are from the teacher's, as a mean over rows."""
    if kind == "number":
        return ops.mean(ops.square(teacher - ops.reshape(student, ops.shape(teacher))))
    if kind == "each":
        soft, own = (_logit(each) / temperature for each in (teacher, student))
        sure = ops.sigmoid(soft)
        # log(1 + e^-z) and log(1 + e^z) are what a one and a zero cost.
        cost = sure * (ops.softplus(-own) - ops.softplus(-soft)) + (1 - sure) * (ops.softplus(own) - ops.softplus(soft))
        return temperature**2 * ops.mean(cost)
    soft, own = (ops.log_softmax(_log(each) / temperature, axis=-1) for each in (teacher, student))
    return temperature**2 * ops.mean(ops.sum(ops.exp(soft) * (soft - own), axis=-1))


def _log(chance: Any) -> Any:
    return ops.log(ops.clip(chance, _LEAST, 1.0))


def _logit(chance: Any) -> Any:
    clipped = ops.clip(chance, _LEAST, 1 - _LEAST)
    return ops.log(clipped) - ops.log(1 - clipped)
