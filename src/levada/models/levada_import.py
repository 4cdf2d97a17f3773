"""Adopt a model in Levada's own form, an artifact's folder or a served version's, and check what its `model.json` says.

That file is a word like any other. Whoever can write it could name the fingerprint of a model that is trusted, and the
gates would take a useless model for the champion itself; so the fingerprint is told from the files.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from levada.artifacts.model import DOCUMENT, TRAINING, Model, ModelDocument
from levada.artifacts.pushed import SIGNATURE
from levada.errors import ModelError
from levada.models.files import files_of
from levada.models.fingerprint import of_files, of_onnx
from levada.models.onnx_import import kept_beside
from levada.models.operations import check_operations

STATED = "stated_fingerprint"
"""The property with the fingerprint that `model.json` had, where the files do not bear it out."""

_BESIDE = (DOCUMENT, TRAINING, SIGNATURE)
"""Files that say something about a model, and are none of it."""

_SAVED_MODEL = ("saved_model.pb", "variables", "assets")
"""What TensorFlow reads of a SavedModel's folder."""


def import_levada(path: Path, out: Model, *, trust: Sequence[str] = ()) -> Model:
    """Copy a model in Levada's form into `out`, and return `out`.

    The fingerprint of an ONNX graph is computed anew, and is the one it had. Of a SavedModel nothing but its files
    can be compared: it gets one of its own, and the stated one is kept as the property `stated_fingerprint`.

    Raises ModelError for a `model.json` that describes no model, one whose entry is not in the folder or cannot be
    loaded, links, operations that do more than compute (but for those in `trust`), and weights beside an ONNX graph.
    """
    document = ModelDocument.read(path)
    files = files_of(path)
    entry = path / document.entry
    is_folder = document.format == "saved_model"
    if not (entry / "saved_model.pb" if is_folder else entry).is_file():
        raise ModelError(f"{path / DOCUMENT} says that the model is '{document.entry}' ({document.format}): not there.")
    if is_folder:
        check_operations(entry, trust)
        own = [file for file in files if file.is_relative_to(entry) and _part(file, entry) in _SAVED_MODEL]
        fingerprint = of_files(entry, own, document.inputs, document.outputs)
    else:
        beside = {path / name for name in _BESIDE if name != document.lookups}
        own = [file for file in files if file not in beside]
        fingerprint = of_files(path, own, document.inputs, document.outputs)
        if document.format == "onnx":
            computed = _of_onnx(entry, document)
            fingerprint = computed if own == [entry] else fingerprint  # what lies beside a graph may change its answers
    for file in files:
        if file == path / SIGNATURE:  # of the version that was served, not of this model
            continue
        target = out.path / file.relative_to(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    out.describe(replace(document, fingerprint=fingerprint))
    if fingerprint != document.fingerprint:
        out.properties[STATED] = str(document.fingerprint)
    try:
        out.load()
    except ModelError:
        raise
    except Exception as error:  # noqa: BLE001  runtimes raise what they like
        raise ModelError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from None
    return out


def _part(file: Path, folder: Path) -> str:
    return file.relative_to(folder).parts[0]


def _of_onnx(entry: Path, document: ModelDocument) -> str:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph: Any = onnx.load(str(entry), load_external_data=False)
    except (DecodeError, OSError) as error:
        raise ModelError(f"{entry} is not a whole ONNX model: {error}") from None
    beside = kept_beside(graph)
    if beside:
        raise ModelError(f"{entry} keeps {len(beside)} weights in other files, which Levada's never do.")
    return of_onnx(graph, document.inputs, document.outputs)
