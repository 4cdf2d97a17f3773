"""A compression in a notebook: the short form of its report."""

from __future__ import annotations

from collections.abc import Sequence

from levada import html
from levada.artifacts.compression import Compression
from levada.html import Html
from levada.reports.compressions import CompressionReport, trade


def compression_html(compression: Compression, said: Sequence[str]) -> Html:
    """Return the choice, what each candidate loses for its size, and the table of candidates."""
    document = compression.document
    report = CompressionReport("Compression", said, document)
    parts = [
        html.element("div", f"{document.why}."),
        trade(document, "gzipped"),
        html.table(report.columns(), [row for _, row in report.rows()]),
        *(html.note(note) for note in document.notes),
    ]
    return html.card("Compression", [f"for {document.runtime}", *said], *parts)
