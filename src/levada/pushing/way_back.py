"""The way back: which version a rollback goes to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from levada.registry import Promotion, Version


def way_back(promotions: Sequence[Promotion]) -> list[Promotion]:
    """Return the promotions that a rollback goes back through: the champion's last, the one to go back to before it.

    Each push goes on; a step back undoes what came after the version that it went back to. So a second rollback goes
    further back, and not forward to what the first one left.
    """
    path: list[Promotion] = []
    for promotion in promotions:
        if promotion.how != "push":
            place = next((at for at in range(len(path) - 1, -1, -1) if _same(path[at], promotion)), None)
            if place is not None:
                del path[place + 1 :]
                continue
        if not path or not _same(path[-1], promotion):
            path.append(promotion)
    return path


def _same(left: Promotion, right: Promotion) -> bool:
    return (left.fingerprint, left.version) == (right.fingerprint, right.version)


def taken_back(promotions: Sequence[Promotion], version: Version) -> Promotion | None:
    """Return the rollback that took a version back, None if none did or a person has brought it back since."""
    after = [later for earlier, later in pairwise(promotions) if _is(earlier, version)]
    is_live = bool(promotions) and _is(promotions[-1], version)
    return after[-1] if after and not is_live and after[-1].how == "rollback" else None


def _is(promotion: Promotion, version: Version) -> bool:
    return (promotion.fingerprint, promotion.version) == (version.fingerprint, version.version)
