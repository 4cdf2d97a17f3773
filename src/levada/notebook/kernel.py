"""The process that a notebook runs in: the notebook's name, and what libraries say."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def notebook_name() -> str:
    """Return the name of the notebook's file, as far as it can be known, without its folder."""
    spaces = vars(sys.modules["__main__"])
    named = os.environ.get("JPY_SESSION_NAME") or spaces.get("__vsc_ipynb_file__") or spaces.get("__file__") or ""
    return Path(str(named)).name


def quieten_libraries() -> None:
    """Keep the libraries' own words out of the cells, and telemetry off."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    from levada.terminal.quiet import quieten

    quieten()
