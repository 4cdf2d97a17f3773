"""Pushes that wait for the registry, carried out when it is back: once, and never out of order."""

from __future__ import annotations

from pathlib import Path

from levada.errors import LevadaError, StoreError
from levada.journal import Journal, Tail
from levada.pushing.way_back import taken_back
from levada.registry import Order, Promotion, Registry, Version
from levada.store import Store


def has_orders(store: Store) -> bool:
    """Whether a push of this store waits for the registry."""
    registry = Registry(store)
    return any(registry.orders(model) for model in registry.models())


def settle_orders(store: Store, root: Path | None = None) -> list[str]:
    """Carry out the orders whose models have their numbers now, drop those that are void; return a line for each.

    An order whose model has no number yet stays. `root` is the project's folder, by whose settings is signed.
    """
    registry = Registry(store)
    said: list[str] = []
    for model in registry.models():
        orders = registry.orders(model)
        for place, order in enumerate(orders):
            said += _settle(store, registry, order, orders[place + 1 :], root)
    return said


def _settle(store: Store, registry: Registry, order: Order, later: list[Order], root: Path | None) -> list[str]:
    journal = Journal(store, order.run)
    why = _void(registry, order, later) or registry.refusal(order.model, order.fingerprint)
    if why:
        return _drop(journal, store, registry, order, why)
    version = registry.version(order.model, order.fingerprint)
    if version is None:
        return []
    try:
        return _carry_out(journal, store, registry, order, version, root)
    except (StoreError, OSError) as error:
        return [f"{_the_push(order)} still waits: {error.message if isinstance(error, StoreError) else error}"]
    except LevadaError as error:
        return _drop(journal, store, registry, order, error.message)


def _the_push(order: Order) -> str:
    return f"The push of {order.model} to {order.destination} that run {order.run} left pending"


def _void(registry: Registry, order: Order, later: list[Order]) -> str:
    """Return why an order must not be carried out any more, empty if it may."""
    other = next((item for item in later if _supersedes(item, order)), None)
    if other is not None:
        return f"the push of run {other.run} came after it"
    version = registry.version(order.model, order.fingerprint)
    taken = taken_back(registry.promotions(order.model), version) if version is not None else None
    if taken is not None:
        return f"{taken.release.actor} has taken that version back"
    champion = registry.champion(order.model)
    if champion is None or champion.fingerprint == order.fingerprint:
        return ""
    if registry.promotions_made(order.model) > order.promotions:
        by = f"run {champion.release.run}" if champion.release.run else champion.release.actor
        return f"version {champion.version} was promoted since, by {by}"
    return ""


def _supersedes(later: Order, earlier: Order) -> bool:
    """Whether a later order makes an earlier one pointless; one model may go to several places."""
    return later.fingerprint != earlier.fingerprint or later.destination == earlier.destination


def _drop(journal: Journal, store: Store, registry: Registry, order: Order, why: str) -> list[str]:
    _announce(journal, store, order, "push_settled", status="dropped", why=why)
    registry.settle(order, "dropped", why)
    return [f"{_the_push(order)} is dropped: {why}."]


def _carry_out(
    journal: Journal, store: Store, registry: Registry, order: Order, version: Version, root: Path | None
) -> list[str]:
    from levada.artifacts.pushed import ServingFolder
    from levada.pushing.moves import go_live
    from levada.pushing.placement import alone
    from levada.signing import policy_of

    folder = ServingFolder(order.destination)
    with alone(folder):
        why = _void(registry, order, [])  # another push may have been in the folder until now
        if why:
            return _drop(journal, store, registry, order, why)
        go_live(store, folder, order.release(version), policy_of(root), keep=order.keep)
    live = registry.champion(order.model)
    if live is not None and _is_by(order, live):
        _announce(
            journal,
            store,
            order,
            "promoted",
            version=version.version,
            alias="champion",
            before=live.before,
            reason=order.reason,
        )
    _announce(journal, store, order, "push_settled", status="completed", why="", version=version.version)
    registry.settle(order, "completed", "")
    return [f"{_the_push(order)} is done: version {version.version} is live there."]


def _is_by(order: Order, promotion: Promotion) -> bool:
    return (promotion.fingerprint, promotion.release.run, promotion.destination) == (
        order.fingerprint,
        order.run,
        order.destination,
    )


def _announce(journal: Journal, store: Store, order: Order, kind: str, **fields: object) -> None:
    """Journal what became of an order in the run that gave it, unless an attempt that was cut off did so."""
    for event in Tail(store, order.run).poll():
        if (event["kind"], event.get("order")) == (kind, order.number) and event.get("model") == order.model:
            return
    journal.append(
        kind,
        node=order.node,
        attempt=order.attempt,
        model=order.model,
        fingerprint=order.fingerprint,
        destination=order.destination,
        order=order.number,
        **fields,
    )
