"""A checkpoint is there whole or not at all; the newest whole one counts, and a full disk ends nothing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from levada.training.checkpoints import Checkpoint, Checkpoints
from levada.training.patience import Patience, higher_is_better
from tests.test_full_disk import small_disk


def checkpoint(epoch: int, size: int = 10) -> Checkpoint:
    arrays = [np.full(size, epoch, "float32"), np.array(epoch, "int64"), np.zeros((0, 3), "float64")]
    return Checkpoint(epoch, arrays, {"curves": {"loss": [float("inf"), 0.5]}, "epoch": epoch})


def test_what_was_written_is_read_and_two_are_kept(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path / "a" / "b")
    assert kept.newest() is None
    for epoch in (1, 2, 3):
        kept.write(checkpoint(epoch))
    newest = kept.newest()
    assert newest is not None and newest.epoch == 3 and newest.state == checkpoint(3).state
    for got, wanted in zip(newest.arrays, checkpoint(3).arrays, strict=True):
        np.testing.assert_array_equal(got, wanted)
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    assert len(list(kept.folder.iterdir())) == 2
    kept.clear()
    assert kept.newest() is None and not (tmp_path / "a").exists()


@given(some.data())
def test_any_changed_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: some.DataObject) -> None:
    kept = Checkpoints(tmp_path_factory.mktemp("checkpoints"))
    kept.write(checkpoint(1))
    kept.write(checkpoint(2))
    path = kept.folder / "epoch-00002.checkpoint"
    content = bytearray(path.read_bytes())
    place = data.draw(some.integers(0, len(content) - 1))
    content[place] ^= data.draw(some.integers(1, 255))
    path.write_bytes(content[: data.draw(some.sampled_from([len(content), place]))])
    newest = kept.newest()
    assert newest is not None and newest.epoch == 1
    assert kept.notes == ["the checkpoint of epoch 2 is damaged (its digest is another), and was left aside"]


def test_a_disk_that_is_full_leaves_the_last_checkpoint_and_says_so(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 200):
        kept = Checkpoints(tmp_path / "disk" / "kept")
        for epoch in (1, 2):
            kept.write(checkpoint(epoch, 18_000))  # 72 kB
        kept.write(checkpoint(3, 18_000))  # there is room for it instead of the first
        assert kept.notes == [] and [path.name for path in sorted(kept.folder.iterdir())][-1].startswith("epoch-00003")
        (tmp_path / "disk" / "filler").write_bytes(os.urandom(40_000))
        kept.write(checkpoint(4, 60_000))
        assert kept.notes == [
            "the checkpoint of epoch 4 could not be written (No space left on device); that of epoch 3 stays"
        ]
        newest = kept.newest()
        assert newest is not None and newest.epoch == 3
        assert [path.name for path in kept.folder.iterdir()] == ["epoch-00003.checkpoint"]


def test_patience_counts_epochs_that_are_not_better() -> None:
    waiting = Patience(2, 0.1, higher=False)
    assert [waiting.look(epoch, value) for epoch, value in enumerate([1.0, 0.95, float("nan")])] == [True, False, False]
    assert waiting.is_over and waiting.best_epoch == 0
    again = Patience(2, 0.1, higher=False)
    again.restore(waiting.state)
    assert again == waiting
    assert again.look(3, 0.5) and not again.is_over


def test_a_metric_says_by_its_name_which_way_is_better() -> None:
    assert all(map(higher_is_better, ("auc", "val_accuracy", "recall")))
    assert not any(map(higher_is_better, ("loss", "val_loss", "mae", "mean_absolute_error", "root_mean_squared_error")))
