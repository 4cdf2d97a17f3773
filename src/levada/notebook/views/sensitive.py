"""Which columns a notebook shows no values of: those that a schema of the artifact's own run calls sensitive."""

from __future__ import annotations

from levada.artifact import Artifact, origin_of
from levada.store import Store


def sensitive_near(artifact: Artifact) -> frozenset[str]:
    """Return the sensitive columns of the schemas that the run which an artifact belongs to has read or made so far."""
    from levada.history import History
    from levada.reports.of_run import sensitive_in

    home, run_id = origin_of(artifact) or (None, "")
    run = History(home).get(run_id) if isinstance(home, Store) and run_id else None
    return sensitive_in(run) if run is not None else frozenset()
