"""The components that come with Levada, and what their parameters are made of.

Importing them loads no data or model library; running one does.
"""

from levada.components.champion import champion as champion
from levada.components.data_checks import check_data as check_data
from levada.components.evaluate import Evaluated as Evaluated
from levada.components.evaluate import evaluate as evaluate
from levada.components.ingestion import ingest as ingest
from levada.components.profiling import profile as profile
from levada.components.push import push as push
from levada.components.schema import infer_schema as infer_schema
from levada.components.schema import schema_file as schema_file
from levada.components.threshold import Threshold as Threshold
from levada.components.threshold import at_least as at_least
from levada.components.threshold import at_most as at_most
from levada.sources.csv_files import csv as csv
from levada.sources.files import files_digest as files_digest
from levada.sources.json_lines import json_lines as json_lines
from levada.sources.locations import Where as Where
from levada.sources.parquet_files import parquet as parquet
from levada.sources.source import Source as Source
from levada.sources.spans import last as last
from levada.sources.text_files import text_files as text_files
from levada.splits.by_column import by_column as by_column
from levada.splits.by_time import by_time as by_time
from levada.splits.rule import Rule as Rule
from levada.splits.stratified import stratified as stratified
