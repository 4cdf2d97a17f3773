"""The user's exception, out of what Beam makes of it.

In memory Beam raises a copy of the exception with "[while running ...]" appended and keeps the original as
its context. The mark it leaves on the copy is private to Beam, hence the pin on Beam's version and
the tests that hold each case. From another process only text comes back.
"""

from __future__ import annotations

import re

_ANOTHER = "During handling of the above exception"
_LAST_LINE = re.compile(r"^(?:[\w.]+\.)?(\w+(?:Error|Exception|Exit|Interrupt|Warning)): (.*)$", re.MULTILINE)


class WorkerError(Exception):
    """An exception that a Beam worker in another process reported, as text."""


def original(error: BaseException) -> BaseException:
    """Return the exception that the user's code raised."""
    while getattr(error, "_tagged_with_step", False) and error.__context__ is not None:
        error = error.__context__
    if isinstance(error, RuntimeError) and "Traceback (most recent call last)" in str(error):
        return from_text(str(error))
    return error


def from_text(text: str) -> BaseException:
    """Return what can be rebuilt from a worker's report: the message of the innermost exception."""
    block = text.split(_ANOTHER)[0]
    found = _LAST_LINE.findall(block)
    if not found:
        return WorkerError(text)
    kind, message = found[-1]
    message = re.sub(r" \[while running '.*?'\]", "", message)
    error = WorkerError(f"{kind}: {message}")
    error.add_note(block)
    return error
