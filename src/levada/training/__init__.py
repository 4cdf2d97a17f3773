"""Training: an author says what is fitted on what; batches, devices, checkpoints, curves and saving are done here.

Importing this loads no ML library; fitting does.
"""

from levada.training.description import Plateau as Plateau
from levada.training.description import StopEarly as StopEarly
from levada.training.keras_training import fit_keras as fit_keras
from levada.training.sklearn_training import fit_sklearn as fit_sklearn
