"""The components that come with Levada, and what their parameters are made of.

Importing them loads no data or model library; running one does.
"""

from levada.components.champion import champion as champion
from levada.components.data_checks import check_data as check_data
from levada.components.drift import drift as drift
from levada.components.drift import previous_statistics as previous_statistics
from levada.components.drift import skew as skew
from levada.components.evaluate import Evaluated as Evaluated
from levada.components.evaluate import evaluate as evaluate
from levada.components.ingestion import ingest as ingest
from levada.components.profiling import profile as profile
from levada.components.profiling import statistics_file as statistics_file
from levada.components.push import push as push
from levada.components.schema import infer_schema as infer_schema
from levada.components.schema import schema_file as schema_file
from levada.components.threshold import Threshold as Threshold
from levada.components.threshold import at_least as at_least
from levada.components.threshold import at_most as at_most
from levada.drift.limits import Limits as Limits
from levada.sources.csv_files import csv as csv
from levada.sources.parquet_files import parquet as parquet
from levada.sources.source import Source as Source
from levada.sources.source import files_digest as files_digest
