"""While the registry is away a push waits; the next command that reaches it completes it, once and in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from levada import Context, component
from levada.artifacts import PushedModel
from levada.components import push
from levada.journal import Tail
from levada.mlflow.delivery import NOWHERE, deliver_pending
from levada.mlflow.orders import has_orders, settle_orders
from levada.registry import Registry, Version
from levada.store import Store
from tests.mlflow.pages import alias, first_line, nodes_of, runs_of, versions_of
from tests.mlflow.samples import chain, ingest, plan_of, run_plan
from tests.mlflow.serving import fit, judge, live, placed, served


class Away:
    """MLflow's database, put aside and brought back."""

    def __init__(self, uri: str) -> None:
        self._path = Path(uri.removeprefix("sqlite:///"))
        self._aside = self._path.with_suffix(".aside")

    def goes(self) -> None:
        self._path.rename(self._aside)
        self._path.write_bytes(b"this is no database" * 100)

    def returns(self) -> None:
        self._aside.replace(self._path)


@pytest.fixture
def mlflow(uri: str) -> Away:
    return Away(uri)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "serving" / "flights"


def kinds(store: Store, run_id: str) -> list[str]:
    return [event["kind"] for event in Tail(store, run_id).poll()]


def test_a_push_waits_for_a_registry_that_is_away_and_any_later_run_completes_it(
    store: Store, uri: str, client: Any, mlflow: Away, folder: Path
) -> None:
    mlflow.goes()
    outcome, reader = run_plan(plan_of(served, to=str(folder)), store, uri)

    assert (outcome.status, outcome.exit_code) == ("finished", 0)
    result = outcome.results["push"]
    assert (result.status, result.summary) == (
        "done",
        "pending: the registry is away; the next command completes it",
    )
    assert reader is not None
    assert "is not a database of MLflow" in reader.trouble
    assert not folder.exists()
    assert has_orders(store)
    assert Registry(store).champion("flights") is None

    mlflow.returns()
    _, reader = run_plan(plan_of(chain, length=1), store, uri)

    assert reader is not None
    assert reader.notes == [
        f"The push of flights to {folder} that run {outcome.run_id} left pending is done: version 1 is live there."
    ]
    assert placed(folder) == ["1"]
    pointer = live(folder)
    assert pointer is not None
    assert (pointer.version, pointer.fingerprint) == (1, "fp0")
    assert alias(client, "champion") == 1
    (promotion,) = Registry(store).promotions("flights")
    assert (promotion.release.run, promotion.destination) == (outcome.run_id, str(folder))
    assert f"in run {outcome.run_id}" in versions_of(client)[0].tags["levada.promoted"]
    (parent,) = runs_of(client, "served")
    assert first_line(parent).endswith("flights v1 is now champion")
    assert "pending" not in first_line(parent)
    assert set(nodes_of(client, parent)) == {"ingest", "fit", "judge", "push"}
    assert kinds(store, outcome.run_id)[-3:] == ["run_finished", "promoted", "push_settled"]
    assert not has_orders(store)
    assert deliver_pending(store, uri).said == ()


def test_without_any_mlflow_a_push_leaves_its_order_at_once_and_says_what_to_set(
    store: Store, uri: str, folder: Path
) -> None:
    """Nobody is waited for who will never come; the MLflow that is named later gives the number."""
    outcome, reader = run_plan(plan_of(served, to=str(folder)), store, "")
    assert outcome.results["push"].summary.startswith("pending")
    assert reader is not None and reader.notes == [NOWHERE]
    _, reader = run_plan(plan_of(chain, length=1), store, "")
    assert reader is not None and reader.notes == [NOWHERE]  # the order still waits
    assert "is done: version 1 is live there" in deliver_pending(store, uri).said[0]
    _, reader = run_plan(plan_of(chain, length=2), store, "")
    assert reader is not None and reader.notes == []


def test_the_runs_page_says_that_its_push_is_pending(
    store: Store, uri: str, client: Any, mlflow: Away, folder: Path
) -> None:
    """Where the run itself could be told, but its model has no number yet."""
    mlflow.goes()
    run_plan(plan_of(served, to=str(folder)), store, uri)
    mlflow.returns()
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where a folder should be")

    report = deliver_pending(store, uri)

    assert "still waits" in report.said[0]
    (parent,) = runs_of(client, "served")
    assert f"the push to {folder} is pending" in first_line(parent).replace("\\", "")
    folder.unlink()
    assert "is done: version 1 is live there" in deliver_pending(store, uri).said[0]
    (parent,) = runs_of(client, "served")
    assert first_line(parent).endswith("flights v1 is now champion")


def test_the_same_pipeline_run_again_pushes_by_itself_and_settles_the_order(
    store: Store, uri: str, client: Any, mlflow: Away, folder: Path
) -> None:
    plan = plan_of(served, to=str(folder))
    mlflow.goes()
    run_plan(plan, store, uri)
    mlflow.returns()

    outcome, _ = run_plan(plan, store, uri)

    assert outcome.results["push"].status == "done"  # a push that waits is no hit
    assert {outcome.results[node].status for node in ("ingest", "fit", "judge")} == {"cached"}
    assert len(Registry(store).promotions("flights")) == 1
    assert not has_orders(store)
    assert (placed(folder), alias(client, "champion")) == (["1"], 1)
    outcome, _ = run_plan(plan, store, uri)
    assert outcome.results["push"].status == "cached"


@component
def bring_back(ctx: Context, pushed: PushedModel, *, path: str) -> None:
    """MLflow is back when the push has found it away."""
    assert pushed.pending
    Path(path).with_suffix(".aside").replace(path)


def test_a_registry_that_returns_before_the_run_ends_completes_its_push(
    store: Store, uri: str, client: Any, mlflow: Away, folder: Path, tmp_path: Path
) -> None:
    """The run's own process carries the order out when the last event is told."""

    def interrupted() -> None:
        data = ingest()
        model = fit(data)
        bring_back(push(model, judge(model, data), to=str(folder)), path=str(tmp_path / "mlflow.db"))

    mlflow.goes()
    outcome, reader = run_plan(plan_of(interrupted), store, uri)

    assert outcome.results["push"].summary.startswith("pending")
    assert reader is not None
    assert reader.notes == [
        f"The push of flights to {folder} that run {outcome.run_id} left pending is done: version 1 is live there."
    ]
    assert (placed(folder), alias(client, "champion")) == (["1"], 1)
    (parent,) = runs_of(client, "interrupted")
    assert first_line(parent).endswith("flights v1 is now champion")


def test_of_two_pushes_that_wait_the_later_one_counts(
    store: Store, uri: str, client: Any, mlflow: Away, folder: Path
) -> None:
    mlflow.goes()
    first, _ = run_plan(plan_of(served, to=str(folder), seed=1), store, uri)
    second, _ = run_plan(plan_of(served, to=str(folder), seed=2), store, uri)
    mlflow.returns()

    report = deliver_pending(store, uri)

    dropped, done = report.said
    assert dropped.endswith(
        f"run {first.run_id} left pending is dropped: the push of run {second.run_id} came after it."
    )
    assert done.endswith(f"run {second.run_id} left pending is done: version 2 is live there.")
    assert placed(folder) == ["2"]
    assert alias(client, "champion") == 2
    older, _ = runs_of(client, "served")
    assert "the push was dropped" in first_line(older)


def test_a_push_that_waited_is_dropped_if_another_model_went_live_meanwhile(
    store: Store, uri: str, client: Any, mlflow: Away, folder: Path
) -> None:
    run_plan(plan_of(served, to=str(folder), seed=1), store, uri)
    run_plan(plan_of(served, to=str(folder), seed=2), store, uri)
    mlflow.goes()
    waits, _ = run_plan(plan_of(served, to=str(folder), seed=3), store, uri)
    assert waits.results["push"].summary.startswith("pending")
    back, _ = run_plan(plan_of(served, to=str(folder), seed=1), store, uri)  # has its number: needs no registry
    assert back.results["push"].summary == f"{folder}/1"
    mlflow.returns()

    report = deliver_pending(store, uri)

    (dropped,) = report.said
    assert f"run {waits.run_id} left pending is dropped" in dropped
    assert dropped.endswith(f"version 1 was promoted since, by run {back.run_id}.")
    assert (alias(client, "champion"), placed(folder)) == (1, ["1", "2"])
    pointer = live(folder)
    assert pointer is not None
    assert pointer.version == 1


def test_a_push_to_a_place_that_another_model_has_is_dropped(
    store: Store, uri: str, mlflow: Away, folder: Path
) -> None:
    mlflow.goes()
    run_plan(plan_of(served, to=str(folder)), store, uri)
    mlflow.returns()
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.onnx").write_bytes(b"somebody else's")

    report = deliver_pending(store, uri)

    assert "is dropped" in report.said[0]
    assert "already holds another model" in report.said[0]
    assert (folder / "1" / "model.onnx").read_bytes() == b"somebody else's"
    assert Registry(store).champion("flights") is None


def test_an_order_that_is_cut_off_at_any_point_is_carried_out_once(
    store: Store, uri: str, mlflow: Away, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Die at the nth write to the store or the folder, for every n, and go on."""
    mlflow.goes()
    outcome, _ = run_plan(plan_of(served, to=str(folder)), store, uri)
    Registry(store).number(Version("flights", "fp0", 1, "by hand"))
    writes = {name: getattr(Store, name) for name in ("write", "create", "append")}
    left = 0

    def counted(name: str) -> Any:
        def call(self: Store, *arguments: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            return writes[name](self, *arguments)

        return call

    for name in writes:
        monkeypatch.setattr(Store, name, counted(name))
    allowed = 0
    for allowed in range(20):
        left = allowed
        before = has_orders(store)
        try:
            settle_orders(store)
        except KeyboardInterrupt:
            assert before
            continue
        if not before:
            break
    assert not has_orders(store)
    assert allowed > 3
    assert kinds(store, outcome.run_id).count("promoted") == 1
    assert kinds(store, outcome.run_id).count("push_settled") == 1
    assert len(Registry(store).promotions("flights")) == 1
    assert placed(folder) == ["1"]


def test_sync_says_what_waited_and_ends_with_one_while_mlflow_is_away(
    store: Store, uri: str, mlflow: Away, folder: Path, tmp_path: Path
) -> None:
    from levada.cli.commands import cli

    (tmp_path / "pyproject.toml").write_text(f'[tool.levada]\ncode = []\nmlflow = "{uri}"\n')
    words = ["--project", str(tmp_path), "--store", str(store.uri), "sync"]
    mlflow.goes()
    outcome, _ = run_plan(plan_of(served, to=str(folder)), store, uri)
    away = CliRunner().invoke(cli, words, standalone_mode=False)
    assert away.return_value == 1
    assert "1 run left: " in away.output
    mlflow.returns()

    back = CliRunner().invoke(cli, words, standalone_mode=False)

    assert back.return_value == 0
    assert back.output.splitlines() == [
        "Told MLflow about 1 run.",
        f"The push of flights to {folder} that run {outcome.run_id} left pending is done: version 1 is live there.",
    ]
