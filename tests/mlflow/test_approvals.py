"""A version waits for a person's word; it is read from MLflow, and the next run goes on from there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from levada.components import approval, decisions, push
from levada.errors import ComponentError
from levada.journal import Tail
from levada.mlflow.approvals import decision_in
from levada.mlflow.delivery import deliver_pending
from levada.registry import Registry
from levada.store import Store
from tests.command import told
from tests.mlflow.pages import runs_of, versions_of
from tests.mlflow.samples import ingest, plan_of, run_plan
from tests.mlflow.serving import fit, judge, placed

ROOT = Path(__file__).resolve().parents[2]


def approved(*, to: str, seed: int = 0, blessed: bool = True, question: str = "Is JFK good enough?") -> None:
    data = ingest()
    model = fit(data, seed=seed)
    verdict = judge(model, data, blessed=blessed)
    ok = approval(verdict, decided=decisions("flights"), by="Ana", question=question)
    push(model, ok, to=to)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "serving" / "flights"


def statuses(outcome: Any) -> dict[str, str]:
    return {name: result.status for name, result in outcome.results.items()}


def test_what_waits_goes_on_in_the_next_run_once_a_person_has_said_so(
    store: Store, uri: str, client: Any, folder: Path
) -> None:
    first, _ = run_plan(plan_of(approved, to=str(folder)), store, uri)

    assert first.exit_code == 3
    assert first.results["push"].reason.startswith(
        "approval closed the gate: flights waits for approval by Ana: Is JFK"
    )
    (version,) = versions_of(client)
    assert version.tags["levada.approval"] == (
        "waits for Ana: Is JFK good enough? (alias approved, or tag approval = approved or refused)"
    )
    assert (
        "flights waits for approval by Ana: Is JFK good enough?"
        in runs_of(client, "approved")[0].data.tags["mlflow.note.content"]
    )

    again, _ = run_plan(plan_of(approved, to=str(folder)), store, uri)  # nobody has looked yet
    assert (again.exit_code, statuses(again)["approval"], placed(folder)) == (3, "cached", [])

    client.set_model_version_tag("flights", "1", "approval", "approved by Ana, after looking at JFK")
    assert deliver_pending(store, uri).said == ("flights: version 1 was approved by Ana in MLflow.",)
    last, _ = run_plan(plan_of(approved, to=str(folder)), store, uri)

    assert last.exit_code == 0
    assert statuses(last) == {
        "ingest": "cached",
        "fit": "cached",
        "judge": "cached",
        "approval": "done",
        "push": "done",
    }
    assert placed(folder) == ["1"]
    (event,) = [event for event in Tail(store, last.run_id).poll() if event["kind"] == "decided"]
    assert (event["state"], event["by"]) == ("approved", "Ana")
    assert event["where"] == "tag approval of version 1"
    promotion = Registry(store).champion("flights")
    assert promotion is not None
    assert promotion.release.reason.startswith(
        "approved by Ana: after looking at JFK (tag approval of version 1, read 20"
    )
    assert promotion.release.reason.endswith("; auc 0.681 is at least 0.6")

    shown = runs_of(client, "approved")[-1].data  # what it was judged by in the first run
    assert shown.tags["levada.verdict"] == "went live: auc 0.681 (nothing live to compare with)"
    assert shown.metrics["auc"] == 0.681

    # A model is approved once; another one wants a word of its own.
    assert run_plan(plan_of(approved, to=str(folder)), store, uri)[0].exit_code == 0
    other, _ = run_plan(plan_of(approved, to=str(folder), seed=2), store, uri)
    assert (other.exit_code, placed(folder)) == (3, ["1"])


def test_an_alias_approves_and_a_tag_refuses(store: Store, uri: str, client: Any, folder: Path) -> None:
    run_plan(plan_of(approved, to=str(folder), seed=1), store, uri)
    run_plan(plan_of(approved, to=str(folder), seed=2), store, uri)
    client.set_registered_model_alias("flights", "approved", "1")
    client.set_model_version_tag("flights", "2", "approval", "Refused: JFK is worse")
    said = deliver_pending(store, uri).said
    assert sorted(said) == [
        "flights: version 1 was approved in MLflow.",
        "flights: version 2 was refused in MLflow.",
    ]
    first, _ = run_plan(plan_of(approved, to=str(folder), seed=1), store, uri)
    second, _ = run_plan(plan_of(approved, to=str(folder), seed=2), store, uri)
    assert (first.exit_code, second.exit_code, placed(folder)) == (0, 3, ["1"])
    assert second.results["push"].reason.startswith("approval closed the gate: flights was refused: JFK is worse (tag")


def test_what_a_tag_says_unclearly_is_told_and_decides_nothing(
    store: Store, uri: str, client: Any, folder: Path
) -> None:
    run_plan(plan_of(approved, to=str(folder)), store, uri)
    client.set_model_version_tag("flights", "1", "approval", "looks fine to me")
    (said,) = deliver_pending(store, uri).said
    begins = "flights: the tag approval of version 1 is 'looks fine to me': wanted approved or refused, "
    assert said == begins + "alone or as in 'approved by Ana, after a look'."
    assert Registry(store).decisions("flights") == {}


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("approved", ("approved", "", "")),
        ("Approved!", ("approved", "", "")),
        (" approved by Ana, after a look at JFK ", ("approved", "Ana", "after a look at JFK")),
        ("approved by Ana\nJFK is fine", ("approved", "Ana", "JFK is fine")),
        ("approved: the sevens are fine", ("approved", "", "the sevens are fine")),
        ("Refused by Ana: must not be approved", ("refused", "Ana", "must not be approved")),
        ("OK to look at on Monday, not before", ("", "", "")),
        ("yes but wait", ("", "", "")),
        ("approve pending", ("", "", "")),
        ("approved pending a review", ("", "", "")),
        ("approved?", ("", "", "")),
        ("approved: no, I meant refused", ("", "", "")),
        ("not approved", ("", "", "")),
        ("No objections: approved by Ana", ("", "", "")),
        ("", ("", "", "")),
    ],
)
def test_only_a_tag_that_begins_with_one_of_two_words_decides(text: str, decision: tuple[str, str, str]) -> None:
    assert decision_in(text) == decision


def test_nobody_is_asked_about_a_model_that_its_gate_refused(store: Store, uri: str, folder: Path) -> None:
    outcome, _ = run_plan(plan_of(approved, to=str(folder), blessed=False), store, uri)
    assert statuses(outcome)["approval"] == "skipped"
    assert Registry(store).approvals_asked("flights") == []


def test_a_blessing_without_a_registered_name_cannot_be_approved(call: Any, tmp_path: Path) -> None:
    from levada.artifacts import Blessing
    from tests.models.workshop import Workshop

    blessing = Workshop(tmp_path / "shop").make(
        Blessing, lambda out: out.write(True, [], model=None, fingerprints=["f"])
    )
    with pytest.raises(ComponentError, match="of no registered model"):
        call(approval, blessing)


PIPELINE = '''
from levada import pipeline
from levada.components import approval, decisions, push
from tests.mlflow.samples import ingest
from tests.mlflow.serving import fit, judge


@pipeline
def judged() -> None:
    """A model that Ana looks at."""
    data = ingest()
    model = fit(data)
    verdict = judge(model, data)
    push(model, approval(verdict, decided=decisions("flights"), by="Ana"), to="serving/flights")
'''


@pytest.mark.slow
def test_the_command_asks_mlflow_before_the_run_and_only_while_something_waits(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    (tmp_path / "pyproject.toml").write_text('[tool.levada]\ncode = ["judged"]\n')
    (tmp_path / "judged").mkdir()
    (tmp_path / "judged/__init__.py").write_text("")
    (tmp_path / "judged/pipelines.py").write_text(PIPELINE)
    run = ("run", "judged.pipelines:judged")
    path = {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    shown = told(tmp_path, *run, code=3, **path)
    assert "gate approval: closed   flights waits for approval by Ana" in " ".join(shown.split("\n"))
    client = MlflowClient(f"sqlite:///{tmp_path}/.levada/mlflow.db")
    client.set_model_version_tag("flights", "1", "approval", "approved")
    shown = told(tmp_path, *run, **path)
    assert "flights: version 1 was approved in MLflow." in shown
    assert (tmp_path / "serving/flights/1").is_dir()
    assert "version 1 was" not in told(tmp_path, *run, **path)
    lines = told(tmp_path, *run, "--json", **path).splitlines()
    assert json.loads(lines[-1])["status"] == "finished"
