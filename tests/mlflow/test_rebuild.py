"""An empty MLflow is filled from the journals: everything as it was, numbers with their gaps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from levada.errors import RegistryError
from levada.journal import Journal
from levada.mlflow.cursor import Cursors
from levada.mlflow.delivery import deliver_pending
from levada.mlflow.rebuild import rebuild
from levada.registry import Registry
from levada.store import Store
from tests.mlflow.pages import alias, everything, nodes_of, runs_of, versions_of
from tests.mlflow.samples import chain, flights, plan_of, run_plan


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A store and an MLflow with four models of which 1 and 3 are gone, a champion that was not the last, a failure."""
    from mlflow import MlflowClient

    home = tmp_path_factory.mktemp("told")
    shutil.copyfile(empty_database, home / "mlflow.db")
    store, uri = Store(home / "store"), f"sqlite:///{home}/mlflow.db"
    for epochs in (1, 2, 3, 4, 5):
        run_plan(plan_of(flights, epochs=epochs, blessed=epochs != 4), store, uri)
    run_plan(plan_of(flights, epochs=2), store, uri, fresh=("push",))  # back to version 2
    run_plan(plan_of(flights, epochs=5, auc=0.7, pushed=False), store, uri)  # another evaluation of version 5
    run_plan(plan_of(chain, length=2), store, uri)
    client = MlflowClient(uri)
    for number in ("1", "3"):  # what is forgotten: nothing in the store says that they were there
        client.delete_model_version("flights", number)
        store.delete(f"registry/flights/versions/fp{number}.json")
        store.delete(f"registry/flights/candidates/fp{number}.json")
    return home


@pytest.fixture
def home(told: Path, tmp_path: Path) -> Path:
    """A copy of the store, with what was told."""
    for name in ("runs", "registry", "artifacts", "delivery"):
        shutil.copytree(told / "store" / name, tmp_path / "home" / "store" / name)
    return tmp_path / "home"


def without_runs_of(store: Store, *fingerprints: str) -> None:
    """Let the journals of the runs that made these models be gone too."""
    for run in [key.rsplit("/", 1)[1] for key in store.list("runs")]:
        for key in store.list(f"runs/{run}/journal"):
            if any(
                f'"fingerprint":"{fingerprint}"' in (store.read(key) or b"").decode() for fingerprint in fingerprints
            ):
                store.delete(f"runs/{run}")
                break


def test_everything_is_as_it_was_and_numbers_keep_their_gaps(
    told: Path, home: Path, empty_database: Path, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    store = Store(home / "store")
    without_runs_of(store, "fp1", "fp3")
    before = MlflowClient(f"sqlite:///{told}/mlflow.db")
    shutil.copyfile(empty_database, tmp_path / "new.db")
    uri = f"sqlite:///{tmp_path}/new.db"

    rebuilt = rebuild(store, uri)

    client = MlflowClient(uri)
    assert [(int(item.version), item.tags["levada.fingerprint"]) for item in versions_of(client)] == [
        (2, "fp2"),
        (4, "fp4"),
        (5, "fp5"),
    ]
    assert (alias(client, "champion"), alias(client, "challenger")) == (2, 5)
    assert str(rebuilt).splitlines() == [
        f"MLflow at {uri} is filled again: {len(rebuilt.runs)} runs.",
        "flights: versions 2, 4, 5; 1, 3 left out, which the store does not know; champion is version 2.",
    ]
    kept = {run.info.run_name for run in runs_of(client, "flights")}
    assert kept == {key.rsplit("/", 1)[1] for key in store.list("runs")} - {runs_of(client, "chain")[0].info.run_name}
    old = {run.info.run_name: run for run in runs_of(before, "flights")}
    for run in runs_of(client, "flights"):
        was = old[run.info.run_name]
        assert (run.info.start_time, run.info.end_time) == (was.info.start_time, was.info.end_time)
        assert (run.info.status, run.data.params, run.data.metrics) == (
            was.info.status,
            was.data.params,
            was.data.metrics,
        )
        assert run.data.tags["levada.verdict"] == was.data.tags["levada.verdict"]
        assert [item.dataset.digest for item in run.inputs.dataset_inputs] == [
            item.dataset.digest for item in was.inputs.dataset_inputs
        ]
        mine, theirs = nodes_of(client, run), nodes_of(before, was)
        assert {name: (node.info.start_time, node.info.end_time) for name, node in mine.items()} == {
            name: (node.info.start_time, node.info.end_time) for name, node in theirs.items()
        }
    notes = {int(item.version): item.tags.get("levada.promoted", "") for item in versions_of(client)}
    assert notes == {int(item.version): item.tags.get("levada.promoted", "") for item in versions_of(before)}
    assert "before: v5" in notes[2]
    description = {int(item.version): item.description.splitlines()[0] for item in versions_of(client)}
    assert "auc 0.7" in description[5]
    assert deliver_pending(store, uri).delivered == ()
    run_plan(plan_of(flights, epochs=6), store, uri)
    assert (int(versions_of(client)[-1].version), alias(client, "champion")) == (6, 6)


def test_a_rebuilt_mlflow_equals_the_one_that_was_told_live(
    told: Path, home: Path, empty_database: Path, tmp_path: Path
) -> None:
    """Here all journals are there, so that the models without a number get new ones at the end."""
    from mlflow import MlflowClient

    store = Store(home / "store")
    before = everything(MlflowClient(f"sqlite:///{told}/mlflow.db"))
    shutil.copyfile(empty_database, tmp_path / "new.db")
    uri = f"sqlite:///{tmp_path}/new.db"
    rebuild(store, uri)
    after = everything(MlflowClient(uri))
    assert after["runs"] == before["runs"]
    assert after["nodes"] == before["nodes"]
    assert after["aliases"] == before["aliases"]
    assert sorted(after["versions"], key=str) == sorted(
        [(2, "fp2"), (4, "fp4"), (5, "fp5"), (6, "fp1"), (7, "fp3")], key=str
    )


def test_a_lost_database_is_noticed_before_numbers_are_given_anew(
    told: Path, home: Path, empty_database: Path, tmp_path: Path
) -> None:
    store = Store(home / "store")
    shutil.copyfile(empty_database, home / "mlflow.db")
    uri = f"sqlite:///{home}/mlflow.db"
    shutil.move(
        home
        / "store"
        / "delivery"
        / "mlflow"
        / Cursors(store, f"sqlite:///{told}/mlflow.db")._folder.rsplit("/", 1)[1],
        home / "store" / Cursors(store, uri)._folder,
    )

    outcome, reader = run_plan(plan_of(flights, epochs=6, pushed=False), store, uri)

    assert outcome.status == "finished"
    assert reader is not None
    assert reader.trouble.startswith(f"MLflow at {uri} has lost what it was told. `levada sync --rebuild`")
    rebuilt = rebuild(store, uri)
    assert outcome.run_id in rebuilt.runs
    assert rebuilt.models["flights"].kept[:3] == (2, 4, 5)


def test_an_mlflow_that_is_new_to_a_store_with_numbers_is_not_told_without_being_asked(
    home: Path, uri: str, client: Any
) -> None:
    store = Store(home / "store")

    report = deliver_pending(store, uri)

    assert "does not know version 5 of flights, which this store has. `levada sync --rebuild`" in report.trouble
    assert client.search_experiments(filter_string="name != 'Default'") == []
    assert [version.version for version in Registry(store).versions("flights")] == [2, 4, 5]


def test_one_that_has_runs_or_versions_of_the_store_is_refused(told: Path, home: Path, uri: str, client: Any) -> None:
    store = Store(home / "store")
    with pytest.raises(RegistryError, match="has runs of this store already"):
        rebuild(store, f"sqlite:///{told}/mlflow.db")
    client.create_registered_model("flights")
    client.create_model_version("flights", "levada://somebody-elses")
    with pytest.raises(RegistryError, match="has versions of flights already"):
        rebuild(store, uri)
    assert client.search_experiments(filter_string="name != 'Default'") == []


@pytest.mark.slow
def test_stopped_at_any_call_it_goes_on_to_the_same_end(home: Path, empty_database: Path, tmp_path: Path) -> None:
    """Killed from outside after some calls, again and again; other commands say that it is half filled."""
    store = Store(home / "store")
    without_runs_of(store, "fp1", "fp3")
    shutil.copyfile(empty_database, tmp_path / "new.db")
    uri = f"sqlite:///{tmp_path}/new.db"
    code = f"""
import os, sys
from levada.mlflow.rebuild import rebuild
from levada.store import Store
from mlflow import MlflowClient
left = int(sys.argv[1])
for name in (
    "create_run", "create_model_version", "delete_model_version", "set_terminated", "set_registered_model_alias"
):
    def counted(self, *args, real=getattr(MlflowClient, name), **kwargs):
        global left
        answer = real(self, *args, **kwargs)
        left -= 1
        if left == 0:
            os._exit(9)
        return answer
    setattr(MlflowClient, name, counted)
print(rebuild(Store({store.uri!r}), {uri!r}))
"""
    for calls in (3, 25, 4, 10_000):
        done = subprocess.run(
            [sys.executable, "-c", code, str(calls)], capture_output=True, text=True, check=False, env={**os.environ}
        )
        if done.returncode == 0:
            break
        assert done.returncode == 9, done.stderr
        assert "is half filled" in deliver_pending(store, uri).trouble
    assert done.returncode == 0
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    assert [(int(item.version), item.tags["levada.fingerprint"]) for item in versions_of(client)] == [
        (2, "fp2"),
        (4, "fp4"),
        (5, "fp5"),
    ]
    assert (alias(client, "champion"), alias(client, "challenger")) == (2, 5)
    names = [run.info.run_name for run in runs_of(client, "flights")]
    assert len(names) == len(set(names)) == len(store.list("runs")) - 1
    assert {run.info.status for run in runs_of(client, "flights")} == {"FINISHED"}


def test_a_number_whose_model_is_gone_is_kept_without_it(
    told: Path, home: Path, empty_database: Path, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    store = Store(home / "store")
    without_runs_of(store, "fp4")
    shutil.copyfile(empty_database, tmp_path / "new.db")
    uri = f"sqlite:///{tmp_path}/new.db"

    rebuilt = rebuild(store, uri)

    assert rebuilt.models["flights"].empty == (4,)
    four = MlflowClient(uri).get_model_version("flights", "4")
    assert four.tags["levada.fingerprint"] == "fp4"
    assert "the number alone is kept" in four.description


def test_runs_that_go_on_are_left_to_their_own_process(home: Path, uri: str, client: Any) -> None:
    store = Store(home / "store")
    store.write("runs/20261124-101502-7f3c/plan.json", plan_of(chain, length=1).dumps().encode())
    Journal(store, "20261124-101502-7f3c").append("run_started", host="here", pid=1)
    rebuild(store, uri)
    assert "20261124-101502-7f3c" not in {run.info.run_name for run in runs_of(client, "chain")}


def test_the_command_says_what_it_did_or_why_not(home: Path, uri: str, tmp_path: Path) -> None:
    from levada.cli.commands import cli

    (tmp_path / "pyproject.toml").write_text(f'[tool.levada]\ncode = []\nmlflow = "{uri}"\n')
    words = ["--project", str(tmp_path), "--store", str(home / "store"), "sync", "--rebuild"]
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    assert done.return_value == 0
    assert "is filled again" in done.output
    again = CliRunner().invoke(cli, words, standalone_mode=False)
    assert isinstance(again.exception, RegistryError)
    assert "has runs of this store already" in str(again.exception)
