"""What happened, as the store has it: runs, what became of their nodes, why, and what came from what.

`runs` finds runs, `run` is one of them; `changes` compares two nodes, `sources` the code of two runs, `forecast`
tells what a run would do now, `difference` compares runs and plans, `lineage` follows artifacts back and forth.
Nothing here imports a project's code, Beam or MLflow.
"""

from levada.history.run import RunRecord as RunRecord
from levada.history.runs import History as History
