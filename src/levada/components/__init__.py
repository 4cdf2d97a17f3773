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
from levada.components.parquet_import import import_data as import_data
from levada.components.predict import predict as predict
from levada.components.profiling import profile as profile
from levada.components.profiling import statistics_file as statistics_file
from levada.components.push import push as push
from levada.components.quarantine import Quarantined as Quarantined
from levada.components.quarantine import quarantine as quarantine
from levada.components.schema import infer_schema as infer_schema
from levada.components.schema import schema_file as schema_file
from levada.components.tfrecord import export_tfrecord as export_tfrecord
from levada.components.transform import fit_features as fit_features
from levada.components.transform import transform as transform
from levada.drift.limits import Limits as Limits
from levada.evaluation.card import About as About
from levada.evaluation.catalogue import metric as metric
from levada.evaluation.slicing import bucketed as bucketed
from levada.evaluation.slicing import sliced as sliced
from levada.evaluation.thresholds import Threshold as Threshold
from levada.evaluation.thresholds import at_least as at_least
from levada.evaluation.thresholds import at_most as at_most
from levada.sources.arrow_files import arrow_files as arrow_files
from levada.sources.csv_files import csv as csv
from levada.sources.data_frame import dataframe as dataframe
from levada.sources.files import files_digest as files_digest
from levada.sources.images import image_folder as image_folder
from levada.sources.json_lines import json_lines as json_lines
from levada.sources.locations import Where as Where
from levada.sources.parquet_files import parquet as parquet
from levada.sources.source import Source as Source
from levada.sources.spans import Last as Last
from levada.sources.spans import last as last
from levada.sources.sql import sql as sql
from levada.sources.text_files import text_files as text_files
from levada.sources.tfrecord import write_tfrecord as write_tfrecord
from levada.sources.tfrecord_files import tfrecord as tfrecord
from levada.splits.by_column import by_column as by_column
from levada.splits.by_time import by_time as by_time
from levada.splits.stratified import stratified as stratified
from levada.validation.rules import Rule as Rule
from levada.validation.rules import check as check
from levada.validation.rules import fresh as fresh
from levada.validation.rules import not_null as not_null
from levada.validation.rules import row_count as row_count
from levada.validation.rules import rule as rule
from levada.validation.rules import unique as unique
