"""The way back: which version a rollback goes to."""

from __future__ import annotations

from collections.abc import Sequence

from levada.registry import Promotion


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
