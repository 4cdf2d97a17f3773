"""Checkpoints: the state of a training after an epoch, as one file that is there whole or not at all.

    <folder>/epoch-00003.checkpoint      line 1: sha256 (hex) of all that follows
                                         line 2: JSON: epoch, state, and dtype and shape of each array
                                         then the arrays' bytes, one after the other

No pickle, so reading one runs no code. The last two are kept: where the newest is damaged, the one before counts.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada import files
from levada.values import float_or_object, json_text

if TYPE_CHECKING:
    import numpy as np

    Arrays = list[np.ndarray[Any, Any]]

KEPT = 2
_NAME = re.compile(r"epoch-(\d+)\.checkpoint")


@dataclass(frozen=True)
class Checkpoint:
    """The state after `epoch` epochs: arrays, and what JSON can carry of the rest."""

    epoch: int
    arrays: Arrays
    state: dict[str, Any]


class Checkpoints:
    """The checkpoints of one training in a folder of its own. `notes` says what somebody should know of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []

    def write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and drop the oldest; where it cannot be written, training goes on without it."""
        path = self.folder / f"epoch-{checkpoint.epoch:05d}.checkpoint"
        content = _packed(checkpoint)
        try:
            try:
                files.replace(path, content)
            except OSError:
                self._drop(keep=1)  # a full disk may have room for it instead of an older one
                files.replace(path, content)
        except OSError as error:
            kept = self._paths()
            last = f"that of epoch {_epoch_of(kept[-1])} stays" if kept else "there is none before it"
            self._note(f"the checkpoint of epoch {checkpoint.epoch} could not be written ({error.strerror}); {last}")
            return
        self._drop(keep=KEPT)

    def newest(self) -> Checkpoint | None:
        """Return the newest whole checkpoint, None if there is none."""
        for path in reversed(self._paths()):
            try:
                return _unpacked(path.read_bytes())
            except (OSError, ValueError, KeyError, TypeError) as error:
                self._note(f"the checkpoint of epoch {_epoch_of(path)} is damaged ({error}), and was left aside")
        return None

    def clear(self) -> None:
        """Remove them all, and the folder, and folders around it that are empty then."""
        self._drop(keep=0)
        with suppress(OSError):
            os.removedirs(self.folder)

    def _paths(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("epoch-*.checkpoint") if _NAME.fullmatch(path.name))

    def _drop(self, keep: int) -> None:
        paths = self._paths()
        for path in paths[: len(paths) - keep]:
            with suppress(OSError):
                path.unlink()

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _epoch_of(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    assert match is not None
    return int(match[1])


def _packed(checkpoint: Checkpoint) -> bytes:
    import numpy as np

    arrays = [np.ascontiguousarray(array) for array in checkpoint.arrays]
    header = {
        "epoch": checkpoint.epoch,
        "state": checkpoint.state,
        "arrays": [[array.dtype.str, list(array.shape)] for array in checkpoint.arrays],
    }
    body = b"".join([json_text(header).encode(), b"\n", *(array.tobytes() for array in arrays)])
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def _unpacked(content: bytes) -> Checkpoint:
    """Return what was packed; raises ValueError if a byte of it is another."""
    import numpy as np

    digest, _, body = content.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise ValueError("its digest is another")
    line, _, rest = body.partition(b"\n")
    header = json.loads(line, object_hook=float_or_object)
    arrays: Arrays = []
    at = 0
    for name, shape in header["arrays"]:
        count = math.prod(shape)
        array = np.frombuffer(rest, np.dtype(name), count, at)
        arrays.append(array.reshape(shape))
        at += array.nbytes
    return Checkpoint(header["epoch"], arrays, header["state"])
