"""A model's files, brought to the folder that it is served from: whole and signed, or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from levada.artifacts.model import DOCUMENT, ModelDocument
from levada.artifacts.pushed import POINTER, SIGNATURE, TF_SERVING, Files, ServingFolder, files_of
from levada.errors import ComponentError, ModelError, SignatureError, StoreError
from levada.models.served import entry_served, files_served, last_served
from levada.pushing.scanning import refuse_unsafe
from levada.registry import Version
from levada.signing import Policy, check_folder, sign
from levada.store.inspection import is_dropping

TEMPORARY = ".tmp-"
LOCK = ".levada.lock"
NAMED = 5
"""How many foreign files an error names."""


@dataclass(frozen=True)
class Standing:
    """What lies in a version's folder: the sizes in bytes of its files, its signature's among them."""

    files: Files


@contextlib.contextmanager
def alone(folder: ServingFolder) -> Iterator[None]:
    """Keep other pushes to a local folder out, so that a temporary folder found there is a leftover.

    Raises StoreError where the folder cannot be made or written.
    """
    if folder.store.local is None:
        yield
        return
    from filelock import FileLock

    lock = FileLock(folder.store.local / LOCK)
    with writing(folder):
        folder.store.local.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        with writing(folder):
            for leftover in folder.store.local.glob(f".*{TEMPORARY}*"):
                shutil.rmtree(leftover)
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def writing(folder: ServingFolder) -> Iterator[None]:
    """Say of a file system's own errors which folder could not be written."""
    try:
        yield
    except OSError as error:
        why = (error.strerror or str(error)).rstrip(".")
        raise StoreError(
            f"cannot write the serving folder {folder.location}: {why}.",
            hint="What was live there is live still. Make room, or let this user write there, and push again.",
        ) from error


def refuse_foreign(folder: ServingFolder, model: str) -> None:
    """Raise ComponentError for a folder that serves another model, or that holds what no push brought there."""
    pointer = folder.pointer()
    if pointer is not None:
        if pointer.model != model:
            raise ComponentError(
                f"{folder.location} serves {pointer.model}, so {model} cannot be pushed there.",
                hint=f"Give each model a folder of its own: push(..., to='serving/{model}').",
            )
        return
    ours = {POINTER, LOCK}
    names = [key.rsplit("/", 1)[-1] for key in folder.store.list("")]
    foreign = [name for name in names if name and name not in ours and not _is_ours(folder, name)]
    if foreign:
        listed = ", ".join(foreign[:NAMED]) + (" ..." if len(foreign) > NAMED else "")
        raise ComponentError(
            f"{folder.location} holds what no push brought there: {listed}.",
            hint=f"A serving folder has nothing but versions: name one of its own, {folder.location}/{model} say.",
        )


def _is_ours(folder: ServingFolder, name: str) -> bool:
    if name == TF_SERVING:  # a first push that was cut off writes it after the pointer, so it is somebody else's
        return False
    return name.isdigit() or is_dropping(name) or TEMPORARY in name


def standing(folder: ServingFolder, version: Version, policy: Policy, *, thorough: bool) -> Standing | None:
    """Return what lies in a version's folder if it is whole and signed as it should be, None otherwise.

    `thorough` reads every byte and holds it against the signature; without, sizes are compared.
    """
    described = folder.described(version.version)
    if described is None or described.get("fingerprint") != version.fingerprint:
        return None
    files = files_of(described)
    if not folder.is_whole(version.version, files):
        return None
    size = folder.size(f"{version.version}/{SIGNATURE}")
    if size is None:
        return None if policy.signs else Standing(files)
    if thorough:
        try:
            check_folder(folder.store, str(version.version), policy.keys(), version.model, version.version)
        except SignatureError:
            return None
    return Standing({**files, SIGNATURE: size})


def place(folder: ServingFolder, version: Version, path: Path, policy: Policy, warmup: Path | None = None) -> Standing:
    """Bring the model at `path` to `<folder>/<version>/`, replacing what lies there of the same model; return it.

    `warmup` is a folder with the requests that it is warmed up with (`ServingCheck.warmup`), which lie beside it then.

    To be called within `alone`. Raises ComponentError where another model has the version's folder, and for a model
    that is not safe to load; SignatureError if it cannot be signed.
    """
    document = ModelDocument.read(path)
    described = folder.described(version.version)
    mine = described is not None and described.get("fingerprint") == document.fingerprint
    if not mine and folder.size(f"{version.version}/{last_served(document)}") is not None:
        raise ComponentError(
            f"{folder.location}/{version.version} already holds another model than version {version.version} of this "
            "registry.",
            hint="Versions were numbered anew, or somebody put it there: move it away, or push to another folder.",
        )
    try:
        content = files_served(path, warmup)
    except ModelError as error:
        raise ComponentError(error.message, hint=error.hint) from None
    refuse_unsafe(content)
    sizes = {target: source.stat().st_size for target, source in content.items()}
    form = {
        "model": version.model,
        "version": version.version,
        **document.to_json(),
        "entry": entry_served(document),
        "files": [[name, size] for name, size in sizes.items()],
    }
    described_as = json.dumps(form, indent=2, ensure_ascii=False).encode() + b"\n"
    with writing(folder):
        if folder.store.local is not None:
            _place_locally(folder.store.local, version.version, content, described_as, policy)
        else:
            _place_elsewhere(folder, version.version, content, described_as, policy)
    size = folder.size(f"{version.version}/{SIGNATURE}")
    return Standing({**sizes, SIGNATURE: size} if size is not None else sizes)


def remove(folder: ServingFolder, version: int) -> None:
    """Take a version out of a folder: whoever looks meanwhile sees all of it, or a version that cannot be loaded."""
    with writing(folder):
        if folder.store.local is not None:
            away = folder.store.local / f".{version}{TEMPORARY}{secrets.token_hex(4)}"
            (folder.store.local / str(version)).rename(away)
            shutil.rmtree(away)
            return
        described = folder.described(version) or {}
        for path in reversed(list(files_of(described))):  # the file that was written last goes first
            folder.store.delete(f"{version}/{path}")
        folder.store.delete(str(version))


def _place_locally(root: Path, version: int, content: dict[str, Path], described_as: bytes, policy: Policy) -> None:
    """Write a version beside its place, then rename the folder: a server that polls sees all of it or nothing.

    Servers look for folders whose names are numbers, so one that starts with a dot is not seen.
    """
    temporary = root / f".{version}{TEMPORARY}{secrets.token_hex(4)}"
    try:
        temporary.mkdir()
        (temporary / DOCUMENT).write_bytes(described_as)
        for target, source in content.items():
            (temporary / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, temporary / target)
            _to_disk(temporary / target)
        sign(temporary, policy)
        place = root / str(version)
        if place.exists():  # a push that was cut off, or files that were damaged
            place.rename(root / f".{version}{TEMPORARY}{secrets.token_hex(4)}")
        temporary.rename(place)
        _to_disk(root)
    finally:
        for leftover in root.glob(f".{version}{TEMPORARY}*"):
            shutil.rmtree(leftover, ignore_errors=True)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _place_elsewhere(
    folder: ServingFolder, version: int, content: dict[str, Path], described_as: bytes, policy: Policy
) -> None:
    """Write a version where nothing can be renamed: in an object store.

    A version without its last file cannot be loaded, so whoever looks too early sees one that fails to load and
    is tried again, never half a model.
    """
    signature = None
    if policy.signs:
        with tempfile.TemporaryDirectory() as here:  # what is signed is a folder
            for target, source in content.items():
                (Path(here) / target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, Path(here) / target)
            (Path(here) / DOCUMENT).write_bytes(described_as)
            sign(Path(here), policy)
            signature = (Path(here) / SIGNATURE).read_bytes()
    *first, last = content.items()
    stale = {found.key.removeprefix(f"{version}/") for found in folder.store.walk(str(version))} - content.keys()
    for name in stale - {DOCUMENT, SIGNATURE}:  # of a push that was cut off
        folder.store.delete(f"{version}/{name}")
    for target, source in first:
        folder.store.write(f"{version}/{target}", source.read_bytes())
    folder.store.write(f"{version}/{DOCUMENT}", described_as)
    if signature is not None:
        folder.store.write(f"{version}/{SIGNATURE}", signature)
    folder.store.write(f"{version}/{last[0]}", last[1].read_bytes())
