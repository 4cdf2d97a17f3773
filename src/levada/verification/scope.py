"""What a verification is about: the whole store, a run, a registered version, an artifact."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from levada.artifact import ArtifactRecord
from levada.errors import StoreError
from levada.history import History
from levada.registry import Registry
from levada.store import Store

MODEL = re.compile(r"models:/(?P<model>[^/@]+)(?:/(?P<version>\d+)|@(?P<alias>\w+))")


@dataclass
class Scope:
    """Which keys and records are meant; everything if all is empty.

    `prefixes` are of documents and artifacts, `models` (name and version) of destinations to look at as well,
    `destinations` of those to look at with every version.
    """

    prefixes: tuple[str, ...] = ()
    artifact: str = ""
    models: frozenset[tuple[str, int]] = field(default_factory=frozenset[tuple[str, int]])
    destinations: frozenset[str] = frozenset()

    @property
    def is_everything(self) -> bool:
        return not self.prefixes and not self.artifact and not self.models and not self.destinations

    def has_document(self, key: str) -> bool:
        """Whether a document is to be checked itself, with all that it names."""
        return self.is_everything or key.startswith(self.prefixes or ("\0",))

    def has_record(self, record: ArtifactRecord, store: Store) -> bool:
        """Whether an artifact is meant, whoever names it: the one asked for, one below a folder, one with a file."""
        if not self.artifact:
            return False
        key = store.key_of(record.uri) or record.uri
        inside = self.artifact.removeprefix(f"{key}/")
        return f"{key}/".startswith(f"{self.artifact}/") or (
            inside != self.artifact and any(entry.path.startswith(inside) for entry in record.files)
        )


def scope_of(store: Store, target: str) -> Scope:
    """Return what a target means; raises StoreError, with a suggestion, for one that the store does not have."""
    if not target:
        return Scope()
    if target.startswith("models:"):
        return _of_model(store, target)
    if store.list(f"runs/{target}"):
        return Scope((f"runs/{target}/",))
    key = _key(store, target)
    if key.startswith("runs/") and store.list(key):
        return Scope((f"{key}/",))
    if key.startswith("artifacts/") and (store.list(key) or store.read(key) is not None or _is_named(store, key)):
        return Scope(artifact=key)
    served = _destination(store, target)
    if served:
        return Scope(destinations=frozenset({served}))
    if "/" not in target:
        return _of_word(store, target)
    raise StoreError(
        f"{store.uri} has no {target}.",
        hint="Name a run, a model, models:/NAME/VERSION, a serving folder, or the folder of an artifact.",
    )


def _destination(store: Store, target: str) -> str:
    """Return the folder that models were pushed to which a path or URI means, empty if it is none."""
    from pathlib import Path

    where = target.rstrip("/") if "://" in target else str(Path(target).absolute())
    registry = Registry(store)
    return where if any(where in registry.destinations(model) for model in registry.models()) else ""


def _of_word(store: Store, word: str) -> Scope:
    """Return what a word without a slash means: a model's served versions, a run, or both if they are called alike."""
    registry = Registry(store)
    if word not in registry.models():
        return Scope((f"runs/{History(store).find(word).id}/",))
    versions = frozenset((word, version.version) for version in registry.versions(word))
    last = next(History(store).newest(word), None)
    return Scope((f"runs/{last.id}/",) if last is not None else (), models=versions)


def _is_named(store: Store, key: str) -> bool:
    """Whether a key looks like an artifact's: its files may all be gone."""
    return len(key.split("/")) >= 4


def _key(store: Store, target: str) -> str:
    target = target.rstrip("/")
    inside = store.key_of(target)
    if inside is not None:
        return inside
    if "://" in target or store.local is None:
        return store.key_of(target) or target
    from pathlib import Path

    path = Path(target).absolute()
    return path.relative_to(store.local).as_posix() if path.is_relative_to(store.local) else target


def _of_model(store: Store, target: str) -> Scope:
    match = MODEL.fullmatch(target)
    if match is None:
        raise StoreError(f"'{target}' names no version.", hint="Write models:/NAME/3 or models:/NAME@champion.")
    model, registry = match["model"], Registry(store)
    promotions = registry.promotions(model)
    if match["alias"]:
        champion = promotions[-1] if promotions and match["alias"] == "champion" else None
        if champion is None:
            raise StoreError(f"the store knows no {match['alias']} of {model}.", hint="It knows @champion and numbers.")
        fingerprint, number = champion.fingerprint, champion.version
    else:
        number = int(match["version"])
        found = [version for version in registry.versions(model) if version.version == number]
        if not found:
            known = ", ".join(str(version.version) for version in registry.versions(model)) or "none"
            raise StoreError(f"the store has no version {number} of {model}.", hint=f"It has {known}.")
        fingerprint = found[0].fingerprint
    # The run that made it has all that it was made from; those that promoted it, what it was judged by.
    runs = {promotion.release.run for promotion in promotions if promotion.fingerprint == fingerprint}
    candidate = registry.candidate(model, fingerprint)
    if candidate:
        runs.add(ArtifactRecord.from_json(candidate["record"]).producer.partition("/")[0])
    documents = [f"registry/{model}/{kind}/{fingerprint}.json" for kind in ("candidates", "versions")]
    prefixes = (*documents, *(f"runs/{run}/" for run in sorted(runs) if run))
    return Scope(prefixes, models=frozenset({(model, number)}))
