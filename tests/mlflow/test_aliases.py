"""`champion` follows the store's promotions; where a person moved it in MLflow, the store follows that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from levada.externals import resolve
from levada.mlflow.delivery import deliver_pending
from levada.plan import External
from levada.registry import Registry
from levada.store import Store
from tests.mlflow.pages import alias, versions_of
from tests.mlflow.samples import chain, plan_of, run_plan
from tests.mlflow.serving import live, served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "serving" / "flights"


def test_an_alias_that_a_person_moved_back_is_a_promotion_and_the_folder_follows(
    store: Store, uri: str, client: Any, folder: Path, tmp_path: Path
) -> None:
    run_plan(plan_of(served, to=str(folder), seed=1), store, uri)
    run_plan(plan_of(served, to=str(folder), seed=2), store, uri)
    client.set_registered_model_alias("flights", "champion", "1")

    report = deliver_pending(store, uri)

    (said,) = report.said
    assert said.startswith("flights: version 1 is the champion, by the alias that was moved in MLflow")
    assert said.endswith(f"(before: version 2). {folder} serves it now.")
    last = Registry(store).champion("flights")
    assert last is not None
    assert (last.version, last.fingerprint, last.release.actor, last.release.run, last.before) == (
        1,
        "fp1",
        "MLflow",
        "",
        2,
    )
    assert last.destination == str(folder)
    pointer = live(folder)
    assert pointer is not None
    assert (pointer.version, pointer.before) == (1, 2)
    champion = resolve(External("champion:flights", "python:levada.artifacts.model:Model"), store, tmp_path).record
    assert champion is not None
    assert champion.identity == "fp1"
    note = versions_of(client)[0].tags["levada.promoted"]
    assert "by MLflow · before: v2" in note
    assert deliver_pending(store, uri).said == ()
    run_plan(plan_of(served, to=str(folder), seed=2), store, uri)  # pushed again: its pointer does not hold
    assert alias(client, "champion") == 2


def test_a_run_says_that_the_alias_was_moved(store: Store, uri: str, client: Any, folder: Path) -> None:
    run_plan(plan_of(served, to=str(folder), seed=1), store, uri)
    run_plan(plan_of(served, to=str(folder), seed=2), store, uri)
    client.set_registered_model_alias("flights", "champion", "1")

    _, reader = run_plan(plan_of(chain, length=1), store, uri)

    assert reader is not None
    assert [note.partition(",")[0] for note in reader.notes] == ["flights: version 1 is the champion"]


def test_a_version_that_was_never_pushed_becomes_champion_without_being_served(
    store: Store, uri: str, client: Any, folder: Path
) -> None:
    """Who can open MLflow's pages cannot bring a model past its gate to where it is served."""
    run_plan(plan_of(served, to=str(folder), seed=1), store, uri)
    run_plan(plan_of(served, to=str(folder), seed=2, blessed=False), store, uri)
    client.set_registered_model_alias("flights", "champion", "2")

    (said,) = deliver_pending(store, uri).said

    assert said.endswith(f"{folder} is unchanged: that version does not lie there. Push it to serve it.")
    pointer = live(folder)
    assert pointer is not None
    assert pointer.version == 1
    last = Registry(store).champion("flights")
    assert last is not None
    assert (last.version, last.destination, last.release.actor) == (2, "", "MLflow")


def test_a_version_that_the_store_does_not_know_and_an_alias_that_was_removed_change_nothing(
    store: Store, uri: str, client: Any, folder: Path
) -> None:
    run_plan(plan_of(served, to=str(folder), seed=1), store, uri)
    client.create_model_version("flights", "s3://somebody/elses")
    client.set_registered_model_alias("flights", "champion", "2")
    (said,) = deliver_pending(store, uri).said
    assert "moved to version 2 in MLflow, which this store knows nothing of; version 1 stays" in said
    assert deliver_pending(store, uri).said == ()
    client.delete_registered_model_alias("flights", "champion")
    (said,) = deliver_pending(store, uri).said
    assert "the alias champion was removed in MLflow; version 1 stays the champion here" in said
    assert deliver_pending(store, uri).said == ()
    assert len(Registry(store).promotions("flights")) == 1


def test_promotions_count_in_their_own_order_whichever_run_is_told_first(
    store: Store, uri: str, client: Any, folder: Path
) -> None:
    """The clock of the first run was a day ahead, so it is told after the second."""
    import json

    run_plan(plan_of(served, to=str(folder), seed=1), store, uri)
    run_plan(plan_of(served, to=str(folder), seed=2), store, uri)
    first, _ = run_plan(plan_of(served, to=str(folder), seed=1), store, None)  # back to version 1
    run_plan(plan_of(served, to=str(folder), seed=2), store, None)  # and to version 2
    for key in store.list(f"runs/{first.run_id}/journal"):
        lines = [json.loads(line) for line in (store.read(key) or b"").splitlines()]
        ahead = [{**line, "time": f"2099{line['time'][4:]}"} for line in lines]
        store.write(key, "".join(json.dumps(line) + "\n" for line in ahead).encode())

    report = deliver_pending(store, uri)

    assert report.delivered[-1] == first.run_id
    assert [item.version for item in Registry(store).promotions("flights")] == [1, 2, 1, 2]
    assert alias(client, "champion") == 2
    assert report.said == ()
