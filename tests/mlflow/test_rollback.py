"""A rollback is the store's; MLflow follows when it is next talked to, and a rebuilt one says the same."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from levada.mlflow.delivery import deliver_pending
from levada.mlflow.rebuild import rebuild
from levada.pushing.by_hand import roll_back, step_back
from levada.registry import Registry
from levada.store import Store
from tests.mlflow.pages import alias, versions_of
from tests.mlflow.samples import plan_of, run_plan
from tests.mlflow.serving import live, served


def test_the_alias_follows_a_rollback_when_mlflow_is_there_and_a_rebuilt_one_says_the_same(
    store: Store, uri: str, client: Any, empty_database: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "serving" / "flights"
    for seed in (1, 2, 3):
        run_plan(plan_of(served, to=str(folder), seed=seed), store, uri)
    roll_back(store, step_back(store, "flights"), "AUC fell at noon")  # MLflow is not asked
    pointer = live(folder)
    assert pointer is not None and pointer.version == 2
    assert alias(client, "champion") == 3

    report = deliver_pending(store, uri)

    assert report.said == () and report.trouble == ""
    assert alias(client, "champion") == 2
    note = versions_of(client)[1].tags["levada.promoted"]
    assert "· before: v3 ·" in note and "AUC fell at noon" in note and " in run " not in note
    page = client.get_registered_model("flights").description
    rows = [line for line in page.splitlines() if line.startswith("| [")]
    assert [row.split("]")[0] for row in rows] == ["| [2", "| [3", "| [2", "| [1"]
    assert "(rollback)" in rows[0] and "AUC fell at noon" in rows[0] and "now" in rows[0]

    roll_back(store, step_back(store, "flights", to=3), "it was not the model")
    shutil.copyfile(empty_database, tmp_path / "new.db")
    rebuild(store, f"sqlite:///{tmp_path}/new.db")

    from mlflow import MlflowClient

    again = MlflowClient(f"sqlite:///{tmp_path}/new.db")
    assert alias(again, "champion") == 3
    assert [item.version for item in Registry(store).promotions("flights")] == [1, 2, 3, 2, 3]
    assert len([line for line in again.get_registered_model("flights").description.splitlines() if "| [" in line]) == 5
    run_plan(plan_of(served, to=str(folder), seed=1), store, f"sqlite:///{tmp_path}/new.db")  # and on it goes
    assert alias(again, "champion") == 1
