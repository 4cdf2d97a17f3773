"""The report on a study: as a page, in the terminal, in a notebook; whatever stands in it is text."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from levada.artifact import Artifact, Making
from levada.artifacts import Study, StudyDocument
from levada.components import between, one_of
from levada.reports import StudyReport, page_of
from levada.reports.scatter import Axis, Mark, Plot
from levada.terminal.reports import report_text
from levada.values import encode
from tests.reports.samples import EVIL, Markup

SPACE = {"rate": between(0.001, 0.5, log=True), "units": between(8, 64), "kind": one_of("relu", EVIL)}


def document(trials: int = 30, *, goals: int = 2) -> StudyDocument:
    """Return a study whose trials are of all kinds, with names and words that are markup."""
    draw = random.Random(7)
    made: list[dict[str, Any]] = []
    for number in range(trials):
        rate, units = draw.uniform(0.001, 0.5), draw.randint(8, 64)
        state = "failed" if number % 11 == 3 else "pruned" if number % 7 == 6 else "done"
        auc = 0.7 - (rate - 0.1) ** 2
        points = [(step, auc - 0.1 / step, 1000 + step) for step in (1, 2, 3)]
        made.append(
            {
                "number": number,
                "state": state,
                "searched": {"rate": rate, "units": units, "kind": EVIL if number % 2 else "relu"},
                "metrics": {} if state == "failed" else {"auc": auc, "size": 1000.0 * units},
                "curves": {"auc": points[: 1 if state == "pruned" else 3]},
                "began": 1000,
                "seconds": 1.5,
                **({"why": f"ValueError: {EVIL}"} if state == "failed" else {}),
                **({"pruned_at": 1} if state == "pruned" else {}),
            }
        )
    done = [trial for trial in made if trial["state"] == "done"]
    best = max(done, key=lambda trial: trial["metrics"]["auc"])["number"]
    wanted = [{"metric": "auc", "higher": True, "within": 0.01}, {"metric": "size", "higher": False, "within": 0.0}]
    return StudyDocument(
        component=f"train {EVIL}",
        space={name: str(found) for name, found in SPACE.items()},
        goals=wanted[:goals],
        trials=made,
        chosen=best,
        front=[best],
        importance={"auc": {"rate": 0.7, "units": 0.3}, "size": {"units": 1.0, "rate": 0.0}},
        notes=[f"It goes on with {EVIL}."],
        forms={name: encode(found) for name, found in SPACE.items()},
    )


def test_a_page_has_all_trials_and_nothing_in_it_becomes_markup() -> None:
    study = document()
    page = page_of(StudyReport(f"a {EVIL}", [EVIL], study))
    read = Markup(page).text
    assert "<script>document" not in page and "<img" not in page
    assert page.count("<svg") == 3 + len(SPACE)  # history, what can be had at once, curves, and one a parameter
    assert "http" not in page.split("<body>")[1]
    for said in (
        "Best: trial",
        "what matters for auc",
        "what matters for size",
        "0.7",
        "0.001 to 0.5 (log)",
        "pruned after step 1",
        f"failed: ValueError: {EVIL}",
    ):
        assert said in read, said
    assert page.count('<tr class="') == len(study.trials)
    assert len(page) < 120_000


def test_a_page_of_very_many_trials_stays_small() -> None:
    page = page_of(StudyReport("many", [], document(5_000, goals=1)))
    assert "… and 4,800 more." in page
    assert len(page) < 1_900_000


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_study_of_few_trials_has_a_page(count: int) -> None:
    study = document(count)
    page = page_of(StudyReport("few", [], study))
    assert page.count("<circle") >= count


def test_the_terminal_lists_the_best_first() -> None:
    study = document(12, goals=1)
    lines = report_text(StudyReport("flights · tune", ["run 1"], study), 140).splitlines()
    assert lines[0] == "flights · tune"
    first = next(line for line in lines if "chosen" in line)
    assert first.startswith(f"{study.chosen} ")
    rows = lines[lines.index(first) :]
    assert next(row.split()[0] for row in rows if row[:1].isdigit()) == str(study.chosen)
    assert any("rate" in line and "70%" in line for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_a_notebook_and_a_table_of_trials_show_the_same(tmp_path: Path) -> None:
    from levada.notebook.views.tuning import study_html

    study = document(12)
    made = Study(Making(tmp_path, "", "study"))
    assert isinstance(made, Artifact)
    made.write(
        component=study.component,
        space=study.space,
        goals=study.goals,
        trials=study.trials,
        chosen=study.chosen,
        front=study.front,
        importance=study.importance,
        notes=study.notes,
        forms=study.forms,
    )
    assert made.properties["best"] == study.chosen
    shown = study_html(made, ["run 1"])
    assert "<script" not in shown and "<svg" in shown and "70%" in shown
    table = made.to_pandas()
    assert list(table["number"]) == list(range(12))
    assert list(table.columns[:6]) == ["number", "state", "seconds", "rate", "units", "kind"]
    assert table.loc[study.chosen, "auc"] == study.best["metrics"]["auc"]
    assert table.loc[3, "why"].startswith("ValueError")


def test_axes_have_round_numbers_and_room() -> None:
    assert [text for _, text in Axis.of("x", [0.0, 10.0]).ticks()] == ["0", "5", "10"]
    assert [text for _, text in Axis.of("x", [0.0, 1.0], whole=True).ticks()] == ["0", "1"]
    assert [text for _, text in Axis.of("x", [1e-4, 1e-1], log=True).ticks()] == ["0.0001", "0.001", "0.01", "0.1"]
    assert [text for _, text in Axis.of("x", [20.0, 60.0], log=True).ticks()] == ["20", "50"]
    assert [text for _, text in Axis.of("x", [3.0]).ticks()]
    assert [text for _, text in Axis.of("x", []).ticks()]
    assert [text for _, text in Axis.of_places("x", ["a", "b"]).ticks()] == ["a", "b"]
    drawn = Plot("two", Axis.of("x", [0.0, 1.0]), Axis.of("y", [0.0, 1.0]), [Mark(0, 1, "<b>")]).draw()
    assert "&lt;b&gt;" in drawn and "<b>" not in drawn
