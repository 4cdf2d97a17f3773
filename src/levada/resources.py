"""What a node needs of the machine, and what the machine has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def parse_bytes(text: Any) -> int:
    """Return bytes of "4GB", "512MiB" or a number of bytes; raises ValueError for anything else."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", str(text).lower())
    if not match:
        raise ValueError(f"'{text}' is not an amount of memory such as '4GB' or '512MiB'")
    return int(float(match[1]) * _UNITS[match[2] or ""])


@dataclass(frozen=True)
class Resources:
    """CPUs (may be a fraction), bytes of memory, and GPUs."""

    cpus: float = 0
    memory: int = 0
    gpus: int = 0

    @staticmethod
    def of(needs: dict[str, Any]) -> Resources:
        return Resources(float(needs.get("cpus", 0)), parse_bytes(needs.get("memory", 0)), int(needs.get("gpus", 0)))

    def __add__(self, other: Resources) -> Resources:
        return Resources(self.cpus + other.cpus, self.memory + other.memory, self.gpus + other.gpus)

    def __sub__(self, other: Resources) -> Resources:
        return Resources(self.cpus - other.cpus, self.memory - other.memory, self.gpus - other.gpus)

    def fits(self, free: Resources) -> bool:
        # Fractions of CPUs do not add up exactly.
        return self.cpus <= free.cpus + 1e-9 and self.memory <= free.memory and self.gpus <= free.gpus


@lru_cache
def of_this_machine() -> Resources:
    """Return what this process may use: CPUs by affinity, physical memory, NVIDIA GPUs."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Resources(cpus, memory, _gpus())


def _gpus() -> int:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() and name.strip() != "-1"])
    if shutil.which("nvidia-smi") is None:
        return 0
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=False)
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
