"""What a user reads when something is wrong: what was wanted, what came, where, and what to do next."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from levada.component import component_of
from levada.errors import LevadaError
from levada.node import run_node
from levada.plan import Plan
from levada.store import Store
from tests import arithmetic
from tests.golden import failing, wrong
from tests.inline import begin, plan_of, run_nodes, run_plan

BY_RUNNING = ("missing_schema_file", "missing_package")
DRAWN = [
    function
    for name, function in vars(wrong).items()
    if inspect.isfunction(function) and function.__module__ == wrong.__name__ and name not in BY_RUNNING
]


def text_of(work: Callable[[], Any]) -> str:
    """Return what a user sees of the error that `work` raises."""
    with pytest.raises(LevadaError) as caught:
        work()
    return f"{type(caught.value).__name__}: {caught.value}\n"


@pytest.mark.parametrize("graph", DRAWN, ids=lambda graph: graph.__name__)
def test_a_mistake_in_a_pipeline_is_told_when_it_is_drawn(graph: Any, golden: Any) -> None:
    """With the line of the user's own file, before anything runs."""
    text = text_of(lambda: plan_of(graph))
    assert "tests/golden/wrong.py:" in text
    golden(f"errors/{graph.__name__}.txt", text)


@pytest.mark.parametrize("name", BY_RUNNING)
def test_what_is_missing_is_told_before_the_first_node_runs(name: str, golden: Any, tmp_path: Path) -> None:
    """A file, a package: at the node that wants it."""
    plan, store = plan_of(getattr(wrong, name)), Store(tmp_path)

    def work() -> None:
        begin(plan, store)
        for node in plan.nodes:
            run_node(plan, node.id, "run-1", store)

    golden(f"errors/{name}.txt", text_of(work).replace(str(Path.cwd()), "<project>"))


def drawn_for(component: Any) -> Plan:
    """Draw a pipeline that runs a component, on examples if it takes some."""

    def graph() -> None:
        inputs = [failing.ingest()] if component.signature.inputs else []
        component.with_options(name="the_node")(*inputs)

    return plan_of(graph)


@pytest.mark.parametrize(
    "component",
    [thing for thing in vars(failing).values() if component_of(thing) and thing is not failing.ingest],
    ids=lambda component: component.function.__name__,
)
def test_a_mistake_in_a_component_is_told_when_it_runs(component: Any, golden: Any, tmp_path: Path) -> None:
    """The user's own exception, with the lines of the user's own code and no others."""
    plan, store = drawn_for(component), Store(tmp_path)
    failure = run_nodes(plan, store)["the_node"].failure
    assert failure is not None
    lines = [f"{failure.type}: {failure.message}"]
    lines += [f"  {frame.file}:{frame.line} {frame.function}   {frame.text}" for frame in failure.frames]
    text = "\n".join(lines).replace(str(tmp_path), "<store>")
    golden(f"errors/{component.function.__name__}.txt", re.sub(r"run-1-\w{6}", "<attempt>", text) + "\n")


# -- the store ------------------------------------------------------------------------------------------


def ingested() -> None:
    failing.ingest()


def test_a_store_below_a_file_is_told_before_anything_runs(golden: Any, tmp_path: Path) -> None:
    """A wrong --store is the commonest reason why nothing can be written."""
    (tmp_path / "notes.txt").touch()
    store = Store(tmp_path / "notes.txt" / "store")
    text = text_of(lambda: run_plan(plan_of(ingested), store))
    golden(
        "errors/store_below_a_file.txt", re.sub(r"\d{8}-\d{6}-\w+", "<run>", text.replace(str(tmp_path), "<folder>"))
    )


def test_a_store_that_may_not_be_written_is_told(golden: Any) -> None:
    """/proc takes no files, whoever asks."""
    text = text_of(lambda: run_plan(plan_of(ingested), Store("/proc/levada")))
    golden("errors/store_unwritable.txt", re.sub(r"\d{8}-\d{6}-\w+", "<run>", text))


def test_a_store_on_an_unknown_file_system_is_told(golden: Any) -> None:
    """A protocol that fsspec does not know, or knows only with an extra."""
    golden("errors/store_of_no_kind.txt", text_of(lambda: Store("nosuch://bucket/x").read("a")))


def test_an_artifact_changed_in_the_store_is_told(golden: Any, tmp_path: Path) -> None:
    """By the node that wants to read it; the hint makes it again."""
    store = Store(tmp_path)

    def reading() -> None:
        arithmetic.read(arithmetic.make(n=7))

    plan = plan_of(reading)
    begin(plan, store)
    made = run_node(plan, "make", "run-1", store)
    path = store.fetch(made.outputs["output"]) / "number.json"
    path.write_text("7000")
    failure = run_node(plan, "read", "run-1", store).failure
    assert failure is not None
    text = f"{failure.type}: {failure.message}\n".replace(str(tmp_path), "<store>")
    golden("errors/artifact_changed.txt", re.sub(r"run-1-\w{6}", "<attempt>", text))


def test_a_node_of_no_run_is_told(golden: Any, tmp_path: Path) -> None:
    """`levada node` with a run id of another store."""
    text = text_of(lambda: run_node(plan_of(ingested), "ingest", "run-9", Store(tmp_path)))
    golden("errors/no_such_run.txt", text.replace(str(tmp_path), "<store>"))


def test_every_golden_text_belongs_to_a_test(request: pytest.FixtureRequest) -> None:
    """A text that nothing is held against says nothing."""
    source = Path(__file__).read_text()
    known = {function.__name__ for function in DRAWN} | set(BY_RUNNING)
    known |= {name for name, thing in vars(failing).items() if component_of(thing)}
    known |= set(re.findall(r'"errors/(\w+)\.txt"', source))
    assert {path.stem for path in Path(__file__).parent.glob("errors/*.txt")} <= known
