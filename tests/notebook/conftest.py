"""A notebook without a browser: IPython's own shell in this process, a cell a call."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


class Cells:
    """Executes cells; `cells("x = 1\\nx + 1")` gives 2, and raises what the cell raised."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    def __call__(self, code: str) -> Any:
        done = self.shell.run_cell(dedent(code), store_history=True)
        if done.error_before_exec or done.error_in_exec:
            raise done.error_before_exec or done.error_in_exec
        return done.result

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.shell.user_ns[name] = value


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cells]:
    """A fresh notebook: its names are those of `__main__`, as in a kernel."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    config = Config()
    config.HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    shell.showtraceback = lambda *_, **__: None  # the tests look at the exception itself
    try:
        yield Cells(shell)
    finally:
        InteractiveShell.clear_instance()
