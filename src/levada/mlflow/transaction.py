"""Several calls to MLflow as one transaction of its database: all of them are kept, or none, at half the price.

MLflow opens a session and commits for each call, and within one: six times for a run with metrics and parameters. Its
store has no public way to join them. So the maker of its sessions is replaced for a moment, for this thread alone; a
store that has none, as behind a server, makes the calls as ever.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient


class RolledBackError(ValueError):
    """MLflow took back a part of what was to be kept as a whole."""


@contextmanager
def one_transaction(client: MlflowClient) -> Iterator[None]:
    """Keep what is told within the block when it ends; nothing of it if anything is raised, or MLflow takes any back.

    Raises what the calls raise, and RolledBackError. The block must not last: others who write wait for its end. One
    within another is a part of that.
    """
    store: Any = getattr(getattr(client, "_tracking_client", None), "store", None)
    make: Any = getattr(store, "ManagedSessionMaker", None)
    if make is None:
        yield
        return
    mine, taken_back = threading.get_ident(), list[bool]()

    def joined(read_only: bool = True) -> Any:
        return nullcontext(session) if threading.get_ident() == mine else make(read_only)

    def refuse() -> None:
        taken_back.append(True)
        raise RolledBackError

    try:
        with make(read_only=False) as session:
            kept = session.commit, session.rollback
            session.commit, session.rollback = session.flush, refuse
            store.ManagedSessionMaker = joined
            try:
                yield
                if taken_back:
                    raise RolledBackError
            finally:
                store.ManagedSessionMaker = make
                session.commit, session.rollback = kept
    except Exception as error:
        if taken_back:
            raise RolledBackError("MLflow took back a part of what it was told.") from error
        raise
