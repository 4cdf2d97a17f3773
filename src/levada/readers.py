"""Readers of the journal that other packages bring, kept from breaking the run that they follow."""

from __future__ import annotations

from dataclasses import dataclass

from levada.extensions import load_all, warn
from levada.journal import Event
from levada.run import Reader, Request


@dataclass
class Guest:
    """A reader of another package. What it raises ends it, not the run, and is kept as `trouble`."""

    reader: Reader
    origin: str
    seconds: float
    trouble: str = ""

    @property
    def about(self) -> str:
        """What is waited for when the run has ended."""
        return f"waiting for {self.origin}"

    def see(self, event: Event) -> None:
        """Hand it an event, unless it has failed before."""
        if self.trouble:
            return
        try:
            self.reader.see(event)
        except Exception as error:  # noqa: BLE001  it is not ours
            self.trouble = f"{self.origin} stopped following the run: {type(error).__name__}: {error}"


def guests(request: Request) -> list[Guest]:
    """Return the readers that installed packages bring for a run."""
    found: list[Guest] = []
    for extension, make in load_all("levada.readers"):
        origin = f"the reader '{extension.name}' of {extension}"
        try:
            reader: Reader | None = make(request)
            if reader is not None:
                found.append(Guest(reader, origin, float(reader.seconds)))
        except Exception as error:  # noqa: BLE001  it is not ours
            warn(f"{origin} does not start: {type(error).__name__}: {error}")
    return found
