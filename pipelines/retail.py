"""A web shop's purchase lines: what is wrong with them is put aside, and what changes with the months is shown."""

from __future__ import annotations

from components.retail import PURCHASE, PurchaseLines
from levada import pipeline
from levada.components import (
    by_time,
    check_data,
    drift,
    infer_schema,
    ingest,
    profile,
    quarantine,
    row_count,
    rule,
    schema_file,
)


@pipeline
def retail(*, until: str = "2011-09-01", limit: float = 0.3) -> None:
    """Which lines are purchases, and does the autumn look like the year before it?

    Args:
        until: lines before this day train, those from it on evaluate.
        limit: the greatest share of lines that may be put aside; more closes the tap.
    """
    lines = ingest(PurchaseLines(), splits=by_time("InvoiceDate", until={"train": until}, then="eval"))
    purchases = quarantine(lines, rules=PURCHASE, limit=limit)
    statistics = profile(purchases.kept, slices=["Country"])
    profile.with_options(name="profile_rejected")(purchases.rejected)

    infer_schema(statistics)  # a proposal, to hold against the one the project keeps
    schema = schema_file("schemas/retail.pbtxt")
    check_data(
        statistics,
        schema,
        examples=purchases.kept,
        rules=[row_count(at_least=100_000), rule("Quantity <= 10000", severity="warn")],
    )
    # Numbers of invoices and customers only ever grow: that they do is no news.
    drift(
        statistics,
        baseline=statistics,
        schema=schema,
        split="eval",
        baseline_split="train",
        severity="warn",
        ignore=["InvoiceNo", "CustomerID"],
    )
