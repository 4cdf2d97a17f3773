"""Which files of a model's folder are served, and under which path below a version's folder."""

from __future__ import annotations

from pathlib import Path

from levada.artifacts.model import DOCUMENT, ModelDocument
from levada.artifacts.pushed import SIGNATURE
from levada.errors import ModelError


def files_served(folder: Path, warmup: Path | None = None) -> dict[str, Path]:
    """Return where each file of a served version comes from, by its path there, in the order to write them in.

    A SavedModel's own files lie in the version's folder itself, as TensorFlow Serving wants it; a graph of one file has
    beside it what is done before it. `warmup` is a folder with requests that a version is warmed up with
    (`ServingCheck.warmup`): its files keep their paths. The last file is what nothing loads without.

    Raises ModelError if a file of the model is not there, or has the name of one that a version gets beside it.
    """
    document = ModelDocument.read(folder)
    entry = folder / document.entry
    last = last_served(document)
    if entry.is_dir():
        found = {file.relative_to(entry).as_posix(): file for file in sorted(entry.rglob("*")) if file.is_file()}
        if entry.samefile(folder):  # laid out as it is served
            found = {name: file for name, file in found.items() if name not in (DOCUMENT, SIGNATURE)}
    else:
        found = {name: folder / name for name in (document.lookups, document.entry) if name}
    missing = next((name for name in (last, *found) if name not in found or not found[name].is_file()), None)
    if missing is not None:
        raise ModelError(f"{folder} has no {missing}, so the model cannot be served.")
    taken = next((name for name in (DOCUMENT, SIGNATURE) if name in found), None)
    if taken is not None:
        raise ModelError(
            f"{found[taken]} is a file of the model, and a served version has a {taken} of Levada's in that place.",
            hint="Remove it before the model is imported or saved: TensorFlow does not read it.",
        )
    if warmup is not None and warmup.is_dir():
        found |= {file.relative_to(warmup).as_posix(): file for file in sorted(warmup.rglob("*")) if file.is_file()}
    return {**{name: file for name, file in found.items() if name != last}, last: found[last]}


def entry_served(document: ModelDocument) -> str:
    """Return what to load in a version's folder: a SavedModel is the folder itself there."""
    return "." if document.format == "saved_model" else document.entry


def last_served(document: ModelDocument) -> str:
    """Return the file that is written last: without it nothing loads."""
    return "saved_model.pb" if document.format == "saved_model" else document.entry
