"""Inputs and outputs as callers see them: the dtypes there, and what people say of them that a model's files do not."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from levada.artifacts.model import Tensor
from levada.errors import ModelError, did_you_mean

WIDE = {
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16", "uint32"), "int64"),
    **dict.fromkeys(("float16", "bfloat16"), "float32"),
}
"""The dtypes that callers use for dtypes inside a model."""


_PLAIN = re.compile(r"[a-z][a-z0-9_]*")


def with_graph_names(inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return inputs with what a TensorFlow graph calls them: small letters, digits and '_', no keyword of Python.

    A column of a table is called as it likes: `Age`, `fixed acidity`, `Größe`.
    """
    taken = {tensor.name for tensor in inputs}
    found: list[Tensor] = []
    for tensor in inputs:
        inside = plain = tensor.name
        if not _PLAIN.fullmatch(plain) or keyword.iskeyword(plain):
            plain = re.sub(r"[^a-z0-9_]", "_", plain.lower())
            inside = plain = plain if _PLAIN.fullmatch(plain) and not keyword.iskeyword(plain) else f"column_{plain}"
            number = 1
            while inside in taken:
                number += 1
                inside = f"{plain}_{number}"
            taken.add(inside)
        found.append(replace(tensor, inside=inside if inside != tensor.name else ""))
    return tuple(found)


def onnx_dtypes() -> dict[int, str]:
    """Return the dtypes that callers use, by ONNX's number of the same type."""
    from onnx import TensorProto

    return {
        TensorProto.STRING: "string",
        TensorProto.INT64: "int64",
        TensorProto.FLOAT: "float32",
        TensorProto.DOUBLE: "float64",
        TensorProto.BOOL: "bool",
    }


def named_columns(inputs: Sequence[Tensor], columns: Mapping[str, Sequence[str]]) -> tuple[Tensor, ...]:
    """Return the inputs, matrices with the columns that they are made of. Raises ModelError for what does not fit."""
    known = {tensor.name: tensor for tensor in inputs}
    for name, names in columns.items():
        if name not in known:
            raise no_input(name, known)
        if known[name].shape != (-1, len(names)):
            raise of_other_size(name, names, known[name].shape[1:])
        known[name] = replace(known[name], columns=tuple(names))
    return tuple(known.values())


def no_input(name: str, known: Collection[str]) -> ModelError:
    """Return the error for columns of an input that the model does not have."""
    hint = did_you_mean(name, known) or f"It has {', '.join(known)}."
    return ModelError(f"import_model(columns={{'{name}': ...}}): the model has no such input.", hint=hint)


def of_other_size(name: str, columns: Sequence[str], shape: Sequence[int | None]) -> ModelError:
    """Return the error for as many columns as an input does not take."""
    return ModelError(
        f"import_model(columns={{'{name}': ...}}): {len(columns)} columns, and the input takes "
        f"{list(shape) or 'a scalar'} a row."
    )


Classes = Sequence[str | int] | Mapping[str, Sequence[str | int]]
"""The classes of a model's output, in order; of several outputs, by the output's name."""


def with_classes(outputs: Sequence[Tensor], classes: Classes) -> tuple[Tensor, ...]:
    """Return the outputs, with the classes those that have a number a class, or one for two classes.

    Raises ModelError if there are none such, or for a name that is no output's.
    """
    if not classes:
        return tuple(outputs)
    if isinstance(classes, Mapping):
        names = [tensor.name for tensor in outputs]
        for name in classes:
            if name not in names:
                hint = did_you_mean(name, names) or f"It gives {', '.join(names)}."
                raise ModelError(f"classes= names '{name}', which is no output of the model.", hint=hint)
        return tuple(with_classes([tensor], classes.get(tensor.name, ()))[0] for tensor in outputs)
    floats = [tensor for tensor in outputs if tensor.dtype.startswith("float")]
    fitting = [tensor for tensor in floats if tensor.shape == (-1, len(classes))]
    if not fitting and len(classes) == 2:
        fitting = [tensor for tensor in floats if tensor.shape == (-1,)]
    if not fitting:
        shapes = ", ".join(f"{tensor.name} {list(tensor.shape)}" for tensor in outputs)
        raise ModelError(f"classes= has {len(classes)}, and no output gives {len(classes)} numbers a row ({shapes}).")
    return tuple(replace(tensor, classes=tuple(classes)) if tensor in fitting else tensor for tensor in outputs)
