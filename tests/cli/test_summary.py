"""What stands at the end of `levada run`."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from levada import Artifact, Context, component
from levada.run import Request, run
from levada.store import Store
from levada.terminal.summary import SHOWN_REASONS, show_summary
from tests.inline import one_code, plan_of


class Verdict(Artifact):
    is_gate = True


@component
def judge(ctx: Context, *, reasons: int) -> Verdict:
    verdict = ctx.output(Verdict)
    verdict.set_verdict(False, [f"reason {number}" for number in range(1, reasons + 1)])
    return verdict


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
