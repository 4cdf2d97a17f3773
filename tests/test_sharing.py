"""A store that several machines share: what one has made is a hit for the others, wherever each has its folders."""

# ruff: noqa: F811  (fixtures)
from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from levada.artifact import made
from levada.journal import Tail
from levada.store import Store
from tests.answering import WITHOUT_MLFLOW
from tests.arithmetic import add, make
from tests.command import told
from tests.inline import plan_of, run_nodes, value_of
from tests.stores import again, s3_address, store  # noqa: F401

WORK = '''
from levada import Context, component, pipeline
from levada.components import check_data, csv, infer_schema, ingest, profile, schema_file


@pipeline
def trips() -> None:
    """Rows from a file, and a gate against a schema of the project."""
    data = ingest(csv("data/*.csv"), splits={"train": 8, "eval": 2})
    statistics = profile(data)
    infer_schema(statistics)
    check_data(statistics, schema_file("schemas/trips.pbtxt"))
'''

SCHEMA = """
feature { name: "fare" type: FLOAT presence { min_fraction: 1.0 min_count: 1 } }
feature { name: "zone" type: BYTES presence { min_fraction: 1.0 min_count: 1 } }
"""


def checkout(folder: Path) -> Path:
    """Lay out the same project in a folder."""
    for name in ("work", "data", "schemas"):
        (folder / name).mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f'[tool.levada]\ncode = ["work"]\n{WITHOUT_MLFLOW}')
    (folder / "work" / "__init__.py").write_text(WORK)
    (folder / "schemas" / "trips.pbtxt").write_text(SCHEMA)
    rows = "".join(f"{number}.5,{'ab'[number % 2]}\n" for number in range(50))
    (folder / "data" / "trips.csv").write_text(f"fare,zone\n{rows}")
    return folder


def documents(store: Store, *folders: str) -> Iterator[str]:
    """Yield what stands in the small objects below some folders of a store."""
    for folder in folders:
        for key in store.list(folder):
            content = store.read(key)
            if content is None:
                yield from documents(store, key)
            else:
                yield content.decode(errors="replace")


def test_checkouts_share_a_store_on_disk_that_is_mounted_elsewhere(tmp_path: Path) -> None:
    """The second finds everything, and reads it where its machine has the store."""
    ours, theirs = checkout(tmp_path / "ours"), checkout(tmp_path / "a colleague's" / "Übung")
    here = tmp_path / "mnt" / "store"
    assert "4 ran" in told(ours, "--store", str(here), "run", "trips")
    shared = Store(here)
    for text in documents(shared, "cache", "artifacts", "files"):
        assert str(tmp_path) not in text
    elsewhere = tmp_path / "another mount" / "s"
    elsewhere.parent.mkdir()
    here.rename(elsewhere)
    assert "4 cached" in told(theirs, "--store", str(elsewhere), "run", "trips")
    # A node that runs reads what the others made; so does one whose code is new.
    out = told(theirs, "--store", str(elsewhere), "run", "trips", "--fresh", "profile", "--fresh", "check_data")
    assert "2 ran, 2 cached" in out
    assert not any((here / name).exists() for name in ("artifacts", "runs", "cache"))


def test_checkouts_share_a_store_on_s3(tmp_path: Path, s3_address: str) -> None:
    """The options of the store, with their secrets, come from each machine's settings."""
    settings = f"""
[tool.levada.env.shared]
store = "s3://bucket/{tmp_path.name}"
store_options = {{endpoint_url = "{s3_address}", key = {{env = "OUR_KEY"}}, secret = {{env = "OUR_SECRET"}}}}
mlflow = "sqlite:///mlflow.db"
"""
    folders = [checkout(tmp_path / "ours"), checkout(tmp_path / "theirs" / "deep")]
    for folder in folders:
        with (folder / "pyproject.toml").open("a") as file:
            file.write(settings)
    keys = {"OUR_KEY": "levada-key", "OUR_SECRET": "levada-secret"}
    keys |= {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    assert "4 ran" in told(folders[0], "--env", "shared", "run", "trips", **keys)
    assert "4 cached" in told(folders[1], "--env", "shared", "run", "trips", **keys)
    there = Store(f"s3://bucket/{tmp_path.name}", {"endpoint_url": s3_address})
    for text in documents(there, "cache", "artifacts", "files"):
        assert str(tmp_path) not in text
    for text in documents(there, "runs"):
        assert "levada-secret" not in text
    assert (folders[0] / "mlflow.db").is_file()  # from the root; a run that is all cached needs none


def sums() -> None:
    add(make(n=1), make(n=2))


def test_a_store_that_only_reads_the_cache_leaves_no_entry_and_has_hits(store: Store) -> None:
    """What is not there is made, each time; what somebody else offers is taken."""
    plan = plan_of(sums)
    for run in ("run-1", "run-2"):
        results = run_nodes(plan, again(store), run, write_cache=False)
        assert {result.status for result in results.values()} == {"done"}
    assert store.list("cache") == []
    run_nodes(plan, again(store), "run-3")
    entries = list(documents(store, "cache"))
    results = run_nodes(plan, again(store), "run-4", write_cache=False)
    assert {(result.status, result.made_by) for result in results.values()} == {("cached", "run-3")}
    assert list(documents(store, "cache")) == entries


def test_a_store_may_be_copied(tmp_path: Path) -> None:
    """Records name files from the store's root: hits, the files behind them, what readers of the journal are told."""
    first = Store(tmp_path / "first")
    run_nodes(plan_of(sums), first)
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    shutil.rmtree(tmp_path / "first")
    second = Store(tmp_path / "second")
    results = run_nodes(plan_of(sums), second, "run-2")
    assert {result.status for result in results.values()} == {"cached"}
    assert value_of(results["add"], second) == 3
    record = results["add"].outputs["output"]
    assert record.uri.startswith("store:artifacts/sums/add/")
    assert made(record, second).uri.startswith(f"{tmp_path}/second/artifacts/sums/add/")
    told = [event["outputs"]["output"]["uri"] for event in Tail(second, "run-1").poll() if "outputs" in event]
    assert told and all(uri.startswith(f"{tmp_path}/second/") for uri in told)


def test_a_group_can_read_what_the_umask_lets_it_read(tmp_path: Path) -> None:
    """Every file and folder of a local store, none of which is for its owner alone."""
    before = os.umask(0o027)
    try:
        run_nodes(plan_of(sums), Store(tmp_path / "store"))
    finally:
        os.umask(before)
    paths = [tmp_path / "store", *(tmp_path / "store").rglob("*")]
    assert len(paths) > 20
    for path in paths:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o750 if path.is_dir() else 0o640), (path, oct(mode))
