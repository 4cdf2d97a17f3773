"""Adopt a `.keras` file that was made elsewhere: what it holds as code is not run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from levada.artifacts.model import Model, Tensor
from levada.errors import ModelError
from levada.models.keras_export import save_keras
from levada.models.signatures import no_input, of_other_size


def import_keras(
    path: Path, out: Model, *, output: str, columns: Mapping[str, Sequence[str]], classes: Sequence[str | int]
) -> Model:
    """Write the model of a `.keras` file into `out`, as `save_keras` does, and return `out`.

    Raises ModelError for a file that is damaged, has a Lambda layer, or uses a class that is not registered here.
    """
    import keras

    try:
        model: Any = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever a layer's configuration made it trip over
        raise _fault(path, error) from error
    known = {item.name: tuple(item.shape[1:]) for item in getattr(model, "inputs", None) or ()}
    for name, names in columns.items():
        if name not in known:
            raise no_input(name, known)
        if known[name] != (len(names),):
            raise of_other_size(name, names, known[name])
    left = [name for name in known if name not in columns]
    if columns and left:
        raise ModelError(
            f"import_model(columns=...) says what {', '.join(columns)} is made of, and not {', '.join(left)}.",
            hint="Name the columns of all inputs, or of none.",
        )
    inputs = [Tensor(name, "float32", (-1, len(columns[name])), columns=tuple(columns[name])) for name in columns]
    return save_keras(model, out, inputs=inputs or None, output=output, classes=classes)


def _fault(path: Path, error: Exception) -> ModelError:
    said = str(error)
    if "lambda" in said.lower().replace(str(path).lower(), ""):
        return ModelError(
            f"{path} has a Lambda layer: code that would run when it is loaded.",
            hint="Where it was made: write it as a layer of a class with get_config(), or export a SavedModel.",
        )
    if "custom object" in said.lower() or "Could not locate class" in said:
        lines = [line.strip() for line in said.splitlines() if "class" in line.lower()]
        return ModelError(
            f"{path} uses a class that is not known here: {lines[0] if lines else said.splitlines()[0]}",
            hint="Register it (@keras.saving.register_keras_serializable(package=...)) in a module that the pipeline "
            "imports, or export a SavedModel, which needs no classes.",
        )
    first = said.strip().splitlines()[0] if said.strip() else type(error).__name__
    return ModelError(f"{path} cannot be loaded: {first}")
