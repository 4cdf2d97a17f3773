"""Reports of real runs: from the store, on the command line, in MLflow."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from levada.cli.commands import execute
from levada.components import check_data, csv, drift, ingest, profile, schema_file
from levada.history import History, RunRecord
from levada.mlflow.connection import connect, local_folder
from levada.mlflow.delivery import deliver_pending
from levada.reports import page_of
from levada.reports.of_run import reports_of, sensitive_in
from levada.store import Store
from tests.inline import plan_of, run_plan
from tests.mlflow.pages import NOTE, nodes_of, runs_of
from tests.reports.samples import Markup

SCHEMA = """
feature { name: "id" type: INT presence { min_fraction: 1 } annotation { comment: "Number of the <trip>" } }
feature { name: "payment" type: BYTES string_domain { value: "Cash" } }
feature { name: "customer" type: BYTES annotation { tag: "sensitive" } string_domain { value: "Ada" } }
"""


def trips() -> None:
    data = ingest(csv("data/spring.csv"), splits={"train": 3, "eval": 1})
    statistics = profile(data, slices=["payment"])
    check_data(statistics, schema_file("schemas/trips.pbtxt"))
    later = profile.with_options(name="profile_later")(ingest.with_options(name="later")(csv("data/summer.csv")))
    drift(later, baseline=statistics, split="all", baseline_split="train")


def write(path: Path, payment: str) -> None:
    rows = [f"{number},{payment},customer-{number % 9}" for number in range(200)]
    path.write_text("\n".join(["id,payment,customer", *rows]) + "\n")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which the pipeline has run, without MLflow."""
    root = tmp_path_factory.mktemp("trips")
    for folder in ("data", "schemas"):
        (root / folder).mkdir()
    (root / "pyproject.toml").write_text('[project]\nname = "trips"\n[tool.levada]\ncode = []\n')
    (root / "schemas/trips.pbtxt").write_text(SCHEMA)
    write(root / "data/spring.csv", "Cash")
    write(root / "data/summer.csv", "Card")
    run_plan(plan_of(trips), Store(root / ".levada"), root=root)
    return root


@pytest.fixture
def run(project: Path) -> RunRecord:
    return History(Store(project / ".levada")).last()


def pages(run: RunRecord, node: str) -> dict[str, str]:
    return {name: page_of(report) for name, report in reports_of(run, run.plan.node(node)).items()}


def test_each_node_that_made_something_to_show_has_its_report(run: RunRecord) -> None:
    names = {node.id: list(reports_of(run, node)) for node in run.plan.nodes}
    assert names == {
        "ingest": [],
        "profile": ["profile"],
        "check_data": ["validation"],
        "later": [],
        "profile_later": ["profile"],
        "drift": ["comparison"],
    }
    text = Markup(pages(run, "profile")["profile"]).text
    assert "Number of the <trip>" in text
    assert "trips · profile" in text and f"run {run.id}" in text and "train" in text and "eval" in text


def test_what_a_schema_of_the_run_calls_sensitive_is_in_no_report(run: RunRecord) -> None:
    assert sensitive_in(run) == {"customer"}
    for node in ("profile", "check_data", "profile_later", "drift"):
        for page in pages(run, node).values():
            assert "customer-" not in page and "Ada" not in page
            assert "customer" in page


def test_a_drift_report_shows_its_verdict_and_both_sides(run: RunRecord) -> None:
    report = reports_of(run, run.plan.node("drift"))["comparison"]
    assert report.is_open is False
    assert [side.label for side in report.sides] == ["profile, train", "profile_later, all"]
    assert report.names[0] == "payment"
    assert report.moved[0].verdict == "fail"
    text = Markup(page_of(report)).text
    assert "gate closed" in text and "What moved most" in text


def test_a_report_is_made_from_the_store_alone(run: RunRecord, project: Path, tmp_path: Path) -> None:
    """A copy of the store elsewhere gives the same pages; the data is not looked at."""
    before = pages(run, "check_data")
    shutil.copytree(project / ".levada", tmp_path / "store")
    copied = History(Store(tmp_path / "store")).last()
    assert pages(copied, "check_data") == before


# -- the command ------------------------------------------------------------------------------------------


def type_(project: Path, words: str, capfd: pytest.CaptureFixture[str], code: int = 0) -> str:
    capfd.readouterr()
    assert execute(["--project", str(project), *words.split()]) == code, capfd.readouterr()
    return "".join(capfd.readouterr())


def test_the_terminal_shows_a_table(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = type_(project, "report last profile", capfd)
    lines = {line.split()[0]: line for line in said.splitlines() if line.strip()}
    assert "missing" in lines["column"] and "distinct" in lines["column"]
    assert "Cash 100 %" in lines["payment"]
    assert "(sensitive)" in lines["customer"] and "customer-" not in said
    assert all(len(line) <= 140 for line in said.splitlines())


def test_without_a_node_the_first_report_of_the_run_is_shown(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert type_(project, "report last", capfd) == type_(project, "report last profile", capfd)


def test_a_page_is_written_where_it_is_wanted(project: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "it.html"
    assert type_(project, f"report last profile -o {target} --hide payment", capfd).strip() == str(target)
    page = target.read_text()
    assert "Cash" not in page and Markup(page).headings == ["id", "payment", "customer"]


def test_splits_and_nodes_are_compared(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = type_(project, "report last profile --compare train eval", capfd)
    assert "train against eval" in said and "distance" in said
    said = type_(project, "report last profile --against profile_later --compare train all", capfd)
    assert "train of profile against all of profile_later" in said
    assert said.index("payment ") < said.index("id ")


def test_slices_are_shown_alone_and_beside_each_other(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = type_(project, "report last profile --slice payment=Cash", capfd)
    assert "trips · profile · payment=Cash" in said and "train: " in said and "eval: " in said
    said = type_(project, "report last profile --slice payment=Cash --slice payment=Cash", capfd)
    assert "payment=Cash beside payment=Cash" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("report last ingest", "node ingest of run"),
        ("report last profile -o page.txt", "page.txt is not an .html file"),
        ("report last profile --compare train test", "no split 'test'"),
        ("report last profile --slice payment=Gold", "no slice 'payment=Gold'"),
        ("report last profile --against nowhere", "there is no run 'nowhere'"),
        ("report last profile -o /no/such/folder/x.html", "cannot write /no/such/folder/x.html"),
    ],
)
def test_what_cannot_be_shown_is_said(project: Path, words: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert said in type_(project, words, capfd, code=2)


# -- MLflow ------------------------------------------------------------------------------------------------


@pytest.fixture
def told(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The store of the run, and MLflow's client after it was told."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(project / ".levada", tmp_path / "store")
    store, uri = Store(tmp_path / "store"), f"sqlite:///{tmp_path / 'mlflow.db'}"
    connect(store, uri)

    def tell() -> Any:
        from mlflow import MlflowClient

        return deliver_pending(store, uri), MlflowClient(uri)

    return store, tell


def test_mlflow_has_the_page_as_a_file_of_the_nodes_run_and_links_to_it(told: Any) -> None:
    store, tell = told
    report, client = tell()
    assert (report.trouble, report.refused) == ("", ())
    (parent,) = runs_of(client, "trips")
    children = nodes_of(client, parent)
    files = {node: [item.path for item in client.list_artifacts(child.info.run_id)] for node, child in children.items()}
    assert {node: names for node, names in files.items() if names} == {
        "profile": ["profile.html"],
        "profile_later": ["profile.html"],
        "check_data": ["validation.html"],
        "drift": ["comparison.html"],
    }
    run = History(store).last()
    child = children["check_data"]
    folder = local_folder(child.info.artifact_uri)
    assert folder is not None
    assert (folder / "validation.html").read_text() == pages(run, "check_data")["validation"]
    link = f"(#/experiments/{child.info.experiment_id}/runs/{child.info.run_id}/artifacts/validation.html)"
    assert link in child.data.tags[NOTE] and link in parent.data.tags[NOTE]
    assert "closed" not in children["profile"].data.tags[NOTE]


def test_a_report_that_cannot_be_made_keeps_nothing_else_from_mlflow(told: Any) -> None:
    store, tell = told
    run = History(store).last()
    result = run.result("profile")
    assert result is not None
    (store.fetch(result.outputs["output"]) / "statistics.json").unlink()
    report, client = tell()
    assert any("profile: report: " in said for said in report.refused)
    (parent,) = runs_of(client, "trips")
    children = nodes_of(client, parent)
    assert {child.info.status for child in children.values()} == {"FINISHED"}
    assert [item.path for item in client.list_artifacts(children["profile_later"].info.run_id)] == ["profile.html"]
