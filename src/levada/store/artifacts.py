"""Artifacts in a store: brought in whole, fetched, and held against their records."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifact import Artifact, ArtifactRecord, FileEntry
from levada.errors import StoreError
from levada.references import load
from levada.store.digests import artifact_digest, entries_of, file_digest
from levada.store.documents import must_be_sealed, opened, sealed
from levada.store.inspection import Damage, inspect, remembered_digest
from levada.store.objects import INSIDE, Objects
from levada.store.temporary import private_folder

if TYPE_CHECKING:
    from levada.settings import Verify


class Store(Objects):
    """A store: objects and artifacts below one location.

    `verify` says what is compared before an artifact is used: digests "always", or only "sizes" of bulky types.
    """

    def __init__(
        self,
        location: str | Path,
        options: Mapping[str, Any] | None = None,
        verify: Verify = "always",
    ) -> None:
        super().__init__(location, options)
        self.verify: Verify = verify

    # -- documents ----------------------------------------------------------------------------------

    def read_json(self, key: str) -> Any:
        """Return the JSON document at a key, or None if there is nothing; raises StoreError if it is damaged."""
        content = self.read(key)
        return None if content is None else opened(content, self.uri_of(key), must_be_sealed(key))

    def write(self, key: str, content: bytes) -> None:
        """Put bytes at a key, replacing what is there; the documents of runs, cache and registry are sealed."""
        super().write(key, sealed(content) if must_be_sealed(key) else content)

    def create(self, key: str, content: bytes) -> bool:
        """Put bytes at a key that has none, sealed as in `write`; False, changing nothing, if another was first."""
        return super().create(key, sealed(content) if must_be_sealed(key) else content)

    # -- artifacts ----------------------------------------------------------------------------------

    def staging(self, key: str) -> Path:
        """Return a local folder to write an output's files into; for a local store, their final place."""
        import tempfile

        folder = self.local / key if self.local is not None else Path(tempfile.mkdtemp(dir=private_folder("staging")))
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
        return ArtifactRecord(type_, f"{INSIDE}{key}", artifact_digest(files, properties), properties, files, producer)

    def discard(self, staging: Path) -> None:
        """Remove a staging folder that is only a copy; what lies in a local store stays where it is."""
        if self.local is None:
            shutil.rmtree(staging, ignore_errors=True)

    def fetch(self, record: ArtifactRecord) -> Path:
        """Return a local folder with the artifact's files, as they were made.

        Raises StoreError, naming the file and who made it, if one is missing, added or changed. Sizes are always
        compared, digests unless this store settles for sizes and the type is one that may be bulky.
        """
        home = self._home(record)
        if home.local is None:
            return self._download(record, home)
        self._insist(record, home, self._wants_digests(record))
        return home.local

    def has(self, record: ArtifactRecord) -> bool:
        """Whether all files of a record are there with their sizes, and no others.

        Contents are not read: that is done before each use.
        """
        return not any(True for _ in inspect(record, self._home(record), digest=None))

    def inspect(self, record: ArtifactRecord, read: Callable[[int], None] = lambda size: None) -> Iterator[Damage]:
        """Yield all that is wrong with a record's files; every byte of them is read, and `read` told how many."""
        home = self._home(record)
        return inspect(record, home, lambda path: home.digest(path, read))

    def _home(self, record: ArtifactRecord) -> Objects:
        """Return the folder with an artifact's files."""
        return Objects(self.address(record.uri), self.options)

    def _wants_digests(self, record: ArtifactRecord) -> bool:
        if self.verify == "always":
            return True
        kind = load(record.type)
        return not (isinstance(kind, type) and issubclass(kind, Artifact) and kind.bulky)

    def _insist(self, record: ArtifactRecord, home: Objects, digests: bool = True) -> None:
        """Raise the error of the first damage."""
        assert home.local is not None
        folder = home.local
        for damage in inspect(record, home, (lambda path: remembered_digest(folder / path)) if digests else None):
            raise damage.error()

    def _download(self, record: ArtifactRecord, home: Objects) -> Path:
        folder = private_folder("fetched") / record.digest
        if folder.is_dir():
            with contextlib.suppress(StoreError):
                self._insist(record, Objects(folder), self._wants_digests(record))
                os.utime(folder)  # used: not one of the copies that nobody needs any more
                return folder
            shutil.rmtree(folder, ignore_errors=True)  # a cleaner of old files was here: fetch it again
        for damage in inspect(record, home, digest=None):
            raise damage.error()
        import tempfile

        partial = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            for entry in record.files:
                self._download_file(record, entry, home, partial / entry.path)
            with contextlib.suppress(OSError):
                partial.rename(folder)  # another process may have been first: its copy is the same
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return folder

    def _download_file(self, record: ArtifactRecord, entry: FileEntry, home: Objects, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        address = home.uri_of(entry.path)
        try:
            home.fs.get_file(address, str(target))
        except Exception as error:
            raise self.broken("read", self.key_of(address) or address, error) from error
        sha256 = file_digest(target)
        if sha256 != entry.sha256:
            said = f"the sha256 {sha256[:12]}…"
            raise Damage("content", address, f"{entry.sha256[:12]}…", said, record).error()
