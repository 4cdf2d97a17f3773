"""Bring a blessed model to where it is served, under the number that the registry gave it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from levada import Context, component
from levada.artifacts.evaluation import Blessing
from levada.artifacts.model import DOCUMENT, Model, ModelDocument
from levada.artifacts.pushed import Files, Pointer, PushedModel, ServingFolder, files_of
from levada.errors import ComponentError
from levada.registry import Version

TEMPORARY = ".tmp-"
SECONDS_BETWEEN_WORDS = 5


@component(requires="blessing")
def push(ctx: Context, model: Model, blessing: Blessing, *, to: str) -> PushedModel:
    """Copy a blessed model to `<to>/<version>/`, make it the live one, and promote it to champion.

    `to` is a folder, from the project's root if it is relative, or an fsspec URI. The version is the registry's;
    it is waited for. A destination that already serves this fingerprint is left as it is. Raises ComponentError for
    a model that the blessing does not cover, and where another model has the version's folder; RegistryError if
    there is no version to be had.
    """
    name = _covered(model, blessing)
    version = ctx.registry.await_version(name, model.fingerprint, waiting=_patience(ctx, name))
    folder = ServingFolder.of(to, ctx.root)
    pushed = ctx.output(PushedModel)
    with _alone(folder):
        before = folder.pointer()
        files = files_of(folder.described(version.version))
        serves = before is not None and (before.fingerprint, before.version) == (model.fingerprint, version.version)
        is_new = not (serves and folder.is_whole(version.version, files))
        if is_new:
            files = _place(folder, version.version, model)
            earlier = before.version if before and not serves else before.before if before else None
            moment = datetime.now(UTC).isoformat(timespec="milliseconds")
            folder.point(Pointer(name, version.version, model.fingerprint, moment, earlier))
    _promote(ctx, name, version, model, blessing, folder.location)
    pushed.write(
        model=name,
        version=version.version,
        fingerprint=model.fingerprint,
        destination=to,
        files=files,
    )
    ctx.summary(f"{to}/{version.version}" + ("" if is_new else " serves this model already"))
    return pushed


def _covered(model: Model, blessing: Blessing) -> str:
    """Return the name to push under; raises ComponentError unless the blessing lets this model through."""
    if not blessing.open:
        why = f": {blessing.reasons[0]}" if blessing.reasons else ""
        raise ComponentError(f"push() was given a blessing that is closed{why}.")
    if model.fingerprint not in blessing.fingerprints:
        covered = ", ".join(fingerprint[:12] for fingerprint in blessing.fingerprints) or "no model"
        raise ComponentError(
            f"push() was given the model {model.fingerprint[:12]}, and a blessing that covers {covered}.",
            hint="Evaluate the very model that is pushed: a model changed after its evaluation is another one.",
        )
    if blessing.model is None:
        raise ComponentError(
            "push() was given a blessing that names no registered model, so there is no version to push.",
            hint='Name it where it is evaluated: evaluate(..., name="flights").',
        )
    return blessing.model


def _patience(ctx: Context, name: str) -> Callable[[], None]:
    """Return what is called while the version is awaited, often: it says so now and then."""
    said = [0.0]

    def waiting() -> None:
        if time.monotonic() - said[0] >= SECONDS_BETWEEN_WORDS:
            said[0] = time.monotonic()
            ctx.progress(0, None, f"waiting for the registry to number {name}")

    return waiting


def _promote(ctx: Context, name: str, version: Version, model: Model, blessing: Blessing, destination: str) -> None:
    champion = ctx.registry.champion(name)
    if champion is not None and (champion.fingerprint, champion.version) == (model.fingerprint, version.version):
        return
    reason = "; ".join(blessing.reasons)
    promotion = ctx.registry.promote(name, version, destination, model.record, blessing.challenged, ctx.run_id, reason)
    ctx.emit(
        "promoted",
        model=name,
        version=version.version,
        fingerprint=model.fingerprint,
        alias="champion",
        destination=destination,
        before=promotion.before,
        reason=reason,
    )


# -- files --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _alone(folder: ServingFolder) -> Iterator[None]:
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


def _place(folder: ServingFolder, version: int, model: Model) -> Files:
    """Bring a model's files to `<folder>/<version>/`, unless they are there; return their sizes."""
    described = folder.described(version)
    files = files_of(described)
    document = model.document
    if described is not None and described.get("fingerprint") == document.fingerprint:
        if folder.is_whole(version, files):
            return files
    elif folder.size(f"{version}/{_last(document)}") is not None:
        raise ComponentError(
            f"{folder.location}/{version} already holds another model than version {version} of this registry.",
            hint="Versions were numbered anew, or somebody put it there: move it away, or push to another folder.",
        )
    content = _content(document, model.path)
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
