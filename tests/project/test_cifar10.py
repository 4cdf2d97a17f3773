"""The cifar10 pipeline: from folders of images to a served network."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import pyarrow as pa
import pytest

from components.cifar10 import CLASSES, LABEL, SIDE, Cifar10File, KerasCifar10, cifar10_images
from levada.artifacts.model import ModelDocument
from levada.errors import DataError
from levada.models.requests import WARM_UP, read_requests
from tests.project.conftest import Runner


def png(red: int, green: int, blue: int) -> bytes:
    """Return an image of one colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = (b"\0" + bytes([red, green, blue]) * SIDE) * SIDE
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def image_of(place: int, number: int) -> bytes:
    """Return an image of a class: each has a colour, and its images are a little lighter or darker."""
    return png(25 * place, 255 - 25 * place, (60 * place + 5 * number) % 256)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder a class in `train` and in `test`."""
    for part, count in (("train", 12), ("test", 4)):
        for place, name in enumerate(CLASSES):
            home = tmp_path / "images" / part / name
            home.mkdir(parents=True)
            for number in range(count):
                (home / f"{number}.png").write_bytes(image_of(place, number))
    return tmp_path / "images"


def test_without_a_folder_the_data_is_what_keras_fetches() -> None:
    assert cifar10_images() == {"train": KerasCifar10("train"), "eval": KerasCifar10("test")}


def test_a_folder_a_class_is_read_as_images(folder: Path) -> None:
    sources = cifar10_images(str(folder))
    table = pa.Table.from_batches(sources["eval"].batches(Path()))
    assert sorted(set(table[LABEL].to_pylist())) == sorted(CLASSES)
    assert table["image"][0].as_py() == image_of(0, 0)


def test_a_parquet_file_is_read_by_its_split(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    columns = {"image": [b"1", b"2", b"3"], "label_name": ["cat", "dog", "cat"], "split": ["train", "test", "train"]}
    pq.write_table(pa.table(columns), tmp_path / "images.parquet")
    sources = cifar10_images(str(tmp_path))
    assert sources["train"] == Cifar10File(f"{tmp_path}/images.parquet", "train")
    assert sources["train"].table(Path()).to_pydict() == {"image": [b"1", b"3"], LABEL: ["cat", "cat"]}
    assert sources["train"].digest() == sources["eval"].digest()


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not CIFAR-10: it has no Parquet files") as caught:
        cifar10_images(str(tmp_path))
    assert "train/<class>/*.png" in caught.value.hint


@pytest.mark.slow
def test_what_is_trained_is_served_and_takes_images_as_they_are_in_files(runner: Runner, folder: Path) -> None:
    """By one worker: that two train the same is tested with a smaller network."""
    pytest.importorskip("keras")
    outcome = runner("cifar10", data=str(folder), width=0.0625, epochs=8, batch_size=24, workers=1, accuracy=0.3)
    assert outcome.exit_code == 0
    served = json.loads((runner.project.root / "serving/cifar10/levada.json").read_text())
    version = runner.project.root / "serving/cifar10" / str(served["version"])
    # It was tried there before the push, in a process of its own, by images that came along to warm it up.
    requests = read_requests(version / WARM_UP, ModelDocument.read(version).inputs)
    assert list(requests["image"][:2]) == [image_of(0, 0), image_of(0, 1)]
    assert "can be served" in outcome.results["validate_serving"].summary
