"""What differs between two nodes, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from levada import Context, component
from levada.artifact import ArtifactRecord
from levada.artifacts import Parameters
from levada.externals import external
from levada.history.changes import NodeFacts, changes
from levada.history.moments import number_text
from levada.history.sources import SourcesNow
from levada.resolved import Resolved, resolve_plan
from levada.store import Store
from tests.arithmetic import Number, make, number
from tests.inline import one_code, plan_of


@component
def count(ctx: Context, *, text: Path, more: list[Path]) -> Number:
    """Count characters of files."""
    return number(ctx, sum(len(path.read_text()) for path in (text, *more)))


def test_a_file_that_changed_is_named_and_not_its_parameter(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    plan = plan_of(lambda: count(text=Path("a.txt"), more=[Path("b.txt")]), name="counting")

    def facts() -> NodeFacts:
        resolved = resolve_plan(plan, Store(tmp_path / "store"), tmp_path, one_code)
        return NodeFacts(plan.node("count"), resolved, {}, SourcesNow({}))

    before = facts()
    (tmp_path / "b.txt").write_text("other")
    (change,) = changes(before, facts())
    assert (change.kind, change.name) == ("data", "more")
    assert change.words.startswith("b.txt changed (sha256 ") and "a.txt" not in change.words


def test_of_parameters_that_an_artifact_gave_the_values_are_told(tmp_path: Path) -> None:
    def graph() -> None:
        parameters = external(Parameters, "made:run/tune:parameters")
        make.with_parameters(parameters)()

    plan = plan_of(graph)

    def facts(**values: float) -> NodeFacts:
        record = ArtifactRecord(Parameters.type_reference(), "", str(values), {"values": dict(values)}, ())
        return NodeFacts(plan.node("make"), Resolved("", code={}), {"**parameters": record}, SourcesNow({}))

    assert [change.words for change in changes(facts(n=2.0), facts(n=3.0))] == ["n 2.0 -> 3.0"]
    assert changes(facts(n=2.0), facts(n=2.0)) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(27.0, "27"), (80790.0, "80,790"), (0.67123, "0.6712"), (1204.53, "1,204.5"), (1e-7, "1e-07"),
     (float("inf"), "inf"), (float("nan"), "nan"), (-3.0, "-3"), (1e20, "1e+20")],
)  # fmt: skip
def test_a_count_is_shown_whole_and_without_powers_of_ten(value: float, text: str) -> None:
    assert number_text(value) == text
