"""A disk that fills up or can no longer be written in the middle of a run: said clearly, and nothing is half-made.

The disk is a small tmpfs, which only root may mount.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from levada.artifact import ArtifactRecord
from levada.recovery import close_killed_runs
from levada.run import FAILED, OK
from levada.store import Store, file_digest
from tests.inline import ROOT, plan_of, run_plan, value_of
from tests.test_recovery import chain

SIZE = 2**20
READ_ONLY, REMOUNT = 1, 32

RUN = """
import json, sys
from levada.errors import StoreError
from levada.run import Request, run
from levada.store import Store
from tests.inline import ROOT, one_code, plan_of
from tests.test_recovery import chain
try:
    outcome = run(Request(plan_of(chain), Store(sys.argv[1]), ROOT, one_code, {}, jobs=2))
except StoreError as error:
    print(json.dumps({"code": 2, "said": str(error)}))
else:
    failures = [outcome.error] + [result.failure for result in outcome.results.values()]
    said = "".join(failure.message for failure in failures if failure)
    print(json.dumps({"code": outcome.exit_code, "said": said}))
"""


def mount(target: Path, flags: int, options: str) -> int:
    """Call mount(2) for a tmpfs; 0 if it did."""
    return ctypes.CDLL(None).mount(b"levada", os.fsencode(target), b"tmpfs", flags, options.encode())


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if not sys.platform.startswith("linux") or mount(tmp_path, 0, f"size={SIZE}") != 0:
        pytest.skip("a small disk needs Linux and the right to mount one")
    yield tmp_path
    ctypes.CDLL(None).umount2(os.fsencode(tmp_path), 2)  # even if something still looks at it


def start(store: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", RUN, str(store)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, _ = process.communicate()
    return json.loads(output)


def assert_what_is_believed_is_whole(store: Store) -> None:
    """Every committed result is a whole document, whose files are what it says."""
    for run in store.list("runs"):
        for key in store.list(f"{run}/nodes"):
            for form in store.read_json(key).get("outputs", {}).values():
                record = ArtifactRecord.from_json(form)
                for entry in record.files:
                    assert file_digest(store.fetch(record) / entry.path) == entry.sha256
    for folder in store.list("cache"):
        for key in store.list(folder):
            assert store.read_json(key)["status"] == "done"


def assert_it_works_again(store: Store) -> None:
    """The next command ends the run, whose journal can be read; the next run goes on from it."""
    close_killed_runs(store)
    assert store.list("open") == []
    outcome = run_plan(plan_of(chain), store)
    assert (outcome.exit_code, value_of(outcome.results["slow_8"], store)) == (OK, 8)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_disk_that_fills_up_stops_the_run_and_spoils_nothing(seed: int, disk: Path) -> None:
    """At a moment drawn by chance: of the 500 kB that the run writes there is room for a part."""
    ballast, store = disk / "ballast", Store(disk / "store")
    store.write("here", b"")
    ballast.write_bytes(b"x" * (SIZE - random.Random(seed).randrange(20_000, 400_000)))
    said = told(start(disk / "store"))
    assert said["code"] in (FAILED, 2)
    assert "No space left on device" in said["said"]
    assert_what_is_believed_is_whole(store)
    ballast.unlink()
    assert_it_works_again(store)


@pytest.mark.slow
def test_a_store_that_can_no_longer_be_written_stops_the_run(disk: Path) -> None:
    """Its hint says what to look at; when it can be written again, the next run goes on."""
    store = Store(disk / "store")
    process = start(disk / "store")
    while not store.exists(next(iter(store.list("runs")), "-") + "/nodes/slow_3.json"):
        assert process.poll() is None
        time.sleep(0.01)
    while mount(disk, REMOUNT | READ_ONLY, f"size={SIZE}") != 0:  # refused while somebody writes
        assert process.poll() is None
    said = told(process)
    assert said["code"] == FAILED
    assert "Read-only file system" in said["said"]
    assert "Check that the store" in said["said"]
    assert_what_is_believed_is_whole(store)
    assert mount(disk, REMOUNT, f"size={SIZE}") == 0
    assert_it_works_again(store)
