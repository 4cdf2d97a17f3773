"""A node that runs once per item is one child run, with counts and curves over the list; retries are told."""

from __future__ import annotations

from typing import Any

import pytest

from levada import Context, Many, Values, component, each, gather
from levada.mlflow.labels import _thinned
from levada.retry import Retry
from levada.store import Store
from tests.mlflow.pages import NOTE, curve, first_line, nodes_of, runs_of, versions_of
from tests.mlflow.samples import Examples, ingest, plan_of, run_plan
from tests.mlflow.serving import fit, judge


@component
def seeds(ctx: Context, *, upto: int = 3) -> Values[int]:
    """Numbers below `upto`."""
    out = ctx.output(Values)
    out.put(list(range(upto)))
    return out


@component
def grow(ctx: Context, *, seed: int, refuse: int = -1) -> Examples:
    """A list item that reports a curve and a result, or fails."""
    for step in range(3):
        ctx.metric("height", seed * 10 + step, step=step)
    ctx.metric("even", float(seed % 2 == 0))
    if seed == refuse:
        raise ValueError(f"seed {seed} does not grow")
    made = ctx.output(Examples)
    made.properties["splits"] = {"train": seed}
    return made


@component
def count(ctx: Context, many: Many[Examples]) -> Examples:
    return ctx.output(Examples)


_TRIES: list[int] = []


@component
def stubborn(ctx: Context, *, wanted: int = 3) -> Examples:
    """Fails until it is tried for the `wanted`th time."""
    _TRIES.append(1)
    if len(_TRIES) < wanted:
        raise OSError(f"try {len(_TRIES)} is too early")
    return ctx.output(Examples)


def test_a_mapped_node_is_one_child_with_counts_and_curves_over_the_list(store: Store, uri: str, client: Any) -> None:
    def grown() -> None:
        count(gather(grow(seed=each(seeds(upto=4)))))

    outcome, reader = run_plan(plan_of(grown), store, uri)

    assert (outcome.status, reader and reader.trouble, reader and reader.refused) == ("finished", "", "")
    (parent,) = runs_of(client, "grown")
    children = nodes_of(client, parent)
    assert set(children) == {"seeds", "grow", "count"}
    child = children["grow"]
    assert child.data.tags["levada.items"] == "4 items: 4 done"
    assert {name: child.data.metrics[name] for name in ("items/total", "items/done")} == {
        "items/total": 4,
        "items/done": 4,
    }
    assert curve(client, child, "height") == [(0, 2.0), (1, 12.0), (2, 22.0), (3, 32.0)]
    assert curve(client, child, "even") == [(0, 1.0), (1, 0.0), (2, 1.0), (3, 0.0)]
    assert child.info.status == "FINISHED"
    assert [item.dataset.profile for item in parent.inputs.dataset_inputs].count(
        '{"num_rows": 3, "splits": {"train": 3}}'
    )


def test_items_that_failed_are_named(store: Store, uri: str, client: Any) -> None:
    def grown() -> None:
        grow(seed=each(seeds(upto=3)), refuse=1)

    outcome, reader = run_plan(plan_of(grown), store, uri)

    assert (outcome.status, reader and reader.refused) == ("failed", "")
    (parent,) = runs_of(client, "grown")
    child = nodes_of(client, parent)["grow"]
    assert child.info.status == "FAILED"
    assert child.data.tags["levada.items"] == "3 items: 2 done, 1 failed"
    assert "- 1: ValueError: seed 1 does not grow" in child.data.tags[NOTE]
    assert child.data.metrics["items/failed"] == 1
    assert first_line(parent).startswith("**Failed at grow**")


def test_models_of_items_are_versions_each(store: Store, uri: str, client: Any) -> None:
    def segments() -> None:
        data = ingest()
        judge(fit(data, seed=each(seeds(upto=2))), data)

    outcome, reader = run_plan(plan_of(segments), store, uri)

    assert (outcome.status, reader and reader.trouble, reader and reader.refused) == ("finished", "", "")
    assert {version.tags["levada.fingerprint"] for version in versions_of(client)} == {"fp0", "fp1"}


def test_a_node_that_was_tried_again_says_how_often_and_why(store: Store, uri: str, client: Any) -> None:
    _TRIES.clear()

    def tried() -> None:
        stubborn.with_options(retry=Retry(3, wait=0.01))()

    outcome, _ = run_plan(plan_of(tried), store, uri)

    assert outcome.status == "finished"
    (parent,) = runs_of(client, "tried")
    child = nodes_of(client, parent)["stubborn"]
    assert (child.info.status, child.data.tags["levada.attempts"]) == ("FINISHED", "3")
    note = child.data.tags[NOTE]
    assert "2 failed attempts:" in note
    assert "- attempt 1: OSError: try 1 is too early, again after 0.0 s" in note
    assert "- attempt 2: OSError: try 2 is too early" in note


def test_a_list_of_many_thousand_items_gives_a_thousand_points() -> None:
    points = [(place, float(place)) for place in range(12_345)]
    thinned = _thinned(points)
    assert len(thinned) == 1000
    assert (thinned[0], thinned[-1]) == (points[0], points[-1])
    assert thinned == sorted(set(thinned))
    assert _thinned(points[:1000]) == points[:1000]


@pytest.mark.slow
def test_a_thousand_items_are_told(store: Store, uri: str, client: Any) -> None:
    from levada.artifact import ArtifactRecord
    from levada.journal import Journal
    from levada.mlflow.delivery import deliver_pending

    def grown() -> None:
        grow(seed=each(seeds()))

    plan = plan_of(grown)
    run_id, total = "20261124-101502-7f3d", 3000
    store.write(f"runs/{run_id}/plan.json", plan.dumps().encode())
    journal = Journal(store, run_id)
    journal.append("run_started", pipeline="grown", host="here", user="ana", pid=1)
    journal.append("node_started", node="grow", attempt="", key="", inputs={}, total=total)
    names = [f"i{number:04d}" for number in range(total)]
    for number, item in enumerate(names):
        of = {"node": "grow", "item": item, "attempt": f"a{number}"}
        journal.append("item_started", **of, label=item)
        journal.append("metric", **of, name="size", value=float(number), step=None)
        journal.append("item_finished", **of, label=item, status="done", seconds=0.1, metrics={}, outputs={})
    records = [
        ArtifactRecord("python:m:Examples", f"/u/{item}", "d", {"splits": {"a": 1}}, (), item=item) for item in names
    ]
    output = ArtifactRecord.of_items("python:m:Examples", records).to_json()
    items = {"total": total, "done": total, "cached": 0, "failed": 0, "skipped": 0, "order": names}
    journal.append(
        "node_finished",
        node="grow",
        status="done",
        attempt="",
        key="k",
        seconds=1.0,
        made_by=run_id,
        effects=[],
        metrics={},
        summary="",
        outputs={"output": output},
        items={**items, "labels": {}, "missing": {}},
    )
    journal.append("run_finished", status="finished", exit_code=0, seconds=1.0)

    report = deliver_pending(store, uri)

    assert (report.delivered, report.refused) == ((run_id,), ())
    (parent,) = runs_of(client, "grown")
    child = nodes_of(client, parent)["grow"]
    points = curve(client, child, "size")
    assert len(points) == 1000
    assert (points[0], points[-1]) == ((0, 0.0), (total - 1, float(total - 1)))
    assert len(child.data.tags[NOTE]) <= 8000
