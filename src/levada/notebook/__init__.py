"""Levada in a notebook: calls that run at once, artifacts that draw themselves, components that live in cells.

session    `levada.session(...)`: from then on a call outside a pipeline runs
recorded   the run that a session is: its plan grows by a node a call
code       the digests of code as this process runs it
calls      what a call may be: one as before, not cached, not for this process alone
cells      what a function or class that was defined in a cell reaches
imported   modules whose files have changed since they were imported
kernel     the notebook's name, what libraries say
progress   the line that a cell shows while something runs
returned   made artifacts, or the exception that there is instead
views      what artifacts, plans and runs look like
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from levada.artifact import Artifact
from levada.html import VIEWS
from levada.plan import Plan
from levada.references import NAMERS

BEGAN = time.time()
"""When this process imported Levada, and so at the latest began to import what uses it (seconds since 1970)."""


def _artifact_html(artifact: Artifact, told: Sequence[str]) -> str:
    from levada.notebook.views import html_of

    return html_of(artifact, told)


def _plan_html(plan: Plan) -> str:
    from levada.notebook.views.plan import plan_html

    return plan_html(plan)


def _name(thing: Any) -> str:
    from levada.notebook.code import name_cell

    return name_cell(thing)


VIEWS.update(artifact=_artifact_html, plan=_plan_html)
NAMERS[:] = [_name]
