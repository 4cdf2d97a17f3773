"""A DataFrame of a notebook as a source."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import levada
from levada.components import check_data, dataframe, ingest, profile, schema_file
from levada.errors import DataError, ParameterError
from levada.notebook.session import Session
from levada.project import Project
from levada.sources.data_frame import DataFrameSource
from levada.values import decode, encode


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    (tmp_path / "framecode").mkdir()
    (tmp_path / "framecode/__init__.py").write_text("")
    (tmp_path / "pyproject.toml").write_text('[tool.levada]\ncode = ["framecode"]\n')
    monkeypatch.delenv("LEVADA_STORE", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(Project, "tracking_uri", "")
    monkeypatch.chdir(tmp_path)
    with levada.session("frames", project=tmp_path) as session:
        yield session


def frame() -> pd.DataFrame:
    return pd.DataFrame({"n": [1, 2, 3], "t": ["x", None, "z"], "f": [0.5, np.nan, -0.0]}, index=[7, 8, 9])


def test_a_data_frame_is_ingested_as_it_was_when_it_was_named(session: Session) -> None:
    rows = frame()
    source = dataframe(rows)
    rows["n"] = 0
    examples = ingest(source, splits={"train": 1})
    assert examples.table("train").to_pylist() == [
        {"n": 1, "t": "x", "f": 0.5},
        {"n": 2, "t": None, "f": None},
        {"n": 3, "t": "z", "f": -0.0},
    ]
    assert examples.source.startswith("dataframe of 3 rows, ")


def test_what_the_sessions_schema_calls_sensitive_is_shown_nowhere(session: Session, tmp_path: Path) -> None:
    rows = pd.DataFrame({"name": ["Tomasina", "Ulrich", "Ulrich"], "n": [1, 2, 700]})
    examples = ingest(dataframe(rows), splits={"train": 1})
    statistics = profile(examples)
    assert "Ulrich" in statistics._repr_html_() and "Ulrich" in examples._repr_html_()
    (tmp_path / "people.pbtxt").write_text(
        'feature { name: "name" type: BYTES annotation { tag: "sensitive" } '
        'value_count { min: 1 max: 1 } presence { min_fraction: 1 min_count: 1 } domain: "names" }\n'
        'feature { name: "n" type: INT int_domain { max: 9 } }\n'
        'string_domain { name: "names" value: "Tomasina" }\n'
    )
    anomalies = check_data(statistics, schema_file("people.pbtxt"), examples=examples)
    for drawn in (anomalies, statistics, examples):
        shown = drawn._repr_html_()
        assert "Ulrich" not in shown and "Tomasina" not in shown
        assert "name" in shown and "700" in shown


def test_the_same_rows_are_cached_and_others_are_not(session: Session) -> None:
    sources = [dataframe(frame()), dataframe(frame()), dataframe(frame().head(2)), dataframe(pa.table({"n": [1]}))]
    assert sources[0] == sources[1]
    assert len({source.digest() for source in sources}) == 3
    first, again = ingest(sources[0]), ingest(sources[1])
    assert len(session.plan.nodes) == 1 and repr(first) == repr(again)
    ingest(sources[2])
    assert len(session.plan.nodes) == 2


def test_the_plan_names_the_rows_by_their_content(session: Session, tmp_path: Path) -> None:
    source = dataframe(frame())
    assert decode(encode(source)) == source
    assert source.store == ".levada"  # so that the plan means the same in another checkout
    assert pa.Table.from_batches(list(source.batches(tmp_path))).num_rows == 3


def test_a_store_elsewhere_keeps_rows_too(tmp_path: Path, session: Session) -> None:
    with levada.session("frames", project=tmp_path, store="memory://frames") as other:
        source = dataframe(frame())
        assert source.store == other.store.uri == "memory://frames"
        assert pa.Table.from_batches(list(source.batches(tmp_path))).num_rows == 3


def test_rows_that_are_gone_are_told(session: Session, tmp_path: Path) -> None:
    source = dataframe(frame())
    (tmp_path / f".levada/files/{source.content}/rows.arrow").write_bytes(b"x")
    with pytest.raises(DataError, match=r"not in the store any more\.\nCall dataframe\(\.\.\.\) again\."):
        list(source.batches(tmp_path))


@pytest.mark.parametrize(
    "rows",
    [
        pd.DataFrame({"a": [1, "x"]}),
        pd.DataFrame({"a": [object()]}),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
    ],
)
def test_columns_without_a_type_are_told(session: Session, rows: Any) -> None:
    with pytest.raises(DataError, match=r"^dataframe\(\.\.\.\): "):
        dataframe(rows)


def test_without_a_session_it_says_where_to_go() -> None:
    code = "import pandas, levada.components as c; c.dataframe(pandas.DataFrame({'a': [1]}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Call levada.session(...) first." in done.stderr
    assert ParameterError.__name__ in done.stderr
    assert DataFrameSource.__doc__
