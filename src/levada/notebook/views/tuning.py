"""A study and the parameters that it found, in a notebook: the short form of its report."""

from __future__ import annotations

from collections.abc import Sequence

from levada import html
from levada.artifacts.study import Study
from levada.html import Html
from levada.parameters import Parameters
from levada.reports.study import StudyReport, history, importance_table
from levada.tuning.space import shown_value

_ROWS = 10


def study_html(study: Study, said: Sequence[str]) -> Html:
    """Return the history, which parameters matter, and the best trials."""
    report = StudyReport("Study", said, study.document)
    document = report.study
    counted = [f"{count} {state}" for state, count in report.counts]
    rows = [row for _, row in report.rows()]
    parts = [
        html.facts({**dict(report.reached), **dict(report.best)}),
        history(document, document.trials[-200:]),
        *(importance_table(*found) for found in report.importance),
        html.folded(
            f"the best {min(_ROWS, len(rows))} of {len(rows)} trials", html.table(report.columns(), rows[:_ROWS])
        ),
        *(html.note(note) for note in document.notes),
    ]
    return html.card(f"Study of {document.component}", [*counted, *said], *parts)


def parameters_html(parameters: Parameters, said: Sequence[str]) -> Html:
    """Return the values by name."""
    values = {name: html.code(shown_value(value)) for name, value in parameters.values.items()}
    return html.card("Parameters", said, html.facts(values))
