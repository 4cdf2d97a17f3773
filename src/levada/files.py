"""Files of a local disk that are there whole or not at all, whenever their writer is killed or the disk is full.

A new file has no name until it is whole and on the disk (`O_TMPFILE`), so a writer that is killed leaves nothing. File
systems that know no such files get one with a name that begins with a dot and ends in `.tmp`.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_UNKNOWN = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL)


def replace(path: Path, content: bytes) -> None:
    """Put bytes at a path, replacing what is there: readers see the old file or the new. Raises OSError."""
    with _beside(path) as temporary:
        if not _named_when_whole(temporary, content):
            _write(temporary, content)
        os.replace(temporary, path)


def create(path: Path, content: bytes) -> None:
    """Put bytes at a path that has none; raises FileExistsError if it has, and other OSErrors."""
    if not _named_when_whole(str(path), content):
        with _beside(path) as temporary:
            _write(temporary, content)
            os.link(temporary, path)


def append(path: Path, lines: bytes) -> None:
    """Add lines to a file of which this process is the only writer; all of them, or none and OSError."""
    descriptor = _opened(str(path), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        size = os.fstat(descriptor).st_size
        try:
            _fill(descriptor, lines)
        except OSError:
            os.ftruncate(descriptor, size)  # half a line would spoil the next one
            raise
    finally:
        os.close(descriptor)


def _opened(path: str, flags: int) -> int:
    """Open a file; its folder is made if it is not there, which is rare."""
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        folder = path if hasattr(os, "O_TMPFILE") and flags & os.O_TMPFILE == os.O_TMPFILE else os.path.dirname(path)
        os.makedirs(folder, exist_ok=True)
        return os.open(path, flags, 0o666)


def _named_when_whole(path: str, content: bytes) -> bool:
    """Write a file that gets its name last; False where the file system cannot do that."""
    if not hasattr(os, "O_TMPFILE"):
        return False
    try:
        descriptor = _opened(os.path.dirname(path), os.O_WRONLY | os.O_TMPFILE)
    except OSError as error:
        if error.errno in _UNKNOWN:
            return False
        raise
    try:
        _fill(descriptor, content)
        os.fsync(descriptor)
        # A folder's descriptor is given, though the path is absolute, for only then is the link in /proc followed.
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor, follow_symlinks=True)
    finally:
        os.close(descriptor)
    return True


@contextmanager
def _beside(path: Path) -> Iterator[str]:
    """Give a name for a temporary file in the folder of a path, and remove what is left there of it."""
    folder, name = os.path.split(path)
    temporary = f"{folder}/.{name}.{secrets.token_hex(6)}.tmp"
    try:
        yield temporary
    finally:
        with suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(temporary)


def _write(path: str, content: bytes) -> None:
    descriptor = _opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        _fill(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fill(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
