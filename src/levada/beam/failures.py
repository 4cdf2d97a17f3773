"""The user's exception, out of what Beam makes of it.

In memory Beam raises a copy of the exception with "[while running ...]" appended and keeps the original as
its context. The mark it leaves on the copy is private to Beam, hence the pin on Beam's version and
the tests that hold each case. From another process only text comes back.
"""

from __future__ import annotations

import re

_NEXT = re.compile(
    r"\n+(?:During handling of the above exception, another exception occurred:"
    r"|The above exception was the direct cause of the following exception:)\n+"
)
_MARK = re.compile(r" \[while running '[^']*'\]")
_DECODING = "Error decoding input stream with coder"


class WorkerError(Exception):
    """An exception that a Beam worker in another process reported, as text."""


def original(error: BaseException) -> BaseException:
    """Return the exception that the user's code raised."""
    while (inner := _inside(error)) is not None:
        error = inner
    if isinstance(error, RuntimeError) and "Traceback (most recent call last)" in str(error):
        return from_text(str(error))
    return error


def _inside(error: BaseException) -> BaseException | None:
    """Return the exception that Beam made this one of, None if it is not one of Beam's."""
    if getattr(error, "_tagged_with_step", False):
        return error.__context__
    if isinstance(error, ValueError) and str(error).startswith(_DECODING):
        return error.__cause__
    return None


def from_text(text: str) -> BaseException:
    """Return what can be rebuilt from a worker's report: type, message and traceback of the innermost exception.

    The type is a class of that name, made for the purpose, so that it reads as the user's own.
    """
    blocks = [block.rstrip() for block in _NEXT.split(text)]
    users = [block for block in blocks if not (_MARK.search(_said(block)) or _DECODING in _said(block))]
    block = (users or blocks)[-1 if users else 0]
    if not _said(block):
        return WorkerError(text)
    name, _, message = _MARK.sub("", _said(block)).partition(": ")
    kind = type(name.rpartition(".")[2], (WorkerError,), {"__module__": __name__})
    error = kind(message) if message else kind()
    error.add_note(block)
    return error


def _said(block: str) -> str:
    """Return what stands below the last frame of a traceback, empty if it is none."""
    lines = block.splitlines()
    last_frame = max((place for place, line in enumerate(lines) if line.startswith("  ")), default=len(lines))
    return "\n".join(lines[last_frame + 1 :])
