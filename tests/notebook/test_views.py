"""Artifacts draw themselves: what a cell shows of each type, and that nothing in the data becomes markup."""

from __future__ import annotations

import datetime
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from levada import Artifact, html
from levada.artifacts import Anomalies, Anomaly, Blessing, Evaluation, Examples, Model, Schema, Statistics, Tensor
from levada.artifacts.drift import ColumnDrift, ComparedRows, Drift, DriftReport
from levada.artifacts.model import ModelDocument
from levada.artifacts.schema import parse_schema
from levada.components import infer_schema, profile
from levada.notebook.returned import showing_each
from levada.notebook.views.plan import plan_html
from tests.arithmetic import Number, add, make
from tests.evaluation.results import results
from tests.inline import plan_of
from tests.models.workshop import Workshop, write_echo

EVIL = "<script>alert('x')</script>&\""


class Balanced(HTMLParser):
    """Reads markup; `tags` counts elements, `text` is what a person reads. Fails where tags do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: dict[str, int] = {}
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if tag != "br":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        self.tags[tag] = self.tags.get(tag, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


def seen(artifact: Any) -> Balanced:
    """Return what a notebook shows of something, read as a browser would."""
    read = Balanced()
    read.feed(artifact if isinstance(artifact, str) else artifact._repr_html_())
    read.close()
    assert read.open == []
    assert "script" not in read.tags
    assert not [name for name, _ in read.attributes if name.startswith("on") or name in ("src", "href")]
    return read


class Pair(NamedTuple):
    """What a component with two outputs gives."""

    first: Number
    second: str


def test_several_outputs_show_each_under_its_name(tmp_path: Path) -> None:
    """In the order of the class; one that draws itself does, another is said."""
    shown = seen(showing_each(Pair(Workshop(tmp_path).make(Number, lambda made: made.put(3)), EVIL)))
    assert shown.text.index("first") < shown.text.index("Number") < shown.text.index("second")
    assert "number.json" in shown.text and repr(EVIL) in shown.text
    assert not hasattr(showing_each(("a", "b")), "_repr_html_")  # a plain tuple is nobody's class


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def table(rows: int = 400) -> pa.Table:
    """Columns of every kind, some of whose names and values are markup."""
    start = datetime.datetime(2013, 1, 1, tzinfo=datetime.UTC)
    return pa.table(
        {
            EVIL: pa.array([EVIL if row % 3 else f"<b>{row % 7}" for row in range(rows)]),
            "delay": pa.array([None if row % 10 == 0 else row**1.5 for row in range(rows)]),
            "month": pa.array([row % 3 for row in range(rows)]),
            "when": pa.array([start + datetime.timedelta(hours=row) for row in range(rows)], pa.timestamp("us", "UTC")),
            "late": pa.array([row % 2 == 0 for row in range(rows)]),
            "nothing": pa.nulls(rows, pa.float64()),
            "same": pa.array([1.0] * rows),
            "lists": pa.array([[row, row + 1] for row in range(rows)]),
        }
    )


def examples_of(workshop: Workshop, data: pa.Table) -> Examples:
    def write(made: Examples) -> None:
        made.write("train", data)
        made.write("eval", data.slice(0, 10))

    return workshop.make(Examples, write)


def test_examples_show_their_splits_and_first_rows(workshop: Workshop) -> None:
    page = seen(examples_of(workshop, table()))
    assert "410 rows · 8 columns" in page.text
    assert "first rows of train" in page.text
    assert EVIL in page.text
    assert page.tags["tr"] == 1 + 2 + 1 + 5


def test_examples_without_rows_show_that(workshop: Workshop) -> None:
    page = seen(workshop.make(Examples, lambda made: made.write("train", table(0))))
    assert "0 rows" in page.text


def test_statistics_show_a_row_and_a_picture_per_column(workshop: Workshop) -> None:
    statistics: Statistics = workshop.call(profile, examples_of(workshop, table()))
    page = seen(statistics)
    assert "train: 400 rows, 8 columns" in page.text and "eval: 10 rows, 8 columns" in page.text
    assert EVIL in page.text
    assert "10 % (40)" in page.text
    assert "2013-01-01 to 2013-01-17" in page.text
    assert "has no values at all" in page.text
    assert page.tags["path"] == 2 * 3  # an outline for each side of delay, when and the items of lists
    assert "nothing was looked at" in seen(workshop.make(Statistics, lambda made: made.write({}))).text


def test_a_schema_shows_what_each_column_may_hold(workshop: Workshop) -> None:
    statistics = workshop.call(profile, examples_of(workshop, table()))
    page = seen(workshop.call(infer_schema, statistics, ranges=True))
    assert "0 to 2" in page.text and "always" in page.text and "at least" in page.text
    assert EVIL in page.text
    shared = 'feature { name: "a" type: BYTES domain: "d" } string_domain { name: "d" value: "x" value: "y" }'
    page = seen(workshop.make(Schema, lambda made: made.write(parse_schema(shared, "here"))))
    assert "x, y" in page.text


def test_anomalies_show_the_gate_and_the_severity(workshop: Workshop) -> None:
    found = [Anomaly("a", "type", "error", EVIL), Anomaly("", "empty split", "warning", "no rows", "eval")]
    page = seen(workshop.make(Anomalies, lambda made: made.write(found)))
    assert "closed" in page.text and EVIL in page.text and "warning" in page.text
    assert "open" in seen(workshop.make(Anomalies, lambda made: made.write([]))).text


def test_a_drift_report_shows_what_moved_and_the_verdict(workshop: Workshop) -> None:
    sides = ComparedRows("profile", "train", 1000), ComparedRows("later", "train", 900)
    columns = (
        ColumnDrift(EVIL, "string", "fail", f"{EVIL}: all new", effect=3.0, measure="psi", distances={"psi": 0.75}),
        ColumnDrift("a", "numeric", "none", "", effect=0.1, measure="wasserstein", distances={"wasserstein": 0.012}),
    )
    page = seen(workshop.make(DriftReport, lambda made: made.write(Drift("drift", *sides, 0.05, columns))))
    assert "closed" in page.text and "PSI 0.750" in page.text and "all new" in page.text and EVIL in page.text
    assert page.text.index("PSI 0.750") < page.text.index("Wasserstein 0.012")
    page = seen(workshop.make(DriftReport, lambda made: made.write(Drift("drift", None, sides[1], 0.05))))
    assert "no baseline yet" in page.text and "open" in page.text


def test_an_evaluation_shows_intervals_and_the_worst_slices_first(workshop: Workshop) -> None:
    found = results(EVIL)
    page = seen(workshop.make(Evaluation, lambda made: made.write(found, "")))
    assert "[0.673, 0.689]" in page.text and "0.674" in page.text and "champion" in page.text
    assert "3 without a label left out" in page.text
    names = [f"carrier={EVIL} 0", f"carrier={EVIL} 1", "day=1"]
    places = [page.text.index(f"{name}{rows}") for name, rows in zip(names, ("300", "301", "50"), strict=True)]
    assert places == sorted(places)
    assert page.tags["circle"] == 3 + 5  # two metrics, one beside the champion's, and the calibration
    alone = seen(workshop.make(Evaluation, lambda made: made.write(results(EVIL, beside=False, slices=1), "")))
    assert "champion" not in alone.text


def test_a_blessing_shows_its_verdict_and_why(workshop: Workshop) -> None:
    def write(made: Blessing) -> None:
        made.write(False, [EVIL], model="flights", fingerprints=["f" * 64], baseline={"version": 3, "metrics": {}})

    page = seen(workshop.make(Blessing, write))
    assert "closed" in page.text and EVIL in page.text and "the champion, version 3" in page.text


def test_a_model_shows_how_its_training_went(workshop: Workshop) -> None:
    curves = {"loss": [0.75, 0.5, 0.25], "val_loss": [0.8, float("nan"), 0.4], "learning_rate": [0.1, 0.1, 0.1]}

    def write(model: Model) -> None:
        write_echo(model, "x")
        (model.path / "training.json").write_text(json.dumps({"curves": curves}))

    page = seen(workshop.make(Model, write))
    assert page.tags["path"] == 3 and "0.75 → 0.25" in page.text and "0.8 → 0.4" in page.text
    assert not any("nan" in (value or "") for _, value in page.attributes)
    assert "path" not in seen(workshop.echo("x")).tags


def test_a_model_shows_what_it_takes_and_gives(workshop: Workshop) -> None:
    inputs = (Tensor(EVIL, "string"), Tensor("pixels", "float32", (-1, 64), tuple(f"p{n}" for n in range(64))))
    document = ModelDocument("onnx", "model.onnx", inputs, (Tensor("label", "int64"),), "f" * 64, "sklearn 1.6")
    page = seen(workshop.make(Model, lambda made: made.describe(document)))
    assert EVIL in page.text and "p0, p1" in page.text and "(64)" in page.text and "sklearn 1.6" in page.text


class Embeddings(Artifact):
    """A type of a user's own."""


def test_a_type_of_ones_own_shows_properties_and_files(workshop: Workshop) -> None:
    def write(made: Embeddings) -> None:
        (made.path / "<b>.npy").write_bytes(b"1234")
        made.properties["note"] = EVIL

    page = seen(workshop.make(Embeddings, write))
    assert "Embeddings" in page.text and "<b>.npy" in page.text and "4 B" in page.text and "alert('x')" in page.text


def test_what_is_not_made_is_shown_by_its_repr(workshop: Workshop) -> None:
    shown: list[Any] = []

    def graph() -> None:
        shown.append(make(n=1))

    plan_of(graph)
    assert isinstance(shown[0], Number)
    assert shown[0]._repr_html_() is None


def test_a_plan_shows_its_nodes() -> None:
    page = seen(plan_html(plan_of(lambda: add(make(n=1), make(n=2)), name="sums")))
    assert "Plan of sums" in page.text and "make, make_2" in page.text and "n=2" in page.text


# -- the markup itself ----------------------------------------------------------------------------------


def test_text_is_escaped_and_markup_is_not_escaped_twice() -> None:
    inner = html.element("b", EVIL, title=EVIL)
    outer = html.element("p", inner, EVIL)
    assert outer.count("&lt;script&gt;") == 3
    assert outer.count("<b") == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (True, "true"),
        (1234567, "1,234,567"),
        (0.5, "0.5"),
        (3.0, "3"),
        (1e-9, "1e-09"),
        ("x" * 99, "x" * 79 + "…"),
    ],
)
def test_values_are_shown_for_people(value: Any, shown: str) -> None:
    assert html.shown(value) == shown


def test_a_long_table_is_cut_and_says_how_much_is_missing() -> None:
    page = seen(html.table(("n",), [(n,) for n in range(1000)]))
    assert page.tags["tr"] == 1 + html.ROWS
    assert "… and 940 more" in page.text
