"""What a model sees of each row: described once, with its state from statistics, the same trained and served.

Importing this loads no data or ML library; fitting, and making layers, do.
"""

from levada.features.description import Features as Features
from levada.features.fitted import Fitted as Fitted
from levada.features.kinds import AsIs as AsIs
from levada.features.kinds import Buckets as Buckets
from levada.features.kinds import Cross as Cross
from levada.features.kinds import Hashed as Hashed
from levada.features.kinds import Image as Image
from levada.features.kinds import Kind as Kind
from levada.features.kinds import Number as Number
from levada.features.kinds import Text as Text
from levada.features.kinds import Time as Time
from levada.features.kinds import Words as Words
from levada.features.network import Indices as Indices
from levada.features.network import Layers as Layers
from levada.features.network import linear as linear
from levada.features.state import FeatureState as FeatureState
