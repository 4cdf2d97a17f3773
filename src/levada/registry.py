"""The store's side of the model registry: candidates, their version numbers, promotions.

    registry/<model>/candidates/<fingerprint>.json   an evaluated model, proposed by `evaluate`
    registry/<model>/versions/<fingerprint>.json     the number that the registry gave it
    registry/<model>/promotions/000001.json ...      what was live when, append-only
    registry/<model>/away.json                       why numbers cannot be had just now

MLflow gives the numbers: whoever delivers journals registers the candidates and writes `versions/`.
So a node needs only the store, wherever it runs.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from levada.artifact import ArtifactRecord
from levada.errors import RegistryError
from levada.journal import now
from levada.store import Store

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Version:
    """A registered version: its number and where the registry knows it."""

    model: str
    fingerprint: str
    version: int
    registry: str


@dataclass(frozen=True)
class Promotion:
    """One move of the `champion` alias: what is live from then on.

    `champion` is the model's record; `challenged` the champion that it was judged against, if there was one.
    """

    model: str
    version: int
    fingerprint: str
    destination: str
    time: str
    run: str
    reason: str
    champion: dict[str, Any]
    challenged: dict[str, Any] | None
    before: int | None


class Registry:
    """Candidates, versions and promotions of models, as the store has them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def propose(self, model: str, fingerprint: str, candidate: dict[str, Any]) -> None:
        """Record an evaluated model, to be registered under the name `model`."""
        self._store.write(
            f"{_folder(model)}/candidates/{fingerprint}.json", json.dumps(candidate, ensure_ascii=False).encode()
        )

    def candidate(self, model: str, fingerprint: str) -> dict[str, Any] | None:
        return self._store.read_json(f"{_folder(model)}/candidates/{fingerprint}.json")

    def version(self, model: str, fingerprint: str) -> Version | None:
        """Return the version that a fingerprint has, None while it has none."""
        form = self._store.read_json(f"{_folder(model)}/versions/{fingerprint}.json")
        return Version(**form) if form else None

    def versions(self, model: str) -> list[Version]:
        """Return all numbered versions of a model, oldest first."""
        keys = self._store.list(f"{_folder(model)}/versions")
        return sorted((Version(**self._store.read_json(key)) for key in keys), key=lambda version: version.version)

    def number(self, version: Version) -> None:
        """Record the number that the registry gave to a candidate; it is available from then on."""
        self._store.write(
            f"{_folder(version.model)}/versions/{version.fingerprint}.json", json.dumps(asdict(version)).encode()
        )
        self._store.delete(f"{_folder(version.model)}/away.json")

    def say_away(self, model: str, why: str) -> None:
        """Record that the registry cannot give numbers now, so that nobody waits for one."""
        self._store.write(f"{_folder(model)}/away.json", json.dumps({"why": why, "time": time.time()}).encode())

    def await_version(
        self, model: str, fingerprint: str, seconds: float = 180, waiting: Callable[[], None] | None = None
    ) -> Version:
        """Return the version of a fingerprint, waiting for the registry to number it.

        Raises RegistryError when the registry is away, or gives no number within `seconds`.
        """
        started = time.time()
        while True:
            version = self.version(model, fingerprint)
            if version is not None:
                return version
            away = self._store.read_json(f"{_folder(model)}/away.json")
            if away and away["time"] >= started - 30:
                raise RegistryError(
                    f"the registry gives {model} no version number: {away['why']}",
                    hint="Nothing was pushed. When the registry is back, run again: everything else is cached.",
                )
            if time.time() - started > seconds:
                raise RegistryError(
                    f"the registry gave {model} no version number within {seconds:.0f} s.",
                    hint="Nothing was pushed. Is the run's own process still alive? It registers the versions.",
                )
            if waiting is not None:
                waiting()
            time.sleep(0.1)

    def promotions(self, model: str) -> list[Promotion]:
        """Return every move of the champion alias, oldest first."""
        return [Promotion(**self._store.read_json(key)) for key in self._store.list(f"{_folder(model)}/promotions")]

    def champion(self, model: str) -> Promotion | None:
        """Return the last promotion, None if nothing was ever live."""
        keys = self._store.list(f"{_folder(model)}/promotions")
        return Promotion(**self._store.read_json(keys[-1])) if keys else None

    def promote(
        self,
        model: str,
        version: Version,
        destination: str,
        champion: ArtifactRecord,
        challenged: ArtifactRecord | None,
        run: str,
        reason: str,
    ) -> Promotion:
        """Append a promotion: `champion` is live as `version` from now on."""
        while True:
            keys = self._store.list(f"{_folder(model)}/promotions")
            before = self.champion(model)
            promotion = Promotion(
                model=model,
                version=version.version,
                fingerprint=version.fingerprint,
                destination=destination,
                time=now(),
                run=run,
                reason=reason,
                champion=champion.to_json(),
                challenged=challenged.to_json() if challenged else None,
                before=before.version if before else None,
            )
            number = int(keys[-1].rsplit("/", 1)[1].removesuffix(".json")) + 1 if keys else 1
            content = json.dumps(asdict(promotion), ensure_ascii=False).encode()
            if self._store.create(f"{_folder(model)}/promotions/{number:06d}.json", content):
                return promotion


def _folder(model: str) -> str:
    if not NAME.fullmatch(model):
        raise RegistryError(f"'{model}' cannot name a registered model.", hint="Use letters, digits, '_', '-' and '.'.")
    return f"registry/{model}"
