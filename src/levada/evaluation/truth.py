"""What the labels mean, held against what a model gives: the task, and labels and predictions as metrics want them."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast, get_args

from levada.artifacts.measured import Task
from levada.artifacts.model import ModelDocument, Tensor
from levada.errors import ModelError, did_you_mean
from levada.tables.types import kind_of

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

PREFERRED = ("probabilities", "probability", "prediction", "predictions", "score")
"""Which of several outputs is the prediction, unless somebody says."""

UNKNOWN_SHOWN = 5
"""Labels of unknown classes that are named."""

SUM_ROOM = 0.05
"""By how much probabilities of classes may add up to more than 1, beside what rounding to eight bits does."""


def output_of(document: ModelDocument, wanted: str | None) -> Tensor:
    """Return the output that is the prediction. Raises ModelError if there is none of that name, or no saying which."""
    known = {tensor.name: tensor for tensor in document.outputs}
    if wanted is not None:
        if wanted not in known:
            hint = did_you_mean(wanted, known) or f"It gives {', '.join(known)}."
            raise ModelError(f"the model has no output '{wanted}'.", hint=hint)
        return known[wanted]
    if len(known) == 1:
        return document.outputs[0]
    for name in PREFERRED:
        if name in known:
            return known[name]
    raise ModelError(
        f"the model gives {', '.join(known)}, and nothing says which is the prediction.", hint="Say it with output=."
    )


def task_of(wanted: str | None, tensor: Tensor, labels: Any) -> Task:
    """Return the task: said, or told from what the model gives and what labels there are (an Arrow array).

    Lists of labels mean `multilabel`; probabilities of several classes `multiclass` (of two, `binary`); one number a
    row `binary` where all labels are 0 or 1, else `regression`.
    """
    if wanted is not None:
        if wanted not in get_args(Task):
            hint = did_you_mean(wanted, get_args(Task)) or f"Tasks are {', '.join(get_args(Task))}."
            raise ModelError(f"there is no task '{wanted}'.", hint=hint)
        return cast("Task", wanted)
    if len(tensor.shape) > 2:
        raise ModelError(
            f"output '{tensor.name}' gives an array {list(tensor.shape[1:])} a row, which has no metrics here.",
            hint="Name another with output=.",
        )
    if kind_of(labels.type) == "list":
        return "multilabel"
    if len(tensor.shape) == 2 and tensor.shape[1] > 1:
        return "binary" if tensor.shape[1] == 2 else "multiclass"
    return "binary" if tensor.classes or is_zero_or_one(labels) else "regression"


def is_zero_or_one(labels: Any) -> bool:
    """Whether all values of an Arrow array are 0, 1, or missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(labels.type):
        return True
    if not (pa.types.is_integer(labels.type) or pa.types.is_floating(labels.type)):
        return False
    return bool(pc.all(pc.is_in(labels, value_set=pa.array([0, 1], labels.type))).as_py())


def classes_of(task: Task, tensor: Tensor) -> tuple[str, ...]:
    """Return what the classes are called, in the order of the output."""
    if task == "regression":
        return ()
    if tensor.classes:
        return tuple(str(name) for name in tensor.classes)
    width = tensor.shape[1] if len(tensor.shape) == 2 else 1
    return ("0", "1") if task == "binary" else tuple(str(number) for number in range(width))


# -- labels -----------------------------------------------------------------------------------------


def labels_of(task: Task, tensor: Tensor, labels: Any, name: str) -> tuple[Array, dict[str, int]]:
    """Return labels (an Arrow array without nulls) as metrics want them, and how many rows have each unknown one.

    Raises ModelError for labels that cannot be held against the output, and if the model knows none of them.
    """
    import numpy as np
    import pyarrow as pa

    if pa.types.is_dictionary(labels.type):
        labels = labels.cast(labels.type.value_type)
    if task == "regression":
        return _numbers(labels, name), {}
    if task == "multilabel":
        return _sets(tensor, labels, name)
    if pa.types.is_boolean(labels.type):
        labels = labels.cast(pa.int64())
    if tensor.classes:
        return _known(task, tensor, labels, _places(tensor, labels, name), name)
    if task == "binary":
        if not is_zero_or_one(labels):
            raise ModelError(
                f"label '{name}' of a binary task must be 0 or 1, and this {labels.type} column has other values.",
                hint="Save the model with classes=, or make a column of 0 and 1.",
            )
        return np.asarray(labels.cast(pa.int64())), {}
    if not pa.types.is_integer(labels.type):
        raise ModelError(
            f"label '{name}' is {labels.type}, and the model does not say which classes its probabilities are of.",
            hint="Save the model with classes=, in the order of its output.",
        )
    numbers = np.asarray(labels.cast(pa.int64()))
    known = (numbers >= 0) & (numbers < tensor.shape[1])
    return _known(task, tensor, labels, np.where(known, numbers, -1), name)


def _numbers(labels: Any, name: str) -> Array:
    import numpy as np
    import pyarrow as pa

    if not (pa.types.is_integer(labels.type) or pa.types.is_floating(labels.type)):
        raise ModelError(
            f"label '{name}' is {labels.type}, and a regression wants numbers.",
            hint="Of two classes? Save the model with classes=, the one that its number is the probability of last.",
        )
    numbers = np.asarray(labels.cast(pa.float64()))
    wrong = int((~np.isfinite(numbers)).sum())
    if wrong:
        raise ModelError(
            f"label '{name}' is NaN or infinite in {wrong:,} of {len(numbers):,} rows, which no metric can count.",
            hint="Make it null, which leaves the row out, or leave such rows out of the examples.",
        )
    return numbers


def _known(task: Task, tensor: Tensor, labels: Any, places: Array, name: str) -> tuple[Array, dict[str, int]]:
    """Return class numbers, and what is counted of those that are none."""
    import numpy as np
    import pyarrow as pa

    outside = np.flatnonzero(places < 0)
    if not len(outside):
        return places, {}
    counts = Counter(str(value) for value in labels.take(pa.array(outside)).to_pylist())
    unknown = dict(counts.most_common(UNKNOWN_SHOWN))
    if task == "binary" or len(outside) == len(places):
        classes = ", ".join(classes_of(task, tensor)[:UNKNOWN_SHOWN])
        said = ", ".join(unknown)
        raise ModelError(
            f"label '{name}' is {said} in {len(outside):,} of {len(places):,} rows, "
            f"and the model's classes are {classes}.",
            hint="Give the model that class, make the label null where it does not count, or leave such rows out.",
        )
    return places, unknown


def _places(tensor: Tensor, labels: Any, name: str) -> Array:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        classes = pa.array(list(tensor.classes)).cast(labels.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        raise ModelError(
            f"label '{name}' is {labels.type}, and the model's classes are "
            f"{', '.join(map(repr, tensor.classes[:UNKNOWN_SHOWN]))}.",
            hint="Save the model with classes= as the labels have them.",
        ) from None
    found: Any = pc.fill_null(pc.index_in(labels, value_set=classes), -1)
    return np.asarray(found.cast(pa.int64()))


def _sets(tensor: Tensor, labels: Any, name: str) -> tuple[Array, dict[str, int]]:
    """Return sets of labels as 0 and 1 a class: lists of classes, or lists of 0 and 1 as long as the output is wide."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    width = tensor.shape[1] if len(tensor.shape) == 2 else 1
    if kind_of(labels.type) != "list":
        raise ModelError(
            f"label '{name}' is {labels.type}, and a multilabel task wants lists.",
            hint="A list of the classes that hold, or of 0 and 1 for every class.",
        )
    items, lengths = labels.flatten(), np.asarray(pc.list_value_length(labels).cast(pa.int64()))
    if items.null_count:
        raise ModelError(f"label '{name}' has nulls within its lists.", hint="Leave them out of the lists.")
    if (
        bool((lengths == width).all())
        and is_zero_or_one(items)
        and not (tensor.classes and not pa.types.is_integer(items.type))
    ):
        return np.asarray(items.cast(pa.int64())).reshape(-1, width), {}
    if tensor.classes:
        places, unknown = _known("multilabel", tensor, items, _places(tensor, items, name), name)
    elif pa.types.is_integer(items.type):
        numbers = np.asarray(items.cast(pa.int64()))
        places, unknown = _known(
            "multilabel", tensor, items, np.where((numbers >= 0) & (numbers < width), numbers, -1), name
        )
    else:
        raise ModelError(
            f"label '{name}' is {labels.type}, and the model does not say which classes its probabilities are of.",
            hint="Save the model with classes=, in the order of its output.",
        )
    found = np.zeros((len(labels), width), np.int64)
    row = np.repeat(np.arange(len(labels)), lengths)
    found[row[places >= 0], places[places >= 0]] = 1
    return found, unknown


# -- predictions --- -------------------------------------------------------------------------------------


def check_classes(tensor: Tensor, who: str) -> None:
    """Raise ModelError where an output and the classes that it is said to be of do not fit."""
    count, width = len(tensor.classes), _width(tensor)
    if not count:
        return
    twice = [str(name) for name, times in Counter(tensor.classes).items() if times > 1]
    if twice:
        raise ModelError(
            f"output '{tensor.name}' of {who} has the class {twice[0]} {Counter(tensor.classes)[twice[0]]} times.",
            hint="Save the model with each class once, in the order of its output.",
        )
    if count != (2 if width == 1 else width):
        raise ModelError(
            f"output '{tensor.name}' of {who} gives {width} number{'s' * (width != 1)} a row, "
            f"and it has {count} classes.",
            hint="Save the model with a class for each number; one number is the probability of the second of two.",
        )


def _width(tensor: Tensor) -> int:
    return tensor.shape[1] if len(tensor.shape) == 2 else 1


def aligned(tensor: Tensor, array: Array, like: Tensor, who: str = "the champion") -> tuple[Array, str]:
    """Return probabilities in the form and the order of another output's classes, and what is to be said of it.

    A class that this one does not know has 0; one number a row stands for two classes. Raises ModelError if the two
    share no class: nothing would be compared.
    """
    import numpy as np

    classes, wanted = tensor.classes, like.classes
    widths = {_width(tensor), _width(like)}
    if widths == {1, 2} or (widths == {1} and classes and wanted):
        array = array.reshape(len(array), -1)
        both = np.concatenate([1 - array, array], axis=1) if _width(tensor) == 1 else array
        names = classes or wanted or (0, 1)
        found = _ordered(both, names, wanted or ((0, 1) if set(names) == {0, 1} else names), who)
        array = found if _width(like) == 2 else found[:, 1].reshape(len(array), *([1] * (len(like.shape) - 1)))
    elif classes and wanted and classes != wanted:
        array = _ordered(array, classes, wanted, who)
    return array, _said_of_classes(classes, wanted, who)


def _ordered(array: Array, classes: Sequence[Any], wanted: Sequence[Any], who: str) -> Array:
    import numpy as np

    places = {name: place for place, name in enumerate(classes)}
    if not places.keys() & set(wanted):
        mine, theirs = (", ".join(map(repr, names[:UNKNOWN_SHOWN])) for names in (wanted, classes))
        raise ModelError(
            f"the model's classes are {mine}, and those of {who} {theirs}: there is nothing to compare.",
            hint="Train on the same labels; or leave out champion= once, and let the thresholds decide.",
        )
    found = np.zeros((len(array), len(wanted)), array.dtype)
    for place, name in enumerate(wanted):
        if name in places:
            found[:, place] = array[:, places[name]]
    return found


def _said_of_classes(classes: Sequence[Any], wanted: Sequence[Any], who: str) -> str:
    if not wanted or tuple(classes) == tuple(wanted):
        return ""
    if not classes:
        return f"{who} does not say which classes its answers are of: they were taken in the model's order"
    new = [str(name) for name in wanted if name not in classes]
    gone = [str(name) for name in classes if name not in wanted]
    parts = [f"does not know {', '.join(new[:UNKNOWN_SHOWN])}"] if new else []
    parts += [f"knows {', '.join(gone[:UNKNOWN_SHOWN])}, which the model does not"] if gone else []
    return f"{who} {' and '.join(parts)}" if parts else ""


def predictions_of(task: Task, tensor: Tensor, array: Array) -> Array:
    """Return an output as metrics want it; raises ModelError if it is not of the task, or no probability."""
    width = _width(tensor)
    array = array.astype("float64")
    if task == "binary" and width == 2:
        array = array[:, 1]
    elif task in ("binary", "regression") and width == 1:
        array = array.reshape(-1)
    elif task in ("multiclass", "multilabel") and width > 1 and len(tensor.shape) == 2:
        pass
    else:
        raise ModelError(
            f"output '{tensor.name}' has the shape {list(tensor.shape)}, which does not fit the task {task}."
        )
    if task != "regression" and len(array) and not (array.min() >= -1e-6 and array.max() <= 1 + 1e-6):
        raise ModelError(
            f"output '{tensor.name}' goes from {array.min():.3g} to {array.max():.3g}, so it is not a probability.",
            hint="End the model with a sigmoid or softmax, or say task='regression'.",
        )
    return array


def check_sums(tensor: Tensor, array: Array) -> None:
    """Raise ModelError for chances of one class among several that add up to more than 1, or to nothing near it.

    Eight-bit models round each chance to 1 / 256, and a champion may know further classes: only what nobody could mean
    is refused, and `log_loss` counts chances as parts of their sum where that is larger than 1.
    """
    if not len(array) or _width(tensor) == 1:
        return
    sums = array.reshape(len(array), -1).sum(axis=1, dtype="float64")
    room = SUM_ROOM + array.shape[1] / 512
    if array.min() >= -1e-6 and array.max() <= 1 + 1e-6 and float(sums.max()) > 1 + room:
        raise ModelError(
            f"the probabilities of output '{tensor.name}' add up to as much as {sums.max():.3g} in a row, and where "
            "one class holds they add up to 1.",
            hint="End the model with a softmax; or say task='multilabel', where any number of classes may hold.",
        )
