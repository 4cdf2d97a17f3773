"""Several calls to MLflow as one transaction of its database: all of them are kept, or none, at half the price.

MLflow opens a session and commits for each call, and within one: six times for a run with metrics and parameters. Its
store has no public way to join them. So the maker of its sessions is replaced for a moment, for this thread alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient

_alone = threading.RLock()
_open = list[Any]()
"""The stores in a transaction. MLflow has one for all clients of a database, and so for all threads of a process."""


class RolledBackError(ValueError):
    """MLflow took back a part of what was to be kept as a whole."""


def has_transactions(client: MlflowClient) -> bool:
    """Whether calls can be joined; behind a server each is kept by itself."""
    return hasattr(_store(client), "ManagedSessionMaker")


@contextmanager
def one_transaction(client: MlflowClient) -> Iterator[None]:
    """Keep what is told within the block when it ends; nothing of it if anything is raised, or MLflow takes any back.

    Raises what the block raises, and RolledBackError. It must not last: others who write wait for its end. One within
    another is a part of that. Where there are no transactions the calls are made as ever.
    """
    if not has_transactions(client):
        yield
        return
    store = _store(client)
    with _alone:
        if store in _open:
            yield
            return
        store.shut_down_async_logging()  # those who log meanwhile wait for us: we must not wait for them
        _open.append(store)
        try:
            with _joined(store):
                yield
        finally:
            _open.remove(store)


@contextmanager
def _joined(store: Any) -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    taken_back, raised = list[bool](), list[BaseException]()

    def refuse() -> None:
        taken_back.append(True)
        raise RolledBackError

    try:
        with store.ManagedSessionMaker(read_only=False) as session:
            kept = session.commit, session.rollback
            session.commit, session.rollback = session.flush, refuse
            try:
                with (
                    _replaced(store, "ManagedSessionMaker", lambda read_only=True: nullcontext(session)),
                    _replaced(store, "shut_down_async_logging", lambda: None),
                ):
                    yield
                if taken_back:
                    raise RolledBackError
            except BaseException as error:
                raised.append(error)
                raise
            finally:
                session.commit, session.rollback = kept
    except Exception as error:
        if taken_back:
            raise RolledBackError("MLflow took back a part of what it was told.") from error
        if raised and not isinstance(raised[0], SQLAlchemyError):
            raise raised[0] from None  # not what MLflow made of it
        raise


@contextmanager
def _replaced(store: Any, name: str, mine: Callable[..., Any]) -> Iterator[None]:
    """Let a store have another method for this thread."""
    thread, theirs = threading.get_ident(), getattr(store, name)

    def chosen(*given: Any, **named: Any) -> Any:
        return (mine if threading.get_ident() == thread else theirs)(*given, **named)

    setattr(store, name, chosen)
    try:
        yield
    finally:
        setattr(store, name, theirs)


def _store(client: MlflowClient) -> Any:
    return getattr(getattr(client, "_tracking_client", None), "store", None)
