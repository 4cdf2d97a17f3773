"""Levada: from data to a served model, through gates."""

from levada.artifact import Artifact as Artifact
from levada.artifact import Gate as Gate
from levada.component import component as component
from levada.context import Context as Context
from levada.errors import LevadaError as LevadaError
from levada.fanout import Many as Many
from levada.fanout import Values as Values
from levada.fanout import each as each
from levada.fanout import gather as gather
from levada.notebook.session import session as session
from levada.pipeline import pipeline as pipeline
from levada.retry import Retry as Retry
from levada.secret import Secret as Secret

__version__ = "0.1.0"
