"""Where the boxes and lines of a layered graph stand: rank by rank from the top, lines bent around boxes.

The method is Sugiyama's (Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system
structures", 1981): ranks by longest path, an invisible place in each rank that a line passes, an order within ranks
by the barycenters of neighbours, and then columns that are as near to the neighbours as the order and the widths allow
(a least-squares fit under order constraints, by pooling adjacent violators).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Key = Hashable
Edge = tuple[Key, Key]

GAP_X, GAP_Y = 24.0, 46.0
BEND_WIDTH = 8.0
SWEEPS = 8
MOST_BENDS = 20_000  # beyond that, long lines go straight: the picture is too large to be followed by eye anyway


@dataclass(frozen=True)
class Layout:
    """Centres of boxes, and the points that each line goes through, in pixels from the upper left corner."""

    width: float
    height: float
    centres: Mapping[Key, tuple[float, float]]
    lines: Mapping[Edge, Sequence[tuple[float, float]]]


def lay_out(
    ranks: Sequence[Sequence[Key]], edges: Sequence[Edge], widths: Mapping[Key, float], height: float
) -> Layout:
    """Place boxes of the given widths and one height; `edges` lead from lower to higher ranks."""
    rows, segments, bends = _with_bends(ranks, edges)
    wide = {key: widths.get(key, BEND_WIDTH) for row in rows for key in row}
    above: dict[Key, list[Key]] = {key: [] for key in wide}
    below: dict[Key, list[Key]] = {key: [] for key in wide}
    for upper, lower in segments:
        below[upper].append(lower)
        above[lower].append(upper)
    _order(rows, above, below)
    columns = _columns(rows, above, below, wide)
    left = min((columns[key] - wide[key] / 2 for key in wide), default=0.0) - GAP_X
    right = max((columns[key] + wide[key] / 2 for key in wide), default=0.0) + GAP_X
    step = height + GAP_Y
    centres = {
        key: (columns[key] - left, GAP_Y / 2 + height / 2 + rank * step) for rank, row in enumerate(rows) for key in row
    }
    lines = {edge: [centres[edge[0]], *(centres[bend] for bend in bends[edge]), centres[edge[1]]] for edge in edges}
    return Layout(right - left, len(rows) * step, {key: centres[key] for row in ranks for key in row}, lines)


def _with_bends(
    ranks: Sequence[Sequence[Key]], edges: Sequence[Edge]
) -> tuple[list[list[Key]], list[Edge], dict[Edge, list[Key]]]:
    """Return the rows with a place for every line that passes, the lines cut at those, and the cuts of each line."""
    rank_of = {key: rank for rank, row in enumerate(ranks) for key in row}
    rows: list[list[Key]] = [list(row) for row in ranks]
    total = sum(rank_of[lower] - rank_of[upper] - 1 for upper, lower in edges)
    segments: list[Edge] = []
    bends: dict[Edge, list[Key]] = {}
    shared: dict[tuple[Key, int], Key] = {}  # lines from one box run together until they part
    for upper, lower in edges:
        passed: list[Key] = []
        if total <= MOST_BENDS:
            for rank in range(rank_of[upper] + 1, rank_of[lower]):
                if (upper, rank) not in shared:
                    shared[upper, rank] = ("bend", upper, rank)
                    rows[rank].append(shared[upper, rank])
                passed.append(shared[upper, rank])
        bends[upper, lower] = passed
        segments += list(zip([upper, *passed], [*passed, lower], strict=True))
    return rows, list(dict.fromkeys(segments)), bends


def _order(rows: list[list[Key]], above: Mapping[Key, list[Key]], below: Mapping[Key, list[Key]]) -> None:
    """Sort each row by where the neighbours stand, down and up again, in place."""
    place = {key: float(at) for row in rows for at, key in enumerate(row)}
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        neighbours = above if downwards else below
        for row in rows if downwards else reversed(rows):
            wish = {key: _mean([place[each] for each in neighbours[key]], place[key]) for key in row}
            row.sort(key=lambda key: (wish[key], place[key]))
            for at, key in enumerate(row):
                place[key] = float(at)


def _columns(
    rows: list[list[Key]], above: Mapping[Key, list[Key]], below: Mapping[Key, list[Key]], wide: Mapping[Key, float]
) -> dict[Key, float]:
    """Return the column of each centre: near its neighbours, in the order of its row, without overlaps."""
    columns: dict[Key, float] = {}
    for row in rows:
        total = sum(wide[key] + GAP_X for key in row)
        at = -total / 2
        for key in row:
            columns[key] = at + (wide[key] + GAP_X) / 2
            at += wide[key] + GAP_X
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            near = above if sweep % 2 == 0 else below
            wishes = [_mean([columns[each] for each in near[key]], columns[key]) for key in row]
            apart = [(wide[one] + wide[other]) / 2 + GAP_X for one, other in pairwise(row)]
            columns |= zip(row, fit(wishes, apart), strict=True)
    return columns


def fit(wishes: Sequence[float], apart: Sequence[float]) -> list[float]:
    """Return the positions nearest to `wishes` (least squares), each `apart` from the next at least."""
    offsets = [0.0]
    for distance in apart:
        offsets.append(offsets[-1] + distance)
    pools: list[tuple[float, int]] = []  # mean and count; means must not fall
    for wish, offset in zip(wishes, offsets, strict=True):
        mean, count = wish - offset, 1
        while pools and pools[-1][0] > mean:
            other, many = pools.pop()
            mean, count = (mean * count + other * many) / (count + many), count + many
        pools.append((mean, count))
    level = [mean for mean, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(level, offsets, strict=True)]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
