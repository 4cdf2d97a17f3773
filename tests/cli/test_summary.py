"""What stands at the end of `levada run`."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from levada import Artifact, Context, Gate, component
from levada.run import Request, run
from levada.store import Store
from levada.terminal.summary import SHOWN_REASONS, show_summary
from tests.inline import one_code, plan_of


class Verdict(Gate):
    """A gate."""


@component
def judge(ctx: Context, *, reasons: int) -> Verdict:
    verdict = ctx.output(Verdict)
    verdict.set_verdict(False, [f"reason {number}" for number in range(1, reasons + 1)])
    return verdict


@component(requires="verdict")
def serve(ctx: Context, verdict: Verdict) -> Artifact:
    return ctx.output(Artifact)


@component
def announce(ctx: Context, served: Artifact) -> None:
    """Wait for what is served."""


def test_each_node_that_was_skipped_is_told_with_the_gate_that_closed_on_it(tmp_path: Path) -> None:
    def judged() -> None:
        announce(serve(judge(reasons=1)))
        serve.with_options(name="serve_net")(judge.with_options(name="judge_net")(reasons=2))

    outcome = run(Request(plan_of(judged, name="judged"), Store(tmp_path / "store"), tmp_path, one_code, {}))
    console = Console(file=io.StringIO(), width=120)
    show_summary(outcome, console, "levada run judged", [], "1a2b")
    assert (
        "  skipped     serve, announce: judge closed the gate: reason 1\n"
        "              serve_net: judge_net closed the gate: reason 1\n"
    ) in console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


@component
def measure(ctx: Context) -> Artifact:
    """Make a table with a name that is too long for a terminal."""
    made = ctx.output(Artifact)
    row = [f"mae, {'a very long name ' * 4}(612 rows)", 0.8231, "[0.812, 0.834]"]
    made.properties["table"] = {"title": "eval", "columns": ["", "this model", "95 % interval"], "data": [row]}
    return made


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_table_keeps_its_numbers_whole_however_narrow_the_terminal(is_terminal: bool, tmp_path: Path) -> None:
    outcome = run(Request(plan_of(measure, name="m"), Store(tmp_path / "store"), tmp_path, one_code, {}))
    console = Console(file=io.StringIO(), width=60, force_terminal=is_terminal, color_system=None)
    show_summary(outcome, console, "levada run m", [], "1a2b")
    lines = console.file.getvalue().splitlines()  # pyright: ignore[reportAttributeAccessIssue]
    (row,) = (line for line in lines if line.startswith("  mae"))
    assert row.endswith("       0.823  [0.812, 0.834]")
    assert ("…" in row, len(row)) == ((True, 60) if is_terminal else (False, 113))
    assert "  eval" in lines  # and no blanks behind it


@pytest.mark.parametrize(("reasons", "left_out"), [(1, 0), (SHOWN_REASONS, 0), (SHOWN_REASONS + 1, 0), (40, 32)])
def test_a_gate_says_its_first_reasons_and_how_many_more_there_are(reasons: int, left_out: int, tmp_path: Path) -> None:
    """One more than are shown takes no more room than saying so."""
    plan = plan_of(lambda: judge(reasons=reasons), name="judged")
    outcome = run(Request(plan, Store(tmp_path / "store"), tmp_path, one_code, {}))
    console = Console(file=io.StringIO(), width=120)
    show_summary(outcome, console, "levada run judged", [], "1a2b")
    shown = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert shown.count("reason ") == reasons - left_out
    assert f"reason {reasons - left_out}\n" in shown
    assert ("more" in shown) == (left_out > 0)
    if left_out:
        assert f"... and {left_out} more" in shown
