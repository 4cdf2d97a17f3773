"""What a model costs where it is served: measured in a process of its own, by the runtime that will answer.

Importing this loads no ML library; the process does.
"""

from levada.artifacts.cost import Cost as Cost
from levada.measurement.fresh import Measured as Measured
from levada.measurement.fresh import measure as measure
