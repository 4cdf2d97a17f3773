"""A Keras network as LiteRT and ONNX: what it says on real rows is what the network says, or it does not leave."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Model
from levada.errors import ModelError, ParameterError
from levada.features import Buckets, Cross, Features, Fitted, Hashed, Image, Number, Time, Words
from levada.models import Tensor, export_keras
from levada.models.farmhash import fingerprint64
from levada.models.pictures import pixels_of
from levada.models.served import files_served
from levada.models.signatures import with_graph_names
from tests.models.workshop import Workshop

keras: Any = pytest.importorskip("keras")
pytest.importorskip("ai_edge_litert")
pytest.importorskip("tf2onnx")

WORDS = ("UA", "DL", "Zürich")


def image(mode: str = "RGB", form: str = "PNG", size: tuple[int, int] = (3, 2)) -> bytes:
    """Return an image (width, height) of some mode and format, in which neighbours are alike."""
    from PIL import Image as Pillow

    width, height = size
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    planes = [128 + 90 * np.sin(across / 3 + shift) * np.cos(down / 4 - shift) for shift in range(4)]
    drawn = Pillow.fromarray(np.stack(planes, axis=2).astype(np.uint8), "RGBA")
    if mode == "I;16":
        drawn = Pillow.fromarray((planes[0] * 257).astype(np.uint16))
    file = io.BytesIO()
    (drawn if mode in ("RGBA", "I;16") else drawn.convert("RGB").convert(mode)).save(file, form)
    return file.getvalue()


ROWS = pa.table({
    "carrier": ["UA", "DL", None, "", "??", "Zürich", "a word that is longer than thirty-two letters", "DL"],
    "plane": ["N1", None, "N7", "N22", "x" * 40, "y" * 70, "ü", "N1"],
    "distance": [100.0, None, 2500.0, float("inf"), 733.0, -5.0, 1.0, 0.0],
    "hour": [3, 3, 7, None, 3, 8, 7, 3],
    "photo": [image(), None, image(size=(7, 5)), b"", image("L"), image("RGBA"), image("P"), image(size=(2, 9))],
    "when": pa.array([0, 1_700_000_000, None, 951_782_400, 1, 86_399, 1_711_846_800, -1], pa.timestamp("s", "UTC")),
})  # fmt: skip

NUMBERS = pa.table({"n": [3, 5, 9]})


def fitted() -> Fitted:
    """Return features of all kinds that are carried or done before the graph, with a state by hand."""
    number = {"length": 0, "low": None, "high": None, "greatest": 3000.0, "least": -5.0}
    features = Features({
        "carrier": Words(encode="embedding", dim=2),
        "plane": Hashed(bins=50, encode="embedding", dim=2),
        "distance": Number(log=True, indicator=True),
        "far": Buckets(encode="one_hot", column="distance"),
        "hour": Words(oov=2, encode="one_hot"),
        "when": Time(parts=("hour", "weekday", "age")),
        "both": Cross(of=("carrier", "far"), encode="one_hot"),
        "photo": Image(size=(2, 3), rescale="signed", flip=True),
    })  # fmt: skip
    states: dict[str, Any] = {
        "carrier": {"words": list(WORDS)},
        "plane": {},
        "distance": {**number, "offset": 4.0, "divisor": 2.0, "filled": 0.0},
        "far": {"cuts": [0.0, 500.0, 1000.0]},
        "hour": {"words": ["3", "7"]},
        "when": {"moments": [1_711_846_800], "offsets": [3600, 7200], "start": 0.0, "span": 1.8e9},
        "both": {"sizes": [5, 5]},
        "photo": {},
    }
    inputs = [
        Tensor("carrier", "string"),
        Tensor("plane", "string"),
        Tensor("distance", "float32"),
        Tensor("hour", "float32"),
        Tensor("when", "float64"),
        Tensor("photo", "string"),
    ]
    return Fitted(features, states, {tensor.name: tensor for tensor in inputs})


def network() -> Any:
    """Return an untrained network of all these, with two outputs."""
    keras.utils.set_random_seed(3)
    layers = fitted().layers()
    seen = keras.layers.Flatten()(keras.layers.Conv2D(2, 2)(layers["photo"]))
    seen = keras.layers.Concatenate()([layers.matrix(), seen])
    hidden = keras.layers.Dense(64, activation="relu")(seen)
    chance = keras.layers.Dense(1, activation="sigmoid")(keras.layers.Dense(64, activation="tanh")(hidden))
    return keras.Model(layers.inputs, {"chance": chance, "kinds": keras.layers.Dense(3, activation="softmax")(hidden)})


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("exports"))


@pytest.fixture(scope="module")
def exported(workshop: Workshop) -> Callable[..., Model]:
    """Return a function that exports the network, each form once."""
    made: dict[str, Model] = {}
    whole = network()

    def export(**options: Any) -> Model:
        key = json.dumps(sorted((name, str(value)) for name, value in options.items()))
        if key not in made:
            made[key] = workshop.make(Model, lambda out: export_keras(whole, out, ROWS, **options))
        return made[key]

    return export


@pytest.mark.parametrize("format_", ["saved_model", "litert", "onnx"])
def test_texts_hashes_times_and_images_give_what_the_network_gives_in_every_runtime(
    exported: Callable[..., Model], format_: str
) -> None:
    model = exported(format=format_)
    document = model.document
    assert document.format == format_ and document.compared == ROWS.num_rows
    assert set(document.differences) == {"chance", "kinds"} and max(document.differences.values()) < 1e-5
    assert {tensor.name: tensor.shape for tensor in document.outputs} == {"chance": (-1,), "kinds": (-1, 3)}
    given, wanted = model.load().predict(ROWS), exported().load().predict(ROWS)
    np.testing.assert_allclose(given["chance"], wanted["chance"], atol=1e-5)
    one = model.load().predict(ROWS.slice(4, 1))  # a row alone says the same, also behind many
    np.testing.assert_allclose(one["kinds"], given["kinds"][4:5], atol=1e-6)


def test_lookups_are_data_beside_the_graph_and_are_served_with_it(
    exported: Callable[..., Model], tmp_path: Path
) -> None:
    model = exported(format="onnx")
    files = files_served(model.path)
    assert list(files) == ["lookups.json", "model.onnx"]
    form = json.loads(files["lookups.json"].read_text())
    assert {step["takes"] for step in form["steps"]} == {"carrier", "plane", "hour", "when", "photo"}
    assert form["passed"] == ["distance"]
    (tmp_path / "model.json").write_bytes((model.path / "model.json").read_bytes())
    (tmp_path / "model.onnx").write_bytes(files["model.onnx"].read_bytes())
    with pytest.raises(ModelError, match=r"has no lookups\.json"):
        files_served(tmp_path)
    text = (model.path / "model.json").read_text()
    (tmp_path / "model.json").write_text(text.replace("lookups.json", "../lookups.json"))
    with pytest.raises(ModelError, match="no file beside the graph"):
        files_served(tmp_path)


@pytest.mark.parametrize("format_", ["litert", "onnx"])
def test_a_version_in_mlflow_does_its_lookups_by_the_code_beside_it(
    exported: Callable[..., Model], tmp_path: Path, format_: str
) -> None:
    import mlflow

    from levada.mlflow.loadable import make_loadable

    model = exported(format=format_)
    description = json.loads((model.path / "model.json").read_text())
    make_loadable(tmp_path / "v", model.path, model.record, description, "flights", "m-1", "run")
    said = mlflow.pyfunc.load_model(str(tmp_path / "v"))
    frame = ROWS.to_pandas()
    frame["when"] = [0, 1_700_000_000, None, 951_782_400, 1, 86_399, 1_711_846_800, -1]  # seconds
    np.testing.assert_allclose(said.predict(frame)["chance"], model.load().predict(ROWS)["chance"], atol=1e-6)
    assert "pillow" in (tmp_path / "v/requirements.txt").read_text()
    assert "levada" not in (tmp_path / "v/before_graph/__init__.py").read_text().partition("TYPE_CHECKING:")[0]


def test_what_is_smaller_computes_something_else_and_is_another_model(exported: Callable[..., Model]) -> None:
    whole, half = exported(format="litert"), exported(format="litert", quantize="float16")
    eighth = exported(format="litert", quantize="dynamic_int8")
    full = exported(format="litert", quantize="int8", representative=ROWS)
    assert len({model.fingerprint for model in (whole, half, eighth, full, exported(format="onnx"))}) == 5
    assert half.document.quantization == "float16" and half.record.size < whole.record.size
    assert 0 < half.document.differences["chance"] < 0.01
    assert eighth.record.size < half.record.size
    assert full.document.inputs == whole.document.inputs and full.document.outputs == whole.document.outputs


@pytest.mark.parametrize("format_", ["litert", "onnx"])
def test_the_same_network_built_again_is_the_same_model(
    workshop: Workshop, exported: Callable[..., Model], format_: str
) -> None:
    again = workshop.make(Model, lambda out: export_keras(network(), out, ROWS, format=format_))
    assert again.fingerprint == exported(format=format_).fingerprint


def test_the_hash_is_the_one_of_tensorflow() -> None:
    import tensorflow as tf

    random = np.random.default_rng(5)
    texts = [random.bytes(size) for size in [*range(140), 191, 192, 193, 1000]]
    wanted = tf.raw_ops.StringToHashBucketFast(input=texts, num_buckets=2**62 + 1).numpy()
    assert [fingerprint64(text) % (2**62 + 1) for text in texts] == wanted.tolist()


def test_images_have_the_same_pixels_in_a_graph_and_before_it() -> None:
    made = [("RGB", "PNG"), ("RGBA", "PNG"), ("P", "PNG"), ("L", "PNG"), ("1", "PNG"), ("I;16", "PNG"), ("RGB", "JPEG"),
            ("L", "JPEG"), ("RGB", "BMP"), ("P", "GIF")]  # fmt: skip
    encoded = [image(mode, form, (37, 29)) for mode, form in made]
    forms: list[tuple[tuple[int, int], Any]] = [((29, 37), 3), ((29, 37), 1), ((11, 60), 3), ((8, 8), 1)]
    kinds = {f"{size} {channels}": Image(size, channels, "none", column="photo") for size, channels in forms}
    layers = Fitted(Features(kinds), {name: {} for name in kinds}, {"photo": Tensor("photo", "string")}).layers()
    found = keras.Model(layers.inputs, layers.outputs)({"photo": keras.ops.convert_to_tensor(encoded)})
    for (size, channels), wanted in zip(forms, found.values(), strict=True):
        for one, each, pixels in zip(made, encoded, wanted.numpy(), strict=True):
            np.testing.assert_allclose(pixels_of(each, size, channels), pixels, atol=1e-3, err_msg=f"{one} {size}")


def test_bytes_that_are_no_image_are_told_with_their_row(exported: Callable[..., Model]) -> None:
    cut = pa.array([image(), image()[:60]], pa.binary())
    rows = ROWS.slice(0, 2).set_column(ROWS.column_names.index("photo"), "photo", cut)
    with pytest.raises(ModelError, match="row 1 of 'photo' is no image that can be read"):
        exported(format="onnx").load().predict(rows)


# -- what cannot be -----------------------------------------------------------------------------------------


def refused(tmp_path: Path, model: Any, rows: pa.Table = ROWS, **options: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        Workshop(tmp_path).make(Model, lambda out: export_keras(model, out, rows, **options))
    return caught.value


@pytest.mark.parametrize(("format_", "title"), [("litert", "LiteRT"), ("onnx", "ONNX Runtime")])
def test_an_operation_that_a_runtime_has_not_is_named_with_its_layer(tmp_path: Path, format_: str, title: str) -> None:
    import tensorflow as tf

    class Digamma(keras.layers.Layer):
        def call(self, values: Any) -> Any:
            return tf.math.digamma(values)

    given = keras.Input((2,), name="x")
    model = keras.Model(given, keras.layers.Dense(1)(Digamma(name="odd")(given)))
    error = refused(tmp_path, model, pa.table({"x": [[1.0, 2.0]]}), format=format_)
    assert error.message == f"{title} has no operation for Digamma in layer 'odd' (Digamma)."
    assert 'format="saved_model"' in (error.hint or "")

    number = keras.Input((), name="n", dtype="int64")
    places = keras.layers.IntegerLookup(vocabulary=[3, 5], name="places")(number)
    error = refused(tmp_path, keras.Model(number, keras.ops.cast(places, "float32")), NUMBERS, format=format_)
    assert error.message == f"{title} has no operation for LookupTableFindV2 in layer 'places' (IntegerLookup)."


def test_a_loop_that_a_runtime_has_not_is_named_with_its_layer_and_what_else_there_is(tmp_path: Path) -> None:
    given = keras.Input((3, 1), name="x")
    model = keras.Model(given, keras.layers.GRU(1, name="memory")(given))
    error = refused(tmp_path, model, pa.table({"x": [[1.0, 2.0, 3.0]]}), format="litert")
    assert error.message == "LiteRT has no operation for TensorListReserve in layer 'memory' (GRU)."
    assert "unroll=True" in (error.hint or "")


def test_texts_that_are_computed_with_are_refused_with_the_layer(tmp_path: Path) -> None:
    given = keras.Input((), name="carrier", dtype="string")
    texts = keras.layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=4, name="words")(given)
    error = refused(tmp_path, keras.Model(given, keras.ops.cast(texts, "float32")), format="litert")
    assert error.message == "layer 'words' (TextVectorization) computes with texts, which LiteRT cannot carry."

    hot = keras.layers.StringLookup(vocabulary=["a"], output_mode="one_hot", name="hot")(given)
    error = refused(tmp_path, keras.Model(given, hot), format="onnx")
    assert error.message == "layer 'hot' (StringLookup) gives one_hot, which ONNX Runtime cannot carry."
    assert "CategoryEncoding" in (error.hint or "")


def test_keras_own_lookups_are_done_before_the_graph_whatever_columns_are_called(tmp_path: Path) -> None:
    """TensorFlow calls arguments in small letters. And of a million a float has one digit behind the point."""
    given = keras.Input((2,), name="Pair of words", dtype="string")
    age, length = keras.Input((), name="Age"), keras.Input((), name="petal length (cm)")
    places = keras.layers.StringLookup(vocabulary=["a", "b"], num_oov_indices=3)(given)
    hashed = keras.layers.Hashing(num_bins=7, mask_value="")(given)
    price = keras.layers.Dense(1)(keras.layers.Reshape((1,))(keras.ops.log1p(age) / (length + 3.7)))
    outputs = {"sum": keras.ops.cast(places + hashed, "float32"), "price": keras.layers.Rescaling(1e6)(price)}
    model = keras.Model([given, age, length], outputs)
    words = [["a", "b"], ["", "x"], ["something else", "a"]]
    rows = pa.table({"Pair of words": words, "Age": [20.0, 3.0, 61.0], "petal length (cm)": [1.1, 2.0, 0.3]})
    for format_ in ("saved_model", "litert", "onnx"):
        saved = Workshop(tmp_path).make(Model, lambda out, f=format_: export_keras(model, out, rows, format=f))
        assert saved.document.differences["sum"] == 0.0
        assert [tensor.graph_name for tensor in saved.document.inputs] == ["pair_of_words", "age", "petal_length__cm_"]
        assert saved.load().predict(rows)["price"].max() > 10_000
    same = [Tensor(name, "float32") for name in ("Age", "age", "AGE", "for", "1st")]
    assert [each.graph_name for each in with_graph_names(same)] == ["age_2", "age", "age_3", "column_for", "column_1st"]


def test_networks_without_names_inputs_or_fixed_sizes_are_refused(tmp_path: Path) -> None:
    class Adder(keras.Model):
        def call(self, features: Any, training: bool = False) -> Any:
            return features["a"] + features["b"]

    assert "no keras.Input" in refused(tmp_path, Adder(), format="litert").message
    texts = [Tensor("a", "string"), Tensor("b", "string")]
    assert "is text, which ONNX Runtime cannot carry" in refused(tmp_path, Adder(), format="onnx", inputs=texts).message

    given = keras.Input((None,), name="x")
    error = refused(tmp_path, keras.Model(given, keras.ops.sum(given, axis=1)), format="litert")
    assert error.message == "the model takes 'x' of the shape [rows, open]: a row has one size."

    given = keras.Input((2,), name="x")
    two = keras.Model(given, [keras.layers.Dense(1)(given), keras.layers.Dense(2)(given)])
    error = refused(tmp_path, two, pa.table({"x": [[1.0, 2.0]]}), format="onnx")
    assert error.message == "the model returns 2 outputs without names."


def test_rows_to_calibrate_on_must_be_those_that_the_model_takes(tmp_path: Path) -> None:
    given = keras.Input((2,), name="x")
    model = keras.Model(given, keras.layers.Dense(1)(given))
    rows = pa.table({"x": [[1.0, 2.0]]})
    other = pa.table({"y": [[1.0, 2.0]]})
    wide = pa.table({"x": [[1.0, 2.0, 3.0]]})
    options: dict[str, Any] = {"format": "litert", "quantize": "int8"}
    error = refused(tmp_path, model, rows, representative=other, **options)
    assert error.message == "representative=: the model takes a column 'x', and the rows have none."
    error = refused(tmp_path, model, rows, representative=wide, **options)
    assert error.message.startswith("representative=: input 'x' wants [2] a row")
    assert "has no rows" in refused(tmp_path, model, rows, representative=rows.slice(1), **options).message
    with pytest.raises(ParameterError, match="needs rows to calibrate"):
        Workshop(tmp_path).make(Model, lambda out: export_keras(model, out, rows, **options))
    with pytest.raises(ParameterError, match="for LiteRT alone"):
        Workshop(tmp_path).make(Model, lambda out: export_keras(model, out, rows, format="onnx", quantize="float16"))


def test_an_export_that_answers_otherwise_does_not_leave(tmp_path: Path) -> None:
    given = keras.Input((2,), name="x")
    model = keras.Model(given, keras.layers.Dense(64)(keras.layers.Dense(64, activation="relu")(given)))
    rows = pa.table({"x": [[1.0, 1 / 3]]})
    error = refused(tmp_path, model, rows, format="litert", quantize="dynamic_int8", tolerance=1e-6)
    assert error.message.startswith("the litert export answers otherwise: 'prediction' differs by up to")
