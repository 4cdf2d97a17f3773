"""Folders of images as a source: a folder a class, as image data is usually handed on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from levada.errors import DataError
from levada.sources.agreement import AGAIN
from levada.sources.file_source import FileSource
from levada.sources.files import File
from levada.sources.locations import Location, Where, located

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_BYTES = 32 << 20
"""Bytes of images in a batch; one larger image is a batch of its own."""

_DROPPINGS = ("Thumbs.db", "desktop.ini")

_BEGINNINGS = {
    "jpeg": (0, b"\xff\xd8\xff"),
    "png": (0, b"\x89PNG\r\n\x1a\n"),
    "gif": (0, b"GIF8"),
    "bmp": (0, b"BM"),
    "webp": (8, b"WEBP"),
    "tiff": (0, b"II*\x00"),
    "tiff (big-endian)": (0, b"MM\x00*"),
}


@dataclass(frozen=True)
class ImageSource(FileSource):
    """Images in folders, one folder a class; made by `image_folder`."""

    name: ClassVar[str] = "image_folder"

    path: str | Location

    def files(self, root: Path) -> list[File]:
        """Return the images, by class and name; what systems leave in folders is none of them."""
        found = [file for file in super().files(root) if not _is_dropping(_name(file))]
        if not found:
            raise DataError(f"{self} has no images.", hint="Wanted files in folders that are named by their class.")
        return found

    def batches(self, root: Path) -> Iterator[pa.RecordBatch]:
        rows: list[tuple[bytes, str, str, str]] = []
        size = 0
        for file in self.files(root):
            image = _content(file)
            if rows and size + len(image) > BATCH_BYTES:
                yield _batch(rows)
                rows, size = [], 0
            rows.append((image, _class_of(file), file.shown, _format(image, file.shown)))
            size += len(image)
        yield _batch(rows)

    def __str__(self) -> str:
        return f"{self.name}('{str(self.path).removesuffix('/*')}')"


def image_folder(path: str | Path, **where: Unpack[Where]) -> ImageSource:
    """Return a source that reads images, one row a file, from folders that are named by their class.

    `image_folder("images")` reads `images/cat/1.jpg` as class `cat`. So does `image_folder("images/*")`: a pattern
    names the folders themselves, such as `image_folder("images/train/[cd]*")`. The columns are `image` (the file's
    bytes, encoded as they are), `label` (the class), `path`, and `format` (`jpeg`, `png`, `gif`, `bmp`, `webp` or
    `tiff`, by the first bytes). Hidden files are passed over. Addresses (`s3://...`), and spans in a path
    (`images/{SPAN}`), are as for all files: see `levada.components.Where`.

    Reading raises DataError for a file that is empty, or of none of these formats.
    """
    text = str(path).rstrip("/")
    last_part = text.rsplit("/", 1)[-1]
    if not any(char in last_part for char in "*?["):
        text = f"{text}/*"
    return ImageSource(located("image_folder", f"{text}/*", where))


def _name(file: File) -> str:
    return file.address.rsplit("/", 1)[-1]


def _class_of(file: File) -> str:
    return file.address.rsplit("/", 2)[-2]


def _is_dropping(name: str) -> bool:
    return name.startswith(".") or name in _DROPPINGS


def _content(file: File) -> bytes:
    with file.open() as stream:
        try:
            return stream.read()
        except OSError as error:
            raise DataError(f"{file.shown} cannot be read: {error.strerror or error}.") from None


def _format(image: bytes, shown: str) -> str:
    for name, (place, begin) in _BEGINNINGS.items():
        if image[place : place + len(begin)] == begin:
            return name.split(" ")[0]
    if not image:
        raise DataError(f"{shown} is empty.", hint=AGAIN)
    raise DataError(
        f"{shown} is not an image: wanted JPEG, PNG, GIF, BMP, WebP or TIFF.",
        hint="Take it out of the folder, or name what is read: image_folder() takes patterns of folders.",
    )


def _batch(rows: list[tuple[bytes, str, str, str]]) -> Any:
    import pyarrow as pa

    types = {"image": pa.binary(), "label": pa.string(), "path": pa.string(), "format": pa.string()}
    columns = zip(*rows, strict=True)
    return pa.record_batch(
        [pa.array(column, type_) for column, type_ in zip(columns, types.values(), strict=True)], list(types)
    )
