"""The gates that a node requires: those that its options name, and inputs of its component."""

from __future__ import annotations

from collections.abc import Iterable

from levada.artifact import Gate, place_of
from levada.errors import GateError, Position, WiringError, did_you_mean
from levada.externals import binding_of
from levada.plan import Output
from levada.signature import Signature


def gate_of(gate: object, label: str, position: Position | None) -> Gate:
    """Return what `with_options(requires=...)` was given; raises WiringError for what is no gate of a node."""
    binding = binding_of(gate) if isinstance(gate, Gate) else None
    if not isinstance(gate, Gate) or not (isinstance(binding, Output) or (binding and place_of(gate))):
        raise WiringError(
            f"{label}.with_options(requires=...) wants a gate (an artifact with a verdict), got {type(gate).__name__}.",
            where=position,
            hint="Anomalies, DriftReport, Blessing and ServingCheck are gates; to only wait for a node, use after=.",
        )
    return gate


def check_required(names: Iterable[str], signature: Signature, label: str, where: Position | None) -> None:
    """Raise WiringError unless `@component(requires=...)` names inputs that are one gate each: no other closes."""
    for name in names:
        wanted = signature.inputs.get(name)
        if wanted is None or wanted.many or not all(issubclass(kind, Gate) for kind in wanted.kinds):
            gates = [
                each.name for each in signature.inputs.values() if any(issubclass(kind, Gate) for kind in each.kinds)
            ]
            got = f"{name} is {wanted}" if wanted else f"there is no input '{name}'"
            raise WiringError(
                f"component {label}: requires='{name}' wants an input that is a gate, and {got}.",
                where=where,
                hint=did_you_mean(name, gates) or "A gate is a subclass of Gate.",
            )


def required(gates: Iterable[Gate], label: str, position: Position | None) -> tuple[Output, ...]:
    """Return the gates that a plan must hold; raises GateError for one that an earlier run closed."""
    found: list[Output] = []
    for gate in gates:
        binding = binding_of(gate)
        if isinstance(binding, Output):
            found.append(binding)
        elif place_of(gate) and not gate.open:
            raise GateError(
                f"{label}(...) requires an open gate, and this {type(gate).__name__} is closed"
                + (f": {gate.reasons[0]}." if gate.reasons else "."),
                where=position,
            )
    return tuple(found)
