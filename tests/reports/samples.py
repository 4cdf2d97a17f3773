"""Statistics for reports: of every kind of column, with names and values that are markup."""

from __future__ import annotations

import datetime
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa

from levada.artifacts import Examples, Statistics
from levada.components import profile
from levada.reports import Side, sides_of
from tests.models.workshop import Workshop

EVIL = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">'&"
SECRET = "hush-4711"


def table(rows: int = 400, shift: int = 0) -> pa.Table:
    start = datetime.datetime(2013, 1, 1, tzinfo=datetime.UTC)
    numbers = range(shift, rows + shift)
    return pa.table(
        {
            EVIL: pa.array([EVIL if row % 3 else f"<b>{row % 7}" for row in numbers]),
            "delay": pa.array([None if row % 10 == 0 else row**1.5 for row in numbers], pa.float64()),
            "month": pa.array([row % 3 for row in numbers], pa.int64()),
            "when": pa.array([start + datetime.timedelta(hours=row) for row in numbers], pa.timestamp("us", "UTC")),
            "day": pa.array([datetime.date(2013, 1, 1) + datetime.timedelta(days=row % 20) for row in numbers]),
            "clock": pa.array([datetime.time(row % 24, row % 60) for row in numbers], pa.time64("us")),
            "late": pa.array([row % 2 == 0 for row in numbers], pa.bool_()),
            "nothing": pa.nulls(rows, pa.float64()),
            "same": pa.array([1.0] * rows),
            "password": pa.array([f"{SECRET}-{row % 5}" for row in numbers], pa.string()),
            "salary": pa.array([987654321 + row % 7 for row in numbers], pa.int64()),
            "id": pa.array([f"id-{row:09}" for row in numbers], pa.string()),
            "bytes": pa.array([b"\x00\xff" * (row % 4) for row in numbers], pa.binary()),
            "lists": pa.array([[row, row + 1] for row in numbers], pa.list_(pa.int64())),
            "far": pa.array([float("inf") if row % 50 == 0 else float(row) for row in numbers], pa.float64()),
        }
    )


def statistics_of(root: Path, **splits: pa.Table) -> Statistics:
    """Return the statistics of tables, a split each."""
    workshop = Workshop(root)

    def write(made: Examples) -> None:
        for name, rows in splits.items():
            made.write(name, rows)

    return workshop.call(profile, workshop.make(Examples, write))


def two_sides(root: Path) -> list[Side]:
    return sides_of(statistics_of(root, train=table(), eval=table(100, shift=57)))


class Markup(HTMLParser):
    """Reads a page as a browser would; fails where tags do not match. `text` is what a person reads."""

    VOID = ("meta", "input", "br", "link", "img")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: dict[str, int] = {}
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.texts: list[str] = []
        self.headings: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []
        assert len(self.ids) == len(set(self.ids))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if tag == "h3":
            self.headings.append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.texts.append(data)
        if self.open[-1:] == ["h3"]:
            self.headings[-1] += data

    @property
    def text(self) -> str:
        return "".join(self.texts)
