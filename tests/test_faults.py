"""A disk that fills up, a store that turns read-only: nothing half-written is taken for finished."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from levada.component import component
from levada.context import Context
from levada.errors import StoreError
from levada.plan import Plan
from levada.store import Store
from levada.verification import verify
from tests.arithmetic import Number, number
from tests.inline import plan_of, run_nodes


@component
def weigh(ctx: Context, a: Number | None = None, *, kilobytes: int = 40) -> Number:
    """Write some files."""
    out = number(ctx, kilobytes)
    for name in range(4):
        (out.path / f"{name}.bin").write_bytes(os.urandom(kilobytes * 256))
    return out


def weights() -> None:
    weigh(weigh.with_options(name="second")(weigh.with_options(name="first")()))


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Callable[[str], None]]:
    """Mount a small disk of its own at a folder; gives what mounts it anew with other options."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a disk of a size of its own takes mount, and root on Linux")
    folder.mkdir()

    def mount(*words: str) -> bool:
        return subprocess.run(["mount", "-t", "tmpfs", *words, "tmpfs", folder], check=False).returncode == 0

    if not mount("-o", f"size={kilobytes}k"):
        pytest.skip("this machine lets nobody mount a disk (a container without the right to)")
    try:
        yield lambda options: subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True) and None
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def attempt(plan: Plan, store: Store, run: str) -> str:
    """Run a plan; return why it did not come to its end, empty if it did."""
    try:
        results = run_nodes(plan, store, run)
    except StoreError as error:
        return error.message
    failures = [result.failure.message for result in results.values() if result.failure is not None]
    return failures[0] if failures else ""


def test_a_disk_that_fills_up_leaves_nothing_half_believed(tmp_path: Path) -> None:
    """Wherever the last free byte goes: what is committed is whole, and with more space the same run comes to its end.

    Twelve disks, each full at another write.
    """
    dice = random.Random(11)
    plan = plan_of(weights)
    stopped = 0
    for turn in range(12):
        with small_disk(tmp_path / str(turn), dice.randrange(8, 190)) as remount:
            store = Store(tmp_path / str(turn) / "store")
            why = attempt(plan, store, "20260101-000001-abcd")
            stopped += bool(why)
            assert not why or "No space left on device" in why, why
            assert verify(store).findings == []
            remount("size=4m")
            assert attempt(plan, Store(store.uri), "20260101-000002-abcd") == ""
            report = verify(store)
            assert report.findings == []
            assert report.artifacts >= 3
    assert stopped >= 8


def test_a_store_that_turns_read_only_says_so(tmp_path: Path) -> None:
    """Reading goes on; writing is a StoreError that names the reason; nothing is taken for done."""
    plan = plan_of(weights)
    with small_disk(tmp_path / "disk", 4000) as remount:
        store = Store(tmp_path / "disk" / "store")
        assert attempt(plan, store, "20260101-000001-abcd") == ""
        remount("ro")
        with pytest.raises(StoreError, match=r"cannot write .*: Read-only file system") as caught:
            run_nodes(plan, Store(store.uri), "20260101-000002-abcd")
        assert "is writable" in caught.value.hint
        assert verify(store).is_intact
        assert not store.list("runs/20260101-000002-abcd")
        remount("rw")
        assert attempt(plan, Store(store.uri), "20260101-000003-abcd") == ""
