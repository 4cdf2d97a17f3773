"""Registry and folder are in step whatever is killed when, whoever pushes at once, and when the disk is full."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from levada.artifacts.pushed import ServingFolder
from levada.errors import StoreError
from levada.models import load_predictor
from levada.pushing.by_hand import push_by_hand, roll_back, step_back
from levada.store import Store
from tests.pushing.shelf import NAME, Shelf
from tests.stores import s3_address  # noqa: F401
from tests.test_full_disk import small_disk

pytest.importorskip("onnxruntime")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_ten_processes_killed_at_random_leave_registry_and_folder_in_step(shelf: Shelf) -> None:
    """benchmarks/push.py --kills does it a hundred times and more."""
    shelf.push(1)
    shelf.push(2)
    shelf.version(3, model=shelf.saved(3))
    shelf.push(3)
    dice = random.Random(5)
    moved = 0
    for turn in range(10):
        child, before = shelf.going_back_and_forth(turn)
        time.sleep(dice.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        moved += len(shelf.registry.moves(NAME)) - before
        said = [line for line in shelf.out_of_step() if "is missing" not in line]
        assert said == []
        shelf.push_by_hand(3)
        shelf.push_by_hand(shelf.registry.champion(NAME).version)  # type: ignore[union-attr]
        assert not list(shelf.path.glob(".*.tmp-*"))
    assert moved >= 10
    for number in (1, 2):
        shelf.push_by_hand(number)
    assert shelf.out_of_step() == []


def test_a_move_that_was_cut_off_is_what_the_pointer_says(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped before the pointer: nothing happened. Stopped behind it: it is the champion, with who and why."""
    from levada.registry import Registry

    shelf.push(1)
    shelf.version(2)
    for method in (ServingFolder, "point"), (Registry, "promote"), (Registry, "finish_move"):
        with monkeypatch.context() as broken:
            broken.setattr(*method, _killed)
            with pytest.raises(KeyboardInterrupt):
                push_by_hand(shelf.store, NAME, 2, str(shelf.path), "for the fair", root=shelf.root)
        assert len(shelf.registry.unfinished_moves(NAME)) == 1
        assert shelf.out_of_step() == []
        assert shelf.lived[-1] == (1 if method[1] == "point" else 2)
        if method[1] != "point":
            last = shelf.registry.champion(NAME)
            assert last is not None and last.release.reason.startswith("for the fair") and "@" in last.release.actor
            shelf.push_by_hand(1)


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_two_pushes_at_once_get_two_places(shelf: Shelf) -> None:
    for number in (1, 2, 3, 4):
        shelf.version(number)
    threads = [threading.Thread(target=shelf.push_by_hand, args=(number,)) for number in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(shelf.lived) == [1, 2, 3, 4] and shelf.folder.versions() == [1, 2, 3, 4]
    assert shelf.out_of_step() == []


@pytest.mark.parametrize("place", ["memory", "s3"])
def test_object_stores_go_back_and_forth_and_agree_without_locks(
    shelf: Shelf, place: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "s3":
        monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("s3_address"))
    shelf.to = f"{'memory://kills' if place == 'memory' else 's3://bucket/kills'}/{shelf.root.name}"
    shelf.push(1)
    shelf.version(2, model=shelf.saved(2))
    written: list[str] = []
    real = Store.write
    monkeypatch.setattr(Store, "write", lambda store, key, content: (written.append(key), real(store, key, content))[1])
    shelf.push(2)
    ours = [key for key in written if key.startswith(("2/", "levada", "models"))]
    assert ours[-3:] == ["2/saved_model.pb", "levada.json", "models.config"]
    assert shelf.out_of_step() == []
    roll_back(shelf.store, step_back(shelf.store, NAME), "back")
    assert shelf.live().version == 1 and shelf.out_of_step() == []  # type: ignore[union-attr]
    shelf.folder.store.delete("2/saved_model.pb")  # half removed
    shelf.push_by_hand(2)
    assert shelf.out_of_step() == []
    shelf.push(3, keep=2)
    assert shelf.folder.versions() == [2, 3] and shelf.out_of_step() == []


def test_a_disk_that_fills_up_leaves_what_was_live(shelf: Shelf, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 40) as remount:
        shelf.to = str(tmp_path / "disk/flights")
        shelf.push(1)
        (tmp_path / "disk/ballast").write_bytes(b"x" * 20_000)
        shelf.version(2)
        with pytest.raises(StoreError, match=r"cannot write the serving folder .*No space left on device") as caught:
            shelf.push_by_hand(2)
        assert "What was live there is live still" in caught.value.hint
        assert shelf.live().version == 1 and shelf.lived == [1]  # type: ignore[union-attr]
        assert not list(shelf.path.glob(".*.tmp-*"))
        load_predictor(shelf.path / "1")
        remount("ro")
        with pytest.raises(StoreError, match="Read-only file system"):
            shelf.push_by_hand(2)
        remount("rw,size=4m")
        shelf.push_by_hand(2)
        assert shelf.out_of_step() == []
