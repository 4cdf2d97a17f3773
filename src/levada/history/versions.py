"""Versions of models as the store's registry has them: what each one is, and the words that name one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from levada.artifact import ArtifactRecord
from levada.errors import RegistryError, did_you_mean
from levada.registry import Promotion, Registry
from levada.store import Store

CHAMPION = "champion"

_NAMED = re.compile(r"(?:models:/)?(?P<model>[\w.-]*)(?:@(?P<alias>\w+)|/(?P<version>\d+))")


@dataclass(frozen=True)
class ModelVersion:
    """A version: the artifact that it is, what its evaluation said, and when it was live.

    `version` is None for a candidate that has no number yet.
    """

    model: str
    version: int | None
    fingerprint: str
    record: ArtifactRecord
    candidate: dict[str, Any]
    promotions: tuple[Promotion, ...]
    is_champion: bool

    @property
    def name(self) -> str:
        return f"models:/{self.model}/{self.version if self.version is not None else '?'}"


class Versions:
    """The models of a store's registry."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._registry = Registry(store)

    def models(self) -> list[str]:
        return self._registry.models()

    def all(self) -> Iterator[ModelVersion]:
        """Yield every version and every candidate of every model, numbered ones first."""
        for model in self.models():
            yield from self.of(model)

    def of(self, model: str) -> list[ModelVersion]:
        """Return the versions of a model, oldest first, then the candidates without a number."""
        numbers = {version.fingerprint: version.version for version in self._registry.versions(model)}
        keys = self._store.list(f"registry/{model}/candidates")
        fingerprints = [key.rsplit("/", 1)[1].removesuffix(".json") for key in keys]
        promotions = self._registry.promotions(model)
        found = [self._version(model, each, numbers.get(each), promotions) for each in fingerprints]
        known = [version for version in found if version is not None]
        return sorted(known, key=lambda one: (one.version is None, one.version or 0))

    def _version(
        self, model: str, fingerprint: str, number: int | None, promotions: list[Promotion]
    ) -> ModelVersion | None:
        candidate = self._registry.candidate(model, fingerprint)
        if candidate is None:
            return None
        mine = tuple(promotion for promotion in promotions if promotion.fingerprint == fingerprint)
        live = bool(promotions) and promotions[-1].fingerprint == fingerprint
        # what was really pushed
        record = mine[0].release.champion if mine else ArtifactRecord.from_json(candidate["record"])
        return ModelVersion(model, number, fingerprint, record, candidate, mine, live)

    def find(self, word: str) -> ModelVersion | None:
        """Return the version that `models:/flights/3`, `flights@champion` or `@champion` names, None for other words.

        Raises RegistryError if there is no such model or version.
        """
        match = _NAMED.fullmatch(word)
        if match is None:
            if not word.startswith("models:"):
                return None
            hint = "Write models:/flights/3 or models:/flights@champion."
            raise RegistryError(f"'{word}' names no version of a model.", hint=hint)
        models = self.models()
        if match["alias"] and match["alias"] != CHAMPION:
            hint = did_you_mean(match["alias"], [CHAMPION]).replace(CHAMPION, f"{match['model']}@{CHAMPION}")
            raise RegistryError(
                f"'{word}': the store knows no alias '{match['alias']}'.", hint=hint or f"It knows @{CHAMPION}."
            )
        model = match["model"] or (models[0] if len(models) == 1 else "")
        if model not in models:
            if not word.startswith("models:") and not match["alias"]:
                return None  # it may be something else: a run and a node
            which = f"@{CHAMPION}" if match["alias"] else f"/{match['version']}"
            named = [f"models:/{each}{which}" for each in models]
            listed = f"Write {' or '.join(named)}." if models else "Nothing was evaluated under a name yet."
            unknown = f"the registry has no model '{model}'." if model else "the registry has no models yet."
            raise RegistryError(
                unknown if model or not models else "there are several models: name one.",
                hint=did_you_mean(model, models) or listed,
            )
        versions = self.of(model)
        for version in versions:
            if version.is_champion if match["alias"] else version.version == int(match["version"] or 0):
                return version
        if match["alias"]:
            raise RegistryError(f"nothing of {model} was ever live.", hint="push makes a version the champion.")
        numbers = ", ".join(str(version.version) for version in versions if version.version is not None)
        raise RegistryError(f"{model} has no version {match['version']}.", hint=f"It has {numbers or 'none'}.")
