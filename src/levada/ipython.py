"""The shell of IPython that this process may be: a notebook's kernel, or a terminal of it."""

from __future__ import annotations

import sys
from typing import Any


def shell() -> Any:
    """Return IPython's shell if there is one, else None.

    IPython is not imported for that. Beam does so in one thread while another asks: a module that is only half there
    has no shell yet.
    """
    get = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return None if get is None else get()
