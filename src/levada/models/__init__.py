"""What turns a trained model into a Model artifact, and a Model artifact into predictions.

Importing this loads no ML library; the functions do when they are called.
"""

from levada.artifacts.model import Model as Model
from levada.artifacts.model import ModelDocument as ModelDocument
from levada.artifacts.model import Tensor as Tensor
from levada.models.batches import batches as batches
from levada.models.export import export_keras as export_keras
from levada.models.keras_export import save_keras as save_keras
from levada.models.predictor import Predictor as Predictor
from levada.models.predictor import load_predictor as load_predictor
from levada.models.sklearn_export import save_sklearn as save_sklearn
