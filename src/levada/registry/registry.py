"""The store's side of the model registry: candidates, their version numbers, promotions.

    registry/<model>/candidates/<fingerprint>.json   an evaluated model, proposed by `evaluate`
    registry/<model>/versions/<fingerprint>.json     the number that the registry gave it
    registry/<model>/promotions/000001.json ...      what was live when
    registry/<model>/moves/000001.json ...           a serving folder's pointer that is about to be moved
    registry/<model>/orders/000001.json ...          pushes that wait for the registry
    registry/<model>/refused/<fingerprint>.json      why the registry will never number a candidate
    registry/<model>/asked/<fingerprint>.json        an approval that is waited for
    registry/<model>/decided/<fingerprint>.json      what a person said, written once
    registry/<model>/away.json                       why numbers cannot be had just now

Promotions, moves and orders are ledgers (`levada.registry.ledger`); moves and orders come to an end.

MLflow gives the numbers: whoever delivers journals registers the candidates and writes `versions/`.
So a node needs only the store, wherever it runs.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from levada.artifact import ArtifactRecord
from levada.errors import RegistryError
from levada.journal import now
from levada.registry.ledger import Ledger
from levada.registry.records import Move, Order, Promotion, Release, Request, Version
from levada.store import Store

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


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
        self.forget_away(version.model)

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

    def forget_away(self, model: str) -> None:
        """Take that back."""
        self._store.delete(f"{_folder(model)}/away.json")

    def has_unnumbered(self, model: str) -> bool:
        """Whether a candidate has no number."""
        names = [self._store.list(f"{_folder(model)}/{kind}") for kind in ("candidates", "versions")]
        proposed, numbered = ({key.rsplit("/", 1)[1] for key in keys} for keys in names)
        return bool(proposed - numbered)

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

    def models(self) -> list[str]:
        """Return the names of all models that anything was recorded of."""
        return [key.rsplit("/", 1)[1] for key in self._store.list("registry")]

    # -- promotions -----------------------------------------------------------------------------------

    def promotions(self, model: str) -> list[Promotion]:
        """Return every move of the champion alias, oldest first."""
        return self._promotions(model).all()

    def champion(self, model: str) -> Promotion | None:
        """Return the last promotion, None if nothing was ever live."""
        return self._promotions(model).last()

    def promotions_made(self, model: str) -> int:
        """Return how many promotions there are."""
        return self._promotions(model).count()

    def promote(self, release: Release, destination: str) -> Promotion | None:
        """Append a promotion: this is live from now on, at `destination`; None if it is so already."""
        promotions = self._promotions(release.version.model)

        def following(number: int) -> Promotion | None:
            before = promotions.get(number - 1)
            if before is not None and before.is_of(release.version):
                return None
            return Promotion(number, release, destination, now(), before.version if before else None)

        return promotions.append(following)

    # -- moves of serving folders' pointers -----------------------------------------------------------

    def intend(self, release: Release, destination: str) -> Move:
        """Record that a folder's pointer is about to name a version."""
        model = release.version.model
        made = self.promotions_made(model)
        return self._moves(model).append(lambda number: Move(number, release, destination, now(), made))

    def moves(self, model: str) -> list[Move]:
        """Return every move that was intended, oldest first."""
        return self._moves(model).all()

    def moves_to(self, model: str, destination: str) -> list[Move]:
        """Return the moves that were intended of one folder's pointer, oldest first."""
        return [move for move in self.moves(model) if move.destination == destination]

    def unfinished_moves(self, model: str) -> list[Move]:
        """Return the moves that were intended and of whose end nothing is known, oldest first."""
        return self._moves(model).open()

    def finish_move(self, move: Move, status: str) -> None:
        """Record that a move is `done`, or was `dropped` before the pointer named it."""
        self._moves(move.model).end(move, status)

    def destinations(self, model: str) -> list[str]:
        """Return every folder that a model was pushed to, the champion's first, then the newest first."""
        found = [*reversed(self.promotions(model)), *reversed(self.moves(model))]
        return [where for where in dict.fromkeys(entry.destination for entry in found) if where]

    # -- orders: pushes that wait ---------------------------------------------------------------------

    def order(
        self,
        model: str,
        champion: ArtifactRecord,
        challenged: ArtifactRecord | None,
        destination: str,
        reason: str,
        made_by: tuple[str, str, str],
        keep: int | None = None,
        checked: ArtifactRecord | None = None,
    ) -> Order:
        """Record a push that waits for the registry; `made_by` are run, node and attempt."""
        made = self.promotions_made(model)
        return self._orders(model).append(
            lambda number: Order(
                number, model, champion, challenged, destination, reason, *made_by, now(), made, keep, checked
            )
        )

    def orders(self, model: str) -> list[Order]:
        """Return the orders that nothing has become of yet, oldest first."""
        return self._orders(model).open()

    def settled(self, model: str) -> list[Order]:
        """Return the orders that were carried out or dropped, oldest first."""
        return self._orders(model).ended()

    def settle(self, order: Order, status: str, why: str) -> bool:
        """Record what became of an order, `completed` or `dropped`; False if somebody else did before."""
        return self._orders(order.model).end(order, status, why)

    def _promotions(self, model: str) -> Ledger[Promotion]:
        return Ledger(self._store, f"{_folder(model)}/promotions", Promotion)

    def _moves(self, model: str) -> Ledger[Move]:
        return Ledger(self._store, f"{_folder(model)}/moves", Move, ends=True)

    def _orders(self, model: str) -> Ledger[Order]:
        return Ledger(self._store, f"{_folder(model)}/orders", Order, ends=True)

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


def _folder(model: str) -> str:
    if not NAME.fullmatch(model):
        raise RegistryError(f"'{model}' cannot name a registered model.", hint="Use letters, digits, '_', '-' and '.'.")
    return f"registry/{model}"
