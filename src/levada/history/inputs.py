"""What a node was given in a run, whole lists too."""

from __future__ import annotations

from levada.node import RunView
from levada.node.key import Inputs, call_of, records_of
from levada.plan import Each, Node


def inputs_of(view: RunView, node: Node) -> Inputs:
    """Return the records of a node's inputs; of a mapped node the lists that it runs over.

    Raises PlanError if what should have made one has not ended.
    """
    found = dict(call_of(view, node).inputs)
    for name, binding in node.inputs.items():
        if isinstance(binding, Each) and binding.source is not None:
            found[name] = records_of(view, binding.source)
    return {name: found[name] for name in node.inputs if name in found}
