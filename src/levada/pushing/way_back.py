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
        version = promotion.release.version
        if promotion.release.kind != "push":
            place = next((at for at in range(len(path) - 1, -1, -1) if path[at].is_of(version)), None)
            if place is not None:
                del path[place + 1 :]
                continue
        if not path or not path[-1].is_of(version):
            path.append(promotion)
    return path


def taken_back(promotions: Sequence[Promotion], version: Version) -> Promotion | None:
    """Return the rollback that took a version back, None if none did or a person has brought it back since."""
    after = [later for earlier, later in pairwise(promotions) if earlier.is_of(version)]
    is_live = bool(promotions) and promotions[-1].is_of(version)
    return after[-1] if after and not is_live and after[-1].release.kind == "rollback" else None
