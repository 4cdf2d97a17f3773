"""`levada schema`, as a user types it about real runs: propose, compare, accept, show."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from levada.artifacts.schema import parse_schema
from levada.cli.commands import execute
from tests.answering import WITHOUT_MLFLOW, type_commands

PIPELINES = '''
from __future__ import annotations

from levada import pipeline
from levada.components import check_data, csv, infer_schema, ingest, profile, schema_file


@pipeline
def trips() -> None:
    """Trips, checked."""
    statistics = profile(ingest(csv("data/*.csv")))
    infer_schema(statistics, schema_file("schemas/trips.pbtxt"))
    check_data(statistics, schema_file("schemas/trips.pbtxt"))


@pipeline
def unchecked() -> None:
    """Trips, looked at twice."""
    data = ingest(csv("data/*.csv"))
    profile.with_options(name="first")(data)
    profile.with_options(name="second")(data)
'''

SCHEMA = """\
# Trips, as the meters send them.

# What the driver typed in, not what was paid.
feature {
  name: "fare"
  type: FLOAT
  annotation {
    comment: "What the meter showed when the trip ended."
    tag: "unit: USD"
  }
  presence { min_fraction: 1.0 min_count: 1 }
  float_domain { min: 0.0 max: 100.0 }  # nobody goes further
}
feature {
  name: "payment"
  type: BYTES
  # Cards came in 2013.
  string_domain { value: "Cash" value: "Card" }
}
feature {
  name: "driver"
  type: BYTES
  annotation { tag: "sensitive" }
  string_domain { value: "Ann" value: "Bob" }
  presence { min_fraction: 1 }
}
feature {
  name: "gone"
  type: INT
  presence { min_fraction: 1 }
}
"""


def rows(payment: str = "Cash", fare: float = 50.0, driver: str = "Ann") -> str:
    lines = [f"{number % 7}.5,{('Cash', 'Card')[number % 2]},Bob,{number}" for number in range(40)]
    return "\n".join(["fare,payment,driver,zone", *lines, f"{fare},{payment},{driver},7", ""])


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trips")
    (folder / "pyproject.toml").write_text(f'[tool.levada]\ncode = ["tripping"]\n{WITHOUT_MLFLOW}')
    for name in ("tripping", "data", "schemas"):
        (folder / name).mkdir()
    (folder / "tripping/__init__.py").write_text("")
    (folder / "tripping/pipelines.py").write_text(PIPELINES)
    (folder / "data/1.csv").write_text(rows("Coin", 250.25, "Mallory"))
    (folder / "schemas/trips.pbtxt").write_text(SCHEMA)
    type_commands(folder, ("run", "trips"), ("run", "unchecked"))
    return folder


@pytest.fixture
def project(ran: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project with its schema as it was."""
    monkeypatch.chdir(ran)
    monkeypatch.delenv("LEVADA_STORE", raising=False)
    (ran / "schemas/trips.pbtxt").write_text(SCHEMA)
    for other in ran.glob("schemas/*.pbtxt"):
        if other.name != "trips.pbtxt":
            other.unlink()
    return ran


def answer(question: str, capfd: pytest.CaptureFixture[str], code: int = 0) -> str:
    """Type a command; returns what is printed, with the run's name as RUN."""
    capfd.readouterr()
    assert execute(question.split()) == code, capfd.readouterr()
    said = capfd.readouterr()
    return re.sub(r"\brun [0-9a-f]{4}\b", "run RUN", said.out + said.err)


DIFFERENCE = """\
schemas/trips.pbtxt -> what run RUN saw

  ~ fare     range: 0 to 100 -> 0 to 250.25
  ~ payment  domain: + 'Coin'
  ~ driver   values: 2 values -> any (values that are new are not written: add them by hand to keep a list)
  - gone     whole numbers, always there
  + zone     whole numbers, always there

  1 column more, 1 column less, 3 columns changed
"""


def test_diff_says_what_would_let_the_data_through(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of a sensitive column no value is shown; bounds and comments that fit are left alone."""
    assert answer("schema diff trips", capfd) == DIFFERENCE + "\nnext   levada schema accept trips\n"
    assert "Mallory" not in answer("schema diff trips --json", capfd)


def test_diff_as_json_is_a_document(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    document = json.loads(answer("schema diff trips --json", capfd))
    assert document["from"] == "schemas/trips.pbtxt"
    assert document["changes"][1] == {
        "column": "payment",
        "kind": "changed",
        "what": "domain",
        "before": "",
        "after": "+ 'Coin'",
    }


ACCEPTED = """\
# Trips, as the meters send them.

# What the driver typed in, not what was paid.
feature {
  name: "fare"
  type: FLOAT
  annotation {
    comment: "What the meter showed when the trip ended."
    tag: "unit: USD"
  }
  presence { min_fraction: 1.0 min_count: 1 }
  float_domain { min: 0.0 max: 250.25 }  # nobody goes further
}
feature {
  name: "payment"
  type: BYTES
  # Cards came in 2013.
  string_domain { value: "Cash" value: "Card" value: "Coin" }
}
feature {
  name: "driver"
  type: BYTES
  annotation { tag: "sensitive" }
  presence { min_fraction: 1 }
}
feature {
  name: "zone"
  type: INT
  presence {
    min_fraction: 1.0
    min_count: 1
  }
  shape {
    dim {
      size: 1
    }
  }
}
"""


def test_accept_writes_what_differs_and_leaves_comments(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Then the data fits: another accept has nothing to write, and the file is as it was."""
    assert answer("schema accept trips", capfd) == DIFFERENCE + "\nwrote schemas/trips.pbtxt\n"
    file = project / "schemas/trips.pbtxt"
    assert file.read_text() == ACCEPTED
    said = answer("schema accept trips", capfd)
    assert said == "schemas/trips.pbtxt lets through what run RUN saw: nothing to write.\n"
    assert file.read_text() == ACCEPTED
    assert answer("schema diff trips", capfd) == "schemas/trips.pbtxt -> what run RUN saw\n  no change\n"


def test_accept_takes_one_column_alone(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer("schema accept trips --column payment", capfd)
    file = project / "schemas/trips.pbtxt"
    assert file.read_text() == SCHEMA.replace('value: "Card" }', 'value: "Card" value: "Coin" }')
    said = answer("schema accept trips --column paymant", capfd, 2)
    assert said == "DataError: there is no column 'paymant'.\nDid you mean payment?\n"


def test_accept_makes_a_file_that_is_not_there(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """And says that it wants to be read."""
    said = answer("schema accept trips --schema schemas/new.pbtxt", capfd)
    assert said.startswith("wrote schemas/new.pbtxt: read it and correct it")
    text = (project / "schemas/new.pbtxt").read_text()
    assert re.match(r"# Proposed from what run \w{4} of trips saw: 41 rows\. Read it and correct it\.\n", text)
    assert [feature.name for feature in parse_schema(text, "").feature] == ["fare", "payment", "driver", "zone"]


def test_show_is_a_table_for_people(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = answer("schema show", capfd)
    rows = [re.split(r" {2,}", line.strip()) for line in said.splitlines()]
    assert rows == [
        ["schemas/trips.pbtxt · 4 columns · 1 sensitive"],
        [""],
        ["column", "type", "present", "values", "unit", "description"],
        ["fare", "numbers", "always there", "0 to 100", "USD", "What the meter showed when the trip ended."],
        ["payment", "text", "may be missing", "Cash, Card"],
        ["driver", "text", "always there", "2 values", "sensitive"],
        ["gone", "whole numbers", "always there"],
    ]
    assert json.loads(answer("schema show schemas/trips.pbtxt --json", capfd))["feature"][0]["name"] == "fare"
    assert answer("schema show trips", capfd) == said


def test_infer_prints_a_schema_as_if_there_were_none(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = answer("schema infer trips --ranges", capfd)
    assert "Mallory" not in text and 'tag: "unit: USD"' in text, "what people noted is kept"
    proposal = parse_schema(text, "printed")
    assert {feature.name: feature.WhichOneof("domain_info") for feature in proposal.feature} == {
        "fare": "float_domain",
        "payment": "string_domain",
        "driver": None,
        "zone": "int_domain",
    }
    answer("schema infer trips --output schemas/other.pbtxt", capfd)
    assert "is there already" in answer("schema infer trips --output schemas/other.pbtxt", capfd, 2)
    said = answer("schema diff schemas/trips.pbtxt schemas/other.pbtxt", capfd)
    assert "  - gone     whole numbers, always there\n" in said and "next" not in said


def test_fresh_says_where_the_schema_asks_less_than_the_data_keeps(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Notes of people are no difference."""
    said = answer("schema diff trips --fresh --ranges", capfd)
    assert "  ~ fare     range: 0 to 100 -> 0.5 to 250.25\n" in said
    assert "  ~ payment  presence: may be missing -> always there\n" in said
    assert "unit" not in said and "sensitive" not in said


def test_what_is_not_there_is_said_with_what_to_do(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = answer("schema infer unchecked", capfd, 2)
    assert said == "StoreError: several nodes of run RUN made statistics.\nSay which: first, second.\n"
    said = answer("schema infer unchecked secnd", capfd, 2)
    assert said == "StoreError: run RUN has no node 'secnd'.\nDid you mean second?\n"
    said = answer("schema diff unchecked second", capfd, 2)
    assert said == (
        "StoreError: run RUN does not hold second against a schema file.\nName it: --schema schemas/unchecked.pbtxt.\n"
    )
    assert "there is no file schemas/trip.pbtxt" in answer("schema show schemas/trip.pbtxt", capfd, 2)


def test_infer_schema_says_whether_it_differs(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = answer("show trips", capfd)
    assert "1 column more, 1 column less, 3 columns changed against schemas/trips.pbtxt" in said


def test_asking_imports_no_heavy_library(project: Path) -> None:
    """The store and the schema's file are enough."""
    script = (
        "import sys; from levada.cli.commands import execute; code = execute(sys.argv[1:]); "
        "heavy = {'apache_beam', 'mlflow', 'tensorflow', 'pandas', 'pyarrow', 'numpy', 'tripping.pipelines'}; "
        "heavy &= set(sys.modules); sys.exit(repr(heavy) if heavy else code)"
    )
    for question in ("schema diff trips", "schema show", "schema infer trips"):
        done = subprocess.run(
            [sys.executable, "-c", script, *question.split()],
            cwd=project,
            env=os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{project}/mlflow.db"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
