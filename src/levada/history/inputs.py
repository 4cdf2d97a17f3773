"""What a node was given in a run, whole lists too."""

from __future__ import annotations

from levada.node import RunView
from levada.node.key import Inputs, call_of, records_of
from levada.plan import Each, Given, Node
from levada.values import Json


def inputs_of(view: RunView, node: Node) -> Inputs:
    """Return the records of a node's inputs, of what gave it parameters too; of a mapped node the lists it runs over.

    Raises PlanError if what should have made one has not ended.
    """
    found = dict(call_of(view, node).inputs)
    for name, binding in node.inputs.items():
        source = binding.source if isinstance(binding, Each | Given) else None
        if source is not None:
            found[name] = records_of(view, source)
    return {name: found[name] for name in node.inputs if name in found}


def given_to(view: RunView, node: Node) -> dict[str, Json]:
    """Return the values of parameters that an artifact gave to a node."""
    return call_of(view, node).given
