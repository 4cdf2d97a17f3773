"""A model's files, brought to the folder that it is served from: whole and signed, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levada.artifact import ArtifactRecord
from levada.artifacts.model import DOCUMENT, ModelDocument
from levada.artifacts.pushed import POINTER, SIGNATURE, TF_SERVING, WRITTEN, Files, ServingFolder, files_of
from levada.errors import ComponentError, ModelError, SignatureError, StoreError
from levada.models.served import entry_served, files_served
from levada.pushing.scanning import refuse_unsafe
from levada.registry import Version
from levada.signing import Policy, check_folder, sign
from levada.store.inspection import is_dropping

TEMPORARY = ".tmp-"
LOCK = ".levada.lock"
NAMED = 5
"""How many foreign files an error names."""


_LEFTOVER = re.compile(rf"\.\d+{re.escape(TEMPORARY)}[0-9a-f]+")
"""What a version is called while it is written, or on its way out."""


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
                if _LEFTOVER.fullmatch(leftover.name):
                    _discard(leftover)
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
    if name == TF_SERVING:  # ours where somebody has removed the pointer, or it was damaged
        return (folder.store.read(TF_SERVING) or b"").startswith(WRITTEN.encode())
    return name.isdigit() or is_dropping(name) or TEMPORARY in name


def standing(folder: ServingFolder, version: Version, policy: Policy, *, thorough: bool) -> Standing | None:
    """Return what lies in a version's folder if it is whole and signed as it should be, None otherwise.

    `thorough` reads every byte and holds it against the signature; without, sizes are compared.
    """
    described = described_at(folder, version.version)
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


def place(
    folder: ServingFolder,
    version: Version,
    path: Path,
    policy: Policy,
    warmup: Path | None = None,
    *,
    record: ArtifactRecord,
    was_here: bool = False,
) -> Standing:
    """Bring the model at `path` to `<folder>/<version>/`, replacing what lies there of the same model; return it.

    `warmup` is a folder with the requests that it is warmed up with (`ServingCheck.warmup`), which lie beside it then.
    `record` is the model's: what is placed has the digests that it names. `was_here` is whether this version was
    brought here before, whatever lies in its place now.

    To be called within `alone`. Raises ComponentError where another model or anything else has the version's folder,
    and for a model that is not safe to load; StoreError for one that is not as its record says; SignatureError if it
    cannot be signed.
    """
    document = ModelDocument.read(path)
    described = described_at(folder, version.version)
    mine = described is not None and described.get("fingerprint") == document.fingerprint
    if not mine and not was_here and _is_taken(folder, version.version):
        raise ComponentError(
            f"{folder.location}/{version.version} already holds another model than version {version.version} of this "
            "registry, or files that are no model's.",
            hint="Versions were numbered anew, or somebody put it there: move it away, or push to another folder.",
        )
    try:
        content = files_served(path, warmup)
    except ModelError as error:
        raise ComponentError(error.message, hint=error.hint) from None
    refuse_unsafe(content)
    digests = {path / entry.path: entry.sha256 for entry in record.files}
    # Requests to warm a version up are no part of the model.
    made = {target: digests.get(source, "") for target, source in content.items() if source.is_relative_to(path)}
    _refuse_changed(path / DOCUMENT, path / DOCUMENT, digests.get(path / DOCUMENT, ""))
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
            _place_locally(folder.store.local, version.version, content, described_as, policy, made)
        else:
            _place_elsewhere(folder, version.version, content, described_as, policy, made)
    size = folder.size(f"{version.version}/{SIGNATURE}")
    return Standing({**sizes, SIGNATURE: size} if size is not None else sizes)


def remove(folder: ServingFolder, version: int) -> None:
    """Take a version out of a folder: whoever looks meanwhile sees all of it, or a version that cannot be loaded."""
    with writing(folder):
        if folder.store.local is not None:
            away = folder.store.local / f".{version}{TEMPORARY}{secrets.token_hex(4)}"
            (folder.store.local / str(version)).rename(away)
            _discard(away)
            return
        there = {found.key for found in folder.store.walk(str(version))}
        listed = [f"{version}/{path}" for path in files_of(described_at(folder, version))]
        for key in reversed(listed):  # the file that was written last goes first
            if key in there:
                folder.store.delete(key)
        folder.store.delete(str(version))


def described_at(folder: ServingFolder, version: int) -> dict[str, Any] | None:
    """Return what lies in a version's place, None if nobody can tell, as where it is damaged."""
    try:
        return folder.described(version)
    except StoreError:
        return None


def _is_taken(folder: ServingFolder, version: int) -> bool:
    """Whether there is anything in a version's place."""
    if folder.store.local is not None:
        place = folder.store.local / str(version)
        return any(place.iterdir()) if place.is_dir() else os.path.lexists(place)
    return any(True for _ in folder.store.walk(str(version)))


def _discard(path: Path) -> None:
    """Remove a folder, a file, or a link: not what it leads to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _refuse_changed(copy: Path, source: Path, made: str | None) -> None:
    """Raise StoreError if the copy of a file is not what its artifact's record says, its sha256 (None: there is none).

    The artifact was held against that before the node began, or a while ago; what is signed must be what was judged.
    """
    if made is None:
        return
    with copy.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != made:
        raise StoreError(
            f"{source} is not what was made and judged: it has the sha256 {digest[:12]}….",
            hint="Nothing was pushed. `levada verify` says what else was changed in the store.",
        )


def _place_locally(
    root: Path, version: int, content: dict[str, Path], described_as: bytes, policy: Policy, made: Mapping[str, str]
) -> None:
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
            _refuse_changed(temporary / target, source, made.get(target))
        sign(temporary, policy)
        place = root / str(version)
        if os.path.lexists(place):  # files that were damaged
            place.rename(root / f".{version}{TEMPORARY}{secrets.token_hex(4)}")
        temporary.rename(place)
        _to_disk(root)
    finally:
        for leftover in root.glob(f".{version}{TEMPORARY}*"):
            with contextlib.suppress(OSError):
                _discard(leftover)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _place_elsewhere(
    folder: ServingFolder,
    version: int,
    content: dict[str, Path],
    described_as: bytes,
    policy: Policy,
    made: Mapping[str, str],
) -> None:
    """Write a version where nothing can be renamed: in an object store.

    A version without its last file cannot be loaded, so whoever looks too early sees one that fails to load and
    is tried again, never half a model. The first says whose version it will be: another push may go on with it.
    """
    with tempfile.TemporaryDirectory() as home:
        here = Path(home)  # what is signed is a folder
        for target, source in content.items():
            (here / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, here / target)
            _refuse_changed(here / target, source, made.get(target))
        (here / DOCUMENT).write_bytes(described_as)
        sign(here, policy)
        names = [DOCUMENT, *content]
        if policy.signs:
            names.insert(-1, SIGNATURE)
        there = {found.key.removeprefix(f"{version}/") for found in folder.store.walk(str(version))}
        # The last one first, so that nobody loads old files beside new ones.
        for name in sorted(there & {names[-1]}) + sorted(there - set(names)):
            folder.store.delete(f"{version}/{name}")
        for name in names:
            folder.store.write(f"{version}/{name}", (here / name).read_bytes())
