"""Examples in a notebook: the splits, and the first rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from levada import html
from levada.artifacts.examples import Examples
from levada.html import Html
from levada.notebook.views.sensitive import sensitive_near
from levada.schemas.masking import mask_row

_ROWS = 5
_COLUMNS = 20


def examples_html(examples: Examples, said: Sequence[str]) -> Html:
    """Return rows by split, and the first rows of the first split."""
    splits = [(html.code(split), examples.rows(split)) for split in examples.splits]
    parts = [html.table(("split", "rows"), splits, numbers=(1,))] if len(splits) != 1 else []
    first = next((split for split in examples.splits if examples.rows(split)), None)
    if first is not None:
        parts.append(_head(examples, first))
    about = [f"{examples.rows():,} rows", f"{len(examples.columns)} columns", examples.source]
    return html.card("Examples", [*about, *said], *parts)


def _head(examples: Examples, split: str) -> Html:
    names = examples.columns[:_COLUMNS]
    types = {str(name): str(type_) for name, type_ in _pairs(examples)}
    batch = next(examples.batches(split, names, rows=_ROWS))
    hidden = sensitive_near(examples)
    rows: list[list[Any]] = [list(mask_row(row, hidden).values()) for row in batch.to_pylist()]
    right = [place for place, name in enumerate(names) if types[name].startswith(("int", "uint", "float", "double"))]
    heads = [html.join([name, html.element("br"), html.note(types[name])]) for name in names]
    left_out = len(examples.columns) - len(names)
    more = f" and {left_out} more columns" if left_out else ""
    label = html.note(f"first rows of {split}{more}")
    return html.join([label, html.table(heads, [[_cell(value) for value in row] for row in rows], numbers=right)])


def _cell(value: Any) -> Any:
    if value is None:
        return html.note("–")
    if isinstance(value, bytes):
        return html.note(f"{len(value):,} bytes")
    return value if isinstance(value, float) else str(value)  # a year is no count: 2013, not 2,013


def _pairs(examples: Examples) -> list[list[str]]:
    pairs: Any = examples.properties.get("columns", [])
    return pairs
