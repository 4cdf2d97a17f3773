"""Drift and skew as components: what is told of spans that differ, and what closes the gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from levada.artifacts import DriftReport, Examples, Statistics
from levada.component import component
from levada.components import Limits, drift, profile, skew
from levada.context import Context
from levada.errors import DataError, ParameterError

Call = Callable[..., Any]


@component
def written(ctx: Context, *, table: Any, rows_of_eval: int = -1) -> Examples:
    made = ctx.output(Examples)
    made.write("train", table)
    if rows_of_eval >= 0:
        made.write("eval", table.slice(0, rows_of_eval))
    return made


def span(seed: int, rows: int = 2_000, **changed: Any) -> pa.Table:
    """A span of trips: fares of 20 +- 5, hours, how they were paid; `changed` replaces columns."""
    random = np.random.default_rng(seed)
    columns = {
        "fare": random.normal(20, 5, rows),
        "hour": random.integers(0, 24, rows),
        "paid": random.choice(["card", "cash", "other"], rows, p=[0.6, 0.3, 0.1]),
    }
    return pa.table({**columns, **{name: value for name, value in changed.items() if value is not None}})


def normal(seed: int, mean: float, rows: int = 2_000) -> Any:
    return np.random.default_rng(seed).normal(mean, 5, rows)


@pytest.fixture
def profiled(call: Call) -> Callable[..., Statistics]:
    return lambda table, **options: call(profile, call(written, table=table, **options))


def report(call: Call, statistics: Statistics, baseline: Statistics | None, **options: Any) -> DriftReport:
    return call(drift, statistics, baseline=baseline, **options)


def test_spans_that_differ_by_chance_have_no_drift(call: Call, profiled: Any) -> None:
    found = report(call, profiled(span(1)), profiled(span(2)))
    assert call.line == "no drift in 3 columns"
    assert found.properties["verdict"] == {"open": True, "reasons": []}
    assert {column.verdict for column in found.columns} == {"none"}
    assert all(column.judged and column.q_value is not None and column.q_value > 0.05 for column in found.columns)


def test_a_span_that_moved_closes_the_gate_and_names_the_worst_column_first(call: Call, profiled: Any) -> None:
    paid = np.random.default_rng(5).choice(["card", "cash", "other"], 2_000, p=[0.45, 0.45, 0.1])
    found = report(call, profiled(span(1, fare=normal(3, 25), paid=paid)), profiled(span(2)))
    assert [(column.column, column.verdict) for column in found.columns] == [
        ("fare", "fail"),
        ("paid", "warn"),
        ("hour", "none"),
    ]
    worst = found.columns[0]
    assert worst.measure == "psi"
    assert worst.distances["wasserstein"] == pytest.approx(1.0, abs=0.1)
    assert worst.distances["psi"] > 0.8
    assert worst.effect == pytest.approx(worst.distances["psi"] / 0.1)
    assert worst.sentence.startswith("fare: mean 19.72 -> 25.14, deviation ")
    verdict: Any = found.properties["verdict"]
    assert verdict == {"open": False, "reasons": [worst.sentence]}
    assert found.properties["worst"] == ["fare", "paid"]
    assert call.line.startswith("1 failed, 1 warned of 3 columns: fare (PSI ")


def test_with_severity_warn_nothing_closes_the_gate(call: Call, profiled: Any) -> None:
    found = report(call, profiled(span(1, fare=normal(3, 25))), profiled(span(2)), severity="warn")
    assert [column.column for column in found.drift.with_verdict("warn")] == ["fare"]
    verdict: Any = found.properties["verdict"]
    assert verdict["open"] and len(verdict["reasons"]) == 1


def test_a_report_reads_as_it_was_written(call: Call, profiled: Any) -> None:
    found = report(call, profiled(span(1, fare=normal(3, 25))), profiled(span(2, rows=3_000)))
    told = found.drift
    assert (told.kind, told.alpha) == ("drift", 0.05)
    assert told.baseline is not None
    assert (told.baseline.split, told.baseline.rows, told.current.rows) == ("train", 3_000, 2_000)
    assert found.column("fare") == told.columns[0]
    assert found.column("tip") is None


def test_a_huge_sample_does_not_alarm_on_nothing(call: Call, profiled: Any) -> None:
    rows = 200_000
    found = report(call, profiled(span(1, rows, fare=normal(3, 20.25, rows))), profiled(span(2, rows)))
    fare = found.column("fare")
    assert fare is not None and fare.q_value is not None
    assert fare.q_value < 1e-6
    assert (fare.verdict, call.line) == ("none", "no drift in 3 columns")


def test_a_few_rows_alarm_on_nothing_that_chance_explains(call: Call, profiled: Any) -> None:
    found = report(call, profiled(span(3, 60)), profiled(span(4, 60)))
    assert max(column.effect for column in found.columns) > 1
    assert {column.verdict for column in found.columns} == {"none"}
    assert any("that chance does not explain" in column.sentence for column in found.columns)


def test_too_few_rows_cannot_be_judged(call: Call, profiled: Any) -> None:
    found = report(call, profiled(span(3, 12)), profiled(span(4)))
    assert [column.sentence for column in found.columns] == [
        f"{name}: cannot tell: 12 rows, fewer than 50" for name in ("fare", "hour", "paid")
    ]
    assert not any(column.judged for column in found.columns)
    assert call.line == "no drift in 3 columns · cannot tell of 3"
    judged = report(call, profiled(span(3, 12)), profiled(span(4)), min_rows=10)
    assert all(column.judged for column in judged.columns)


def test_columns_of_one_side_and_of_other_types_are_told(call: Call, profiled: Any) -> None:
    before = span(1).append_column("tip", pa.array([1.0] * 2_000)).append_column("zip", pa.array([10115] * 2_000))
    now = span(2).append_column("vendor", pa.array(["a"] * 2_000)).append_column("zip", pa.array(["10115"] * 2_000))
    found = report(call, profiled(now), profiled(before))
    assert [(column.verdict, column.sentence) for column in found.columns[:3]] == [
        ("fail", "tip: the column is gone, the baseline has it (double)"),
        ("fail", "zip: string (string), it was numeric (int64)"),
        ("warn", "vendor: a new column (string), the baseline does not have it"),
    ]


def test_whole_numbers_and_fractions_are_the_same_kind(call: Call, profiled: Any) -> None:
    hours = span(2)["hour"].to_numpy()
    found = report(call, profiled(span(1, hour=hours.astype(float))), profiled(span(2)))
    hour = found.column("hour")
    assert hour is not None
    assert (hour.type, hour.baseline_type, hour.verdict) == ("double", "int64", "none")
    assert hour.distances["wasserstein"] == pytest.approx(0, abs=0.01)


def test_more_missing_values_are_told(call: Call, profiled: Any) -> None:
    fares = span(1)["fare"].to_pylist()
    found = report(call, profiled(span(1, fare=pa.array(fares[:1700] + [None] * 300))), profiled(span(2)))
    fare = found.columns[0]
    assert (fare.column, fare.verdict, fare.measure) == ("fare", "fail", "missing")
    assert fare.sentence == "fare: 15 % missing, it was 0 %"
    assert fare.missing_q_value is not None and fare.missing_q_value < 1e-6


def test_infinite_values_are_told(call: Call, profiled: Any) -> None:
    fares = np.where(np.arange(2_000) < 100, np.inf, span(1)["fare"].to_numpy())
    found = report(call, profiled(span(1, fare=fares)), profiled(span(2)))
    assert found.columns[0].sentence == "fare: 100 infinite values, there were 0"
    assert found.columns[0].verdict == "fail"


def test_a_column_without_any_value_left_is_told(call: Call, profiled: Any) -> None:
    for gone in (pa.nulls(2_000), pa.nulls(2_000, pa.float64())):
        found = report(call, profiled(span(1, fare=gone)), profiled(span(2)))
        assert found.columns[0].sentence == "fare: 100 % missing, it was 0 %"


def test_a_new_category_is_named(call: Call, profiled: Any) -> None:
    paid = np.where(np.arange(2_000) < 100, "app", span(2)["paid"].to_numpy(zero_copy_only=False))
    found = report(call, profiled(span(1, paid=paid)), profiled(span(2)))
    assert found.columns[0].sentence.startswith("paid: 'app' 0 % -> 5.0 % (")


def test_columns_are_chosen_and_ignored(call: Call, profiled: Any) -> None:
    now, before = profiled(span(1, fare=normal(3, 25))), profiled(span(2))
    assert [found.column for found in report(call, now, before, columns=["hour", "paid"]).columns] == ["hour", "paid"]
    assert {found.column for found in report(call, now, before, ignore=["fare"]).columns} == {"hour", "paid"}
    with pytest.raises(ParameterError, match=r"no column 'fair' on either side") as raised:
        report(call, now, before, columns=["fair"])
    assert "fare" in raised.value.hint


def test_limits_are_of_all_columns_or_of_one(call: Call, profiled: Any) -> None:
    now, before = profiled(span(1, fare=normal(3, 25), hour=span(1)["hour"].to_numpy() // 2)), profiled(span(2))
    wide = Limits(psi=None, jensen_shannon=None, kolmogorov_smirnov=None, l_infinity=None, wasserstein=(2.0, 3.0))
    assert report(call, now, before, limits=wide).properties["failed"] == 0
    only = report(call, now, before, column_limits={"fare": wide})
    assert [column.column for column in only.drift.with_verdict("fail")] == ["hour"]


@pytest.mark.parametrize("limit", [(0.3, 0.1), (-1.0, 1.0), 0.1, (0.1, float("nan")), (True, 1.0)])
def test_limits_that_cannot_be_meant_are_refused(limit: Any) -> None:
    with pytest.raises(ParameterError, match="Limits"):
        Limits(psi=limit)
    with pytest.raises(ParameterError, match="no distance 'kl'"):
        Limits.only(kl=(0.1, 0.2))


def test_options_that_cannot_be_meant_are_refused(call: Call, profiled: Any) -> None:
    statistics = profiled(span(1))
    for options, said in (
        ({"severity": "fial"}, "'warn' or 'fail'"),
        ({"alpha": 0.0}, "alpha"),
        ({"min_rows": 0}, "min"),
    ):
        with pytest.raises(ParameterError, match=said):
            report(call, statistics, statistics, **options)
    with pytest.raises(DataError, match="no split 'test'"):
        report(call, statistics, statistics, split="test")


def test_sides_without_rows_or_common_columns_are_refused(call: Call, profiled: Any) -> None:
    hollow = profiled(span(1), rows_of_eval=0)
    with pytest.raises(DataError, match=r"the baseline, .* has no rows in split 'eval'"):
        report(call, hollow, hollow, split="train", baseline_split="eval")
    with pytest.raises(DataError, match=r"has no rows in split 'eval'"):
        report(call, hollow, hollow, split="eval", baseline_split="train")
    with pytest.raises(DataError, match="no column in common: fare, hour, paid before, a now"):
        report(call, profiled(pa.table({"a": [1]})), hollow)


def test_without_a_baseline_the_gate_is_open(call: Call, profiled: Any) -> None:
    found = report(call, profiled(span(1)), None)
    assert (call.line, found.columns, found.drift.baseline) == ("no baseline yet", (), None)
    assert found.properties["verdict"] == {"open": True, "reasons": ["there is no baseline yet"]}


def test_splits_of_one_profile_are_compared(call: Call, profiled: Any) -> None:
    statistics = profiled(span(1), rows_of_eval=500)
    found = report(call, statistics, statistics, split="eval", baseline_split="train")
    assert found.drift.baseline is not None
    assert (found.drift.current.split, found.drift.current.rows, found.drift.baseline.rows) == ("eval", 500, 2_000)
    assert call.line == "no drift in 3 columns"


def test_times_are_measured_and_judged_only_if_asked(call: Call, profiled: Any) -> None:
    def days(start: int) -> Any:
        return pa.array([start + day % 30 for day in range(2_000)], pa.date32())

    now, before = profiled(span(1, day=days(15_030))), profiled(span(2, day=days(15_000)))
    day = report(call, now, before).column("day")
    assert day is not None
    assert (day.verdict, day.distances["kolmogorov_smirnov"]) == ("none", 1.0)
    assert day.sentence.startswith("day: times move on, which is not judged")
    assert report(call, now, before, columns=["day", "fare"]).columns[0].verdict == "fail"


class Written:
    """A schema whose message is at hand: what the components ask of one."""

    def __init__(self, text: str) -> None:
        self._text = text

    def proto(self) -> Any:
        return text_format.Parse(self._text, schema_pb2.Schema())


SKEWED = np.random.default_rng(9).choice(["card", "cash", "other"], 2_000, p=[0.56, 0.34, 0.1])


def test_a_schemas_comparators_set_the_limits(call: Call, profiled: Any) -> None:
    now, before = profiled(span(1, paid=SKEWED)), profiled(span(2))
    assert report(call, now, before).properties["failed"] == 0
    schema = Written('feature { name: "paid" drift_comparator { infinity_norm { threshold: 0.03 } } }')
    found = report(call, now, before, schema=schema)
    assert [(column.column, column.measure) for column in found.drift.with_verdict("fail")] == [("paid", "l_infinity")]
    assert call(skew, now, training=before, schema=schema).properties["failed"] == 0
    schema = Written('feature { name: "paid" skew_comparator { jensen_shannon_divergence { threshold: 0.001 } } }')
    found = call(skew, now, training=before, schema=schema)
    assert [(column.column, column.measure) for column in found.drift.with_verdict("fail")] == [
        ("paid", "jensen_shannon")
    ]
    assert found.columns[0].distances["jensen_shannon"] ** 2 > 0.001
    schema = Written('feature { name: "paid" drift_comparator { infinity_norm { threshold: 0.3 } } }')
    assert report(call, now, before, schema=schema).properties["failed"] == 0


def test_a_label_that_serving_does_not_have_is_no_skew(call: Call, profiled: Any) -> None:
    training, requests = profiled(span(1)), profiled(span(2).drop_columns(["paid"]))
    assert call(skew, requests, training=training).columns[0].sentence == (
        "paid: the column is gone, the baseline has it (string)"
    )
    schema = Written(
        'default_environment: "TRAINING" default_environment: "SERVING" '
        'feature { name: "paid" not_in_environment: "SERVING" }'
    )
    found = call(skew, requests, training=training, schema=schema)
    assert (found.drift.kind, found.properties["columns"], call.line) == ("skew", 2, "no skew in 2 columns")


def test_values_of_sensitive_columns_are_not_told(call: Call, profiled: Any) -> None:
    schema = Written(
        'feature { name: "paid" annotation { tag: "sensitive" } } '
        'feature { name: "fare" annotation { tag: "sensitive" } }'
    )
    now = profiled(span(1, fare=normal(3, 25), paid=np.array(["secret"] * 2_000)))
    found = report(call, now, profiled(span(2)), schema=schema)
    assert [column.sentence.partition(" (")[0] for column in found.columns[:2]] == [
        "paid: other values",
        "fare: other values",
    ]
    assert "secret" not in (found.path / "drift.json").read_text()


def test_lists_are_compared_by_their_items(call: Call, profiled: Any) -> None:
    random = np.random.default_rng(0)
    short, long = (pa.array(random.normal(mean, 1, (2_000, 3)).tolist()) for mean in (0, 0.8))
    found = report(call, profiled(span(1, track=long)), profiled(span(2, track=short)))
    assert (found.columns[0].column, found.columns[0].verdict) == ("track", "fail")
    words = pa.array([["a", "b"], ["a", "c"]] * 1_000)
    assert report(call, profiled(span(1, words=words)), profiled(span(2, words=words))).properties["failed"] == 0


def test_slices_of_both_sides_are_compared_like_columns(call: Call) -> None:
    """What moved in one slice only shows there; the slices count in the correction for many columns."""
    random = np.random.default_rng(1)

    def sides(shift: float) -> Statistics:
        place = np.repeat(["EWR", "JFK"], 2_000)
        fare = random.normal(20, 5, 4_000) + np.where(place == "JFK", shift, -shift)
        table = pa.table({"fare": fare, "place": place})
        return call(profile, call(written, table=table), slices=["place"])

    before, now = sides(0.0), sides(2.0)
    found = report(call, now, before)
    assert {(column.column, column.slice) for column in found.columns} >= {("fare", ""), ("fare", "place=JFK")}
    jfk = found.column("fare", "place=JFK")
    assert jfk is not None and jfk.verdict == "warn"
    assert jfk.label == "fare in place=JFK"
    assert jfk.sentence.startswith("fare in place=JFK: mean 19.97 -> 21.9")
    whole = report(call, now, before, slices=False)
    assert {column.slice for column in whole.columns} == {""}
