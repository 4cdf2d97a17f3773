"""Where boxes stand, and what a picture says."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.picture import graph_page, graph_svg
from levada.picture.layout import GAP_X, fit, lay_out
from levada.plan import External, Node, Output, Plan


def node(name: str, *upstream: str, **options: object) -> Node:
    inputs = {f"i{at}": Output(each, "out") for at, each in enumerate(upstream)}
    return Node(name, f"python:m:{name.replace('/', '_')}", inputs, {}, {"out": "python:m:T"}, **options)  # pyright: ignore[reportArgumentType]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Graphs of up to 25 nodes, each waiting for any of those before it."""
    nodes: list[Node] = []
    for at in range(draw(st.integers(1, 25))):
        upstream = draw(st.sets(st.integers(0, at - 1), max_size=4)) if at else set[int]()
        nodes.append(node(f"n{at}", *(f"n{each}" for each in sorted(upstream))))
    return Plan("p", "python:m:p", {}, tuple(nodes))


@given(st.lists(st.tuples(st.integers(-10_000, 10_000), st.integers(0, 200)), min_size=1, max_size=20))
def test_fitted_positions_keep_their_distances_and_no_shift_of_all_is_nearer(given_: list[tuple[int, int]]) -> None:
    """Least squares under the order: the mean of what was moved is the mean of what was wished."""
    wishes, apart = [wish for wish, _ in given_], [distance for _, distance in given_[1:]]
    placed = fit(wishes, apart)
    assert all(
        right - left >= distance - 1e-6 for left, right, distance in zip(placed, placed[1:], apart, strict=False)
    )
    assert sum(placed) == pytest.approx(sum(wishes), abs=1e-3)


@given(plans())
def test_boxes_of_a_rank_never_overlap_and_lines_lead_down(plan: Plan) -> None:
    """Whatever the graph is."""
    ranks = [[one.id for one in level] for level in plan.levels()]
    edges = [(upper, one.id) for one in plan.nodes for upper in one.upstream]
    widths = {one.id: 40.0 + 7 * len(one.id) for one in plan.nodes}
    placed = lay_out(ranks, edges, widths, 40)
    for rank in ranks:
        row = sorted(rank, key=lambda name: placed.centres[name][0])
        for left, right in pairwise(row):
            apart = placed.centres[right][0] - placed.centres[left][0]
            assert apart >= (widths[left] + widths[right]) / 2 + GAP_X - 1e-6
    for points in placed.lines.values():
        heights = [y for _, y in points]
        assert heights == sorted(heights) and len(set(heights)) == len(heights)
    for name, (x, y) in placed.centres.items():
        assert widths[name] / 2 <= x <= placed.width - widths[name] / 2 and 0 < y < placed.height


def test_a_line_past_a_box_goes_around_it() -> None:
    """a -> c passes the rank of b and d, so it bends there, beside them."""
    plan = Plan("p", "r", {}, (node("a"), node("b", "a"), node("d", "a"), node("c", "a", "b", "d")))
    widths = dict.fromkeys(plan.by_id, 80.0)
    edges = [(upper, one.id) for one in plan.nodes for upper in one.upstream]
    placed = lay_out([[one.id for one in level] for level in plan.levels()], edges, widths, 40)
    (_, (bend, _), _) = placed.lines["a", "c"]
    assert all(abs(bend - placed.centres[name][0]) >= 40 + GAP_X - 1e-6 for name in ("b", "d"))


def test_the_picture_is_whole_xml_with_a_box_a_node_and_what_became_of_it() -> None:
    """Names and messages are text, never markup."""
    schema = Node("check", "python:m:check", {"schema": External("file:a<b>.pbtxt", "python:m:S")}, {}, {"out": "t"})
    plan = Plan("p", "r", {}, (schema, node("inner/train", "check", requires=(Output("check", "out"),))))
    drawn = graph_svg(
        plan, {"check": "done", "inner/train": "failed"}, {"inner/train": "<script>&"}, {"check": "auc 1"}
    )
    tree = ElementTree.fromstring(drawn)
    texts = ["".join(part.itertext()) for part in tree.iter("{http://www.w3.org/2000/svg}text")]
    titles = ["".join(part.itertext()) for part in tree.iter("{http://www.w3.org/2000/svg}title")]
    assert {"check", "inner/train", "✓", "✗", "<script>&", "a<b>.pbtxt"} <= set(texts)
    assert any(title.startswith("check: done") and "auc 1" in title for title in titles)
    assert "prefers-color-scheme: dark" in drawn


def test_nothing_is_fetched_for_a_page() -> None:
    """No address but the name of the SVG format."""
    page = graph_page(graph_svg(Plan("p", "r", {}, (node("a"),))), "p & q")
    assert set(re.findall(r"https?://[^\s\"']+", page)) == {"http://www.w3.org/2000/svg"}
    assert "p &amp; q" in page


@pytest.mark.parametrize("count", [0, 2000])
def test_no_graph_is_too_small_or_too_large(count: int) -> None:
    """Each node waits for its neighbour and for one far away."""
    nodes = [node("n0")] if count else []
    nodes += [node(f"n{at}", *{f"n{at - 1}", f"n{at // 2}"}) for at in range(1, count)]
    drawn = graph_svg(Plan("p", "r", {}, tuple(nodes)))
    assert drawn.count('class="name"') == count
