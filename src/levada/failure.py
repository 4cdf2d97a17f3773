"""A failed node in words: the user's own exception, with the frames of the user's own code."""

from __future__ import annotations

import linecache
import os
import sysconfig
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from levada.draw import shown_path
from levada.errors import LevadaError
from levada.secret import redact

_LIBRARIES = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_ENGINE = str(Path(__file__).parent) + os.sep


@dataclass(frozen=True)
class Frame:
    """One line of a traceback."""

    file: str
    line: int
    function: str
    text: str


@dataclass(frozen=True)
class Failure:
    """Why a node failed: exception type, message, the user's frames (outermost first), the whole traceback.

    `kinds` are the full names of the exception's class and of those it inherits from, nearest first.
    """

    type: str
    message: str
    frames: tuple[Frame, ...] = ()
    traceback: str = ""
    notes: tuple[str, ...] = field(default=())
    kinds: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(form: dict[str, Any]) -> Failure:
        frames = tuple(Frame(**frame) for frame in form.get("frames", []))
        return Failure(
            form["type"],
            form["message"],
            frames,
            form.get("traceback", ""),
            tuple(form.get("notes", [])),
            tuple(form.get("kinds", [])),
        )


def describe(error: BaseException) -> Failure:
    """Return what there is to say of an exception that a component raised, without the values of secrets."""
    frames = [
        Frame(shown_path(frame.filename), frame.lineno or 0, frame.name, _line(frame))
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    shown = [
        frame
        for frame, raw in zip(frames, traceback.extract_tb(error.__traceback__), strict=True)
        if is_users(raw.filename)
    ]
    return Failure(
        type=type(error).__name__,
        message=redact(_message(error)),
        frames=tuple(shown),
        traceback=redact("".join(traceback.format_exception(error))),
        notes=tuple(redact(str(note)) for note in getattr(error, "__notes__", ())),
        kinds=kinds_of(type(error)),
    )


def kinds_of(kind: type[BaseException]) -> tuple[str, ...]:
    """Return the full names of an exception class and its bases: `("builtins.FileNotFoundError", ...)`."""
    return tuple(f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__ if base is not object)


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as broken:  # noqa: BLE001  the user's own __str__
        return f"(its message cannot be shown: {type(broken).__name__})"
    return text if isinstance(error, LevadaError) else text.strip() or "(no message)"


def _line(frame: traceback.FrameSummary) -> str:
    return (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()


def is_users(file: str) -> bool:
    """Whether a source file is the user's own: neither Levada's, nor an installed library's, nor Python's."""
    if not (os.path.isabs(file) or file.startswith("<") or os.path.exists(file)):
        return False  # a compiled library names its files from where it was built
    installed = "site-packages" in file or "dist-packages" in file
    return not (installed or file.startswith((_ENGINE, *_LIBRARIES, "<frozen")))
