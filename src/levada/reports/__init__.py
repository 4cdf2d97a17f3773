"""Reports that people look at: a self-contained HTML file for what was measured, compared, validated or tried.

A report is a function of stored artifacts and nothing else, so none is kept: it is made when somebody asks for it
(`levada report`), and when MLflow is told of the run. Nothing here counts in a cache key.
"""

from levada.reports.compressions import CompressionReport as CompressionReport
from levada.reports.differences import Difference as Difference
from levada.reports.differences import of_drift as of_drift
from levada.reports.evaluations import EvaluationReport as EvaluationReport
from levada.reports.kinds import AnyReport as AnyReport
from levada.reports.page import page_of as page_of
from levada.reports.report import Report as Report
from levada.reports.report import comparison_report as comparison_report
from levada.reports.report import profile_report as profile_report
from levada.reports.report import validation_report as validation_report
from levada.reports.sides import Side as Side
from levada.reports.sides import side_of as side_of
from levada.reports.sides import sides_of as sides_of
from levada.reports.study import StudyReport as StudyReport
