"""A plan is diffable: the same pipeline gives the same document, byte for byte."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from tests.golden.everything import everything
from tests.inline import ROOT


def test_a_plan_says_everything_the_same_way_every_time(golden: Any) -> None:
    """Order of nodes, of keys and of parameters; positions; every kind of edge and option."""
    golden("everything.json", everything.plan_from(ROOT, epochs=7).dumps())


def test_another_process_draws_the_same_plan() -> None:
    """Whatever its hash seed."""
    code = (
        "from tests.golden.everything import everything\nfrom tests.inline import ROOT\n"
        "print(everything.plan_from(ROOT, epochs=7).digest)"
    )
    drawn = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert drawn == {everything.plan_from(ROOT, epochs=7).digest}
