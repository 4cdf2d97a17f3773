"""Half a million purchase lines of a British web shop, December 2010 to December 2011, with the defects they came with.

The data (CC0; D. Chen, S. L. Sain, K. Guo, doi:10.1057/dbm.2012.17) is not part of this repository: the pipeline plans
without it, and says what is missing when it runs. The variable LEVADA_DATA names the folder that has it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from levada.components import Rule, Source, files_digest, not_null, rule, unique
from levada.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "online_retail/online_retail.parquet"

PURCHASE: list[Rule] = [
    not_null("CustomerID"),
    rule("not startswith(InvoiceNo, 'C')", name="cancelled"),
    rule("Quantity > 0", name="nothing bought"),
    rule("UnitPrice > 0", name="no price"),
    unique(),
]
"""What makes a line a purchase of somebody. A cancellation repeats the line that it cancels, with the sign turned."""


@dataclass(frozen=True)
class PurchaseLines(Source):
    """All lines of all invoices: eight columns, as the shop's till wrote them."""

    def __str__(self) -> str:
        return "purchase lines of a web shop"

    def digest(self) -> str:
        return files_digest([_file()])

    def table(self, root: Path) -> pa.Table:
        import pyarrow.parquet as pq

        return pq.read_table(_file())


def _file() -> Path:
    folder = os.environ.get("LEVADA_DATA", "")
    file = Path(folder) / FILE
    if not folder or not file.is_file():
        found = f"{folder}, which has no {FILE}" if folder else "not set"
        raise DataError(
            f"the data of this pipeline is not here: LEVADA_DATA is {found}.",
            hint=f"Set LEVADA_DATA to a folder that has {FILE} (UCI's data set 352, 'Online Retail', as Parquet).",
        )
    return file
