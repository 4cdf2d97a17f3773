"""What was live when: the promotions of a model as stretches of time, and the way back through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from levada.journal import Tail
from levada.registry import Promotion, Registry
from levada.store import Store


@dataclass(frozen=True)
class Stretch:
    """A time in which one version was live: from `since` until `until` (ISO 8601, UTC; None: it is live).

    `kind` is how it came there: push, rollback, or alias (moved in MLflow). `by` is who did it, `run` the run that
    pushed it, `before` the version that it took over from.
    """

    version: int
    fingerprint: str
    since: str
    until: str | None
    kind: str
    by: str
    reason: str
    run: str
    before: int | None
    destination: str

    def has(self, moment: datetime) -> bool:
        """Whether the version was live then."""
        begun = datetime.fromisoformat(self.since) <= moment
        return begun and (self.until is None or moment < datetime.fromisoformat(self.until))


def stretches(store: Store, model: str) -> list[Stretch]:
    """Return what was live when, oldest first; empty if nothing of the model was ever live."""
    promotions = Registry(store).promotions(model)
    ends: list[str | None] = [promotion.time for promotion in promotions[1:]]
    by = actor_in(store)
    return [
        Stretch(
            version=promotion.version,
            fingerprint=promotion.fingerprint,
            since=promotion.time,
            until=end,
            kind=kind_of(promotion),
            by=promotion.actor or by(promotion.run),
            reason=promotion.reason,
            run=promotion.run,
            before=promotion.before,
            destination=promotion.destination,
        )
        for promotion, end in zip(promotions, [*ends, None], strict=True)
    ]


def kind_of(promotion: Promotion) -> str:
    """Return how a version came to be live; promotions from before that was written down tell by their actor."""
    return "alias" if promotion.actor == "MLflow" else promotion.kind


def actor_in(store: Store) -> Callable[[str], str]:
    """Return what tells the user that started a run, as `ana@laptop`; a run is read once."""

    @cache
    def by(run: str) -> str:
        started: dict[str, Any] = next(
            (event for event in Tail(store, run).poll() if event["kind"] == "run_started"), {}
        )
        return f"{started.get('user', '?')}@{started.get('host', '?')}"

    return by


def way_back(promotions: Sequence[Promotion]) -> list[Promotion]:
    """Return the promotions that a rollback goes back through: the champion's last, the one to go back to before it.

    Each push goes on; a step back undoes what came after the version that it went back to. So a second rollback goes
    further back, and not forward to what the first one left.
    """
    path: list[Promotion] = []
    for promotion in promotions:
        if kind_of(promotion) != "push":
            place = next((at for at in range(len(path) - 1, -1, -1) if _same(path[at], promotion)), None)
            if place is not None:
                del path[place + 1 :]
                continue
        if not path or not _same(path[-1], promotion):
            path.append(promotion)
    return path


def _same(left: Promotion, right: Promotion) -> bool:
    return (left.fingerprint, left.version) == (right.fingerprint, right.version)
