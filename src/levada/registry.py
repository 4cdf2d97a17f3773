"""The store's side of the model registry: candidates, their version numbers, promotions.

    registry/<model>/candidates/<fingerprint>.json   an evaluated model, proposed by `evaluate`
    registry/<model>/versions/<fingerprint>.json     the number that the registry gave it
    registry/<model>/promotions/000001.json ...      what was live when, append-only
    registry/<model>/moves/000001.json ...           a serving folder's pointer that is about to be moved, append-only
    registry/<model>/moved/000001.json ...           that a move came to its end, written once
    registry/<model>/orders/000001.json ...          pushes that wait for the registry, append-only
    registry/<model>/settled/000001.json ...         what became of each order, written once
    registry/<model>/refused/<fingerprint>.json      why the registry will never number a candidate
    registry/<model>/asked/<fingerprint>.json        an approval that is waited for
    registry/<model>/decided/<fingerprint>.json      what a person said, written once
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
    `actor` says who moved it where it was not a run's push: "ana@laptop", or "MLflow" for an alias that a person moved
    there. `kind` is "push", "rollback" or "alias".
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
    actor: str = ""
    kind: str = "push"

    @property
    def how(self) -> str:
        """How it went live: `kind`; promotions from before that was written down tell by their actor."""
        return "alias" if self.actor == "MLflow" else self.kind

    @property
    def release(self) -> Release:
        """What went live, as it may go live again."""
        version = Version(self.model, self.fingerprint, self.version, "")
        challenged = ArtifactRecord.from_json(self.challenged) if self.challenged else None
        return Release(version, ArtifactRecord.from_json(self.champion), challenged, self.reason)


@dataclass(frozen=True)
class Release:
    """What is to go live, and on whose word: a run's push, or a person's (`actor`) push or rollback."""

    version: Version
    champion: ArtifactRecord
    challenged: ArtifactRecord | None
    reason: str
    run: str = ""
    actor: str = ""
    kind: str = "push"


@dataclass(frozen=True)
class Move:
    """That a folder's pointer is about to name a version. Whether it came to that, the pointer tells.

    `promotions` is how many there were before: if there are as many still, the move was not recorded as a promotion.
    """

    number: int
    model: str
    version: int
    fingerprint: str
    destination: str
    time: str
    run: str
    reason: str
    champion: dict[str, Any]
    challenged: dict[str, Any] | None
    actor: str
    kind: str
    promotions: int

    @property
    def release(self) -> Release:
        version = Version(self.model, self.fingerprint, self.version, "")
        challenged = ArtifactRecord.from_json(self.challenged) if self.challenged else None
        champion = ArtifactRecord.from_json(self.champion)
        return Release(version, champion, challenged, self.reason, self.run, self.actor, self.kind)


@dataclass(frozen=True)
class Order:
    """A push that waits for the registry: what is to go live where, and on whose word.

    `promotions` is how many promotions there were when it was given: it is void once another model has gone live.
    """

    number: int
    model: str
    fingerprint: str
    champion: dict[str, Any]
    challenged: dict[str, Any] | None
    destination: str
    reason: str
    run: str
    node: str
    attempt: str
    time: str
    promotions: int


@dataclass(frozen=True)
class Request:
    """An approval that a model waits for: of whom (`by`, empty for anybody), and the question."""

    fingerprint: str
    by: str
    question: str
    run: str
    time: str


class Registry:
    """Candidates, versions and promotions of models, as the store has them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def propose(self, model: str, fingerprint: str, candidate: dict[str, Any]) -> None:
        """Record an evaluated model, to be registered under the name `model`.

        One that was proposed before stays the artifact that it was, as long as that is there: an equal one that was
        made later is the same model, and not where it came from.
        """
        before = self.candidate(model, fingerprint)
        if before and before.get("record") and self._store.has(ArtifactRecord.from_json(before["record"])):
            candidate = {**candidate, "record": before["record"]}
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
        folder = _folder(version.model)
        self._store.write(f"{folder}/versions/{version.fingerprint}.json", json.dumps(asdict(version)).encode())
        self._store.delete(f"{folder}/refused/{version.fingerprint}.json")
        self._store.delete(f"{folder}/away.json")

    def refuse(self, model: str, fingerprint: str, why: str) -> None:
        """Record that the registry will never number a candidate, whoever asks."""
        content = json.dumps({"why": why, "time": now()}).encode()
        self._store.write(f"{_folder(model)}/refused/{fingerprint}.json", content)

    def refusal(self, model: str, fingerprint: str) -> str:
        """Return why the registry will not number a candidate, empty if it may."""
        form = self._store.read_json(f"{_folder(model)}/refused/{fingerprint}.json")
        return str(form["why"]) if form else ""

    def say_away(self, model: str, why: str) -> None:
        """Record that the registry cannot give numbers now, so that nobody waits for one."""
        self._store.write(f"{_folder(model)}/away.json", json.dumps({"why": why, "time": time.time()}).encode())

    def await_version(
        self, model: str, fingerprint: str, seconds: float = 180, waiting: Callable[[], None] | None = None
    ) -> Version | None:
        """Return the version of a fingerprint, waiting for the registry to number it; None while it is away.

        A registry that gives no number within `seconds` is taken to be away. Raises RegistryError for a model
        that it refuses.
        """
        started = time.time()
        while True:
            version = self.version(model, fingerprint)
            if version is not None:
                return version
            why = self.refusal(model, fingerprint)
            if why:
                raise RegistryError(
                    f"the registry gives {model} no version number: {why}",
                    hint="Nothing was pushed. After mending it, evaluate the model again (--fresh).",
                )
            away = self._store.read_json(f"{_folder(model)}/away.json")
            if (away and away["time"] >= started - 30) or time.time() - started > seconds:
                return None
            if waiting is not None:
                waiting()
            time.sleep(0.1)

    def promotions(self, model: str) -> list[Promotion]:
        """Return every move of the champion alias, oldest first."""
        return [Promotion(**self._store.read_json(key)) for key in self._store.list(f"{_folder(model)}/promotions")]

    def champion(self, model: str) -> Promotion | None:
        """Return the last promotion, None if nothing was ever live."""
        return self._last_promotion(self._store.list(f"{_folder(model)}/promotions"))

    def promotions_made(self, model: str) -> int:
        """Return how many promotions there are."""
        return len(self._store.list(f"{_folder(model)}/promotions"))

    def models(self) -> list[str]:
        """Return the names of all models that anything was recorded of."""
        return [key.rsplit("/", 1)[1] for key in self._store.list("registry")]

    def _last_promotion(self, keys: list[str]) -> Promotion | None:
        return Promotion(**self._store.read_json(keys[-1])) if keys else None

    def promote(self, release: Release, destination: str) -> Promotion | None:
        """Append a promotion: this is live from now on, at `destination`; None if it is so already."""
        version = release.version
        while True:
            keys = self._store.list(f"{_folder(version.model)}/promotions")
            before = self._last_promotion(keys)
            if before is not None and (before.fingerprint, before.version) == (version.fingerprint, version.version):
                return None
            promotion = Promotion(
                model=version.model,
                version=version.version,
                fingerprint=version.fingerprint,
                destination=destination,
                time=now(),
                run=release.run,
                reason=release.reason,
                champion=release.champion.to_json(),
                challenged=release.challenged.to_json() if release.challenged else None,
                before=before.version if before else None,
                actor=release.actor,
                kind=release.kind,
            )
            content = json.dumps(asdict(promotion), ensure_ascii=False).encode()
            if self._store.create(f"{_folder(version.model)}/promotions/{_next(keys):06d}.json", content):
                return promotion

    # -- moves of serving folders' pointers -----------------------------------------------------------

    def intend(self, release: Release, destination: str) -> Move:
        """Record that a folder's pointer is about to name a version."""
        version = release.version
        while True:
            keys = self._store.list(f"{_folder(version.model)}/moves")
            move = Move(
                number=_next(keys),
                model=version.model,
                version=version.version,
                fingerprint=version.fingerprint,
                destination=destination,
                time=now(),
                run=release.run,
                reason=release.reason,
                champion=release.champion.to_json(),
                challenged=release.challenged.to_json() if release.challenged else None,
                actor=release.actor,
                kind=release.kind,
                promotions=self.promotions_made(version.model),
            )
            content = json.dumps(asdict(move), ensure_ascii=False).encode()
            if self._store.create(f"{_folder(version.model)}/moves/{move.number:06d}.json", content):
                return move

    def moves(self, model: str) -> list[Move]:
        """Return every move that was intended, oldest first."""
        return [Move(**self._store.read_json(key)) for key in self._store.list(f"{_folder(model)}/moves")]

    def unfinished_moves(self, model: str) -> list[Move]:
        """Return the moves that were intended and of whose end nothing is known, oldest first."""
        moved = {key.rsplit("/", 1)[1] for key in self._store.list(f"{_folder(model)}/moved")}
        keys = self._store.list(f"{_folder(model)}/moves")
        return [Move(**self._store.read_json(key)) for key in keys if key.rsplit("/", 1)[1] not in moved]

    def finish_move(self, move: Move, status: str) -> None:
        """Record that a move is `done`, or was `dropped` before the pointer named it."""
        content = json.dumps({"status": status, "time": now()}).encode()
        self._store.create(f"{_folder(move.model)}/moved/{move.number:06d}.json", content)

    def destinations(self, model: str) -> list[str]:
        """Return every folder that a model was pushed to, the champion's first, then the newest first."""
        found = [promotion.destination for promotion in reversed(self.promotions(model))]
        found += [move.destination for move in reversed(self.moves(model))]
        return [where for where in dict.fromkeys(found) if where]

    # -- orders: pushes that wait ---------------------------------------------------------------------

    def order(
        self,
        model: str,
        champion: ArtifactRecord,
        challenged: ArtifactRecord | None,
        destination: str,
        reason: str,
        made_by: tuple[str, str, str],
    ) -> Order:
        """Record a push that waits for the registry; `made_by` are run, node and attempt."""
        run, node, attempt = made_by
        while True:
            keys = self._store.list(f"{_folder(model)}/orders")
            order = Order(
                number=_next(keys),
                model=model,
                fingerprint=champion.identity,
                champion=champion.to_json(),
                challenged=challenged.to_json() if challenged else None,
                destination=destination,
                reason=reason,
                run=run,
                node=node,
                attempt=attempt,
                time=now(),
                promotions=self.promotions_made(model),
            )
            content = json.dumps(asdict(order), ensure_ascii=False).encode()
            if self._store.create(f"{_folder(model)}/orders/{order.number:06d}.json", content):
                return order

    def orders(self, model: str) -> list[Order]:
        """Return the orders that nothing has become of yet, oldest first."""
        settled = {key.rsplit("/", 1)[1] for key in self._store.list(f"{_folder(model)}/settled")}
        keys = self._store.list(f"{_folder(model)}/orders")
        return [Order(**self._store.read_json(key)) for key in keys if key.rsplit("/", 1)[1] not in settled]

    def settled(self, model: str) -> list[Order]:
        """Return the orders that were carried out or dropped, oldest first."""
        names = [key.rsplit("/", 1)[1] for key in self._store.list(f"{_folder(model)}/settled")]
        return [Order(**self._store.read_json(f"{_folder(model)}/orders/{name}")) for name in names]

    def settle(self, order: Order, status: str, why: str) -> bool:
        """Record what became of an order, `completed` or `dropped`; False if somebody else did before."""
        content = json.dumps({"status": status, "why": why, "time": now()}, ensure_ascii=False).encode()
        return self._store.create(f"{_folder(order.model)}/settled/{order.number:06d}.json", content)

    # -- approvals by people --------------------------------------------------------------------------

    def ask_approval(self, model: str, fingerprint: str, by: str, question: str, run: str) -> None:
        """Record that a model waits for a person's word; the newest question counts."""
        form = asdict(Request(fingerprint, by, question, run, now()))
        self._store.write(
            f"{_folder(model)}/asked/{fingerprint}.json", json.dumps(form, ensure_ascii=False).encode(errors="replace")
        )

    def approvals_asked(self, model: str) -> list[Request]:
        """Return the approvals that are waited for."""
        decided = {key.rsplit("/", 1)[1] for key in self._store.list(f"{_folder(model)}/decided")}
        keys = self._store.list(f"{_folder(model)}/asked")
        return [Request(**self._store.read_json(key)) for key in keys if key.rsplit("/", 1)[1] not in decided]

    def decide(self, model: str, fingerprint: str, decision: dict[str, str]) -> bool:
        """Record what a person said of a model (a `Decision` as a dict); False if that was known before."""
        content = json.dumps(decision, ensure_ascii=False).encode(errors="replace")
        return self._store.create(f"{_folder(model)}/decided/{fingerprint}.json", content)

    def decisions(self, model: str) -> dict[str, dict[str, str]]:
        """Return what people said of a model's versions, by fingerprint, in the order of these."""
        keys = self._store.list(f"{_folder(model)}/decided")
        return {key.rsplit("/", 1)[1].removesuffix(".json"): self._store.read_json(key) for key in keys}


def _next(keys: list[str]) -> int:
    """Return the number that follows those of a list of numbered documents."""
    return int(keys[-1].rsplit("/", 1)[1].removesuffix(".json")) + 1 if keys else 1


def _folder(model: str) -> str:
    if not NAME.fullmatch(model):
        raise RegistryError(f"'{model}' cannot name a registered model.", hint="Use letters, digits, '_', '-' and '.'.")
    return f"registry/{model}"
