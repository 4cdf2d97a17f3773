"""Folders of images as a source."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from levada.components import image_folder, ingest
from levada.errors import DataError
from levada.sources import images


def picture(format_: str, colour: int = 0) -> bytes:
    sink = io.BytesIO()
    Image.new("L", (4, 3), colour).save(sink, format_)
    return sink.getvalue()


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    for number, (name, format_) in enumerate(
        [("cat/1.jpg", "JPEG"), ("cat/2.PNG", "PNG"), ("dog/1", "WEBP"), ("dog/2.gif", "GIF"), ("emu/1.bmp", "BMP")]
    ):
        (tmp_path / "zoo" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "zoo" / name).write_bytes(picture(format_, number))
    (tmp_path / "zoo/emu/2.tif").write_bytes(picture("TIFF"))
    (tmp_path / "zoo/cat/.DS_Store").write_bytes(b"x")
    (tmp_path / "zoo/cat/Thumbs.db").write_bytes(b"x")
    (tmp_path / "zoo/README.md").write_text("Animals")
    return tmp_path


def rows(source: Any, root: Path) -> list[dict[str, Any]]:
    return [row for batch in source.batches(root) for row in batch.to_pylist()]


def test_a_folder_is_a_class_and_bytes_stay_as_they_are(zoo: Path) -> None:
    found = rows(image_folder("zoo"), zoo)
    assert [(row["label"], row["path"], row["format"]) for row in found] == [
        ("cat", "zoo/cat/1.jpg", "jpeg"),
        ("cat", "zoo/cat/2.PNG", "png"),
        ("dog", "zoo/dog/1", "webp"),
        ("dog", "zoo/dog/2.gif", "gif"),
        ("emu", "zoo/emu/1.bmp", "bmp"),
        ("emu", "zoo/emu/2.tif", "tiff"),
    ]
    assert all(row["image"] == (zoo / row["path"]).read_bytes() for row in found)


def test_a_pattern_names_the_folders(zoo: Path) -> None:
    assert rows(image_folder("zoo/*"), zoo) == rows(image_folder("zoo/"), zoo)
    assert {row["label"] for row in rows(image_folder("zoo/[cd]*"), zoo)} == {"cat", "dog"}


def test_batches_are_bounded_by_bytes(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "BATCH_BYTES", 1)
    assert [batch.num_rows for batch in image_folder("zoo").batches(zoo)] == [1] * 6


def test_spans_of_images(zoo: Path) -> None:
    for span in (1, 2):
        (zoo / f"spans/{span}/cat").mkdir(parents=True)
        (zoo / f"spans/{span}/cat/x.png").write_bytes(picture("PNG", span))
    source = image_folder("spans/{SPAN}")
    assert [row["path"] for row in rows(source, zoo)] == ["spans/2/cat/x.png"]
    assert source.facts(zoo) == {"spans": ["2"]}


def test_images_are_ingested(zoo: Path, call: Any) -> None:
    examples = call(ingest, image_folder("zoo"))
    assert call.line == "6 rows"
    assert examples.columns == ["image", "label", "path", "format"]
    assert examples.source == "image_folder('zoo/*')"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "zoo/cat/x.jpg is empty.\nFetch or write the file again."),
        (b"GIF", "zoo/cat/x.jpg is not an image: wanted JPEG, PNG, GIF, BMP, WebP or TIFF.\n"),
        (b"<svg/>", "zoo/cat/x.jpg is not an image: wanted JPEG, PNG, GIF, BMP, WebP or TIFF.\n"),
    ],
)
def test_what_is_no_image_is_told(zoo: Path, content: bytes, said: str) -> None:
    (zoo / "zoo/cat/x.jpg").write_bytes(content)
    with pytest.raises(DataError) as caught:
        rows(image_folder("zoo"), zoo)
    assert str(caught.value).startswith(said)


def test_a_folder_without_classes_is_told(zoo: Path) -> None:
    with pytest.raises(DataError, match="no file matches"):
        rows(image_folder("zoo/cat"), zoo)
    (zoo / "empty/cat").mkdir(parents=True)
    (zoo / "empty/cat/Thumbs.db").write_bytes(b"x")
    with pytest.raises(DataError, match="has no images"):
        rows(image_folder("empty"), zoo)
