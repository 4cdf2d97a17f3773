"""The node contract: how one node of a run comes to its end, wherever that is.

contract   `run_node(plan, node id, run id, store)`, and its parts for who runs many nodes at once
view       a run as this process sees it: what was resolved, results so far, the commit of a result
key        inputs, and the cache key they make
settle     skipped, cached, or to be run
items      the list that a mapped node runs over, and what its items came to
execute    attempts, until one works or none is left
attempt    one call of the component, in this process
own        one attempt in a process of its own, as its parent sees it
child      the same as the child sees it
output     what a node writes to its log
"""

from levada.node.contract import close_node as close_node
from levada.node.contract import open_node as open_node
from levada.node.contract import run_item as run_item
from levada.node.contract import run_node as run_node
from levada.node.contract import settle_node as settle_node
from levada.node.view import RunView as RunView
from levada.node.view import view_of as view_of
