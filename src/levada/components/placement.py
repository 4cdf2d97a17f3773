"""A model's files, brought to the folder that it is served from, and made live there: whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from levada.artifacts.model import DOCUMENT, ModelDocument
from levada.artifacts.pushed import Files, Pointer, ServingFolder, files_of
from levada.errors import ComponentError

TEMPORARY = ".tmp-"


def go_live(folder: ServingFolder, name: str, version: int, fingerprint: str, path: Path) -> tuple[Files, bool]:
    """Copy the model at `path` to `<folder>/<version>/` and make it the live one there.

    Returns the sizes in bytes of its files, and whether anything was changed: a folder that already serves this
    fingerprint is left as it is. To be called within `alone`. Raises ComponentError where another model has the
    version's folder.
    """
    before = folder.pointer()
    files = files_of(folder.described(version))
    serves = before is not None and (before.fingerprint, before.version) == (fingerprint, version)
    if serves and folder.is_whole(version, files):
        return files, False
    files = _place(folder, version, path)
    earlier = before.version if before and not serves else before.before if before else None
    folder.point(Pointer(name, version, fingerprint, _moment(), earlier))
    return files, True


def point_back(folder: ServingFolder, name: str, version: int, fingerprint: str) -> bool:
    """Make a version live again that lies whole in its folder; returns False, changing nothing, if it does not.

    To be called within `alone`.
    """
    described = folder.described(version)
    if described is None or described.get("fingerprint") != fingerprint:
        return False
    if not folder.is_whole(version, files_of(described)):
        return False
    before = folder.pointer()
    if before is None or before.version != version:
        folder.point(Pointer(name, version, fingerprint, _moment(), before.version if before else None))
    return True


def _moment() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@contextlib.contextmanager
def alone(folder: ServingFolder) -> Iterator[None]:
    """Keep other pushes to a local folder out, so that a temporary folder found there is a leftover."""
    if folder.store.local is None:
        yield
        return
    from filelock import FileLock

    folder.store.local.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.store.local / ".levada.lock"):
        for leftover in folder.store.local.glob(f".*{TEMPORARY}*"):
            shutil.rmtree(leftover)
        yield


def _place(folder: ServingFolder, version: int, path: Path) -> Files:
    """Bring a model's files to `<folder>/<version>/`, unless they are there; return their sizes."""
    described = folder.described(version)
    files = files_of(described)
    document = ModelDocument.read(path)
    if described is not None and described.get("fingerprint") == document.fingerprint:
        if folder.is_whole(version, files):
            return files
    elif folder.size(f"{version}/{_last(document)}") is not None:
        raise ComponentError(
            f"{folder.location}/{version} already holds another model than version {version} of this registry.",
            hint="Versions were numbered anew, or somebody put it there: move it away, or push to another folder.",
        )
    content = _content(document, path)
    sizes = {target: source.stat().st_size for target, source in content.items()}
    form = {**document.to_json(), "entry": _entry(document), "files": [[path, size] for path, size in sizes.items()]}
    described_as = json.dumps(form, indent=2, ensure_ascii=False).encode() + b"\n"
    if folder.store.local is not None:
        _place_locally(folder.store.local, version, content, described_as)
    else:
        # Nothing can be renamed here. A version without its last file cannot be loaded, so whoever looks
        # too early sees a version that fails to load and is tried again, never half a model.
        *first, last = content.items()
        for target, source in first:
            folder.store.write(f"{version}/{target}", source.read_bytes())
        folder.store.write(f"{version}/{DOCUMENT}", described_as)
        folder.store.write(f"{version}/{last[0]}", last[1].read_bytes())
    return sizes


def _place_locally(root: Path, version: int, content: dict[str, Path], described_as: bytes) -> None:
    """Write a version beside its place, then rename the folder: a server that polls sees all of it or nothing.

    Servers look for folders whose names are numbers, so one that starts with a dot is not seen.
    """
    temporary = root / f".{version}{TEMPORARY}{secrets.token_hex(4)}"
    temporary.mkdir()
    (temporary / DOCUMENT).write_bytes(described_as)
    for target, source in content.items():
        (temporary / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, temporary / target)
        with (temporary / target).open("rb") as file:
            os.fsync(file.fileno())
    place = root / str(version)
    if place.exists():  # a push that was cut off, or files that were damaged
        place.rename(root / f".{version}{TEMPORARY}{secrets.token_hex(4)}")
    temporary.rename(place)
    for leftover in root.glob(f".{version}{TEMPORARY}*"):
        shutil.rmtree(leftover)


def _content(document: ModelDocument, path: Path) -> dict[str, Path]:
    """Return where each file of a version comes from, by its path in the version's folder, in writing order."""
    entry = path / document.entry
    if entry.is_file():
        return {document.entry: entry}
    files = {file.relative_to(entry).as_posix(): file for file in sorted(entry.rglob("*")) if file.is_file()}
    last = _last(document)
    if last not in files:
        raise ComponentError(f"the model has no {document.entry}/{last}, so it cannot be served.")
    return {**{target: file for target, file in files.items() if target != last}, last: files[last]}


def _entry(document: ModelDocument) -> str:
    """Return what to load in a version's folder: a SavedModel is the folder itself there."""
    return "." if document.format == "saved_model" else document.entry


def _last(document: ModelDocument) -> str:
    """Return the file that is written last: without it nothing loads."""
    return "saved_model.pb" if document.format == "saved_model" else document.entry
