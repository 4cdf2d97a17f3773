"""A loaded model: tables in, named arrays out, whatever runtime answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifacts.model import DOCUMENT, ModelDocument, Tensor
from levada.artifacts.pushed import POINTER, ServingFolder
from levada.errors import ModelError
from levada.models.feed import arrays_of, count_rows
from levada.models.runtimes import open_model
from levada.signing import check_served

if TYPE_CHECKING:
    import numpy as np

    from levada.models.feed import Arrays, Rows

BATCH = 65_536
"""Rows asked at once: large, since every call has a fixed cost; bounded, since activations take memory."""


class Predictor:
    """A model that answers. `document` says what it takes and gives."""

    def __init__(self, document: ModelDocument, call: Callable[[Arrays], Arrays]) -> None:
        self.document = document
        self._call = call

    def answer(self, arrays: Arrays) -> Arrays:
        """Return what the model says to arrays by input, as `arrays_of` makes them: its runtime's own, unchecked.

        This is what a request costs: what is done before the graph, and the graph.
        """
        return self._call(arrays)

    def predict(self, rows: Rows, *, batch: int = BATCH) -> Arrays:
        """Return each output by name, one row for each row of `rows`.

        `rows` is an Arrow table, or numpy arrays by column name; columns the model does not take are ignored.
        Scalars come as shape `(n,)`, strings as objects. Raises ModelError for rows the model cannot take.
        """
        import numpy as np

        arrays = arrays_of(self.document.inputs, rows)
        count = count_rows(rows)
        if count == 0:
            return {tensor.name: _empty(tensor) for tensor in self.document.outputs}
        parts: list[Arrays] = []
        for start in range(0, count, batch):
            given = self._call({name: array[start : start + batch] for name, array in arrays.items()})
            parts.append(_checked(self.document, given))
        return {tensor.name: np.concatenate([part[tensor.name] for part in parts]) for tensor in self.document.outputs}


def load_predictor(folder: Path | str, *, threads: int | None = None, model: str | None = None) -> Predictor:
    """Return the model of a folder that has a `model.json`: an artifact's, or a served version's.

    A folder that pushes go to gives the version that is live there, as its `levada.json` has it now. A served version
    is held against its signature first. `model` is the name that it must have been signed under: without, that in
    `levada.json` beside it, if there is one, which is not signed itself. `threads` is how many of them one call may
    use; without it the runtime decides. Raises SignatureError, naming the file, if it is not what was pushed;
    ModelError if it cannot be loaded, or if the library that runs it is not installed; StoreError for a `levada.json`
    that names no version.
    """
    folder = _live(Path(folder))
    check_served(folder, model)
    return read_predictor(folder, threads=threads)


def _live(folder: Path) -> Path:
    """Return the folder of the version that is live in a serving folder; any other folder as it is."""
    if (folder / DOCUMENT).exists() or not (folder / POINTER).is_file():
        return folder
    pointer = ServingFolder(str(folder.absolute())).pointer()
    return folder / str(pointer.version) if pointer is not None else folder


def read_predictor(folder: Path, *, threads: int | None = None) -> Predictor:
    """Return the model of a folder whose files were checked already, as those of an artifact are."""
    document = ModelDocument.read(folder)
    return Predictor(document, open_model(folder, document, threads))


def _checked(document: ModelDocument, given: Arrays) -> Arrays:
    import numpy as np

    outputs: Arrays = {}
    for tensor in document.outputs:
        if tensor.name not in given:
            raise ModelError(f"the model gave {', '.join(given) or 'nothing'}, and no output '{tensor.name}'.")
        array = given[tensor.name].reshape(tensor.shape)
        if tensor.dtype == "string" and array.dtype.kind in "OS":
            array = np.array([_text(value) for value in array.ravel()], dtype=object).reshape(array.shape)
        outputs[tensor.name] = array
    return outputs


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _empty(tensor: Tensor) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.empty((0, *tensor.shape[1:]), dtype=object if tensor.dtype == "string" else tensor.dtype)
