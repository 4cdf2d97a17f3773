"""Load a model as it will be served, ask it real rows in a fresh process, and open or close the way to a push."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada import Context, component
from levada.amounts import read_size, read_time, size_said, time_said
from levada.artifacts.examples import Examples
from levada.artifacts.model import Model, ModelDocument
from levada.artifacts.serving_check import ServingCheck
from levada.errors import DataError, ModelError, ParameterError, ProcessError
from levada.evaluation.asking import check_takes
from levada.measurement import Cost, measure
from levada.measurement.fresh import TIMEOUT
from levada.measurement.tf_serving import MOST, PATH, warmup_records
from levada.models.feed import arrays_of
from levada.models.requests import WARM_UP, write_requests
from levada.models.served import entry_served, files_served

if TYPE_CHECKING:
    import pyarrow as pa

    from levada.models.feed import Arrays


def _limits(
    max_load: str | None, max_p99: str | None, max_memory: str | None, warm_up: int, rows: int
) -> dict[str, float | None]:
    """Return the limits in seconds and bytes; raises ParameterError for what cannot be meant."""
    if rows < 1:
        raise ParameterError(f"validate_serving(rows={rows}): wanted a whole number from 1 on.")
    if not 0 <= warm_up <= min(rows, MOST):
        raise ParameterError(
            f"validate_serving(warm_up={warm_up}, rows={rows}): wanted 0 to {min(rows, MOST)} of the rows that are "
            "asked about."
        )
    return {
        "load": read_time("validate_serving(max_load=", max_load),
        "p99": read_time("validate_serving(max_p99=", max_p99),
        "memory": read_size("validate_serving(max_memory=", max_memory),
    }


@component(check=_limits)
def validate_serving(
    ctx: Context,
    model: Model,
    examples: Examples,
    *,
    split: str = "eval",
    rows: int = 256,
    max_load: str | None = None,
    max_p99: str | None = None,
    max_memory: str | None = None,
    tolerance: float = 1e-5,
    warm_up: int = 16,
    threads: int = 1,
    calls: int = 300,
    timeout: float = TIMEOUT,
) -> ServingCheck:
    """Hold a model against what serving it asks for: TFX calls that infrastructure validation.

    The model's files are laid out as a push lays them out, and loaded in a fresh process by the runtime of their
    format. There it is asked about `rows` real rows of a split, spread over it, and must say what the stored model says
    (within `tolerance`, the largest absolute difference). The gate closes if it does not, if the process dies or is not
    done after `timeout` seconds, and by what was measured: `max_load` bounds the time from the imported runtime to the
    first answer ("2s"), `max_p99` that of a call with one row ("5ms"; `calls` of them, with `threads` threads),
    `max_memory` what is resident at most ("500MB").

    The first `warm_up` of these rows are kept as requests, for TensorFlow Serving too where it serves the model: a push
    brings them along, so that a version is warm before its first request. They are real rows: 0 keeps none.

    Raises DataError for a split that is not there or has no rows, ModelError for rows that the model cannot take,
    ParameterError for limits that cannot be meant.
    """
    limits = _limits(max_load, max_p99, max_memory, warm_up, rows)
    document = model.document
    check_takes(document, examples, "the model")
    asked = _spread(examples, split, rows, document)
    arrays = arrays_of(document.inputs, asked)
    check = ctx.output(ServingCheck)
    cost: Cost | None = None
    reasons: list[str] = []
    with tempfile.TemporaryDirectory(prefix="levada-served-") as home:
        served = Path(home) / "1"
        _lay_out(model.path, document, served)
        try:
            cost = measure(
                served,
                asked,
                calls=calls,
                batch=min(rows, len(asked)),
                seconds=1.0,
                threads=threads,
                timeout=timeout,
                reference=model.path,
                tolerance=tolerance,
            ).cost
        except (ModelError, ProcessError) as error:
            ctx.log.error("%s", error)
            reasons = [error.message]
    if cost is not None:
        reasons = _reasons(cost, limits, len(asked))
    is_open = cost is not None and not any(" more than " in reason for reason in reasons)
    kept = {name: array[:warm_up] for name, array in arrays.items()}
    if warm_up:
        _keep(check.warmup, document, kept)
    check.write(
        is_open,
        reasons,
        fingerprint=model.fingerprint,
        cost=cost.to_json() if cost is not None else {},
        requests=min(warm_up, len(asked)),
    )
    if cost is not None:
        ctx.metric("load_seconds", cost.ready_seconds)
        ctx.metric("p50_seconds", cost.p50)
        ctx.metric("p99_seconds", cost.p99)
        ctx.metric("peak_memory", cost.peak_memory)
    ctx.summary(_summary(cost, is_open, reasons))
    return check


def _spread(examples: Examples, split: str, rows: int, document: ModelDocument) -> pa.Table:
    """Return rows of a split at equal distances: the first and last among them."""
    import numpy as np

    table = examples.table(split, document.columns)
    if not table.num_rows:
        raise DataError(f"split '{split}' has no rows, so nothing could be asked.", hint="Name another: split=.")
    count = min(rows, table.num_rows)
    return table.take(np.linspace(0, table.num_rows - 1, count).round().astype(np.int64))


def _lay_out(folder: Path, document: ModelDocument, target: Path) -> None:
    """Copy a model as a served version: what is loaded is what will be loaded."""
    for path, source in files_served(folder).items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / path)
    replace(document, entry=entry_served(document)).write(target)


def _keep(folder: Path, document: ModelDocument, arrays: Arrays) -> None:
    """Write requests as they lie in a served version's folder; one with all rows is among them, as batches come."""
    folder.mkdir(parents=True)
    write_requests(folder / WARM_UP, arrays)
    if document.format == "saved_model":
        rows = len(next(iter(arrays.values())))
        singles = [{name: array[row : row + 1] for name, array in arrays.items()} for row in range(min(rows, MOST - 1))]
        (folder / PATH).parent.mkdir(parents=True)
        (folder / PATH).write_bytes(warmup_records("default", document.inputs, [*singles, arrays]))


def _reasons(cost: Cost, limits: dict[str, Any], rows: int) -> list[str]:
    """Return a sentence for each limit, those that close the gate first, and what was answered."""
    found = [
        ("loads and answers first in", cost.ready_seconds, limits["load"], time_said),
        (f"answers a row in (p99 of {cost.calls:,} calls)", cost.p99, limits["p99"], time_said),
        ("takes memory up to", cost.peak_memory, limits["memory"], size_said),
    ]
    said = [
        f"{what} {shown(value)}, {'more than' if value > limit else 'at most'} {shown(limit)}"
        for what, value, limit, shown in found
        if limit is not None
    ]
    said.sort(key=lambda reason: " more than " not in reason)
    return [*said, f"{cost.runtime} answers {rows:,} rows as the stored model does"]


def _summary(cost: Cost | None, is_open: bool, reasons: list[str]) -> str:
    if cost is None:
        return f"cannot be served: {reasons[0].splitlines()[0]}"
    facts = [
        cost.runtime,
        f"p50 {time_said(cost.p50)}",
        f"p99 {time_said(cost.p99)}",
        f"ready in {time_said(cost.ready_seconds)}",
        size_said(cost.peak_memory),
    ]
    return " · ".join([*facts, "can be served" if is_open else f"closed: {reasons[0]}"])
