"""What a run looks like: the drawn graph, the plain lines, the live table, the summary."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from levada.artifact import ArtifactRecord
from levada.failure import Failure, Frame
from levada.plan import External, Node, Output, Plan
from levada.result import Result
from levada.run import Outcome
from levada.terminal.graph import draw_graph
from levada.terminal.lines import LineReader
from levada.terminal.live import LiveReader
from levada.terminal.progress import NodeView
from levada.terminal.summary import show_summary


def node(name: str, *upstream: str, requires: tuple[str, ...] = ()) -> Node:
    inputs: dict[str, Any] = {f"in{index}": Output(up, "output") for index, up in enumerate(upstream)}
    gates = tuple(Output(gate, "output") for gate in requires)
    return Node(name, "python:m:f", inputs=inputs, outputs={"output": "python:m:T"}, requires=gates)


def plan(*nodes: Node) -> Plan:
    return Plan("demo", "python:m:demo", {}, nodes)


DIAMOND = plan(node("a"), node("b", "a"), node("c", "a"), node("d", "b", "c"))


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "time": "2026-01-31T10:00:00.000+00:00", "run": "r", "id": "w:0", **fields}


def finished(name: str, status: str = "done", **fields: Any) -> dict[str, Any]:
    return event("node_finished", node=name, status=status, seconds=1.25, **fields)


def test_a_diamond_is_drawn_with_two_lanes_that_join() -> None:
    """A lane is an output that is still awaited."""
    assert draw_graph(DIAMOND).splitlines()[2:] == [
        "  ●    a",
        "  ├─●  b  ← a",
        "  ● │  c  ← a",
        "  ╰─●  d  ← b, c",
    ]


def test_a_lane_that_is_crossed_is_not_joined() -> None:
    """`c` takes `a`; what passes on the way there goes straight on."""
    drawn = draw_graph(plan(node("a"), node("b"), node("c", "a"), node("d", "b", "a")))
    assert drawn.splitlines()[2:] == [
        "  ●      a",
        "  │ ●    b",
        "  ├─┼─●  c  ← a",
        "  ╰─●    d  ← b, a",
    ]


def test_gates_and_files_are_named_behind_the_node() -> None:
    """What a node requires is no input, and a file is named by its path."""
    check = Node(
        "check",
        "python:m:f",
        inputs={"schema": External("file:schemas/x.pbtxt", "python:m:S")},
        outputs={"output": "t"},
    )
    drawn = draw_graph(plan(check, node("train", requires=("check",))))
    assert "check  ← schemas/x.pbtxt" in drawn and "train  ← if check opens" in drawn


def test_plain_lines_name_start_progress_and_end() -> None:
    """Progress is told at each quarter, not at each step."""
    out = io.StringIO()
    reader = LineReader(DIAMOND, out)
    reader.see(event("node_started", node="a"))
    for done in range(11):
        reader.see(event("progress", node="a", done=done, total=10, message="rows"))
    reader.see(finished("a", summary="10 rows"))
    reader.see(finished("b", "skipped", reason="needs a, which failed"))
    said = [line[10:] for line in out.getvalue().splitlines()]
    assert said == [
        "a  started",
        "a  30%           rows",
        "a  50%           rows",
        "a  80%           rows",
        "a  100%          rows",
        "a  done 1.2 s    10 rows",
        "b  skipped       needs a, which failed",
    ]


def test_the_live_table_has_a_line_a_node() -> None:
    """Waiting nodes say for what, ended ones what came out, a closed gate looks closed."""
    out = io.StringIO()
    reader = LiveReader(DIAMOND, Console(file=out, force_terminal=True, width=100, color_system=None), "demo · run r")
    closed = {"output": {"properties": {"verdict": {"open": False, "reasons": ["too low"]}}}}
    with reader:
        assert out.getvalue() == ""  # a run that does not begin shows nothing
        reader.see(event("run_started"))
        assert out.getvalue().startswith("demo · run r")
        reader.see(finished("a", "cached", summary="10 rows"))
        reader.see(finished("b", outputs=closed))
        reader.see(event("node_started", node="c"))
        reader.see(event("metric", node="c", name="loss", value=0.4821, step=3))
    last = out.getvalue().split("\x1b[2K")[-4:]
    text = "".join(last)
    assert "✓ a" in text and "cached" in text and "10 rows" in text
    assert "✗ b" in text and "loss 0.4821" in text and "waits for c" in text


def test_a_metric_that_the_message_names_is_not_said_twice() -> None:
    view = NodeView("train", message="epoch 2/4 · loss 0.49", metrics={"loss": 0.512, "val_loss": 0.6})
    assert view.said == "epoch 2/4 · loss 0.49 · val_loss 0.6"
    view.message = "epoch 2/4 · val_loss 0.55"  # the places of metrics do not change
    assert view.said == "epoch 2/4 · loss 0.512 · val_loss 0.55"


def test_the_last_picture_of_a_killed_run_has_nothing_that_runs() -> None:
    """And nothing is drawn over what is said after it."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    with LiveReader(DIAMOND, console) as reader:
        reader.see(event("run_started"))
        reader.see(event("node_started", node="a"))
        reader.see(event("run_finished", status="killed"))
        console.print("telling MLflow ...")
    text = out.getvalue()
    last = "".join(text.split("\x1b[2K")[-4:])
    assert "✗ a" in last and "killed" in last
    assert text.index("telling MLflow") > text.rindex("✗ a")


def outcome(code: int, **results: Result) -> Outcome:
    return Outcome("r1", DIAMOND, results, code, 2.0)


def shown(result: Outcome) -> str:
    out = io.StringIO()
    show_summary(result, Console(file=out, width=120, color_system=None), "levada run demo --x 1", ["MLflow is away"])
    return out.getvalue()


def artifact(**properties: Any) -> ArtifactRecord:
    return ArtifactRecord("python:m:T", "/store/x", "d" * 64, properties, ())


def test_the_summary_shows_tables_gates_pushes_and_the_next_command() -> None:
    """They are what artifacts say in their properties."""
    table = {
        "title": "evaluate on eval",
        "columns": ["metric", "this model"],
        "data": [["AUC", 0.68123], ["rows", 26412]],
    }
    text = shown(
        outcome(
            0,
            a=Result("a", "done", outputs={"output": artifact(table=table)}),
            b=Result(
                "b", "cached", outputs={"output": artifact(verdict={"open": True, "reasons": ["AUC 0.68 >= 0.6"]})}
            ),
            c=Result(
                "c", "done", outputs={"output": artifact(destination="serving/x", version=4, model="x", before=3)}
            ),
        )
    )
    assert "run r1 finished in 2.0 s · 2 ran, 1 cached" in text
    assert "0.681" in text and "26,412" in text
    assert "gate b: open   AUC 0.68 >= 0.6" in text
    assert "serving/x/4" in text and "models:/x@champion is version 4 (before: 3)" in text
    assert "MLflow is away" in text
    assert "levada lineage models:/x/4" in text and "levada show r1" in text and "levada ui" in text


def test_the_summary_of_a_failure_shows_the_users_frames_and_what_to_type() -> None:
    """The error comes first, what is kept last."""
    failure = Failure("ValueError", "no such column", (Frame("work/x.py", 7, "f", "row['y']"),), "Traceback ...")
    text = shown(
        outcome(
            1,
            a=Result("a", "done"),
            b=Result("b", "failed", failure=failure),
            d=Result("d", "skipped", reason="needs b, which failed"),
        )
    )
    assert "b failed\nValueError: no such column\n  work/x.py:7   row['y']" in text
    assert "d skipped. a kept." in text
    assert (
        "levada run demo --x 1" in text
        and "starts at b" in text
        and "levada logs r1 b" in text
        and "levada debug r1 b" in text
    )
