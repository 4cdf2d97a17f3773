"""Models at the places they are served from, held against what the registry says of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from levada.artifact import ArtifactRecord, FileEntry
from levada.artifacts.model import DOCUMENT
from levada.artifacts.pushed import POINTER, SIGNATURE, ServingFolder
from levada.errors import LevadaError, SignatureError, StoreError
from levada.registry import Promotion
from levada.signing import Policy, check_folder
from levada.store import Store
from levada.store.inspection import Maker, is_dropping
from levada.verification.findings import Finding

Read = Callable[[int], None]


@dataclass(frozen=True)
class Served:
    """One version of a destination: the promotions that brought it there, and records of models that it may hold.

    Two equal trainings write different files: any model of the fingerprint may be the one that was copied.
    """

    promotion: Promotion
    records: tuple[ArtifactRecord, ...]

    @property
    def name(self) -> str:
        return f"models:/{self.promotion.model}/{self.promotion.version}"


@dataclass(frozen=True)
class Signatures:
    """How signatures are looked at; `notes` takes a line on what cannot be."""

    policy: Policy
    notes: list[str]

    def check(self, folder: ServingFolder, item: Served, digest: Callable[[str], str]) -> Iterator[Finding]:
        """Yield what is wrong with the signature of a version whose files are those of the store."""
        version = item.promotion.version
        address = folder.store.uri_of(f"{version}/{SIGNATURE}")
        if folder.size(f"{version}/{SIGNATURE}") is None:
            if self.policy.required:
                yield _finding(item, address, f"{address} is missing: the version is not signed.", "missing")
            return
        try:
            keys = self.policy.keys()
            note = f"no public key is known here, so signatures in {folder.location} were not checked"
            if keys:
                check_folder(folder.store, str(version), keys, item.promotion.model, version, digest)
            elif note not in self.notes:
                self.notes.append(note)
        except SignatureError as error:
            yield _finding(item, address, error.message)


def check_destination(
    store: Store,
    location: str,
    served: list[Served],
    known: Iterable[Promotion],
    signatures: Signatures,
    read: Read,
) -> Iterator[Finding]:
    """Yield what is wrong with a destination and with the versions that were pushed there, of all those `known`.

    Raises StoreError if the destination cannot be reached. A version whose folder somebody removed is no damage
    unless it is the live one.
    """
    folder = ServingFolder(location)
    live: int | None = None
    try:
        pointer = folder.pointer()
    except StoreError as error:
        yield _finding(served[-1], folder.store.uri_of(POINTER), str(error.message))
    else:
        ever = {(each.model, each.version, each.fingerprint) for each in known if each.destination == location}
        if pointer is None:
            address = folder.store.uri_of(POINTER)
            yield _finding(served[-1], address, f"{address} is missing: {served[-1].name} was live there.", "missing")
        elif (pointer.model, pointer.version, pointer.fingerprint) not in ever:
            address = folder.store.uri_of(POINTER)
            said = f"{address} names {pointer.model} version {pointer.version}, which was never promoted there."
            yield _finding(served[-1], address, said)
        else:
            live = pointer.version
    for item in {item.promotion.version: item for item in served}.values():
        yield from _check_version(store, folder, item, item.promotion.version == live, signatures, read)


def _check_version(
    store: Store, folder: ServingFolder, item: Served, is_live: bool, signatures: Signatures, read: Read
) -> Iterator[Finding]:
    version = str(item.promotion.version)
    there = {
        found.key.removeprefix(f"{version}/"): found.size
        for found in folder.store.walk(version)
        if not is_dropping(found.key)
    }
    home = folder.store.uri_of(version)
    if not there:
        if is_live:
            yield _finding(item, home, f"{home} is missing: it is live.", "missing")
        return
    known: dict[str, str] = {}

    def digest(path: str) -> str:
        if path not in known:
            known[path] = folder.store.digest(f"{version}/{path}", read)
        return known[path]

    best: list[Finding] | None = None
    for record in item.records:
        wanted = _wanted(store, record)
        if wanted is None:
            continue
        found = list(_compare(folder, item, wanted, there, digest))
        if best is None or len(found) < len(best):
            best = found
        if not best:
            break
    yield from best or ()
    if not best:
        yield from signatures.check(folder, item, digest)


@dataclass(frozen=True)
class _Wanted:
    document: dict[str, object]
    files: dict[str, FileEntry]


def _wanted(store: Store, record: ArtifactRecord) -> _Wanted | None:
    """Return what a serving folder has of a model; None if the model in the store is itself damaged."""
    try:
        document = json.loads((store.fetch(record) / DOCUMENT).read_text(encoding="utf-8"))
        entry = str(document["entry"])
    except (LevadaError, OSError, ValueError, KeyError, TypeError):
        return None  # found and told as damage of the artifact
    below = {file.path.removeprefix(f"{entry}/"): file for file in record.files if file.path.startswith(f"{entry}/")}
    return _Wanted(document, below or {file.path: file for file in record.files if file.path == entry})


def _compare(
    folder: ServingFolder, item: Served, wanted: _Wanted, there: dict[str, int], digest: Callable[[str], str]
) -> Iterator[Finding]:
    version = item.promotion.version
    for path, entry in wanted.files.items():
        address = folder.store.uri_of(f"{version}/{path}")
        if path not in there:
            yield _finding(item, address, f"{address} is missing.", "missing")
        elif there[path] != entry.size:
            yield _finding(item, address, f"{address} has {there[path]:,} bytes instead of {entry.size:,}.")
        elif digest(path) != entry.sha256:
            said = f"{address} has the sha256 {digest(path)[:12]}… instead of {entry.sha256[:12]}…."
            yield _finding(item, address, said)
    try:
        described = folder.described(version)
    except StoreError as error:
        yield _finding(item, folder.store.uri_of(f"{version}/{DOCUMENT}"), error.message)
        return
    # Requests to warm a version up come with the push, not with the model: the signature vouches for them.
    sizes = {entry[0]: entry[1] for entry in (described or {}).get("files", [])}
    along = {path for path in there.keys() - wanted.files.keys() if sizes.get(path) == there[path]}
    for path in sorted(there.keys() - wanted.files.keys() - along - {DOCUMENT, SIGNATURE}):
        address = folder.store.uri_of(f"{version}/{path}")
        yield _finding(item, address, f"{address} ({there[path]:,} bytes) is not part of {item.name}.", "added")
    address = folder.store.uri_of(f"{version}/{DOCUMENT}")
    if described is None:
        yield _finding(item, address, f"{address} is missing.", "missing")
        return
    differ = [
        name
        for name in sorted(described.keys() | wanted.document.keys())
        if name not in ("entry", "files", "model", "version") and described.get(name) != wanted.document.get(name)
    ]
    if {path: size for path, size in sizes.items() if path not in along} != {
        path: entry.size for path, entry in wanted.files.items()
    }:
        differ.append("files")
    if differ:
        yield _finding(item, address, f"{address} says other than the model in the store: {', '.join(differ)}.")


def _finding(item: Served, address: str, said: str, kind: str = "served") -> Finding:
    maker = Maker.of(item.promotion.release.champion)
    remedy = (
        f"Remove {item.promotion.destination}/{item.promotion.version} and push it again: "
        f"levada run {maker.pipeline or 'PIPELINE'}"
    )
    return Finding(kind, address, said, maker.run, maker.node, maker.pipeline, (item.name,), "", remedy)
