"""The kinds of reports that there are."""

from __future__ import annotations

from levada.reports.compressions import CompressionReport
from levada.reports.evaluations import EvaluationReport
from levada.reports.report import Report
from levada.reports.study import StudyReport

AnyReport = Report | StudyReport | EvaluationReport | CompressionReport
