"""From a network to a candidate: exported, measured in a fresh process, judged by what it answered there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifact import Making
from levada.artifacts.compression import Candidate, Role
from levada.artifacts.examples import Examples
from levada.artifacts.measured import Condition, Results
from levada.artifacts.model import Model
from levada.artifacts.predictions import Predictions, answers_table
from levada.compression.constraints import WHO, Constraints
from levada.compression.distillation import Distill
from levada.compression.quantization import Quantize
from levada.compression.recipe import Recipe, joined
from levada.errors import DataError, LevadaError, ModelError, ParameterError, did_you_mean
from levada.evaluation.asking import Asked, check_takes
from levada.evaluation.assessing import Champion, Question, assess
from levada.evaluation.catalogue import find_metrics
from levada.evaluation.truth import output_of, task_of
from levada.measurement import Measured, measure
from levada.models.export import Format, Quantization

if TYPE_CHECKING:
    import pyarrow as pa

TITLES: dict[Format, str] = {"litert": "LiteRT", "onnx": "ONNX Runtime", "saved_model": "TensorFlow"}
"""The runtimes that a model can be compressed for."""

AS_IT_IS = "as it is"
COMPARED = 256
"""Rows on which an export is compared with its network."""

_QUANTIZATIONS: dict[str, Quantization] = {"float16": "float16", "dynamic": "dynamic_int8", "int8": "int8"}


@dataclass(frozen=True)
class Judged:
    """A model that was measured and judged: its artifact while it is made, and all that was found."""

    candidate: Candidate
    model: Model
    results: Results


@dataclass
class Judge:
    """What candidates are judged by: rows of a split that no candidate has seen, and the uncompressed model's answers.

    `folder` is where answers lie while they are needed. `seconds` is how long single calls, and then large batches, are
    timed. `confidence` is that which was asked for, where that of `question` is stricter for the number of candidates.
    `baseline` is the uncompressed model, measured as they are.
    """

    examples: Examples
    question: Question
    constraints: Constraints
    folder: Path
    seed: int
    seconds: float
    timeout: float
    confidence: float
    baseline: Champion = field(init=False)
    uncompressed: Judged = field(init=False)

    def begin(self, model: Model, version: int | None) -> Judged:
        """Measure the model that is compressed: what all others are held against."""
        self.check(model)
        measured = self._measured(model)
        asked = self.answers_of(model, measured, WHO)
        self.baseline = Champion(asked, model.fingerprint, version)
        # With max_drop, so that its metrics are measured here too; what is asked of them is asked of the candidates.
        results = assess(asked, model.fingerprint, None, self.examples, self.question, seed=self.seed)
        results = replace(results, conditions=())
        self.uncompressed = Judged(
            _candidate("uncompressed", "uncompressed", model, None, measured, results), model, results
        )
        return self.uncompressed

    def check(self, model: Model) -> None:
        """Raise for what cannot be judged, before anything is trained: columns, metrics and a task that are not there.

        Raises DataError, ModelError and ComponentError as an evaluation does.
        """
        question = self.question
        check_takes(model.document, self.examples, WHO)
        self.examples.check_columns([question.label, *question.columns])
        labels: Any = self.examples.table(question.split, [question.label])[question.label].drop_null().combine_chunks()
        if not len(labels):
            raise DataError(
                f"split '{question.split}' has no rows with a '{question.label}', so nothing can be judged."
            )
        task = task_of(question.task, output_of(model.document, question.output), labels)
        find_metrics(task, question.metrics, {"max_drop": question.max_drop}, question.who)

    def judge(self, name: str, role: Role, model: Model, parameters: int | None) -> Judged:
        """Measure a model in a fresh process, and hold its answers there against the uncompressed model's."""
        measured = self._measured(model)
        asked = self.answers_of(model, measured, name)
        results = self.held(asked, model.fingerprint)
        found: list[tuple[Condition, float]] = []
        candidate = _candidate(name, role, model, parameters, measured, results)
        if role == "candidate":
            found = [
                *self.constraints.on_drops(results, self.question.slice_gate),
                *self.constraints.on_cost(candidate.cost),
            ]
        conditions = tuple(condition for condition, _ in found)
        candidate = replace(candidate, conditions=conditions, misses=tuple(excess for _, excess in found))
        return Judged(candidate, model, replace(results, conditions=conditions))

    def held(self, asked: Asked, fingerprint: str) -> Results:
        """Hold answers against the uncompressed model's.

        That all candidates together pass by chance as seldom as one makes the proof of each harder. Where slices only
        close the gate if harm is shown, it would make *that* harder: they are asked with the confidence of one.
        """
        question = self.question
        results = assess(asked, fingerprint, self.baseline, self.examples, question, seed=self.seed)
        if question.slice_gate != "harm" or not results.slices or question.confidence == self.confidence:
            return results
        usual = replace(question, confidence=self.confidence)
        again = assess(asked, fingerprint, self.baseline, self.examples, usual, seed=self.seed)
        whole = [each for each in results.conditions if each.kind != "slice"]
        return replace(results, conditions=(*whole, *(each for each in again.conditions if each.kind == "slice")))

    def rows(self, columns: Sequence[str], most: int) -> pa.Table:
        """Return the first rows of the split that judges, with the columns that a model takes."""
        return self.examples.table(self.question.split, columns).slice(0, most)

    def _measured(self, model: Model) -> Measured:
        table = self.examples.table(self.question.split, model.document.columns)
        return measure(model.path, table, seconds=self.seconds, timeout=self.timeout)

    def answers_of(self, model: Model, measured: Measured, who: str) -> Asked:
        """Return a model with what it answered, as an evaluation takes it."""
        # Not by its fingerprint: two recipes can give the same file, where weights are too few to be quantized.
        folder = self.folder / f"answers-{len(list(self.folder.glob('answers-*')))}"
        folder.mkdir(parents=True)
        kept = Predictions(Making(folder, folder.as_posix(), "answers"))
        outputs = model.document.outputs
        kept.write(self.question.split, answers_table(measured.answers, outputs))
        kept.describe(model.fingerprint, self.examples.digest, outputs, "measured")
        return Asked(who, model.document, model.load, kept)


def _candidate(
    name: str, role: Role, model: Model, parameters: int | None, measured: Measured, results: Results
) -> Candidate:
    document = model.document
    return Candidate(
        name=name,
        role=role,
        fingerprint=model.fingerprint,
        format=document.format,
        quantization=document.quantization,
        parameters=parameters,
        cost=measured.cost,
        whole=results.whole,
        slices=results.slices,
        difference=max(document.differences.values(), default=None) if document.compared else None,
    )


# -- from recipes to models -----------------------------------------------------------------------------


def with_controls(recipes: Sequence[Recipe]) -> list[Recipe]:
    """Return recipes, and behind each that distills the same one with the student trained alone, once."""
    found: list[Recipe] = []
    for recipe in recipes:
        found.append(recipe)
        alone = without_teacher(recipe)
        if alone != recipe and alone not in [*found, *recipes]:
            found.append(alone)
    return found


def without_teacher(recipe: Recipe) -> Recipe:
    """Return a recipe whose student is trained alone."""
    return joined([step.by_itself if isinstance(step, Distill) else step for step in recipe.steps])


def runtime_for(recipes: Sequence[Recipe], wanted: str) -> Format:
    """Return a runtime. Raises ParameterError for one that is none, or that a recipe cannot be exported for."""
    runtime: Format | None = next((name for name in TITLES if name == wanted), None)
    if runtime is None:
        hint = did_you_mean(wanted, TITLES) or f"Wanted {' or '.join(map(repr, TITLES))}."
        raise ParameterError(f"compress(runtime={wanted!r}): there is no such runtime.", hint=hint)
    for recipe in recipes:
        quantized = next((step for step in recipe.steps if isinstance(step, Quantize)), None)
        if quantized is not None and runtime != "litert":
            raise ParameterError(
                f"compress(runtime='{runtime}'): {recipe} is exported as {quantized}, which is there for LiteRT alone.",
                hint='Take runtime="litert", or recipes that change the network: prune_channels(...), distill(...).',
            )
    return runtime


def exported(
    network: Any,
    out: Model,
    rows: pa.Table,
    training: Any,
    runtime: Format,
    quantized: Quantize | None,
    representative: Callable[[int], pa.Table],
) -> Model:
    """Write a network in the format of a runtime, quantized or not. Raises ModelError where that cannot be."""
    from levada.models.export import export_keras

    kind = _QUANTIZATIONS[quantized.kind] if quantized is not None else ""
    calibration = representative(quantized.rows) if quantized is not None and quantized.kind == "int8" else None
    return export_keras(
        network,
        out,
        rows,
        format=runtime,
        inputs=training.inputs,
        output=training.output,
        classes=training.classes,
        quantize=kind,
        representative=calibration,
    )


def representative_rows(
    examples: Examples, split: str, inputs: Sequence[Any], count: int, seed: int, *, given: bool
) -> pa.Table:
    """Return rows to calibrate on, drawn from a split by a seed; all of them if there are fewer.

    Raises DataError for rows that a model with these inputs cannot take.
    """
    import numpy as np

    from levada.models.feed import arrays_of

    total = examples.rows(split)
    if not total:
        raise DataError(f"split '{split}' has no rows to calibrate on.")
    columns = list(dict.fromkeys(column for tensor in inputs for column in tensor.takes))
    missing = [column for column in columns if column not in examples.columns]
    who = "the representative set" if given else f"split '{split}'"
    if missing:
        raise DataError(
            f"{who} does not fit the model: it has no column '{missing[0]}'.",
            hint="Activations are calibrated on rows as the model is asked about them.",
        )
    places = np.sort(np.random.default_rng(seed).permutation(total)[:count])
    table = examples.table(split, columns).take(places)
    try:
        arrays_of(tuple(inputs), table)
    except LevadaError as error:
        raise DataError(
            f"{who} does not fit the model: {error.message}",
            hint="Activations are calibrated on rows as the model is asked about them.",
        ) from error
    return table


def check_splits(examples: Examples, training_split: str, judging: str, trained_on: str = "") -> None:
    """Raise DataError where a split that trains, or that trained the model, would judge, or has no rows."""
    if judging in (training_split, trained_on):
        how = "trains" if judging == training_split else "trained the model"
        raise DataError(
            f"compress(split='{judging}'): that split {how}, and a network is judged by rows that it has not seen.",
            hint="Name a split that training left alone.",
        )
    for split in (training_split, judging):
        if not examples.rows(split):
            raise DataError(f"split '{split}' has no rows to {'judge by' if split == judging else 'train on'}.")


def steps_of(recipe: Recipe) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the steps of a recipe that change the network, each with the names of all up to it."""
    names: list[str] = []
    for step in recipe.steps:
        if not step.is_export:
            names.append(repr(step))
            yield tuple(names), step


def quantized_by(recipe: Recipe) -> Quantize | None:
    """Return how a recipe exports, None for floats."""
    return next((step for step in recipe.steps if isinstance(step, Quantize)), None)


def not_trainable(recipe: Recipe, error: ModelError) -> ModelError:
    """Return the error for a recipe that trains, and a model whose network does not come back."""
    return ModelError(
        f"{recipe} trains the network further, and {error.message}",
        where=error.where,
        hint=f"{error.hint} Without training there is quantize(...).",
    )
