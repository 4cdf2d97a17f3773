"""N workers see exactly the global batches that one sees, in the order that seed and epoch decide."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from levada.artifacts import Examples, examples
from levada.training.data import Feed
from levada.training.description import Network, Rows, Training
from levada.training.labels import target_of
from levada.training.sharing import Share
from levada.values import decode, encode
from tests.models.workshop import Workshop
from tests.training.networks import INPUTS, plain, rows

tf: Any = pytest.importorskip("tensorflow")

ROWS = 101


@pytest.fixture
def made(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Examples:
    """Examples of four row groups."""
    monkeypatch.setattr(examples, "ROW_GROUP_ROWS", 30)
    table = rows(ROWS, late=np.arange(ROWS))
    return workshop.examples(table, "train")


def training(made: Examples, **options: Any) -> Training:
    from levada.models import Tensor

    return Training(Network(plain), Rows.of(made), INPUTS, Tensor("late", "float32"), batch_size=16, seed=3, **options)


def pieces(what: Training, share: Share, epoch: int = 0, steps: int = 1, mixed: bool = True) -> list[list[int]]:
    """Return the labels of each piece, for some epochs."""
    feed = Feed(what, target_of(what), share, "train")
    count = steps * feed.steps * share.devices
    return [batch[1].numpy().astype(int).tolist() for batch in feed.batches(epoch, mixed=mixed).take(count)]


@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["from memory", "from files"])
def test_the_pieces_of_all_workers_are_the_batches_of_one(made: Examples, memory: int) -> None:
    what = training(made, memory=memory)
    alone = pieces(what, Share(), steps=2)
    assert sorted(chain(*alone[:7])) == list(range(ROWS)) == sorted(chain(*alone[7:]))
    assert alone[:7] != alone[7:] and [len(batch) for batch in alone] == ([16] * 6 + [5]) * 2
    assert pieces(what, Share(), epoch=1) == alone[7:]  # who goes on later sees what it would have seen
    assert pieces(what, Share(), mixed=False)[0] == list(range(16))
    for workers, devices in ((2, 1), (3, 1), (1, 2), (2, 2)):
        parts = [pieces(what, Share(worker, workers, devices), steps=2) for worker in range(workers)]
        for step, batch in enumerate(alone):
            own = [part[step * devices + device] for part in parts for device in range(devices)]
            assert list(chain(*own)) == batch
            assert max(map(len, own)) - min(map(len, own)) <= 1


@given(rows=some.integers(0, 300), workers=some.integers(1, 5), devices=some.integers(1, 3))
def test_pieces_cover_a_batch_in_order(rows: int, workers: int, devices: int) -> None:
    cut = [piece for worker in range(workers) for piece in Share(worker, workers, devices).pieces(rows)]
    assert [row for begin, end in cut for row in range(begin, end)] == list(range(rows))


def test_a_description_goes_through_json_and_finds_its_rows(made: Examples) -> None:
    what = training(made, class_weights="balanced", memory=5)
    again = decode(encode(what))
    assert again == what
    assert again.rows.examples().table("train").equals(made.table("train"))
    assert again.network.function is plain
