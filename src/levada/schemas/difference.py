"""What differs between two schemas: columns that come and go, and what is asked of those that stay, in words."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from levada.schemas.wording import FREE, Worded, worded

SHOWN_VALUES = 8
BY_HAND = "any (values that are new are not written: add them by hand to keep a list)"
NOTES = ("unit", "description", "sensitive", "tags", "environments", "stage")


@dataclass(frozen=True)
class Change:
    """One thing that differs; `column` is empty where the schema as a whole is meant.

    `what` is `column` for one that is added or removed, else the facet that differs (`type`, `presence`, `shape`,
    `range`, `domain`, `environments`, `unit`, ...). `before` and `after` say it in words, empty where there is nothing;
    for a domain they list what only that side has. Values of a sensitive column are counted, never listed.
    """

    column: str
    kind: Literal["added", "removed", "changed"]
    what: str
    before: str = ""
    after: str = ""

    @property
    def words(self) -> str:
        """The change in a line, without the column's name."""
        if self.what == "column":
            return self.after or self.before
        if self.what == "domain":
            return f"domain: {', '.join(filter(None, (self.after, self.before)))}"
        nothing = "none" if self.what in NOTES else FREE
        return f"{self.what}: {self.before or nothing} -> {self.after or nothing}"

    def to_json(self) -> dict[str, str]:
        return dict(vars(self))


def difference(left: Any, right: Any) -> list[Change]:
    """Return what differs from one schema to another: what changed or went, in its order, then new columns."""
    before = {feature.name: worded(feature, left) for feature in left.feature}
    after = {feature.name: worded(feature, right) for feature in right.feature}
    found: list[Change] = []
    for name, words in before.items():
        if name in after:
            found += _changes(words, after[name])
        else:
            found.append(Change(name, "removed", "column", before=words.line))
    found += [Change(name, "added", "column", after=words.line) for name, words in after.items() if name not in before]
    return [*found, *_of_whole(left, right)]


def _changes(left: Worded, right: Worded) -> Iterator[Change]:
    for name in dict.fromkeys([*left.facets, *right.facets]):
        before, after = left.facets.get(name, ""), right.facets.get(name, "")
        if before != after:
            kind = "changed" if before and after else "added" if after else "removed"
            yield Change(left.name, kind, name, before, after)
    if left.values == right.values:
        return
    hidden = left.sensitive or right.sensitive
    if left.values is None or right.values is None:
        values = left.values if right.values is None else right.values
        said = _listed("", values or (), hidden)
        if right.values is None:
            yield Change(left.name, "removed", "values", before=said, after=BY_HAND if hidden else "")
        else:
            yield Change(left.name, "added", "values", after=said)
        return
    gone = [value for value in left.values if value not in right.values]
    come = [value for value in right.values if value not in left.values]
    if gone or come:
        yield Change(left.name, "changed", "domain", _listed("- ", gone, hidden), _listed("+ ", come, hidden))


def _listed(sign: str, values: Any, hidden: bool) -> str:
    if not values:
        return ""
    if hidden:
        return f"{sign}{len(values):,} {'value' if len(values) == 1 else 'values'}"
    shown = [f"{sign}'{value}'" for value in values[:SHOWN_VALUES]]
    more = len(values) - SHOWN_VALUES
    return ", ".join([*shown, *([f"{sign}{more:,} more"] if more > 0 else [])])


def _of_whole(left: Any, right: Any) -> Iterator[Change]:
    """Yield what differs beside the features: environments, constraints on the data set, sparse features."""
    from google.protobuf import text_format

    fields = [field.name for field in left.DESCRIPTOR.fields if field.name not in ("feature", "string_domain")]
    for name in fields:
        sides = [type(left)(), type(left)()]
        for side, schema in zip(sides, (left, right), strict=True):
            side.CopyFrom(schema)
            for other in side.DESCRIPTOR.fields:
                if other.name != name:
                    side.ClearField(other.name)
        before, after = (text_format.MessageToString(side, as_one_line=True).strip() for side in sides)
        if before != after:
            kind = "changed" if before and after else "added" if after else "removed"
            yield Change("", kind, name, before, after)


def counted(changes: list[Change]) -> str:
    """Return changes in a few words: '1 column more, 2 columns changed'."""
    more = sum(change.what == "column" and change.kind == "added" for change in changes)
    less = sum(change.what == "column" and change.kind == "removed" for change in changes)
    changed = len({change.column for change in changes if change.what != "column"})
    parts = [(more, "more"), (less, "less"), (changed, "changed")]
    said = [f"{count} {'column' if count == 1 else 'columns'} {word}" for count, word in parts if count]
    return ", ".join(said)
