"""What serving a model costs, as it was measured in a fresh process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Cost:
    """What a model costs in its runtime. Times are in seconds, sizes and memory in bytes.

    A call takes arrays by input and gives arrays by output: what is done before the graph, and the graph. `p50` and
    `p99` are of `calls` calls with one row each, after those that warm up; `throughput` is rows a second of `batches`
    calls with `batch` rows each. `load` ends where the model could be called, `first` is the first call, with one row.
    `cpu` is processor time of all threads. `base_memory` is what is resident once the runtime is imported,
    `peak_memory` the most that ever was. `size` is that of the files that are served, `gzipped` the same, each file
    compressed (zlib, level 6).
    """

    format: str
    runtime: str
    threads: int
    import_seconds: float
    import_cpu: float
    load_seconds: float
    load_cpu: float
    first_seconds: float
    first_cpu: float
    p50: float
    p99: float
    calls: int
    throughput: float
    batch: int
    batches: int
    base_memory: int
    peak_memory: int
    total_cpu: float
    size: int
    gzipped: int

    @property
    def ready_seconds(self) -> float:
        """From the imported runtime to the first answer: loading and the first call."""
        return self.load_seconds + self.first_seconds

    @property
    def cpu(self) -> float:
        """Processor time of the whole process beyond what importing the runtime took."""
        return self.total_cpu - self.import_cpu

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    @staticmethod
    def from_json(form: Mapping[str, Any]) -> Cost:
        """Return what `to_json` gave the form of."""
        return Cost(**{field.name: form[field.name] for field in fields(Cost)})
