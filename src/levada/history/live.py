"""What was live when: the promotions of a model as stretches of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from levada.journal import Tail
from levada.registry import Registry
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
            kind=promotion.release.kind,
            by=promotion.release.actor or by(promotion.release.run),
            reason=promotion.release.reason,
            run=promotion.release.run,
            before=promotion.before,
            destination=promotion.destination,
        )
        for promotion, end in zip(promotions, [*ends, None], strict=True)
    ]


def actor_in(store: Store) -> Callable[[str], str]:
    """Return what tells the user that started a run, as `ana@laptop`; a run is read once."""

    @cache
    def by(run: str) -> str:
        started: dict[str, Any] = next(
            (event for event in Tail(store, run).poll() if event["kind"] == "run_started"), {}
        )
        return f"{started.get('user', '?')}@{started.get('host', '?')}"

    return by
