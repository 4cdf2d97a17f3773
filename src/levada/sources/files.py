"""Files that sources read: found by a path, a pattern or an address, opened, and told apart by their content.

An address is anything that fsspec knows (`s3://bucket/x.csv`, `gs://...`, `memory://...`); everything else is a path
from the project's root.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from levada.errors import DataError, LevadaError, did_you_mean
from levada.secret import redact, revealed
from levada.sources.locations import Location, is_elsewhere
from levada.sources.spans import SpanPattern
from levada.store import file_digest

CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
"""Compression by the ending of a file's name."""

_MARKS = ("ETag", "etag", "md5Hash", "content_md5", "md5", "checksum", "crc32c")
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")
_BLOCK = 1 << 20


@dataclass(frozen=True)
class File:
    """A file to read: `address` is its absolute path or fsspec address, `shown` how people know it.

    `span` and `version` are those it was found under, if its path has any.
    """

    address: str
    shown: str
    storage_options: dict[str, Any] = field(default_factory=dict[str, Any])
    span: str = ""
    version: int | None = None

    @property
    def path(self) -> Path | None:
        """The path of a file on this machine, None for one elsewhere."""
        return None if "://" in self.address else Path(self.address)

    def __fspath__(self) -> str:
        if self.path is None:
            raise TypeError(f"{self.shown} is not on this machine: read it with open().")
        return self.address

    def __str__(self) -> str:
        return self.address

    @property
    def codec(self) -> str | None:
        """The compression that the file's name tells, as pyarrow names it."""
        return CODECS.get(os.path.splitext(self.address)[1].lower())

    def open(self) -> BinaryIO:
        """Return the file's bytes, seekable. Raises DataError if it cannot be opened; reading raises OSError alone."""
        try:
            if self.path is not None:
                return self.path.open("rb")
            fs, name = _file_system(self.address, self.storage_options)
            with _as_os_errors():
                return cast("BinaryIO", io.BufferedReader(_Guarded(fs.open(name, "rb"), fs.size(name)), _BLOCK))
        except OSError as error:
            raise unreadable(self.shown, error) from None

    def stream(self) -> Any:
        """Return the file's bytes, decompressed, as a stream of pyarrow's.

        Raises DataError if it cannot be opened; reading raises OSError, without a number where the content is damaged.
        """
        import pyarrow as pa

        try:
            if self.path is not None:
                return pa.input_stream(self.address, compression=self.codec)
            return pa.input_stream(self.open(), compression=self.codec)
        except OSError as error:
            raise unreadable(self.shown, error) from None

    def size(self) -> int:
        """Return the size in bytes, as it lies there. Raises DataError if that cannot be said."""
        try:
            if self.path is not None:
                return self.path.stat().st_size
            fs, name = _file_system(self.address, self.storage_options)
            with _as_os_errors():
                return int(fs.size(name))
        except OSError as error:
            raise unreadable(self.shown, error) from None

    def digest(self) -> str:
        """Return a sha256 (hex) that changes when the content does.

        It is over the content, or for a file elsewhere over what its file system says of that: a checksum, or size and
        time of the last change. Raises DataError if the file cannot be read.
        """
        try:
            if self.path is not None:
                return file_digest(self.path)
            fs, name = _file_system(self.address, self.storage_options)
            with _as_os_errors():
                mark = _mark(fs.info(name))
            if mark:
                return hashlib.sha256(mark.encode()).hexdigest()
            with self.open() as file:
                return hashlib.file_digest(cast("Any", file), "sha256").hexdigest()
        except OSError as error:
            raise unreadable(self.shown, error) from None


def _mark(info: dict[str, Any]) -> str:
    """Return what a file system says of a file's content; empty if that is not enough to know it by."""
    size = info.get("size")
    for name in _MARKS:
        if info.get(name):
            return f"{name} {info[name]} {size}"
    if info.get("type") == "file" and size is not None and "created" not in info:
        for name in _TIMES:
            if info.get(name):
                return f"{name} {info[name]} {size}"
    return ""


def files_digest(files: Iterable[Path | File]) -> str:
    """Return a sha256 (hex) over the contents of files, in their order. Raises DataError if one cannot be read."""
    total = hashlib.sha256()
    for file in files:
        if isinstance(file, File):
            total.update(bytes.fromhex(file.digest()))
            continue
        try:
            total.update(bytes.fromhex(file_digest(file)))
        except OSError as error:
            raise unreadable(str(file), error) from None
    return total.hexdigest()


# -- finding -------------------------------------------------------------------------------------------------


def find_files(where: str | Location, root: Path, wish: str) -> list[File]:
    """Return the files that a path, glob pattern or address names: by span, and then by name.

    Paths start at `root`. Raises DataError if there are none, a span is not there, or the path is a folder; `wish` says
    what was looked for ("csv").
    """
    location = where if isinstance(where, Location) else Location(where)
    pattern = SpanPattern(location.path)
    place = _There(location, wish) if is_elsewhere(location.path) else _Here(location.path, root, wish)
    if not pattern.words and not place.is_pattern:
        return [place.one()]
    names = place.all(pattern.glob)
    if not pattern.words:
        return [place.file(name) for name in names]
    found = pattern.matches(names, place.pattern)
    if not found:
        raise place.nothing(pattern.glob)
    return [place.file(match.name, match.label, match.version) for match in pattern.chosen(found, location.wish)]


class _Here:
    """Files on this machine."""

    def __init__(self, pattern: str, root: Path, wish: str) -> None:
        self.pattern = pattern.removeprefix("file://")
        self._root, self._wish = root, wish

    @property
    def is_pattern(self) -> bool:
        return any(char in self.pattern for char in "*?[")

    def file(self, name: str, span: str = "", version: int | None = None) -> File:
        path = self._root / name
        return File(str(path), shown_file(path, self._root), span=span, version=version)

    def all(self, pattern: str) -> list[str]:
        import glob

        names = sorted(glob.glob(pattern.removeprefix("file://"), root_dir=self._root, recursive=True))
        found = [name for name in names if (self._root / name).is_file()]
        if not found:
            raise self.nothing(pattern)
        return found

    def nothing(self, pattern: str) -> DataError:
        begin = pattern.split("*", 1)[0].split("?", 1)[0].split("[", 1)[0]
        said = f"{self._wish}('{self.pattern}'): no file matches in {self._root}."
        return DataError(said, hint=_neighbours(self._root / f"{begin}*", self._root))

    def one(self) -> File:
        path = self._root / self.pattern
        if path.is_dir():
            suffix = next((item.suffix for item in sorted(path.iterdir()) if item.is_file()), f".{self._wish}")
            raise DataError(
                f"{self._wish}('{self.pattern}'): this is a folder.",
                hint=f"For all its files write {self._wish}('{self.pattern.rstrip('/')}/*{suffix}').",
            )
        if not path.is_file():
            said = f"{self._wish}('{self.pattern}'): there is no such file in {self._root}."
            raise DataError(said, hint=_neighbours(path, self._root))
        return self.file(self.pattern)


class _There:
    """Files behind an address."""

    def __init__(self, location: Location, wish: str) -> None:
        self._uri, self._wish = location.path, wish
        self._options = location.storage_options
        self._fs, self.pattern = _file_system(location.path, location.storage_options)

    @property
    def is_pattern(self) -> bool:
        return any(char in self.pattern for char in ("*" if self._uri.startswith("http") else "*?["))

    def file(self, name: str, span: str = "", version: int | None = None) -> File:
        address = self._fs.unstrip_protocol(name)
        return File(address, address, self._options, span, version)

    def all(self, pattern: str) -> list[str]:
        stripped = self._fs._strip_protocol(pattern)
        found = cast("dict[str, Any]", self._asked(lambda: self._fs.glob(stripped, detail=True)))
        names = sorted(name for name, info in found.items() if info["type"] == "file")
        if not names:
            raise self.nothing(pattern)
        return names

    def nothing(self, pattern: str) -> DataError:
        return DataError(f"{self._wish}('{self._uri}'): no file matches.", hint=self._beside(self.pattern))

    def one(self) -> File:
        if self._asked(lambda: self._fs.isfile(self.pattern)):
            return self.file(self.pattern)
        if self._asked(lambda: self._fs.isdir(self.pattern)):
            raise DataError(
                f"{self._wish}('{self._uri}'): this is a folder.",
                hint=f"For all its files write {self._wish}('{self._uri.rstrip('/')}/*.{self._wish}').",
            )
        raise DataError(f"{self._wish}('{self._uri}'): there is no such file.", hint=self._beside(self.pattern))

    def _beside(self, name: str) -> str:
        """Return a hint: the file that was probably meant, or what is there."""
        begin = name.split("*", 1)[0].split("{", 1)[0]
        folder, _, wanted = begin.rpartition("/")
        try:
            with _as_os_errors():
                names = sorted(item.rstrip("/").rsplit("/", 1)[-1] for item in self._fs.ls(folder, detail=False))
        except OSError:
            return f"Nothing is below {self._fs.unstrip_protocol(folder)}."
        listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        return did_you_mean(wanted, names) or f"{self._fs.unstrip_protocol(folder)} has {listed}."

    def _asked(self, ask: Any) -> Any:
        try:
            with _as_os_errors():
                return ask()
        except OSError as error:
            raise unreadable(self._uri, error) from None


def _neighbours(path: Path, root: Path) -> str:
    """Return a hint: the file that was probably meant, or what is there."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    names = sorted(item.name for item in folder.iterdir())
    close = did_you_mean(path.name, names)
    shown = shown_file(folder, root)
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return close or (f"{'The project' if shown == '.' else shown} has {listed}." if names else f"{shown} is empty.")


# -- file systems ----------------------------------------------------------------------------------------------


def _file_system(address: str, options: dict[str, Any]) -> tuple[Any, str]:
    """Return the file system of an address, and the address as it knows it."""
    from fsspec.core import url_to_fs

    try:
        # Others write there too: what was listed a moment ago says nothing.
        return url_to_fs(address, **{"use_listings_cache": False, **revealed(options)})
    except LevadaError:
        raise
    except (ImportError, ValueError) as error:
        raise DataError(
            f"{address} needs a file system that is not installed: {redact(str(error)).rstrip('.')}.",
            hint="Object stores come as extras: levada[s3] brings s3fs, for gs:// install gcsfs.",
        ) from None
    except Exception as error:  # noqa: BLE001  each file system has a tree of its own
        raise unreadable(address, OSError(f"{type(error).__name__}: {error}")) from None


@contextmanager
def _as_os_errors() -> Iterator[None]:
    """Let what a file system raises out as OSError: each has a tree of exceptions of its own."""
    try:
        yield
    except (OSError, LevadaError):
        raise
    except Exception as error:  # noqa: BLE001
        raise OSError(f"{type(error).__name__}: {redact(str(error))}") from None


class _Guarded(io.RawIOBase):
    """A file of another machine, for readers that expect OSError."""

    def __init__(self, file: Any, size: int) -> None:
        super().__init__()
        self._file, self._size = file, size

    def readinto(self, buffer: Any, /) -> int:
        with _as_os_errors():
            data: bytes = self._file.read(len(buffer))
        if not data and len(buffer) and self._file.tell() < self._size:
            raise OSError("the file is shorter than it was")
        buffer[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        self._file.close()
        super().close()


def shown_file(path: Path | File, root: Path) -> str:
    """Return a path as people know it: relative to the project where it is within it."""
    if isinstance(path, File):
        return path.shown
    return os.path.relpath(path, root) if path.is_relative_to(root) else str(path)


def unreadable(name: str, error: OSError) -> DataError:
    """Return the error for a file that the system will not let us read."""
    return DataError(f"{name} cannot be read: {redact(str(error.strerror or error)).rstrip('.')}.")
