"""Candidates are measured where they are served, the smallest that keeps every limit is blessed, and nothing else."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from levada import pipeline
from levada.artifacts import Blessing, Compression, Examples, Model
from levada.artifacts.compression import table_of
from levada.components import (
    Compressed,
    compress,
    distill,
    import_data,
    import_model,
    model_files,
    parquet,
    prune,
    quantize,
)
from levada.errors import ComponentError, DataError, ModelError, ParameterError
from levada.models import Predictor
from levada.registry import Registry
from levada.values import decode
from tests.compression.networks import CORNERS, INPUTS, dense, rows
from tests.models.workshop import Workshop

pytest.importorskip("tensorflow")
pytest.importorskip("ai_edge_litert")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("compress"))


@pytest.fixture(scope="module")
def examples(workshop: Workshop) -> Examples:
    def write(made: Examples) -> None:
        made.write("train", rows(600))
        made.write("eval", rows(1500, seed=1))
        made.write("empty", rows(0))

    return workshop.make(Examples, write, "ingest")


@pytest.fixture(scope="module")
def model(workshop: Workshop, examples: Examples) -> Model:
    from levada.training import fit_keras

    context = workshop.context({"output": Model}, "train")
    fit_keras(
        context,
        partial(dense, units=48),
        examples,
        inputs=INPUTS,
        label="corner",
        classes=CORNERS,
        batch_size=100,
        epochs=6,
        validation="eval",
    )
    return workshop.sealed(context, "output", context.outputs["output"])


@pytest.fixture(scope="module")
def verdict(workshop: Workshop, model: Model) -> Blessing:
    def write(blessing: Blessing) -> None:
        blessing.write(True, ["good"], model="corners", fingerprints=[model.fingerprint])

    return workshop.make(Blessing, write, "evaluate")


def compressed(workshop: Workshop, model: Model, examples: Examples, **options: Any) -> Compressed:
    settings: dict[str, Any] = {
        "recipes": [quantize("dynamic")],
        "label": "corner",
        "max_drop": {"accuracy": 0.1},
        "seconds": 0.05,
    }
    return workshop.call(compress, model, examples, **(settings | options))


@pytest.fixture(scope="module")
def small(workshop: Workshop, model: Model, examples: Examples, verdict: Blessing) -> Compressed:
    recipes = [quantize("int8"), prune(0.7, epochs=3) >> quantize("dynamic"), distill(units=4, epochs=1)]
    return compressed(workshop, model, examples, recipes=recipes, baseline=verdict, slices=["seen"], min_slice=100)


def test_the_smallest_that_keeps_every_limit_is_chosen_and_the_sentence_says_why(small: Compressed) -> None:
    found = small.compression.document
    by_name = {each.name: each for each in found.candidates}
    assert list(by_name) == [
        "uncompressed",
        "as it is",
        "full int8",
        "prune 70 % → dynamic int8",
        "student(units=4) distilled",
        "student(units=4) alone",
    ]
    holding = [each for each in found.candidates if each.role == "candidate" and each.holds]
    assert found.chosen == min(holding, key=lambda each: each.cost.gzipped).name
    assert found.why.startswith(f"{found.chosen} is the ") and "gzipped" in found.why and "accuracy 0." in found.why
    assert "the slice that lost most is seen=" in found.why
    assert by_name["prune 70 % → dynamic int8"].cost.gzipped < by_name["full int8"].cost.gzipped
    assert by_name["full int8"].cost.size < by_name["as it is"].cost.size
    assert small.blessing.open and small.blessing.reasons[0] == found.why


def test_the_metrics_are_those_of_what_the_file_answers_paired_with_the_uncompressed_model(
    small: Compressed, model: Model, examples: Examples
) -> None:
    def accuracy(predictor: Predictor) -> float:
        table = examples.table("eval")
        said = predictor.predict(table)["prediction"].argmax(axis=1)
        return (
            sum(CORNERS[place] == label for place, label in zip(said, table["corner"].to_pylist(), strict=True)) / 1500
        )

    made = small.compression.document.made
    assert made.whole.metrics["accuracy"].value == pytest.approx(accuracy(small.model.load()))
    assert made.whole.champion["accuracy"].value == pytest.approx(accuracy(model.load()))
    drop = made.whole.drops["accuracy"]
    assert drop.value == pytest.approx(accuracy(model.load()) - accuracy(small.model.load()), abs=1e-9)
    assert drop.high is not None and drop.high <= 0.1
    assert {part.name for part in made.slices} == {"seen=near", "seen=far"}
    assert made.cost.runtime.startswith("LiteRT") and 0 < made.cost.p50 <= made.cost.p99


def test_many_candidates_make_intervals_stricter_and_the_notes_say_so(small: Compressed) -> None:
    found = small.compression.document
    assert found.confidence == pytest.approx(1 - 0.05 / 4) and found.wanted == 0.95
    assert found.notes[0].startswith("4 candidates were judged by the same rows: each by a 98.75 % interval")
    assert any(note.startswith("student(units=4) distilled: accuracy 0.") for note in found.notes)
    assert any(note.endswith(("it is ahead, by the value", "the teacher did not help")) for note in found.notes)
    assert any("as it judges here, students are trained for all their epochs" in note for note in found.notes)


def test_a_recipe_that_gives_no_candidate_leaves_the_others_what_they_are(
    workshop: Workshop, model: Model, examples: Examples
) -> None:
    """What was trained and measured for the others is not lost, and the reasons name it."""
    found = compressed(workshop, model, examples, recipes=[distill(units=48), quantize("dynamic")])
    assert found.compression.document.chosen == "dynamic int8"
    assert any(
        reason.startswith("student(units=48) distilled is no candidate: ") and "smaller" in reason
        for reason in found.blessing.reasons
    )
    with pytest.raises(ModelError, match="it must be smaller"):
        compressed(workshop, model, examples, recipes=[distill(units=48)])


def test_the_chosen_model_is_blessed_by_itself_and_proposed_as_a_version_of_its_own(
    workshop: Workshop, small: Compressed, model: Model
) -> None:
    blessing = small.blessing
    assert blessing.fingerprints == [small.model.fingerprint] != [model.fingerprint]
    assert blessing.baseline is not None and blessing.baseline["fingerprint"] == model.fingerprint
    assert blessing.model == "corners"
    candidate = Registry(workshop.store).candidate("corners", small.model.fingerprint)
    assert candidate is not None and candidate["blessed"]
    assert candidate["record"] == small.model.record.to_json()  # the very artifact, before it was committed
    assert "## How it was compressed" in candidate["card"] and "uncompressed" in candidate["card"]
    assert candidate["baseline"]["who"] == "uncompressed"


def test_the_table_names_every_candidate_with_its_cost(small: Compressed) -> None:
    table = small.compression.properties["table"]
    assert table == json.loads(json.dumps(table_of(small.compression.document)))
    frame = small.compression.to_pandas()
    assert list(frame["name"])[:2] == ["uncompressed", "as it is"]
    assert all(size > 0 for size in frame["gzipped"].tolist())
    assert isinstance(small.compression, Compression)


def test_a_model_whose_network_is_not_known_is_quantized_and_the_gate_closes_with_what_it_misses(
    workshop: Workshop, model: Model, examples: Examples, verdict: Blessing
) -> None:
    def bare(out: Model) -> None:
        import shutil

        shutil.copytree(model.path / "saved_model", out.path / "saved_model")
        out.describe(model.document)

    adopted = workshop.make(Model, bare, "import_model")
    with pytest.raises(ModelError, match="prune 50 % trains the network further, and the network of this model is not"):
        compressed(workshop, adopted, examples, recipes=[prune(0.5)])
    found = compressed(
        workshop,
        adopted,
        examples,
        baseline=verdict,
        max_size="1kB",
        max_drop={"mcc": 0.001},  # no metric that is measured unasked
        slices=["seen"],
        min_slice=5000,
    )
    assert not found.blessing.open and found.compression.document.chosen is None
    assert found.compression.document.nearest == "dynamic int8"
    assert found.blessing.reasons[0] == "the one candidate misses something"
    assert "1 kB is allowed" in found.blessing.reasons[1]
    assert "misses mcc" in found.blessing.reasons[1] and "rows are too few to show" in found.blessing.reasons[1]
    assert "mcc" in found.compression.document.baseline.whole.metrics
    assert "no slice by seen has 5,000 rows, so none was judged" in "; ".join(found.blessing.reasons)
    assert Registry(workshop.store).candidate("corners", found.model.fingerprint) is None
    assert found.model.document.quantization == "dynamic_int8"
    assert workshop.line.endswith("none keeps every limit")


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"max_drop": {"acuracy": 0.1}}, ComponentError, "compress(max_drop=...): a multiclass task has no metric"),
        ({"split": "empty"}, DataError, "split 'empty' has no rows"),
        ({"split": "train"}, DataError, "that split trains"),
        ({"split": "train", "train_split": "eval"}, DataError, "that split trained the model"),
        ({"name": "corners"}, ParameterError, "compress(name='corners') was given no baseline="),
        ({"label": "corners"}, DataError, "corners"),
        ({"max_size": "500 kilos"}, ParameterError, "compress(max_size='500 kilos')"),
        ({"confidence": 2.0}, ParameterError, "compress(confidence=2)"),
        ({"runtime": "onnx"}, ParameterError, "LiteRT alone"),
        ({"recipes": []}, ParameterError, "nothing to try"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_measured(
    workshop: Workshop, model: Model, examples: Examples, options: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind) as caught:
        compressed(workshop, model, examples, **options)
    assert said in str(caught.value)


def test_the_blessing_of_another_model_is_no_baseline(workshop: Workshop, model: Model, examples: Examples) -> None:
    def write(blessing: Blessing) -> None:
        blessing.write(True, ["good"], model="corners", fingerprints=["another"])

    with pytest.raises(ComponentError, match="the blessing of another as its baseline"):
        compressed(workshop, model, examples, baseline=workshop.make(Blessing, write))


@pipeline
def drawn(confidence: float = 0.95) -> None:
    """Draw a compression, without any library that trains."""
    data = import_data(splits={"train": parquet("train.parquet"), "eval": parquet("eval.parquet")})
    model = import_model(files=model_files("model.keras"))
    compress(
        model,
        data,
        recipes=[prune(0.5) >> quantize("dynamic")],
        label="corner",
        max_drop={"accuracy": 0.01},
        confidence=confidence,
    )


def test_a_plan_holds_the_recipes_as_values() -> None:
    form: Any = drawn.plan().node("compress").parameters["recipes"]
    assert decode(form) == [prune(0.5) >> quantize("dynamic")]


def test_what_cannot_be_asked_is_refused_when_it_is_drawn() -> None:
    with pytest.raises(ParameterError, match=r"compress\(confidence=2\)"):
        drawn.plan(confidence=2.0)
