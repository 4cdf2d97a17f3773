"""A store whose writes stay in this process: for asking what the engine would do."""

from __future__ import annotations

from levada.store import Store
from levada.store.documents import must_be_sealed, sealed


class Unwritten(Store):
    """`kept` as it is, with small objects written over it in memory. Nothing reaches the store itself."""

    def __init__(self, kept: Store) -> None:
        super().__init__(kept.uri, kept.options, kept.verify)
        self._kept = kept
        self._own: dict[str, bytes] = {}

    def read(self, key: str) -> bytes | None:
        return self._own[key] if key in self._own else self._kept.read(key)

    def exists(self, key: str) -> bool:
        return key in self._own or self._kept.exists(key)

    def write(self, key: str, content: bytes) -> None:
        self._own[key] = sealed(content) if must_be_sealed(key) else content

    def create(self, key: str, content: bytes) -> bool:
        if self.exists(key):
            return False
        self.write(key, content)
        return True

    def append(self, key: str, lines: bytes, before: bytes) -> None:
        self._own[key] = self._own.get(key, b"") + lines

    def delete(self, key: str) -> None:
        self._own.pop(key, None)
