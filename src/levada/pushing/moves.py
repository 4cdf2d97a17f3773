"""What is live in a serving folder, moved: files first, then the pointer, then the registry's promotion.

Before the pointer is moved the store is told that it will be (`Registry.intend`). If the process ends anywhere between,
the next one that looks asks the pointer: it names the version, and what is missing is made good; or it does not, and
nothing happened.
"""

from __future__ import annotations

import getpass
import os
import platform
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from levada.artifacts.pushed import Files, Pointer, ServingFolder
from levada.artifacts.serving_check import warmup_in
from levada.errors import LevadaError
from levada.pushing.placement import alone, place, refuse_foreign, standing
from levada.pushing.retention import remove_old
from levada.registry import Move, Promotion, Registry, Release, Version
from levada.signing import Policy
from levada.store import Store


@dataclass(frozen=True)
class Moved:
    """What a move came to: the version's files with sizes in bytes; whether any were written, and the pointer moved.

    `promotion` is None where the registry had that champion already. `removed` are old versions that are gone now;
    where they could not be removed, `stayed` says why.
    """

    files: Files
    placed: bool
    pointed: bool
    promotion: Promotion | None
    removed: tuple[int, ...] = ()
    stayed: str = ""


def go_live(
    store: Store,
    folder: ServingFolder,
    release: Release,
    policy: Policy,
    *,
    thorough: bool = False,
    keep: int | None = None,
) -> Moved:
    """Bring a version to a folder, make it the live one there, and promote it; to be called within `alone`.

    The model's files, and the requests that the version is warmed up with, come from the store where the version does
    not lie whole in the folder. `thorough` holds every byte that lies there against its signature first. Of the
    versions that lie there the `keep` that were live last stay. Raises ComponentError for a folder that is another
    model's or nobody's, StoreError for one that cannot be written; the old version is live then as before.
    """
    moved = _go_live(store, folder, release, policy, thorough)
    if keep is None:
        return moved
    try:
        return replace(moved, removed=tuple(remove_old(Registry(store), folder, release.version.model, keep)))
    except LevadaError as error:  # it is live: what cannot be removed stays, and the next push tries again
        return replace(moved, stayed=error.message)


def _go_live(store: Store, folder: ServingFolder, release: Release, policy: Policy, thorough: bool) -> Moved:
    registry, version = Registry(store), release.version
    refuse_foreign(folder, version.model)
    finish_moves(registry, version.model, folder)
    before = folder.pointer()
    there = standing(folder, version, policy, thorough=thorough)
    placed = there is None
    if there is None:
        was_here = _was_to_go_live(registry, folder, version)
        files, warmup = store.fetch(release.champion), _warmup(store, release)
        there = place(folder, version, files, policy, warmup, record=release.champion, was_here=was_here)
    serves = before is not None and (before.fingerprint, before.version) == (version.fingerprint, version.version)
    champion = registry.champion(version.model)
    if before is not None and serves and not placed and champion and champion.fingerprint == version.fingerprint:
        folder.tell_tf_serving(before)
        return Moved(there.files, placed, False, None)
    move = registry.intend(release, folder.location)
    if placed or not serves:
        earlier = before.version if before and not serves else before.before if before else None
        folder.point(Pointer(version.model, version.version, version.fingerprint, _moment(), earlier))
    promotion = registry.promote(release, folder.location)
    registry.finish_move(move, "done")
    if folder.store.local is None:
        _agree(registry, folder, version.model)
    return Moved(there.files, placed, placed or not serves, promotion)


def finish_moves(registry: Registry, model: str, folder: ServingFolder) -> list[str]:
    """Make good what moves of a folder's pointer left undone when they were cut off; return a line for each.

    To be called within `alone`.
    """
    return [
        line
        for move in registry.unfinished_moves(model)
        if move.destination == folder.location
        for line in _finish(registry, move, folder)
    ]


def finish_all_moves(registry: Registry) -> list[str]:
    """Make good what moves of any folder's pointer left undone; return a line for each, and for what cannot be."""
    said: list[str] = []
    for model in registry.models():
        for where in dict.fromkeys(move.destination for move in registry.unfinished_moves(model)):
            folder = ServingFolder(where)
            try:
                with alone(folder):
                    said += finish_moves(registry, model, folder)
            except LevadaError as error:
                said.append(f"{model}: whether {where} was moved cannot be seen now: {error.message}")
    return said


def who() -> str:
    """Return the user of this process, as `ana@laptop`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{platform.node()}"


def _finish(registry: Registry, move: Move, folder: ServingFolder) -> list[str]:
    pointer = folder.pointer()
    if pointer is None or (pointer.version, pointer.fingerprint) != (move.version, move.fingerprint):
        registry.finish_move(move, "dropped")
        return []
    folder.tell_tf_serving(pointer)
    promotion = None
    if registry.promotions_made(move.model) == move.promotions:
        promotion = registry.promote(move.release, move.destination)
    registry.finish_move(move, "done")
    if promotion is None:
        return []
    cut_off = f"{move.model}: the {move.release.kind} of version {move.version} was cut off"
    return [f"{cut_off}; {move.destination} serves it, and it is the champion now."]


def _agree(registry: Registry, folder: ServingFolder, model: str) -> None:
    """Where no lock kept another push out, let the pointer name the champion, if that was to go live here too."""
    champion, pointer = registry.champion(model), folder.pointer()
    if champion is None or pointer is None or pointer.version == champion.version:
        return
    if _was_to_go_live(registry, folder, champion.release.version):
        folder.point(Pointer(model, champion.version, champion.fingerprint, _moment(), pointer.version))


def _warmup(store: Store, release: Release) -> Path | None:
    """Return the folder with the requests that come along, if there were any and they are there still."""
    if release.checked is None or not store.has(release.checked):
        return None
    try:
        return warmup_in(store.fetch(release.checked))
    except LevadaError:  # not as their record has them: a version is not signed with these, and lives without
        return None


def _was_to_go_live(registry: Registry, folder: ServingFolder, version: Version) -> bool:
    return any(move.is_of(version) for move in registry.moves_to(version.model, folder.location))


def _moment() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
