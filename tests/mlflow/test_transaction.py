"""What is told at once is kept whole or not at all, whatever refuses, whoever else tells."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

import pytest
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from levada.mlflow import labels
from levada.mlflow.delivery import deliver_pending
from levada.mlflow.transaction import RolledBackError, one_transaction
from levada.store import Store
from tests.mlflow.pages import nodes_of, runs_of
from tests.mlflow.samples import ingest, plan_of, run_plan


def many() -> None:
    for rows in range(5):
        ingest(rows=rows)


def test_calls_in_one_transaction_are_kept_whole_or_not_at_all(client: Any) -> None:
    """Nothing of them is there if one is refused, or if MLflow takes back what it has of an equal metric."""
    from mlflow.entities import Param
    from sqlalchemy import event

    store, commits = client._tracking_client.store, []
    event.listen(store.engine, "commit", commits.append)

    def tell(**last: Any) -> None:
        with one_transaction(client):
            run = client.create_run("0").info.run_id
            client.log_batch(run, params=[Param("a", "1")], metrics=[Metric("loss", 0.5, 1, 1)])
            client.log_batch(run, **last)
            client.set_terminated(run)

    for last, error in (
        ({"params": [Param("a", "2")]}, MlflowException),
        ({"metrics": [Metric("loss", 0.5, 1, 1)]}, RolledBackError),
    ):
        with pytest.raises(error):
            tell(**last)
        assert not commits and client.search_runs(["0"]) == []
        commits.clear()
    tell(metrics=[Metric("loss", 0.4, 2, 2)])
    assert len(commits) == 1
    (run,) = client.search_runs(["0"])
    assert (run.info.status, run.data.metrics, run.data.params) == ("FINISHED", {"loss": 0.4}, {"a": "1"})


def test_one_within_another_is_a_part_of_it(client: Any) -> None:
    def tell(metrics: Any) -> None:
        with one_transaction(client):
            run = client.create_run("0").info.run_id
            with one_transaction(client):
                client.log_batch(run, metrics=[Metric("loss", 0.5, 1, 1)])
                client.log_batch(run, metrics=metrics)

    with pytest.raises(RolledBackError):
        tell([Metric("loss", 0.5, 1, 1)])
    with pytest.raises(TypeError):  # and not what MLflow makes of it
        tell(None)
    assert client.search_runs(["0"]) == []
    tell([Metric("loss", 0.4, 2, 2)])
    assert len(client.search_runs(["0"])) == 1


def test_two_threads_that_tell_at_once_keep_both_and_lock_nobody_out(uri: str, client: Any) -> None:
    """All clients of a process share MLflow's store, whose sessions a transaction replaces."""
    from mlflow import MlflowClient

    inside, waits = threading.Event(), threading.Event()

    def first() -> None:
        with one_transaction(client):
            client.create_run("0", run_name="first")
            inside.set()
            waits.wait(0.3)
        with one_transaction(client):
            client.create_run("0", run_name="third")

    def second() -> None:
        other = MlflowClient(uri)
        inside.wait(10)
        with one_transaction(other):
            other.create_run("0", run_name="second")

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with sqlite3.connect(uri.removeprefix("sqlite:///"), timeout=1) as others:
        assert {name for (name,) in others.execute("SELECT name FROM runs")} == {"first", "second", "third"}
        others.execute("UPDATE runs SET name = 'written'")


@pytest.mark.parametrize("joined", [True, False])
def test_what_one_node_cannot_be_told_of_is_noted_and_the_others_are_told_once(
    store: Store, uri: str, client: Any, monkeypatch: pytest.MonkeyPatch, joined: bool
) -> None:
    """In a transaction, and where there is none, as behind a server."""
    final = labels.final_metrics

    def strange(node: Any) -> Any:
        if node.node.id == "ingest_2":
            raise KeyError("what a stranger's event lacks")
        return [Metric("x" * 300, 0.5, 1, 1)] if node.node.id == "ingest_4" else final(node)

    monkeypatch.setattr(labels, "final_metrics", strange)
    for module in ("runs", "transaction"):
        if not joined:
            monkeypatch.setattr(f"levada.mlflow.{module}.has_transactions", lambda client: False)
    run_plan(plan_of(many), store, None)
    report = deliver_pending(store, uri)
    assert (report.trouble, report.left) == ("", ())
    assert len(report.refused) == 2, report.refused
    (parent,) = runs_of(client, "many")
    assert len(nodes_of(client, parent)) == 5  # and none twice
