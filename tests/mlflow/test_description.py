"""What runs and versions say of themselves fits into MLflow's pages, whatever is in it."""

from __future__ import annotations

from typing import Any

from levada.markdown import escaped, fitting
from levada.mlflow.description import run_description, version_description
from levada.mlflow.limits import DESCRIPTION, TAG
from levada.mlflow.story import Story
from tests.mlflow.samples import chain, plan_of


def story_of(length: int, **finished: Any) -> Story:
    story = Story.of("run", plan_of(chain, length=length))
    time = "2026-11-23T10:15:02.000+00:00"
    for node in list(story.nodes):
        common = {"node": node, "time": time, "attempt": "a"}
        story.take({"kind": "node_started", "key": "k", **common})
        story.take({"kind": "node_finished", "status": "done", "seconds": 1.25, **common, **finished})
    story.take({"kind": "run_finished", "status": "finished", "seconds": 245.0, "time": time})
    return story


def test_a_run_of_a_thousand_nodes_says_how_many_rows_were_left_out() -> None:
    story = story_of(1000, summary="a | b <script>" * 20)
    text = run_description(story, dict.fromkeys(story.nodes, "f" * 32), "1")

    assert len(text) <= TAG
    assert "more nodes" in text
    assert "1000 nodes: 1000 ran in 4 min 05 s." in text
    assert text.splitlines()[-1].startswith("plan `")
    assert "<script>" not in text


def test_a_version_with_many_slices_stays_within_its_page_and_says_so() -> None:
    data = [[f"carrier = {index:04}", index, None, 0.5] for index in range(2000)]
    candidate = {
        "blessed": False,
        "reasons": ["r" * 5000] * 100,
        "metrics": {"auc": 0.5, "odd": float("nan")},
        "baseline": None,
        "slices": {"columns": ["slice", "rows", "worst", "auc"], "data": data},
    }
    text = version_description(candidate, "run", {"the run": "#/x", "nothing": ""})

    assert len(text) <= DESCRIPTION
    assert text.splitlines()[0] == "Did not pass its gate · auc 0.5 (nothing live to compare with)"
    assert "more slices in the run's slices table." in text
    assert "nothing](" not in text


def test_a_version_with_nothing_but_a_verdict_is_described() -> None:
    assert version_description({"blessed": True}, "run", {}).splitlines()[0] == "Passed its gate"


def test_text_is_never_taken_for_markup() -> None:
    assert escaped("a|b\n<img src=x> `c` *d* [e](f)") == r"a\|b &lt;img src=x\> \`c\` \*d\* \[e\](f)"


def test_lines_are_kept_as_long_as_they_fit() -> None:
    assert fitting(["abc", "de"], 4) == ["abc"]
