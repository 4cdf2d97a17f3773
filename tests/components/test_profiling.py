"""Profile: one look at all the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifact import ArtifactRecord, made
from levada.artifacts import Examples, Statistics, examples
from levada.component import component
from levada.components import profile
from levada.context import Context
from levada.errors import DataError, ParameterError
from levada.store import Store, artifact_digest, entries_of


@component
def some_rows(ctx: Context, *, rows: int = 3000) -> Examples:
    random = np.random.default_rng(0)
    made = ctx.output(Examples)
    for split, count in (("train", rows), ("eval", rows // 3)):
        made.write(
            split,
            pa.table(
                {
                    "distance": random.normal(1000, 200, count),
                    "carrier": pa.array(["UA", "AA", None, "EV"]).take(pa.array(random.integers(0, 4, count))),
                    "tail": [f"N{number:05}" for number in random.integers(0, 2000, count)],
                    "pixels": pa.FixedSizeListArray.from_arrays(random.random(count * 4).astype(np.float32), 4),
                    "when": pa.array(random.integers(0, 10**9, count), pa.timestamp("s")),
                }
            ),
        )
    return made


def files_of(statistics: Statistics) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(statistics.path.iterdir())}


def test_every_column_of_every_split_is_profiled(call: Any) -> None:
    statistics: Statistics = call(profile, call(some_rows))
    assert call.line == "5 columns"
    assert (statistics.splits, statistics.rows(), statistics.rows("eval")) == (["train", "eval"], 3000, 1000)
    assert list(statistics.columns()) == ["distance", "carrier", "tail", "pixels", "when"]
    assert statistics.column("carrier").distinct == 3
    assert statistics.column("pixels").lengths.max == 4
    assert statistics.column("tail").has_vocabulary
    assert len(statistics.column("tail").vocabulary()) == statistics.column("tail").distinct > 20


def test_only_the_chosen_splits_are_profiled(call: Any) -> None:
    assert call(profile, call(some_rows), splits=["eval"]).splits == ["eval"]
    with pytest.raises(DataError, match=r"no split 'evil'\.\nDid you mean eval\?"):
        call(profile, call(some_rows), splits=["evil"])


def test_the_same_examples_give_the_same_bytes(call: Any) -> None:
    rows = call(some_rows)
    assert files_of(call(profile, rows)) == files_of(call(profile, rows))


@pytest.mark.parametrize("vocabulary", [100_000, 100])
def test_beam_gives_the_same_bytes(call: Any, monkeypatch: pytest.MonkeyPatch, vocabulary: int) -> None:
    """Row groups profiled apart and merged in whatever order, with sampling and overflowing vocabularies."""
    from levada.profiling import column as column_module

    monkeypatch.setattr(examples, "ROW_GROUP_ROWS", 400)
    monkeypatch.setattr(column_module, "SAMPLED_NUMBERS", 1000)
    monkeypatch.setattr(column_module, "SAMPLED_TEXTS", 700)
    rows = call(some_rows)
    here = call(profile, rows, vocabulary=vocabulary)
    by_beam = call(profile, rows, vocabulary=vocabulary, beam_from_rows=1)
    for split in rows.splits:
        for name, column in here.columns(split).items():
            assert by_beam.column(name, split) == column
    assert files_of(by_beam) == files_of(here)
    store = call.contexts[-1].store
    assert [key for key in store.list("scratch/attempt") if store.list(key)] == []


def test_a_split_without_rows_has_no_columns(call: Any) -> None:
    @component
    def hollow(ctx: Context) -> Examples:
        made = ctx.output(Examples)
        made.write("train", pa.table({"a": [1]}))
        made.write("eval", pa.table({"a": pa.array([], pa.int64())}))
        return made

    for options in ({}, {"beam_from_rows": 1}):
        statistics = call(profile, call(hollow), **options)
        assert (statistics.rows("eval"), statistics.columns("eval")) == (0, {})


def test_wrong_options_are_told(call: Callable[..., Any]) -> None:
    with pytest.raises(ParameterError, match="from 1 on"):
        call(profile, call(some_rows), top=0)


def test_committed_statistics_read_the_same(call: Any) -> None:
    statistics: Statistics = call(profile, call(some_rows))
    files = tuple(entries_of(statistics.path))
    digest = artifact_digest(files, statistics.properties)
    kind, place = statistics.type_reference(), str(statistics.path)
    again = made(ArtifactRecord(kind, place, digest, statistics.properties, files), Store(statistics.path.parent))
    assert isinstance(again, Statistics)
    assert again.columns("eval") == statistics.columns("eval")
    assert again.column("tail").counts() == statistics.column("tail").counts()
