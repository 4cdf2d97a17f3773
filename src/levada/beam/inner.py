"""A Beam job that a component starts for its own data."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from levada.beam.failures import original


class BeamJob:
    """A Beam pipeline that runs when its `with` block ends.

    It runs in a fresh thread: on the thread of the node, itself an element of the run's own job, Beam would
    mix the two jobs' metrics. `counters` holds this job's user counters afterwards, by name.
    """

    def __init__(self, name: str, options: tuple[str, ...] = ()) -> None:
        self.name = name
        self._options = options
        self._pipeline: Any = None
        self.counters: dict[str, int] = {}

    def __enter__(self) -> Any:
        from levada.beam.pipeline import new_pipeline

        self._pipeline = new_pipeline(self._options)
        return self._pipeline

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            return
        raised: list[BaseException] = []

        def work() -> None:
            try:
                from levada.beam.pipeline import run_to_the_end

                result = run_to_the_end(self._pipeline)
                for counter in result.metrics().query()["counters"]:  # one per step that counts
                    name = counter.key.metric.name
                    self.counters[name] = self.counters.get(name, 0) + counter.result
            except BaseException as caught:  # noqa: BLE001  handed to the node's thread
                raised.append(caught)

        thread = threading.Thread(target=work, name=f"beam-{self.name}")
        thread.start()
        thread.join()
        if raised:
            raise original(raised[0])
