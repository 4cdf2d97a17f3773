"""Which part of every global batch a process and its devices see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """One worker of `workers`, with `devices` replicas of the model on it.

    A global batch is cut into `parts` pieces of as equal size as can be, in order: piece `p` of a batch of `n` rows is
    rows `n * p // parts` to `n * (p + 1) // parts`. Worker `w` gets pieces `w * devices` to `(w + 1) * devices - 1`,
    one after the other: one for each of its replicas. A last batch with fewer rows than `parts` is left out.
    """

    worker: int = 0
    workers: int = 1
    devices: int = 1

    @property
    def parts(self) -> int:
        return self.workers * self.devices

    @property
    def is_chief(self) -> bool:
        """Whether this worker speaks for all: it reports, and writes checkpoints and the model."""
        return self.worker == 0

    def pieces(self, rows: int) -> list[tuple[int, int]]:
        """Return where this worker's pieces of a global batch of `rows` rows begin and end."""
        first = self.worker * self.devices
        return [
            (rows * part // self.parts, rows * (part + 1) // self.parts) for part in range(first, first + self.devices)
        ]
