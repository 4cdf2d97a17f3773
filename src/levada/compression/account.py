"""A compression as a part of the model's card, in Markdown."""

from __future__ import annotations

from levada.artifacts.compression import CompressionDocument, table_of
from levada.markdown import escaped, plain_table


def compression_section(document: CompressionDocument) -> list[str]:
    """Return the table of candidates, a line each; why this one was chosen is among the reasons of the card."""
    table = table_of(document)
    columns: list[str] = [str(name) for name in _listed(table["columns"])]
    rows = [[escaped(str(cell)) for cell in _listed(row)] for row in _listed(table["data"])]
    return [
        "## How it was compressed",
        "",
        *plain_table([columns[0] or "model", *columns[1:]], rows),
        "",
        f"For {document.runtime}, one thread, each in a fresh process. Asked: {escaped('; '.join(document.asked))}.",
        "",
    ]


def _listed(form: object) -> list[object]:
    assert isinstance(form, list)
    return form
