"""Small objects at keys of a file system that fsspec reaches: read, written whole, listed, removed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from levada.errors import SecretError, StoreError
from levada.secret import redact, revealed
from levada.store.documents import opened

INSIDE = "store:"
"""Begins the `uri` of a record whose files are in the store; its key there follows."""

_IN_MEMORY = threading.Lock()


_BLOCK = 1 << 20


@dataclass(frozen=True)
class Found:
    """An object: its key, size in bytes, when it was last written (seconds since 1970), how many names it has."""

    key: str
    size: int
    modified: float
    names: int = 1


class Objects:
    """Objects below a location: a local path or an fsspec URI (`s3://bucket/levada`, `memory://x`).

    `options` go to its fsspec file system; a `Secret` among them is revealed when that is opened, in each process.

    Keys are paths below it, with `/`. Writes are whole: a reader sees all of an object or none of it.
    """

    def __init__(self, location: str | Path, options: Mapping[str, Any] | None = None) -> None:
        text = str(location)
        self.options = dict(options or {})
        self.local: Path | None = None
        if "://" not in text or text.startswith("file://"):
            self.local = Path(text.removeprefix("file://")).expanduser().absolute()
            self.uri = self.local.as_posix()
        else:
            self.uri = text.rstrip("/")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Objects) and (self.uri, self.options) == (other.uri, other.options)

    def __hash__(self) -> int:
        return hash(self.uri)

    @cached_property
    def fs(self) -> Any:
        import fsspec

        protocol = self.uri.split("://", 1)[0]
        try:
            # Other processes write too: what was listed a moment ago says nothing.
            return fsspec.filesystem(protocol, **{"use_listings_cache": False, **revealed(self.options)})
        except (ImportError, ValueError) as error:
            raise StoreError(
                f"the store {self.uri} needs a file system that is not installed: {error}.",
                hint="Object stores come as extras of the package (s3 brings s3fs).",
            ) from None

    def uri_of(self, key: str) -> str:
        """Return the address of a key: an absolute path, or a URI."""
        return f"{self.uri}/{key}"

    def key_of(self, uri: str) -> str | None:
        """Return the key of an address in this store, None for one elsewhere."""
        for beginning in (INSIDE, self.uri + "/"):
            if uri.startswith(beginning):
                return uri.removeprefix(beginning)
        return None

    def address(self, uri: str) -> str:
        """Return where a record's `uri` is, as this process sees the store: an absolute path, or a URI."""
        return self.uri_of(uri.removeprefix(INSIDE)) if uri.startswith(INSIDE) else uri

    # -- small objects ------------------------------------------------------------------------------

    def read(self, key: str) -> bytes | None:
        """Return the bytes at a key, or None if there is nothing."""
        try:
            if self.local is not None:
                return (self.local / key).read_bytes()
            return cast("bytes", self.fs.cat_file(self.uri_of(key)))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except self.errors as error:
            raise self.broken("read", key, error) from error

    def exists(self, key: str) -> bool:
        """Whether there is an object at a key."""
        try:
            if self.local is not None:
                return (self.local / key).is_file()
            return cast("bool", self.fs.exists(self.uri_of(key)))
        except self.errors as error:
            raise self.broken("read", key, error) from error

    def read_part(self, key: str, start: int, length: int) -> bytes:
        """Return at most `length` bytes of an object from byte `start` on; none behind its end or without one."""
        try:
            if self.local is not None:
                with (self.local / key).open("rb") as file:
                    file.seek(start)
                    return file.read(length)
            end = min(cast("int", self.fs.size(self.uri_of(key))), start + length)
            return cast("bytes", self.fs.cat_file(self.uri_of(key), start=start, end=end)) if start < end else b""
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return b""
        except self.errors as error:
            raise self.broken("read", key, error) from error

    def read_json(self, key: str) -> Any:
        """Return the JSON document at a key, or None if there is nothing; raises StoreError if it is damaged."""
        content = self.read(key)
        return None if content is None else opened(content, self.uri_of(key))

    def write(self, key: str, content: bytes) -> None:
        """Put bytes at a key, replacing what is there. Readers see the old or the new, never a part."""
        try:
            if self.local is not None:
                with self._beside(key, content) as temporary:
                    os.replace(temporary, self.local / key)
            else:
                self.fs.pipe_file(self.uri_of(key), content)
        except self.errors as error:
            raise self.broken("write", key, error) from error

    def create(self, key: str, content: bytes) -> bool:
        """Put bytes at a key that has none; returns False, changing nothing, if another was first."""
        try:
            if self.local is not None:
                with self._beside(key, content) as temporary:
                    os.link(temporary, self.local / key)
            elif self.uri.startswith("memory://"):
                with _IN_MEMORY:  # fsspec looks first and writes then
                    self.fs.pipe_file(self.uri_of(key), content, mode="create")
            else:
                self.fs.pipe_file(self.uri_of(key), content, mode="create")
        except FileExistsError:
            return False
        except self.errors as error:
            raise self.broken("write", key, error) from error
        return True

    @contextlib.contextmanager
    def _beside(self, key: str, content: bytes) -> Iterator[str]:
        """Write a temporary file in the folder of a local key, synced to disk; removed at the end."""
        assert self.local is not None
        target = self.local / key
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError:  # a file where a folder should be; not that another was first
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(target.parent)) from None
        temporary = f"{target.parent}/.{target.name}.{secrets.token_hex(6)}.tmp"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            try:
                view = memoryview(content)
                while view:
                    view = view[os.write(descriptor, view) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            yield temporary
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)

    def append(self, key: str, lines: bytes, before: bytes) -> None:
        """Add lines to an object that this process alone writes; `before` is all it has written there.

        Object stores cannot append: there the whole object is written again.
        """
        try:
            if self.local is not None:
                path = self.local / key
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("ab") as file:
                    file.write(lines)
            else:
                self.fs.pipe_file(self.uri_of(key), before + lines)
        except self.errors as error:
            raise self.broken("write", key, error) from error

    def list(self, prefix: str) -> list[str]:
        """Return the keys of the objects and folders directly below a prefix, sorted; empty if none."""
        try:
            if self.local is not None:
                names = [entry.name for entry in os.scandir(self.local / prefix) if not entry.name.endswith(".tmp")]
                return sorted(f"{prefix}/{name}" for name in names)
            found = cast("list[str]", self.fs.ls(self.uri_of(prefix), detail=False))
            names = [str(path).rstrip("/").rsplit("/", 1)[-1] for path in found]
            return sorted(f"{prefix}/{name}" for name in names if name)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except self.errors as error:
            raise self.broken("list", prefix, error) from error

    def walk(self, prefix: str = "") -> Iterator[Found]:
        """Yield every object below a prefix, in no order, temporary files too; nothing if there is none."""
        try:
            if self.local is not None:
                yield from _files_below(self.local / prefix, f"{prefix}/" if prefix else "")
                return
            top = self.fs._strip_protocol(self.uri).rstrip("/") + "/"
            found = cast("dict[str, Any]", self.fs.find(self.uri_of(prefix), detail=True))
        except (FileNotFoundError, NotADirectoryError):
            return
        except self.errors as error:
            raise self.broken("list", prefix, error) from error
        for path, info in found.items():
            changed = info.get("LastModified") or info.get("created") or info.get("mtime") or info.get("updated")
            seconds = changed.timestamp() if hasattr(changed, "timestamp") else float(changed or 0)
            yield Found(path.removeprefix(top), int(info["size"] or 0), seconds)

    def digest(self, key: str, read: Callable[[int], None] = lambda size: None) -> str:
        """Return the sha256 (hex) of an object's bytes, never held in memory whole; `read` is told how many at a time.

        Raises FileNotFoundError if there is none.
        """
        total = hashlib.sha256()
        try:
            with (self.local / key).open("rb") if self.local is not None else self.fs.open(self.uri_of(key)) as file:
                while block := file.read(_BLOCK):
                    total.update(block)
                    read(len(block))
        except FileNotFoundError:
            raise
        except self.errors as error:
            raise self.broken("read", key, error) from error
        return total.hexdigest()

    def move(self, key: str, target: str) -> bool:
        """Give an object or folder another key; in one step on a local disk. False if it is not there."""
        try:
            if self.local is not None:
                (self.local / target).parent.mkdir(parents=True, exist_ok=True)
                (self.local / key).rename(self.local / target)
            else:
                self.fs.copy(self.uri_of(key), self.uri_of(target), recursive=True)
                self.fs.rm(self.uri_of(key), recursive=True)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except self.errors as error:
            raise self.broken("move", key, error) from error
        return True

    def delete(self, key: str) -> None:
        """Remove an object or folder; nothing happens if it is not there."""
        try:
            if self.local is not None:
                path = self.local / key
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            else:
                self.fs.rm(self.uri_of(key), recursive=True)
        except (FileNotFoundError, NotADirectoryError):
            return
        except self.errors as error:
            raise self.broken("delete", key, error) from error

    def check_writable(self) -> None:
        """Raise StoreError, naming the reason, if the store cannot be written."""
        probe = f"probe-{secrets.token_hex(4)}"
        self.write(probe, b"")
        self.delete(probe)

    @property
    def errors(self) -> type[Exception]:
        """What a file system raises: OSError on a local disk, anything elsewhere (botocore has its own tree)."""
        return OSError if self.local is not None else Exception

    def broken(self, verb: str, key: str, error: Exception) -> StoreError | SecretError:
        if isinstance(error, StoreError | SecretError):
            return error
        reason = redact(getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
        return StoreError(
            f"cannot {verb} {self.uri_of(key)}: {reason}.",
            hint=f"Check that the store {self.uri} exists, is writable and has space, or name another with --store.",
        )


def _files_below(folder: Path, prefix: str) -> Iterator[Found]:
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    yield from _files_below(Path(entry.path), f"{prefix}{entry.name}/")
                elif entry.is_file():
                    state = entry.stat()
                    yield Found(f"{prefix}{entry.name}", state.st_size, state.st_mtime, state.st_nlink)
            except FileNotFoundError:  # others write and remove here too
                continue
