"""A store that nothing can be spoilt in: it reads what another has, and writes elsewhere."""

from __future__ import annotations

from pathlib import Path

from levada.artifact import ArtifactRecord
from levada.store import Store


class ScratchStore(Store):
    """`kept` with a folder over it: what is written goes there, what is not there is read from `kept`."""

    def __init__(self, kept: Store, folder: Path) -> None:
        super().__init__(folder, verify=kept.verify)
        self._kept = kept

    def read(self, key: str) -> bytes | None:
        own = super().read(key)
        return own if own is not None else self._kept.read(key)

    def exists(self, key: str) -> bool:
        return super().exists(key) or self._kept.exists(key)

    def list(self, prefix: str) -> list[str]:
        return sorted({*super().list(prefix), *self._kept.list(prefix)})

    def fetch(self, record: ArtifactRecord) -> Path:
        return super().fetch(record) if self._is_here(record) else self._kept.fetch(record)

    def has(self, record: ArtifactRecord) -> bool:
        return super().has(record) if self._is_here(record) else self._kept.has(record)

    def _is_here(self, record: ArtifactRecord) -> bool:
        key = self.key_of(record.uri)
        return key is not None and self.local is not None and (self.local / key).is_dir()
