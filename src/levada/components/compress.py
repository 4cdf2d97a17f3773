"""Make a model smaller and faster, and bless what is shown to have kept what it must."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from levada import Context, component
from levada.amounts import size_said, time_said
from levada.artifacts.annotations import sensitive_columns
from levada.artifacts.compression import Compression, CompressionDocument, signed
from levada.artifacts.evaluation import Blessing
from levada.artifacts.examples import Examples
from levada.artifacts.measured import Results
from levada.artifacts.model import Model
from levada.artifacts.schema import Schema
from levada.components.candidate import propose
from levada.components.evaluate import SHOWN
from levada.compression.account import compression_section
from levada.compression.candidate import runtime_for, with_controls
from levada.compression.choice import why_none
from levada.compression.constraints import Constraints, check_recipes
from levada.compression.recipe import Recipe
from levada.compression.study import Study, Wanted
from levada.errors import ComponentError, ParameterError
from levada.evaluation.assessing import Question
from levada.evaluation.card import About, Origin, card_of
from levada.evaluation.catalogue import MetricOf
from levada.evaluation.slicing import Bucketed, Sliced
from levada.models.export import Format


class Compressed(NamedTuple):
    """What `compress` gives: the chosen model, the gate that rests on it, and all candidates."""

    model: Model
    blessing: Blessing
    compression: Compression


def _meant(
    recipes: list[Recipe],
    runtime: str,
    max_drop: dict[str, float],
    bound: str,
    prefer: str,
    max_size: str | None,
    max_gzipped: str | None,
    max_p50: str | None,
    max_p99: str | None,
) -> tuple[list[Recipe], Format, Constraints]:
    """Return what is tried, for which runtime and within which limits; raises ParameterError for what is not meant."""
    check_recipes(recipes)
    constraints = Constraints.of(
        max_drop,
        bound=bound,
        prefer=prefer,
        max_size=max_size,
        max_gzipped=max_gzipped,
        max_p50=max_p50,
        max_p99=max_p99,
    )
    tried = with_controls(recipes)
    check_recipes(tried)
    return tried, runtime_for(tried, runtime), constraints


def _check_asked(
    recipes: list[Recipe],
    runtime: str,
    max_drop: dict[str, float],
    bound: str,
    prefer: str,
    max_size: str | None,
    max_gzipped: str | None,
    max_p50: str | None,
    max_p99: str | None,
    min_slice: int,
    max_slices: int,
    slice_gate: str,
    confidence: float,
    cut: float,
) -> None:
    """Raise ParameterError for what cannot be meant."""
    _meant(recipes, runtime, max_drop, bound, prefer, max_size, max_gzipped, max_p50, max_p99)
    Question(
        "",
        min_slice=min_slice,
        max_slices=max_slices,
        slice_gate=slice_gate,
        confidence=confidence,
        cut=cut,
        who="compress",
    )


@component(packages=("tensorflow", "keras"), requires="baseline", check=_check_asked)
def compress(
    ctx: Context,
    model: Model,
    examples: Examples,
    *,
    baseline: Blessing | None = None,
    representative: Examples | None = None,
    schema: Schema | None = None,
    recipes: list[Recipe],
    label: str,
    max_drop: dict[str, float],
    name: str | None = None,
    split: str = "eval",
    train_split: str | None = None,
    runtime: str = "litert",
    bound: str = "interval",
    prefer: str = "size",
    max_size: str | None = None,
    max_gzipped: str | None = None,
    max_p50: str | None = None,
    max_p99: str | None = None,
    metrics: list[str | MetricOf] | None = None,
    slices: list[str | Bucketed | Sliced | list[str | Bucketed | Sliced]] | None = None,
    min_slice: int = 500,
    max_slices: int = 100,
    slice_gate: str = "proof",
    confidence: float = 0.95,
    cut: float = 0.5,
    task: str | None = None,
    output: str | None = None,
    seconds: float = 2.0,
    timeout: float = 120.0,
    about: About | None = None,
) -> Compressed:
    """Try recipes, measure what comes of each where it will be served, and take the smallest that keeps every limit.

    A recipe is one of `quantize`, `prune`, `prune_channels`, `cluster`, `distill`, or several joined by `>>`. Those
    that train go on from the weights of the model, on the split that trained it (or `train_split`), and never see
    `split`, by which candidates are judged. Each is exported for `runtime` (`litert`, `onnx`, `saved_model`), loaded in
    a fresh process, timed there for `seconds`, and asked about every row: the metrics are those of these answers, and
    its drops are paired with the answers of the uncompressed model.

    No metric of `max_drop` may drop by more than its number, over all rows and in each of the `slices` (as for
    `evaluate`): with `bound="interval"` the upper end of the drop's interval, with `"point"` the drop itself.
    `slice_gate="harm"` only closes for slices that are shown to be worse, `"none"` asks them nothing. As many
    candidates are judged by the same rows, intervals are made stricter for their number (Bonferroni). `max_size`
    (`"500kB"`) limits the files as they lie, `max_gzipped` the same compressed, `max_p50` and `max_p99` (`"2ms"`) a
    call with one row. Of those that keep all, `prefer="size"` takes the smallest when gzipped, `"latency"` the fastest
    by p50; if none does, the gate closes, and `model` is the one that came nearest.

    `baseline` is the blessing of the model: the compressed model is proposed to the registry under `name`, or the name
    there, as a version of its own, with its card. Without it nothing is proposed. `representative` are examples to
    calibrate `quantize("int8")` on, instead of those that train: their split of that name, or the first that does not
    judge.

    A recipe that does not apply to the model, or whose model cannot be exported or measured, is no candidate, and the
    reasons say why.

    Raises ParameterError for limits and recipes that cannot be meant, what became of the first if no recipe gave a
    candidate, DataError for rows that do not fit.
    """
    tried, served_by, constraints = _meant(
        recipes, runtime, max_drop, bound, prefer, max_size, max_gzipped, max_p50, max_p99
    )
    _check_covered(model, baseline)
    listed: Any = slices or []
    question = Question(
        label=label,
        split=split,
        metrics=metrics,
        max_drop=max_drop,
        slices=listed,
        min_slice=min_slice,
        max_slices=max_slices,
        slice_gate=slice_gate,
        confidence=confidence,
        cut=cut,
        task=task,
        output=output,
        hidden=sensitive_columns(schema.proto()) if schema is not None else frozenset(),
        who="compress",
    )
    if name is not None and baseline is None:
        raise ParameterError(
            f"compress(name='{name}') was given no baseline=: it is held against the uncompressed model alone, and "
            "nothing says that this one is good enough to be served.",
            hint="baseline=verdict.blessing, of the evaluation of that model; or leave the name out.",
        )
    name = name or (baseline.model if baseline is not None else None)
    wanted = Wanted(
        recipes=tried,
        constraints=constraints,
        question=question,
        runtime=served_by,
        train_split=train_split,
        version=_version(ctx, name, model),
        seed=ctx.seed,
        seconds=seconds,
        timeout=timeout,
    )
    with TemporaryDirectory(prefix="levada-compressed-") as folder:
        study = Study(wanted, model, examples, representative, Path(folder), _say(ctx), lambda: ctx.stopping)
        document = study.run()
        given = study.judged[document.made.name]
        out = ctx.output(Model)
        shutil.copytree(given.model.path, out.path, dirs_exist_ok=True)
        out.properties.update(given.model.properties)
    found = [each for each in document.candidates if each.role == "candidate"]
    reasons = [document.why] if document.chosen is not None else why_none(found)
    reasons += document.notes
    against: dict[str, Any] = {
        "who": "uncompressed",
        "version": wanted.version,
        "fingerprint": model.fingerprint,
        "metrics": given.results.champion,
    }
    compression, blessing = ctx.output(Compression), ctx.output(Blessing)
    compression.write(document)
    blessing.write(
        document.chosen is not None,
        reasons,
        model=name,
        fingerprints=[out.fingerprint],
        baseline=against,
        challenged=baseline.challenged if baseline is not None else None,
    )
    _report(ctx, document)
    if name is not None and document.chosen is not None:
        results = replace(given.results, notes=(*reasons, *given.results.notes))
        card = _card(ctx, name, document, out, examples, results, about)
        # Nothing of the model changes any more, so its record is the one that it will be committed with.
        reference, producer = Model.type_reference(), f"{ctx.run_id}/{ctx.node_id}"
        record = ctx.store.seal(f"{ctx.home}/model", out.path, reference, dict(out.properties), producer)
        propose(ctx, name, record, examples, results, card, against)
    return Compressed(out, blessing, compression)


def _check_covered(model: Model, baseline: Blessing | None) -> None:
    """Raise ComponentError for a blessing of another model."""
    if baseline is not None and model.fingerprint not in baseline.fingerprints:
        covered = ", ".join(fingerprint[:12] for fingerprint in baseline.fingerprints) or "no model"
        raise ComponentError(
            f"compress() was given the model {model.fingerprint[:12]}, and the blessing of {covered} as its baseline.",
            hint="Give it the very model that was evaluated.",
        )


def _version(ctx: Context, name: str | None, model: Model) -> int | None:
    found = ctx.registry.version(name, model.fingerprint) if name is not None else None
    return found.version if found is not None else None


def _say(ctx: Context) -> Callable[[float, str], None]:
    return lambda done, text: ctx.progress(round(100 * done), 100, text)


def _report(ctx: Context, document: CompressionDocument) -> None:
    """Say what came out: the numbers of the model that is given on, and the line behind the node."""
    made, before = document.made, document.baseline
    cost = made.cost
    ctx.metric("gzipped_bytes", cost.gzipped)
    ctx.metric("size_bytes", cost.size)
    ctx.metric("p50_seconds", cost.p50)
    ctx.metric("p99_seconds", cost.p99)
    ctx.metric("rows_per_second", cost.throughput)
    ctx.metric("times_smaller", before.cost.gzipped / cost.gzipped)
    ctx.metric("times_faster", before.cost.p50 / cost.p50)
    for name, found in made.whole.metrics.items():
        ctx.metric(name, found.value)
    for name, drop in made.whole.drops.items():
        ctx.metric(f"{name}_drop", drop.value)
    metric = document.metric
    said = f"{SHOWN.get(metric, metric)} {made.whole.metrics[metric].value:.3f}"
    if metric in made.whole.drops:
        lower = document.lower_is_better(metric)
        said += f" ({signed(made.whole.drops[metric].value, lower_is_better=lower)})"
    size = f"{size_said(cost.gzipped)} gzipped (was {size_said(before.cost.gzipped)})"
    facts = [made.name, size, said, f"p50 {time_said(cost.p50)}"]
    ctx.summary(" · ".join([*facts, *([] if document.chosen else ["none keeps every limit"])]))


def _card(
    ctx: Context,
    name: str,
    document: CompressionDocument,
    out: Model,
    examples: Examples,
    results: Results,
    about: About | None,
) -> str:
    """Return the card of the chosen model: that of an evaluation, and how it was compressed."""
    maker = examples.record.producer.partition("/")[2] or "examples"
    made_by = f"{ctx.node_id} of run {ctx.run_id}"
    origin = Origin(name, made_by, maker, examples.digest, ctx.run_id, "uncompressed")
    return card_of(results, out.document, origin, about or About(), compression_section(document))
