"""What references reach, kept between processes: it is the same as long as no file of the packages changes."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from levada.files import replace


class KeptParts:
    """Pieces of code by reference, in a folder. What cannot be read or written is found out anew: it only saves time.

    The name of an entry stands for everything that decides what a reference reaches: the contents of all Python files
    of the packages, what other files there are, what this process runs in another form, and this very package.
    """

    def __init__(self, folder: Path, packages: Mapping[str, Path], imported: Mapping[str, bytes]) -> None:
        self._folder = folder
        self._packages = packages
        self._imported = imported

    def get(self, reference: str) -> dict[str, str] | None:
        try:
            return json.loads(self._path(reference).read_bytes())
        except (OSError, ValueError):
            return None

    def keep(self, reference: str, parts: Mapping[str, str]) -> None:
        try:
            replace(self._path(reference), json.dumps(parts).encode())
        except OSError:
            return

    def _path(self, reference: str) -> Path:
        name = hashlib.sha256(f"{self._state} {reference}".encode()).hexdigest()
        return self._folder / f"code-{name}.json"

    @cached_property
    def _state(self) -> str:
        total = hashlib.sha256(sys.version.encode())
        for name, place in sorted({**self._packages, "levada.code": Path(__file__).parent}.items()):
            for path, file in _files(place):
                total.update(f"{name}/{path}\0".encode())
                total.update(_content(file))
        for name, content in sorted(self._imported.items()):
            total.update(f"{name}\0".encode() + hashlib.sha256(content).digest())
        return total.hexdigest()


def _files(place: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of a package, or of a module, by their names below it."""
    if place.is_dir():
        for file in sorted(place.rglob("*")):
            if "__pycache__" not in file.parts and not file.is_dir():
                yield file.relative_to(place).as_posix(), file
        return
    for file in sorted(place.parent.glob(f"{place.name.removesuffix('.py')}*")):
        if file.is_file():
            yield file.name, file


def _content(file: Path) -> bytes:
    """Return a digest of a Python file's content; of another file, when it was written and how large it is."""
    try:
        if file.suffix == ".py":
            return hashlib.sha256(file.read_bytes()).digest()
        status = file.stat()
    except OSError:
        return b"unreadable"
    return f"{status.st_mtime_ns} {status.st_size}".encode()
