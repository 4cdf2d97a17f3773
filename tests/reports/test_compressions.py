"""A compression's page says what was chosen and why, draws every candidate, and names no value that is sensitive."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from levada.artifacts.compression import Candidate, CompressionDocument
from levada.artifacts.measured import Condition, Estimate, Measure, Part
from levada.reports import CompressionReport, page_of
from levada.terminal.reports import report_text
from tests.costs import cost as cost_of


def part(by: str, name: str, value: float, drop: float) -> Part:
    apart = Estimate(drop, drop - 0.004, drop + 0.004)
    return Part(
        by, name, 900, {"auc": Estimate(value, value - 0.01, value + 0.01)}, {"auc": Estimate(0.7)}, {"auc": apart}
    )


def candidate(name: str, role: Any, gzipped: int, drop: float, *conditions: Condition) -> Candidate:
    whole = part("", "all rows", 0.7 - drop, drop)
    whole = replace(whole, champion={}, drops={}) if role == "uncompressed" else whole
    slices = (part("carrier", "carrier=<US>", 0.69 - drop, drop * 2), part("origin", "origin=EWR", 0.7 - drop, drop))
    cost = cost_of("LiteRT 2.3", gzipped, gzipped / 1e9, gzipped / 1e8)
    misses = tuple(0.0 if each.holds else 0.5 for each in conditions)
    return Candidate(name, role, name * 16, "litert", "", 40, cost, whole, slices, conditions, misses, 1e-5)


def document(**changed: Any) -> CompressionDocument:
    holds = Condition(True, "auc is not worse", "champion", "auc", limit=0.01)
    fails = Condition(False, "auc where carrier=<US> is worse", "slice", "auc", "carrier=<US>", 0.01)
    found = CompressionDocument(
        label="late",
        split="eval",
        rows=900,
        runtime="LiteRT",
        metric="auc",
        measures=(Measure("auc", lower_is_better=False, method="DeLong"),),
        asked=("auc may drop by 0.01 (by the upper end of its interval)",),
        bound="interval",
        prefer="size",
        wanted=0.95,
        confidence=0.975,
        candidates=(
            candidate("uncompressed", "uncompressed", 90_000, 0.0),
            candidate("as it is", "reference", 60_000, 0.0),
            candidate("dynamic int8", "candidate", 20_000, 0.002, holds),
            candidate("prune 80 % → dynamic int8", "candidate", 9_000, 0.02, holds, fails),
        ),
        chosen="dynamic int8",
        nearest=None,
        why="dynamic int8 is the smallest; the slice that lost most is carrier=<US>, by 0.0040",
        front=("dynamic int8",),
        notes=("2 candidates were judged by the same rows",),
    )
    return replace(found, **changed)


def report(found: CompressionDocument | None = None, **options: Any) -> CompressionReport:
    found = found or document()
    return CompressionReport("flights · compress", ["run 1"], found, is_open=found.chosen is not None, **options)


def test_a_document_is_the_same_after_json() -> None:
    found = document()
    assert CompressionDocument.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_the_page_has_the_choice_all_candidates_and_both_pictures() -> None:
    page = page_of(report())
    assert "Chosen: dynamic int8" in page and "gate open" in page
    assert page.count("<circle") == 2 * 4 + 2  # a mark each in both pictures, and a ring round the choice
    for said in (
        "20 kB",
        "90 kB",
        "-0.002 [-0.006, +0.002]",
        "misses auc",
        "2 candidates were judged",
        "97.5 % interval",
    ):
        assert said in page
    assert "carrier=&lt;US&gt;" in page and "carrier=<US>" not in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_a_closed_gate_shows_the_nearest_and_what_it_misses_first() -> None:
    found = document(chosen=None, nearest="prune 80 % → dynamic int8", why="none of 2 candidates keeps every limit")
    page = page_of(report(found))
    assert "None keeps every limit; nearest: prune 80 % → dynamic int8" in page and "gate closed" in page
    assert page.index("is worse") < page.index("is not worse")
    said = report_text(report(found), 140)
    assert "✗ auc where carrier=<US> is worse" in said and said.index("✗") < said.index("✓")


def test_slices_by_a_sensitive_column_are_not_named_anywhere() -> None:
    for found in (document(), document(chosen=None, nearest="prune 80 % → dynamic int8")):
        hidden = report(found).hiding(["carrier"])
        for text in (page_of(hidden), report_text(hidden, 140)):
            assert "carrier" not in text and "US&gt;" not in text
    assert "origin=EWR" in page_of(report().hiding(["carrier"])) and "carrier" in page_of(report())


def test_the_terminal_prints_a_line_for_each_candidate() -> None:
    said = report_text(report(), 140)
    for name in ("uncompressed", "as it is", "dynamic int8", "prune 80 % → dynamic int8"):
        assert any(line.startswith(name) for line in said.splitlines())
    assert "chosen" in said and "misses auc" in said
