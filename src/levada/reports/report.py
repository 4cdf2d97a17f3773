"""Reports: what is on a page, before it is a page; functions of statistics, anomalies and a drift report alone.

sides = sides_of(statistics)
page_of(profile_report(sides, title="flights"))
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from levada.artifacts.anomalies import Anomaly
from levada.reports.cards import Card, Detail, card_of
from levada.reports.differences import Difference, differences
from levada.reports.findings import Finding, findings_of
from levada.reports.sides import Side, column_names


@dataclass(frozen=True)
class Report:
    """What a page says: a title, facts below it, the sides, columns in their order, and what was found.

    `sensitive` names columns of which nothing is shown but that they are there, their type and how much is missing.
    """

    title: str
    about: Sequence[str]
    sides: Sequence[Side]
    names: Sequence[str]
    sensitive: Collection[str] = ()
    differences: Mapping[str, Difference] = field(default_factory=dict[str, Difference])
    findings: Sequence[Finding] | None = None
    is_open: bool | None = None

    def cards(self, detail: Detail) -> list[Card]:
        """Return a card a column."""
        made = [card_of(name, self.sides, detail, is_hidden=name in self.sensitive) for name in self.names]
        return [self._moved(card) for card in made]

    def _moved(self, card: Card) -> Card:
        moved = self.differences.get(card.name)
        if moved is None:
            return card
        return replace(card, apart=moved.apart, apart_text=moved.text, alarm=moved.alarm)


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
    found: Mapping[str, Difference] | None = None,
) -> Report:
    """Return the report on what moved from one side to the other, what moved most first.

    `found` is what a test says of each column; without it columns stand by their distance.
    """
    moved = differences(left, right) if found is None else found
    names = column_names([left, right])
    none = Difference(0.0, "")
    ordered = sorted(names, key=lambda name: (not moved.get(name, none).alarm, -moved.get(name, none).apart))
    return Report(title, about, [left, right], ordered, sensitive, moved)


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
