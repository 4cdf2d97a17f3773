"""The store: one place, on any file system that fsspec reaches, for artifacts, journals and cache entries.

    <store>/
      runs/<run>/plan.json              the plan that was run
      runs/<run>/resolved.json          what was outside the plan, as it was when the run started
      runs/<run>/nodes/<node>.json      the commit of a node: written once, whole; readers trust only this
      runs/<run>/journal/<writer>.jsonl events, one append-only file per writing process
      artifacts/<pipeline>/<node>/<attempt>/<output>/...   files of one attempt
      cache/<2>/<key>.json              key -> the result of the node that had it
      files/<digest>/<name>             project files that a run depended on (a schema)
      registry/<model>/...              candidates, versions and promotions (levada.registry)
      delivery/...                      how far readers of journals have come

What no commit names does not exist.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from levada.artifact import ArtifactRecord, FileEntry
from levada.errors import SecretError, StoreError
from levada.secret import redact, revealed

INSIDE = "store:"
"""Begins the `uri` of a record whose files are in the store; its key there follows."""

_IN_MEMORY = threading.Lock()


class Store:
    """A store at `location`: a local path or an fsspec URI (`s3://bucket/levada`, `memory://x`).

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
        return isinstance(other, Store) and (self.uri, self.options) == (other.uri, other.options)

    def __hash__(self) -> int:
        return hash(self.uri)

    @cached_property
    def _fs(self) -> Any:
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
            return cast("bytes", self._fs.cat_file(self.uri_of(key)))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except self._errors as error:
            raise self._broken("read", key, error) from error

    def exists(self, key: str) -> bool:
        """Whether there is an object at a key."""
        try:
            if self.local is not None:
                return (self.local / key).is_file()
            return cast("bool", self._fs.exists(self.uri_of(key)))
        except self._errors as error:
            raise self._broken("read", key, error) from error

    def read_part(self, key: str, start: int, length: int) -> bytes:
        """Return at most `length` bytes of an object from byte `start` on; none behind its end or without one."""
        try:
            if self.local is not None:
                with (self.local / key).open("rb") as file:
                    file.seek(start)
                    return file.read(length)
            end = min(cast("int", self._fs.size(self.uri_of(key))), start + length)
            return cast("bytes", self._fs.cat_file(self.uri_of(key), start=start, end=end)) if start < end else b""
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return b""
        except self._errors as error:
            raise self._broken("read", key, error) from error

    def read_json(self, key: str) -> Any:
        """Return the JSON document at a key, or None if there is nothing."""
        content = self.read(key)
        if content is None:
            return None
        try:
            return json.loads(content)
        except ValueError as error:
            raise StoreError(f"{self.uri_of(key)} is not JSON: {error}.", hint="It was damaged from outside.") from None

    def write(self, key: str, content: bytes) -> None:
        """Put bytes at a key, replacing what is there. Readers see the old or the new, never a part."""
        try:
            if self.local is not None:
                with self._beside(key, content) as temporary:
                    os.replace(temporary, self.local / key)
            else:
                self._fs.pipe_file(self.uri_of(key), content)
        except self._errors as error:
            raise self._broken("write", key, error) from error

    def create(self, key: str, content: bytes) -> bool:
        """Put bytes at a key that has none; returns False, changing nothing, if another was first."""
        try:
            if self.local is not None:
                with self._beside(key, content) as temporary:
                    os.link(temporary, self.local / key)
            elif self.uri.startswith("memory://"):
                with _IN_MEMORY:  # fsspec looks first and writes then
                    self._fs.pipe_file(self.uri_of(key), content, mode="create")
            else:
                self._fs.pipe_file(self.uri_of(key), content, mode="create")
        except FileExistsError:
            return False
        except self._errors as error:
            raise self._broken("write", key, error) from error
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
                self._fs.pipe_file(self.uri_of(key), before + lines)
        except self._errors as error:
            raise self._broken("write", key, error) from error

    def list(self, prefix: str) -> list[str]:
        """Return the keys of the objects and folders directly below a prefix, sorted; empty if none."""
        try:
            if self.local is not None:
                names = [entry.name for entry in os.scandir(self.local / prefix) if not entry.name.endswith(".tmp")]
                return sorted(f"{prefix}/{name}" for name in names)
            found = cast("list[str]", self._fs.ls(self.uri_of(prefix), detail=False))
            names = [str(path).rstrip("/").rsplit("/", 1)[-1] for path in found]
            return sorted(f"{prefix}/{name}" for name in names if name)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except self._errors as error:
            raise self._broken("list", prefix, error) from error

    def delete(self, key: str) -> None:
        """Remove an object or folder; nothing happens if it is not there."""
        try:
            if self.local is not None:
                path = self.local / key
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            else:
                self._fs.rm(self.uri_of(key), recursive=True)
        except (FileNotFoundError, NotADirectoryError):
            return
        except self._errors as error:
            raise self._broken("delete", key, error) from error

    def check_writable(self) -> None:
        """Raise StoreError, naming the reason, if the store cannot be written."""
        probe = f"probe-{secrets.token_hex(4)}"
        self.write(probe, b"")
        self.delete(probe)

    @property
    def _errors(self) -> type[Exception]:
        """What a file system raises: OSError on a local disk, anything elsewhere (botocore has its own tree)."""
        return OSError if self.local is not None else Exception

    def _broken(self, verb: str, key: str, error: Exception) -> StoreError | SecretError:
        if isinstance(error, StoreError | SecretError):
            return error
        reason = redact(getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
        return StoreError(
            f"cannot {verb} {self.uri_of(key)}: {reason}.",
            hint=f"Check that the store {self.uri} exists, is writable and has space, or name another with --store.",
        )

    # -- artifacts ----------------------------------------------------------------------------------

    def staging(self, key: str) -> Path:
        """Return a local folder to write an output's files into; for a local store, their final place."""
        folder = self.local / key if self.local is not None else Path(tempfile.mkdtemp(prefix="levada-"))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._broken("write", key, error) from error
        return folder

    def seal(self, key: str, staging: Path, type_: str, properties: dict[str, Any], producer: str) -> ArtifactRecord:
        """Bring an output's files into the store, whole, and return its record (not yet committed)."""
        files = tuple(entries_of(staging))
        if self.local is None:
            try:
                for entry in files:
                    self._fs.put_file(str(staging / entry.path), f"{self.uri_of(key)}/{entry.path}")
            except Exception as error:
                raise self._broken("write", key, error) from error
        return ArtifactRecord(type_, f"{INSIDE}{key}", artifact_digest(files, properties), properties, files, producer)

    def discard(self, staging: Path) -> None:
        """Remove a staging folder that is only a copy; what lies in a local store stays where it is."""
        if self.local is None:
            shutil.rmtree(staging, ignore_errors=True)

    def fetch(self, record: ArtifactRecord) -> Path:
        """Return a local folder with the artifact's files, sizes checked; raises StoreError if one is damaged."""
        if self.key_of(record.uri) is not None and self.local is None:
            return self._download(record)
        folder = Path(self.address(record.uri))
        self._check_sizes(record, folder)
        return folder

    def _check_sizes(self, record: ArtifactRecord, folder: Path) -> None:
        for entry in record.files:
            path = folder / entry.path
            try:
                size = path.stat().st_size
            except OSError:
                size = -1
            if size != entry.size:
                found = "is missing" if size < 0 else f"has {size} bytes instead of {entry.size}"
                raise _damaged(record, f"{path} {found}")

    def _download(self, record: ArtifactRecord) -> Path:
        folder = private_folder("fetched") / record.digest
        if folder.is_dir():
            with contextlib.suppress(StoreError):
                self._check_sizes(record, folder)
                return folder
            shutil.rmtree(folder, ignore_errors=True)  # a cleaner of old files was here: fetch it again
        partial = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            for entry in record.files:
                self._download_file(record, entry, partial / entry.path)
            with contextlib.suppress(OSError):
                partial.rename(folder)  # another process may have been first: its copy is the same
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        self._check_sizes(record, folder)
        return folder

    def _download_file(self, record: ArtifactRecord, entry: FileEntry, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        address = f"{self.address(record.uri)}/{entry.path}"
        try:
            self._fs.get_file(address, str(target))
        except FileNotFoundError:
            raise _damaged(record, f"{address} is missing") from None
        except Exception as error:
            raise self._broken("read", self.key_of(address) or address, error) from error
        if file_digest(target) != entry.sha256:
            raise _damaged(record, f"{address} has other content than when it was made")

    def has(self, record: ArtifactRecord) -> bool:
        """Whether all files of a record are there with their sizes."""
        if self.key_of(record.uri) is not None and self.local is None:
            try:
                return all(
                    self._fs.size(f"{self.address(record.uri)}/{entry.path}") == entry.size for entry in record.files
                )
            except FileNotFoundError:
                return False
            except Exception as error:
                raise self._broken("read", self.key_of(record.uri) or record.uri, error) from error
        with contextlib.suppress(StoreError):
            self._check_sizes(record, Path(self.address(record.uri)))
            return True
        return False


def _damaged(record: ArtifactRecord, what: str) -> StoreError:
    maker = record.producer.partition("/")[2]
    return StoreError(
        f"{what}: it was changed outside Levada.", hint=f"Make it again with --fresh {maker}." if maker else ""
    )


def private_folder(name: str) -> Path:
    """Return a folder for temporary copies that this user alone can write to."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"levada-{name}-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != user:
        raise StoreError(f"{folder} belongs to another user.", hint="Set TMPDIR to a folder of your own.")
    return folder


def entries_of(folder: Path) -> Iterator[FileEntry]:
    """Yield the files below a folder in sorted order, with size and sha256."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield FileEntry(path.relative_to(folder).as_posix(), path.stat().st_size, file_digest(path))


def file_digest(path: str | Path) -> str:
    """Return the sha256 (hex) of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def artifact_digest(files: tuple[FileEntry, ...], properties: Mapping[str, Any]) -> str:
    """Return the sha256 (hex) over an artifact's file names, sizes, digests and properties."""
    document = {"files": [[file.path, file.size, file.sha256] for file in files], "properties": properties}
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
