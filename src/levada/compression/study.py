"""All candidates of one model: made recipe by recipe, judged one by one, and one of them chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from levada.artifact import Making
from levada.artifacts.compression import Candidate, CompressionDocument
from levada.artifacts.evaluation import percent_interval
from levada.artifacts.examples import Examples
from levada.artifacts.measured import Measure, Results, short
from levada.artifacts.model import Model
from levada.compression.bench import Bench, Live
from levada.compression.candidate import (
    AS_IT_IS,
    COMPARED,
    TITLES,
    Judge,
    Judged,
    check_splits,
    exported,
    not_trainable,
    quantized_by,
    representative_rows,
    steps_of,
    without_teacher,
)
from levada.compression.choice import chosen_of, front_of, nearest_first, why_chosen, why_none
from levada.compression.constraints import Constraints
from levada.compression.distillation import Distill
from levada.compression.recipe import Recipe, names_of
from levada.errors import DataError, LevadaError, ModelError, ProcessError, TrainingError
from levada.evaluation.assessing import Question
from levada.models.export import Format
from levada.training.description import Network, Rows, Training
from levada.training.kept import kept, restored
from levada.training.news import Said


@dataclass(frozen=True)
class Wanted:
    """What is asked of a compression; the parameters of `compress`. `version` is the model's in the registry."""

    recipes: Sequence[Recipe]
    constraints: Constraints
    question: Question
    runtime: Format
    train_split: str | None = None
    version: int | None = None
    seed: int = 0
    seconds: float = 2.0
    timeout: float = 120.0

    @cached_property
    def names(self) -> list[str]:
        """What the candidates are called, in the order of the recipes."""
        return names_of(self.recipes)

    @property
    def strict(self) -> Question:
        """The question as candidates are asked it: by intervals, these allow for the choosing among all (Bonferroni).

        A candidate that loses too much passes by chance as often as an interval is wrong on its upper side; with
        several there are several chances, and one is enough.
        """
        if self.constraints.bound == "point":
            return self.question
        confidence = 1 - (1 - self.question.confidence) / len(self.recipes)
        return replace(self.question, confidence=confidence)


@dataclass
class Study:
    """A compression that is going on. `judged` has what was found of each candidate, by its name."""

    wanted: Wanted
    model: Model
    examples: Examples
    representative: Examples | None
    folder: Path
    say: Callable[[float, str], None] = lambda done, text: None
    stopped: Callable[[], bool] = lambda: False
    judged: dict[str, Judged] = field(default_factory=dict[str, Judged])
    notes: list[str] = field(default_factory=list[str])
    _lives: dict[tuple[str, ...], Live] = field(default_factory=dict[tuple[str, ...], Live])
    _done: int = 0

    def run(self) -> CompressionDocument:
        """Make, measure and judge all candidates, and return what was found and chosen. Raises what `compress` does."""
        wanted = self.wanted
        training = self._training()
        judge = Judge(
            self.examples,
            wanted.strict,
            wanted.constraints,
            self.folder,
            wanted.seed,
            wanted.seconds,
            wanted.timeout,
            wanted.question.confidence,
        )
        self._tell("the uncompressed model")
        found = [judge.begin(self.model, wanted.version).candidate]
        bench = Bench(training, self._trained, self.stopped, self.notes)
        start = self._live(training)
        found.append(self._judged(judge, AS_IT_IS, None, start, training).candidate)
        failed: list[LevadaError] = []
        for place, (name, recipe) in enumerate(zip(wanted.names, wanted.recipes, strict=True)):
            self._done = place + 2
            try:
                live = self._reworked(recipe, start, bench)
                found.append(self._judged(judge, name, recipe, live, training).candidate)
            except (ModelError, ProcessError, TrainingError) as error:  # the others are worth what they took
                failed.append(error)
                self.notes.append(f"{name} is no candidate: {error.message}")
        if failed and not any(each.role == "candidate" for each in found):
            raise failed[0]
        return self._document(found, judge.uncompressed.results)

    # -- networks -------------------------------------------------------------------------------------

    def _training(self) -> Training:
        """Return how the model was trained, with the rows to train on. Raises ModelError where that is not known."""
        wanted = self.wanted
        try:
            training = kept(self.model)
        except ModelError as error:
            trains = next((each for each in wanted.recipes if list(steps_of(each))), None)
            if trains is not None:
                raise not_trainable(trains, error) from error
            return _untrained(self.model, self.examples, wanted)
        split, judging = wanted.train_split or training.split, wanted.question.split
        check_splits(self.examples, split, judging, training.split)
        validation = training.validation if training.validation in self.examples.splits else ""
        if validation == judging:
            validation = ""
            if any(isinstance(step, Distill) for recipe in wanted.recipes for step in recipe.steps):
                self.notes.append(
                    f"split {judging} said when the training of the model was to end; as it judges here, students are "
                    "trained for all their epochs"
                )
        early, plateau = (training.stop_early, training.plateau) if validation else (None, None)
        return replace(
            training,
            rows=Rows.of(self.examples),
            split=split,
            validation=validation,
            stop_early=early,
            plateau=plateau,
            seed=wanted.seed,
        )

    def _live(self, training: Training) -> Live:
        from levada.training import faults
        from levada.training.fitting import precise

        if training.network.function is _called:
            from levada.compression.adopted import adopted

            return Live.of(adopted(self.model), lambda: adopted(self.model))

        def build() -> Any:
            with precise(training.precision):
                return faults.built(training)

        return Live.of(restored(self.model, training), build)

    def _reworked(self, recipe: Recipe, start: Live, bench: Bench) -> Live:
        """Return the network that comes of a recipe's steps; what two recipes begin with alike is done once."""
        live = start
        for names, step in steps_of(recipe):
            if names not in self._lives:
                self._lives[names] = step.apply(live, bench)
            live = self._lives[names]
        return live

    # -- candidates -----------------------------------------------------------------------------------

    def _judged(self, judge: Judge, name: str, recipe: Recipe | None, live: Live, training: Training) -> Judged:
        self._tell(f"{name}: exporting and measuring")
        place = self.folder / f"model-{len(self.judged)}"
        place.mkdir()
        out = Model(Making(place, place.as_posix(), "model"))
        columns = self.model.document.columns
        exported(
            live.network(),
            out,
            judge.rows(columns, COMPARED),
            training,
            self.wanted.runtime,
            quantized_by(recipe) if recipe is not None else None,
            lambda count: self.calibration(training, count),
        )
        role = "reference" if recipe is None else "candidate"
        self.judged[name] = judge.judge(name, role, out, live.parameters)
        return self.judged[name]

    def calibration(self, training: Training, count: int) -> Any:
        """Return so many rows to find ranges on. Raises DataError where only those that judge are there."""
        given, judging = self.representative, self.wanted.question.split
        examples = given if given is not None else self.examples
        split = training.split
        if given is not None:
            # What trains first, and the rows that judge last: a range that they show is one that they were asked about.
            ranked = sorted(given.splits, key=lambda name: (name != split, name == judging))
            split = next((name for name in ranked if given.rows(name)), ranked[0] if ranked else "")
        if split == judging and examples.digest == self.examples.digest:
            raise DataError(
                f"quantize('int8') would find its ranges on the rows of '{judging}', which judge it.",
                hint="Give it others: representative=, or examples with a second split.",
            )
        return representative_rows(examples, split, training.inputs, count, self.wanted.seed, given=given is not None)

    # -- what is said ---------------------------------------------------------------------------------

    def _tell(self, text: str) -> None:
        self.say(self._done / (len(self.wanted.recipes) + 2), text)

    def _trained(self, title: str, said: Said) -> None:
        part = ((said.epoch - 1) * said.steps + said.step) / (said.epochs * said.steps)
        self.say(
            (self._done + 0.9 * part) / (len(self.wanted.recipes) + 2), f"{title}: epoch {said.epoch}/{said.epochs}"
        )

    def _document(self, found: list[Candidate], uncompressed: Results) -> CompressionDocument:
        wanted, strict, measures = self.wanted, self.wanted.strict, uncompressed.measures
        metric = next(iter(wanted.constraints.max_drop))
        candidates = [each for each in found if each.role == "candidate"]
        measure = next(each for each in measures if each.name == metric)
        chosen = chosen_of(candidates, wanted.constraints.prefer)
        nearest = nearest_first(candidates)[0] if chosen is None else None
        if chosen is not None:
            why = why_chosen(chosen, candidates, found[0], metric, strict.confidence, wanted.constraints.prefer)
        else:
            why = why_none(candidates)[0]
        return CompressionDocument(
            label=wanted.question.label,
            split=wanted.question.split,
            rows=found[0].whole.rows,
            runtime=TITLES[wanted.runtime],
            metric=metric,
            measures=measures,
            asked=tuple(wanted.constraints.said()),
            bound=wanted.constraints.bound,
            prefer=wanted.constraints.prefer,
            wanted=wanted.question.confidence,
            confidence=strict.confidence,
            candidates=tuple(found),
            chosen=chosen.name if chosen is not None else None,
            nearest=nearest.name if nearest is not None else None,
            why=why,
            front=tuple(front_of([each for each in found if each.role != "uncompressed"], measure)),
            notes=(
                *self._selection(len(candidates)),
                *self._taught(candidates, measure),
                *dict.fromkeys([*self.notes, *uncompressed.notes, *uncompressed.left_out]),
            ),
        )

    def _selection(self, count: int) -> Iterator[str]:
        """Say what choosing among candidates and judging the chosen one by the same rows does to the numbers."""
        if count < 2:
            return
        wanted, strict = self.wanted.question.confidence, self.wanted.strict.confidence
        if self.wanted.constraints.bound == "interval":
            yield (
                f"{count} candidates were judged by the same rows: each by a {percent_interval(strict)}, so that all "
                f"together are wrong as seldom as one of {100 * wanted:.4g} %"
            )
        else:
            yield (
                f"{count} candidates were judged by the same rows, and by the value alone: what the chosen one lost is "
                "told a little too favourably"
            )

    def _taught(self, candidates: Sequence[Candidate], measure: Measure) -> Iterator[str]:
        """Say of each student whether learning from the teacher did better than learning alone."""
        by_name = {each.name: each for each in candidates}
        recipes, names = self.wanted.recipes, self.wanted.names
        for name, recipe in zip(names, recipes, strict=True):
            if not any(isinstance(step, Distill) and not step.alone for step in recipe.steps):
                continue
            alone, taught = by_name.get(names[recipes.index(without_teacher(recipe))]), by_name.get(name)
            if alone is None or taught is None:
                continue
            values = [each.whole.metrics[measure.name].value for each in (taught, alone)]
            gain = measure.drop(values[1], values[0])
            verdict = "it is ahead, by the value" if gain < 0 else "the teacher did not help"
            yield f"{name}: {measure.name} {short(values[0])}, trained alone {short(values[1])}: {verdict}"


def _called() -> None:
    """Stand for the network of a model of which only what it computes is known."""


def _untrained(model: Model, examples: Examples, wanted: Wanted) -> Training:
    """Return what exporting a model needs, whose network does not come back."""
    document = model.document
    if document.format != "saved_model":
        raise ModelError(
            f"a model of format {document.format} ({document.framework}) cannot be compressed: recipes begin with a "
            "Keras network or a SavedModel.",
            hint="Compress the network that it was made from.",
        )
    judging = wanted.question.split
    split = wanted.train_split or next((name for name in examples.splits if name != judging), judging)
    output = document.outputs[0]
    return Training(
        network=Network(_called),
        rows=Rows.of(examples),
        inputs=document.inputs,
        label=None,
        split=split,
        classes=output.classes,
        output=output.name,
        seed=wanted.seed,
    )
