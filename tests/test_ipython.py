"""IPython's shell, whatever became of IPython so far."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from levada.ipython import shell


def test_a_half_imported_ipython_has_no_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one thread finds it while another, Beam's, still imports it."""
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    assert shell() is None
