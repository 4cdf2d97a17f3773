"""Reports: what is on a page, before it is a page; functions of statistics, anomalies and a drift report alone.

sides = sides_of(statistics)
page_of(profile_report(sides, title="flights"))
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from levada.artifacts.anomalies import Anomaly
from levada.reports.cards import Card, Detail, card_of
from levada.reports.differences import Difference, by_column, by_distance
from levada.reports.findings import Finding, findings_of
from levada.reports.sides import Side, column_names


@dataclass(frozen=True)
class Report:
    """What a page says: a title, facts below it, the sides, columns in their order, and what was found.

    `sensitive` names columns of which nothing is shown but that they are there, their type and how much is missing.
    `descriptions` is what a schema says of columns for people.
    """

    title: str
    about: Sequence[str]
    sides: Sequence[Side]
    names: Sequence[str]
    sensitive: Collection[str] = ()
    moved: Sequence[Difference] = ()
    findings: Sequence[Finding] | None = None
    is_open: bool | None = None
    descriptions: Mapping[str, str] = field(default_factory=dict[str, str])

    def hiding(self, columns: Collection[str]) -> Report:
        """Return it without the values of some more columns."""
        return replace(self, sensitive={*self.sensitive, *columns})

    def cards(self, detail: Detail, most: int | None = None) -> list[Card]:
        """Return a card a column, of the first `most` columns."""
        moved = by_column(self.moved)
        made = [card_of(name, self.sides, detail, is_hidden=name in self.sensitive) for name in self.names[:most]]
        said = self.descriptions
        return [replace(card, moved=moved.get(card.name), description=said.get(card.name, "")) for card in made]


def profile_report(
    sides: Sequence[Side], *, title: str, about: Sequence[str] = (), sensitive: Collection[str] = ()
) -> Report:
    """Return the report on columns as they are, the sides beside each other."""
    return Report(title, about, sides, column_names(sides), sensitive)


def comparison_report(
    left: Side,
    right: Side,
    *,
    title: str,
    about: Sequence[str] = (),
    sensitive: Collection[str] = (),
    found: Sequence[Difference] | None = None,
    is_open: bool | None = None,
) -> Report:
    """Return the report on what moved from one side to the other, what moved most first.

    `found` is what a test says of the columns (`of_drift`), `is_open` whether its gate is; without it columns stand by
    their distance.
    """
    moved = by_distance(left, right) if found is None else list(found)
    known = dict.fromkeys(each.column for each in moved if not each.slice)
    there = column_names([left, right])
    names = [name for name in known if name in there] + [name for name in there if name not in known]
    return Report(title, about, [left, right], names, sensitive, moved, is_open=is_open)


def validation_report(
    anomalies: Sequence[Anomaly],
    sides: Sequence[Side],
    *,
    title: str,
    about: Sequence[str] = (),
    sensitive: Collection[str] = (),
) -> Report:
    """Return the report on anomalies: errors first, and the columns that they are about."""
    findings = findings_of(anomalies, sensitive)
    there = set(column_names(sides))
    concerned = [name for name in dict.fromkeys(finding.column for finding in findings) if name in there]
    is_open = not any(finding.severity == "error" for finding in findings)
    return Report(title, about, sides, concerned, sensitive, findings=findings, is_open=is_open)
