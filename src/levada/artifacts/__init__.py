"""The artifact types that come with Levada.

Importing them loads no data or model library; reading one does.
"""

from levada.artifacts.anomalies import Anomalies as Anomalies
from levada.artifacts.anomalies import Anomaly as Anomaly
from levada.artifacts.compression import Compression as Compression
from levada.artifacts.compression import CompressionDocument as CompressionDocument
from levada.artifacts.decisions import Decision as Decision
from levada.artifacts.decisions import Decisions as Decisions
from levada.artifacts.drift import ColumnDrift as ColumnDrift
from levada.artifacts.drift import Drift as Drift
from levada.artifacts.drift import DriftReport as DriftReport
from levada.artifacts.evaluation import Blessing as Blessing
from levada.artifacts.evaluation import Evaluation as Evaluation
from levada.artifacts.examples import Examples as Examples
from levada.artifacts.model import Model as Model
from levada.artifacts.model import Tensor as Tensor
from levada.artifacts.predictions import Predictions as Predictions
from levada.artifacts.pushed import PushedModel as PushedModel
from levada.artifacts.schema import Schema as Schema
from levada.artifacts.serving_check import ServingCheck as ServingCheck
from levada.artifacts.statistics import ColumnStatistics as ColumnStatistics
from levada.artifacts.statistics import Statistics as Statistics
from levada.artifacts.study import Study as Study
from levada.artifacts.study import StudyDocument as StudyDocument
from levada.artifacts.summaries import Histogram as Histogram
from levada.artifacts.summaries import ImageProfile as ImageProfile
from levada.artifacts.summaries import Lengths as Lengths
from levada.artifacts.summaries import TextProfile as TextProfile
from levada.artifacts.summaries import TimeProfile as TimeProfile
from levada.artifacts.tf_records import TfRecords as TfRecords
from levada.parameters import Parameters as Parameters
