"""Going back to a version that was live, and pushing one by hand: through the gate that it once passed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from levada.artifact import ArtifactRecord
from levada.artifacts.pushed import ServingFolder
from levada.errors import LevadaError, RegistryError, did_you_mean
from levada.pushing.moves import Moved, finish_all_moves, go_live, who
from levada.pushing.placement import alone, standing
from levada.pushing.retention import check_keep
from levada.pushing.way_back import way_back
from levada.registry import Promotion, Registry, Release
from levada.signing import Policy, policy_of
from levada.store import Store


@dataclass(frozen=True)
class Step:
    """What a rollback does, or would do: which version takes over from which, and where.

    `folders` are those that serve the champion; `whole` says of each whether the version lies there whole, so that only
    the pointer is moved. `elsewhere` are folders that the model was pushed to and that serve something else.
    """

    model: str
    target: Promotion
    champion: Promotion
    folders: tuple[str, ...]
    whole: dict[str, bool]
    elsewhere: tuple[str, ...] = ()


@dataclass
class Done:
    """What became of a rollback or a push by hand; `failed` says why of the folders that could not be changed."""

    moved: dict[str, Moved] = field(default_factory=dict[str, Moved])
    failed: dict[str, str] = field(default_factory=dict[str, str])


def step_back(store: Store, model: str, to: int | None = None, *, root: Path | None = None) -> Step:
    """Return what a rollback of a model would do; nothing is changed but what an earlier command left half done.

    It goes to the version that was live before the champion, or to version `to`, which must have been live once. Raises
    RegistryError if there is none, or if nothing serves the champion.
    """
    registry = Registry(store)
    known_model(registry, model)
    finish_all_moves(registry)
    promotions = registry.promotions(model)
    if not promotions:
        raise RegistryError(f"nothing of {model} was ever live.", hint="push makes a version the champion.")
    champion = promotions[-1]
    target = _before(promotions) if to is None else _asked(registry, promotions, to)
    if (target.version, target.fingerprint) == (champion.version, champion.fingerprint):
        raise RegistryError(f"version {target.version} of {model} is live already.")
    serving: list[str] = []
    elsewhere: list[str] = []
    for where in registry.destinations(model):
        pointer = ServingFolder(where).pointer()
        here = pointer is not None and pointer.model == model and pointer.version in (champion.version, target.version)
        (serving if here else elsewhere).append(where)
    if not serving:
        raise RegistryError(
            f"no folder serves version {champion.version} of {model}, which is the champion.",
            hint=f"levada push {model} {target.version} --to FOLDER brings the version there.",
        )
    policy = policy_of(root)
    version = target.release.version
    whole = {where: standing(ServingFolder(where), version, policy, thorough=True) is not None for where in serving}
    return Step(model, target, champion, tuple(serving), whole, tuple(elsewhere))


def roll_back(store: Store, step: Step, reason: str, *, root: Path | None = None) -> Done:
    """Do what `step_back` found: in each folder the pointer first, then the registry's promotion.

    Raises RegistryError if another version has gone live meanwhile: nobody decided to take that one back.
    """
    release = replace(step.target.release, reason=reason or "rolled back", run="", actor=who(), kind="rollback")
    return _move(store, release, step.folders, policy_of(root), since=step)


def push_by_hand(
    store: Store,
    model: str,
    number: int,
    to: str,
    reason: str = "",
    *,
    keep: int | None = None,
    root: Path | None = None,
) -> Done:
    """Bring a version to a folder and make it live there, if it passed its gate.

    `to` is an absolute folder or a URI. What lets it through is on record: its last evaluation blessed it, no approval
    of it is waited for, and no person refused it. Raises RegistryError, with the reason, if not; there is no way
    around: a gate that is wrong is changed where it is written, and the model evaluated again.
    """
    check_keep(keep)
    registry = Registry(store)
    known_model(registry, model)
    finish_all_moves(registry)
    versions = {version.version: version for version in registry.versions(model)}
    if number not in versions:
        raise RegistryError(f"{model} has no version {number}.", hint=f"It has {_listed(versions)}.")
    version = versions[number]
    reasons, candidate = _let_through(registry, model, number, version.fingerprint)
    lived = [item for item in registry.promotions(model) if item.fingerprint == version.fingerprint]
    before = lived[-1].release if lived else None
    against = str((candidate.get("baseline") or {}).get("fingerprint") or "")
    challenged = registry.candidate(model, against) if against else None
    release = Release(
        version=version,
        champion=before.champion if before else ArtifactRecord.from_json(candidate["record"]),
        challenged=ArtifactRecord.from_json(challenged["record"]) if challenged else None,
        reason="; ".join(filter(None, [reason, *reasons])),
        actor=who(),
        checked=before.checked if before else None,
    )
    return _move(store, release, (to,), policy_of(root), keep=keep)


def known_model(registry: Registry, model: str) -> None:
    """Raise RegistryError, with a suggestion, for a model that the store knows nothing of."""
    models = registry.models()
    if model not in models:
        listed = f"It has {', '.join(models)}." if models else "Nothing was evaluated under a name yet."
        raise RegistryError(f"the store has no model '{model}'.", hint=did_you_mean(model, models) or listed)


def _before(promotions: list[Promotion]) -> Promotion:
    path = way_back(promotions)
    if len(path) < 2:
        first = promotions[-1]
        raise RegistryError(
            f"there is no version before version {first.version} of {first.model}.",
            hint="Name one that was live: --to VERSION. `levada history` lists them."
            if len({item.version for item in promotions}) > 1
            else "It is the first that was ever live: a better one has to be pushed.",
        )
    return path[-2]


def _asked(registry: Registry, promotions: list[Promotion], to: int) -> Promotion:
    found = next((item for item in reversed(promotions) if item.version == to), None)
    if found is not None:
        return found
    model = promotions[-1].model
    lived = _listed({item.version for item in promotions})
    if to in {version.version for version in registry.versions(model)}:
        raise RegistryError(
            f"version {to} of {model} was never live, so there is no going back to it (live were {lived}).",
            hint=f"levada push {model} {to} --to FOLDER brings it there, if it passed its gate.",
        )
    raise RegistryError(f"{model} has no version {to}.", hint=f"Live were {lived}.")


def _let_through(registry: Registry, model: str, number: int, fingerprint: str) -> tuple[list[str], dict[str, Any]]:
    """Return why a version passed its gate, and its candidate; raises RegistryError if it did not."""
    candidate = registry.candidate(model, fingerprint)
    if candidate is None:
        raise RegistryError(
            f"what was said of version {number} of {model} is no longer in the store, so no gate lets it through.",
            hint="Evaluate the model again.",
        )
    decision = registry.decisions(model).get(fingerprint)
    reasons = [str(reason) for reason in candidate.get("reasons") or []]
    why = ""
    if not candidate.get("blessed"):
        why = f"did not pass its gate: {reasons[0] if reasons else 'no reason is on record'}"
    elif decision is not None and decision.get("state") != "approved":
        why = f"was refused{_by(decision)}{': ' + decision['why'] if decision.get('why') else ''}"
    elif decision is None and any(one.fingerprint == fingerprint for one in registry.approvals_asked(model)):
        asked = next(one for one in registry.approvals_asked(model) if one.fingerprint == fingerprint)
        why = f"waits for {f'approval by {asked.by}' if asked.by else 'approval'}"
    if why:
        raise RegistryError(
            f"version {number} of {model} {why}.",
            hint="No version is pushed past its gate. Change that where it is written, and evaluate the model again.",
        )
    if decision is not None:
        reasons.insert(0, f"approved{_by(decision)}")
    return reasons, candidate


def _move(
    store: Store,
    release: Release,
    folders: tuple[str, ...],
    policy: Policy,
    *,
    since: Step | None = None,
    keep: int | None = None,
) -> Done:
    registry = Registry(store)
    done = Done()
    for where in folders:
        folder = ServingFolder(where)
        try:
            with alone(folder):
                if since is not None:
                    _refuse_overtaken(registry, since)
                done.moved[where] = go_live(store, folder, release, policy, thorough=True, keep=keep)
        except (LevadaError, OSError) as error:
            if len(folders) == 1:
                raise
            done.failed[where] = error.message if isinstance(error, LevadaError) else str(error)
    return done


def _refuse_overtaken(registry: Registry, step: Step) -> None:
    live = registry.champion(step.model)
    expected = [(item.version, item.fingerprint) for item in (step.champion, step.target)]
    if live is not None and (live.version, live.fingerprint) not in expected:
        by = f"run {live.release.run}" if live.release.run else live.release.actor
        raise RegistryError(
            f"version {live.version} of {step.model} has gone live meanwhile, by {by}; version {step.champion.version} "
            "is not live any more.",
            hint=f"To take that one back: levada rollback {step.model}; by --to {step.target.version} to version "
            f"{step.target.version}.",
        )


def _by(decision: dict[str, str]) -> str:
    return f" by {decision['by']}" if decision.get("by") else ""


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers)) or "none"
