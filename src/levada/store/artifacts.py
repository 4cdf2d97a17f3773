"""Artifacts in a store: brought in whole, fetched, and held against their records."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from levada.artifact import ArtifactRecord, FileEntry
from levada.errors import StoreError
from levada.store.digests import artifact_digest, entries_of, file_digest
from levada.store.objects import Objects
from levada.store.temporary import private_folder


class Store(Objects):
    """A store: objects and artifacts below one location."""

    def staging(self, key: str) -> Path:
        """Return a local folder to write an output's files into; for a local store, their final place."""
        folder = self.local / key if self.local is not None else Path(tempfile.mkdtemp(prefix="levada-"))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self.broken("write", key, error) from error
        return folder

    def seal(self, key: str, staging: Path, type_: str, properties: dict[str, Any], producer: str) -> ArtifactRecord:
        """Bring an output's files into the store, whole, and return its record (not yet committed)."""
        files = tuple(entries_of(staging))
        if self.local is None:
            try:
                for entry in files:
                    self.fs.put_file(str(staging / entry.path), f"{self.uri_of(key)}/{entry.path}")
            except Exception as error:
                raise self.broken("write", key, error) from error
        return ArtifactRecord(type_, self.uri_of(key), artifact_digest(files, properties), properties, files, producer)

    def discard(self, staging: Path) -> None:
        """Remove a staging folder that is only a copy; what lies in a local store stays where it is."""
        if self.local is None:
            shutil.rmtree(staging, ignore_errors=True)

    def fetch(self, record: ArtifactRecord) -> Path:
        """Return a local folder with the artifact's files, sizes checked; raises StoreError if one is damaged."""
        if self.key_of(record.uri) is not None and self.local is None:
            return self._download(record)
        folder = Path(record.uri)
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
        address = f"{record.uri}/{entry.path}"
        try:
            self.fs.get_file(address, str(target))
        except FileNotFoundError:
            raise _damaged(record, f"{address} is missing") from None
        except Exception as error:
            raise self.broken("read", self.key_of(address) or address, error) from error
        if file_digest(target) != entry.sha256:
            raise _damaged(record, f"{address} has other content than when it was made")

    def has(self, record: ArtifactRecord) -> bool:
        """Whether all files of a record are there with their sizes."""
        if self.key_of(record.uri) is not None and self.local is None:
            try:
                return all(self.fs.size(f"{record.uri}/{entry.path}") == entry.size for entry in record.files)
            except FileNotFoundError:
                return False
            except Exception as error:
                raise self.broken("read", self.key_of(record.uri) or record.uri, error) from error
        with contextlib.suppress(StoreError):
            self._check_sizes(record, Path(record.uri))
            return True
        return False


def _damaged(record: ArtifactRecord, what: str) -> StoreError:
    maker = record.producer.partition("/")[2]
    return StoreError(
        f"{what}: it was changed outside Levada.", hint=f"Make it again with --fresh {maker}." if maker else ""
    )
