"""Dividing rows by a Beam job: an element is a part of a source, rows never travel between workers.

This module needs Beam; it is imported only where there is much to read.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apache_beam as beam

from levada.errors import DataError, Position
from levada.splits.division import Outcome, Task, perform
from levada.store import Scratch, Store

if TYPE_CHECKING:
    import pyarrow as pa


def divide_on_beam(pipeline: Any, scratch: Scratch, tasks: list[Task], types: pa.Schema | None) -> None:
    """Add to a pipeline what does the tasks; the outcomes are then taken with `take_outcome`."""
    serialized = None if types is None else types.serialize().to_pybytes()
    _ = (
        pipeline
        | "parts" >> beam.Create(tasks, reshuffle=len(tasks) > 1)
        | "divide" >> beam.ParDo(_DividePart(scratch, serialized))
    )


class _DividePart(beam.DoFn):
    def __init__(self, scratch: Scratch, types: bytes | None) -> None:
        super().__init__()
        self._scratch, self._types = scratch, types

    def process(self, task: Task) -> Iterable[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        import pyarrow as pa

        types = None if self._types is None else pa.ipc.read_schema(pa.BufferReader(self._types))
        with tempfile.TemporaryDirectory(prefix="levada-part-") as folder:
            outcome = perform(task, types, Path(folder) / "rows", lambda rows: None)
            _leave(self._scratch, task.number, outcome)
        return ()


def _leave(scratch: Scratch, number: int, outcome: Outcome) -> None:
    """Write an outcome into the store: its files, its tables as Arrow, the rest as JSON, last."""
    store, key = scratch.store(), scratch.below(str(number))
    for names in outcome.files.values():
        for name in names:
            _leave_file(store, outcome.folder / name, f"{key}/{name}")
    tables = {"rejects": outcome.rejects, "survey": outcome.survey}
    if outcome.schema is not None:
        tables["schema"] = outcome.schema.empty_table()
    for name, table in tables.items():
        if table is not None:
            store.write(f"{key}/{name}.arrow", _packed(table))
    fault = outcome.fault
    form = {
        "findings": outcome.findings,
        "rows": outcome.rows,
        "files": outcome.files,
        "overflow": outcome.overflow,
        "fault": None
        if fault is None
        else [fault.message, fault.hint, None if fault.where is None else vars(fault.where)],
    }
    store.write(f"{key}/outcome.json", json.dumps(form).encode())


def _leave_file(store: Store, file: Path, key: str) -> None:
    if store.local is None:
        store.fs.put(str(file), store.uri_of(key))
        return
    (store.local / key).parent.mkdir(parents=True, exist_ok=True)
    shutil.move(file, store.local / key)


def take_outcome(scratch: Scratch, number: int, types: pa.Schema | None, folder: Path) -> Outcome:
    """Return the outcome of a task; its files are moved into `folder`."""
    store, key = scratch.store(), scratch.below(str(number))
    form = store.read_json(f"{key}/outcome.json")
    shutil.rmtree(folder, ignore_errors=True)
    for names in form["files"].values():
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            _take_file(store, f"{key}/{name}", folder / name)
    schema = _unpacked(store.read(f"{key}/schema.arrow"))
    fault = form["fault"]
    return Outcome(
        types,
        None if schema is None else schema.schema,
        form["findings"],
        None if fault is None else DataError(fault[0], hint=fault[1], where=fault[2] and Position(**fault[2])),
        folder,
        form["rows"],
        form["files"],
        _unpacked(store.read(f"{key}/rejects.arrow")),
        _unpacked(store.read(f"{key}/survey.arrow")),
        form["overflow"],
    )


def _take_file(store: Store, key: str, target: Path) -> None:
    if store.local is None:
        store.fs.get(store.uri_of(key), str(target))
    else:
        shutil.move(store.local / key, target)


def _packed(table: pa.Table) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _unpacked(data: bytes | None) -> pa.Table | None:
    import pyarrow as pa

    return None if data is None else pa.ipc.open_stream(data).read_all()
