"""What a user reads when nodes ended otherwise than by returning: what, where, what to type next."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from levada.store import Store
from levada.terminal.summary import show_summary
from tests.golden import ended
from tests.inline import plan_of, run_plan

GRAPHS = [ended.timeout, ended.segfault, ended.exit_code, ended.memory, ended.empty_list, ended.gather_of_failed]


def summary_of(graph: Callable[[], None], store: Store) -> str:
    """Run a graph and return its summary, without what is another each time."""
    shown = io.StringIO()
    outcome = run_plan(plan_of(graph), store)
    console = Console(file=shown, width=120, highlight=False, soft_wrap=True)
    show_summary(outcome, console, f"levada run {graph.__name__}", [], "last")
    text = re.sub(r"\d{8}-\d{6}-[0-9a-f]{4}(-[0-9a-f]{6})?", "<run>", shown.getvalue())
    return re.sub(r" in [\d.]+ (s|min)\b", " in <time>", text).strip() + "\n"


@pytest.mark.slow
@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.__name__)
def test_how_a_node_ended_is_told(graph: Any, golden: Any, tmp_path: Path) -> None:
    """First what went wrong, then the user's own line where there is one, last what to type next."""
    text = summary_of(graph, Store(tmp_path))
    assert "src/levada/" not in text
    assert text.splitlines()[-1].strip().startswith("levada ")
    golden(f"ended/{graph.__name__}.txt", text)


def test_a_process_of_its_own_and_a_store_in_memory_is_told(golden: Any) -> None:
    """They do not go together."""
    golden("ended/store_in_memory.txt", summary_of(ended.segfault, Store("memory://golden-ended")))
