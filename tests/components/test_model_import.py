"""Models made elsewhere: taken over with their answers, or refused with what to do."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Examples, Model, Tensor
from levada.components import import_model, model_files
from levada.errors import DataError, ModelError
from tests.models.workshop import Workshop

ROWS = pa.table({"a": np.arange(8, dtype="float32"), "b": np.linspace(1, -1, 8).astype("float32"), "n": range(8)})


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture
def examples(workshop: Workshop) -> Examples:
    return workshop.make(Examples, lambda out: out.write("eval", ROWS))


def fault(workshop: Workshop, path: str, *inputs: Any, **options: Any) -> str:
    with pytest.raises((ModelError, DataError)) as caught:
        workshop.call(import_model, *inputs, files=model_files(path), **options)
    return str(caught.value)


# -- ONNX ---------------------------------------------------------------------------------------------


def graph(rows: Any = "rows", dtype: str = "FLOAT", width: Any = 2) -> Any:
    """Return a model that doubles `x` and sums it to `y`."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    kind = getattr(TensorProto, dtype)
    two = helper.make_tensor("two", kind, [1], [2])
    nodes = [
        helper.make_node("Mul", ["x", "two"], ["twice"]),
        helper.make_node("ReduceSum", ["twice"], ["y"], keepdims=1),
    ]
    nodes[1].input.append("axes")
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    return helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", kind, [rows, width])],
            [helper.make_tensor_value_info("y", kind, [rows, 1])],
            [two, axes],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=min(10, onnx.IR_VERSION),
        producer_name="elsewhere",
    )


def test_an_onnx_file_is_taken_over_and_a_matrix_gets_its_columns(workshop: Workshop, examples: Examples) -> None:
    (workshop.root / "m.onnx").write_bytes(graph().SerializeToString())
    model: Model = workshop.call(import_model, examples, files=model_files("m.onnx"), columns={"x": ["a", "b"]})
    assert model.document.inputs == (Tensor("x", "float32", (-1, 2), columns=("a", "b")),)
    assert model.document.outputs == (Tensor("y", "float32"),)
    assert model.document.framework == "onnx opset 18, elsewhere"
    wanted = 2 * (ROWS["a"].to_numpy() + ROWS["b"].to_numpy())
    np.testing.assert_allclose(model.load().predict(ROWS)["y"], wanted, rtol=1e-6)
    assert model.properties["origin"] == "m.onnx"
    assert model.properties["origin_digest"] == model_files("m.onnx").digest_below(workshop.root)
    assert workshop.said[-1].line == "onnx · 1 input · gives y · answers 8 rows"


def test_small_integers_are_cast_at_the_edges_of_the_graph(workshop: Workshop) -> None:
    (workshop.root / "m.onnx").write_bytes(graph(dtype="INT32").SerializeToString())
    model: Model = workshop.call(import_model, files=model_files("m.onnx"), columns={"x": ["n", "n"]})
    assert [tensor.dtype for tensor in (*model.document.inputs, *model.document.outputs)] == ["int64", "int64"]
    assert model.load().predict(ROWS)["y"].tolist() == [4 * n for n in range(8)]


def test_weights_beside_an_onnx_file_count_by_the_folder(workshop: Workshop) -> None:
    onnx = pytest.importorskip("onnx")
    folder = workshop.root / "m"
    folder.mkdir()
    made = graph()
    made.graph.initializer[0].raw_data = np.float32([2]).tobytes()
    made.graph.initializer[0].ClearField("float_data")
    onnx.save(made, folder / "m.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert "Name the folder, so that they count: model_files('m')." in fault(workshop, "m/m.onnx")
    before = model_files("m").digest_below(workshop.root)
    model: Model = workshop.call(import_model, files=model_files("m"), columns={"x": ["a", "b"]})
    assert model.load().predict(ROWS)["y"][1] == pytest.approx(2 * (1 + ROWS["b"][1].as_py()))
    (folder / "weights.bin").write_bytes(b"\0" * (folder / "weights.bin").stat().st_size)
    assert model_files("m").digest_below(workshop.root) != before


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: graph(rows=1), "takes 'x' of the shape [1, 2]: the first size must be open, for the rows"),
        (lambda: graph(width="w"), "takes 'x' of the shape ['rows', 'w']: only the first size, the rows, may be open"),
        (lambda: graph(dtype="UINT64"), "'x' is uint64, which no caller can give or take"),
    ],
)
def test_an_onnx_graph_that_no_table_fits_is_refused(workshop: Workshop, made: Any, said: str) -> None:
    (workshop.root / "m.onnx").write_bytes(made().SerializeToString())
    assert said in fault(workshop, "m.onnx")


def test_a_cut_off_onnx_file_and_wrong_names_are_told(workshop: Workshop, examples: Examples) -> None:
    content = graph().SerializeToString()
    (workshop.root / "cut.onnx").write_bytes(content[: len(content) // 2])
    assert "cut.onnx is not a whole ONNX model: " in fault(workshop, "cut.onnx")
    (workshop.root / "m.onnx").write_bytes(content)
    assert "no such input.\nIt has x." in fault(workshop, "m.onnx", columns={"features": ["a", "b"]})
    assert "3 columns, and the input takes [2] a row" in fault(workshop, "m.onnx", columns={"x": ["a", "b", "n"]})
    said = fault(workshop, "m.onnx", examples)
    assert "input 'x' of the model takes 2 numbers a row, and the examples have no column of that name." in said
    assert "import_model(columns={'x': [...]})" in said
    assert "no output gives 3 numbers a row (y [-1])" in fault(workshop, "m.onnx", classes=["p", "q", "r"])
    assert "Did you mean m.onnx?" in fault(workshop, "n.onnx")


# -- Levada's own -------------------------------------------------------------------------------------


def own(workshop: Workshop, name: str, made: Any = graph, **said: Any) -> Path:
    """Write a folder in Levada's form by hand, with what its model.json says."""
    folder = workshop.root / name
    folder.mkdir()
    (folder / "model.onnx").write_bytes(made().SerializeToString())
    form = {
        "format": "onnx",
        "entry": "model.onnx",
        "inputs": [{"name": "x", "dtype": "float32", "shape": [-1, 2], "columns": ["a", "b"]}],
        "outputs": [{"name": "y", "dtype": "float32", "shape": [-1, 1]}],
        "fingerprint": "f" * 64,
        "framework": "by hand",
    }
    (folder / "model.json").write_text(json.dumps(form | said))
    return folder


def test_a_model_json_cannot_claim_the_fingerprint_of_another_model(workshop: Workshop) -> None:
    own(workshop, "good")
    first: Model = workshop.call(import_model, files=model_files("good"))
    assert first.properties["stated_fingerprint"] == "f" * 64 != first.fingerprint == first.document.fingerprint
    again = shutil.copytree(first.path, workshop.root / "again")
    same: Model = workshop.call(import_model, files=model_files("again"))
    assert same.fingerprint == first.fingerprint and "stated_fingerprint" not in same.properties

    def another() -> Any:
        made = graph()
        made.graph.initializer[0].float_data[0] = 3
        return made

    own(workshop, "forged", another, fingerprint=first.fingerprint)
    assert workshop.call(import_model, files=model_files("forged")).fingerprint != first.fingerprint
    (again / "model.json").chmod(0o644)
    (again / "lookups.json").write_text("{}")  # the same graph, and something else beside it
    assert workshop.call(import_model, files=model_files("again")).fingerprint != first.fingerprint


def test_what_lies_outside_a_models_folder_is_never_read(workshop: Workshop) -> None:
    outside = own(workshop, "outside")
    for number, entry in enumerate((str(outside / "model.onnx"), "../outside/model.onnx")):
        own(workshop, f"far{number}", entry=entry)
        assert "lies outside the model's folder" in fault(workshop, f"far{number}")
    for name, target in (
        ("file", outside / "model.onnx"),
        ("folder", outside),
        ("loop", "."),
        ("dangling", "/nowhere"),
    ):
        (own(workshop, name) / "linked").symlink_to(target)
        assert "linked is a link, and a model is taken over with the files" in fault(workshop, name)
    own(workshop, "none", entry="other.onnx")
    assert "says that the model is 'other.onnx' (onnx): not there" in fault(workshop, "none")

    def beside() -> Any:
        made = graph()
        two = made.graph.initializer[0]
        two.ClearField("float_data")
        two.data_location = 1
        two.external_data.add(key="location", value="../outside/model.json")
        return made

    own(workshop, "beside", beside)
    assert "keeps 1 weights in other files" in fault(workshop, "beside")
    own(workshop, "damaged", lambda: graph().graph)
    assert "cannot be loaded: " in fault(workshop, "damaged")


# -- scikit-learn -------------------------------------------------------------------------------------


def test_an_estimator_saved_by_skops_becomes_onnx(workshop: Workshop, examples: Examples) -> None:
    pytest.importorskip("skl2onnx")
    import skops.io
    from sklearn.linear_model import LogisticRegression

    features = np.column_stack([ROWS["a"].to_numpy(), ROWS["b"].to_numpy()])
    estimator = LogisticRegression().fit(features, ROWS["n"].to_numpy() > 3)
    skops.io.dump(estimator, workshop.root / "m.skops")
    model: Model = workshop.call(import_model, examples, files=model_files("m.skops"), columns={"x": ["a", "b"]})
    np.testing.assert_allclose(
        model.load().predict(ROWS)["probabilities"], estimator.predict_proba(features), atol=1e-6
    )
    assert "Give it some: import_model(examples, files=...)." in fault(workshop, "m.skops")


class Scaler:
    """A type of somebody's own."""


def test_types_of_others_want_to_be_trusted_and_pickles_are_refused(workshop: Workshop, examples: Examples) -> None:
    import skops.io

    skops.io.dump(Scaler(), workshop.root / "m.skops")
    said = fault(workshop, "m.skops", examples)
    assert "has types that are not scikit-learn's: tests.components.test_model_import.Scaler" in said
    assert "import_model(trust=['tests.components.test_model_import.Scaler'])" in said
    for name in ("m.pkl", "m.joblib"):
        (workshop.root / name).write_bytes(b"")
        assert "is a pickle, which can run any code when it is loaded" in fault(workshop, name)
    (workshop.root / "bad.skops").write_bytes(b"PK nothing")
    assert "bad.skops cannot be loaded: " in fault(workshop, "bad.skops", examples)


# -- Keras, SavedModel --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network() -> Any:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(1)
    inputs = {name: keras.Input((1,), name=name) for name in ("a", "b")}
    joined = keras.layers.Concatenate()([inputs["a"], inputs["b"]])
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(joined))


def answers(network: Any) -> Any:
    given = {name: ROWS[name].to_numpy()[:, None] for name in ("a", "b")}
    return np.asarray(network(given)).ravel()


def test_a_keras_file_becomes_a_saved_model_of_the_same_answers(
    workshop: Workshop, examples: Examples, network: Any
) -> None:
    network.save(workshop.root / "m.keras")
    model: Model = workshop.call(import_model, examples, files=model_files("m.keras"), output="probability")
    assert [tensor.name for tensor in model.document.outputs] == ["probability"]
    np.testing.assert_allclose(model.load().predict(ROWS)["probability"], answers(network), atol=1e-6)
    assert "no such input.\nIt has a, b." in fault(workshop, "m.keras", columns={"X": ["a", "b"]})
    assert "says what a is made of, and not b." in fault(workshop, "m.keras", columns={"a": ["a"]})
    assert "2 columns, and the input takes [1] a row" in fault(workshop, "m.keras", columns={"a": ["a", "b"]})
    again: Model = workshop.call(import_model, files=model_files("m.keras"), output="probability")
    assert again.fingerprint == model.fingerprint


def test_a_saved_model_is_served_by_the_signature_that_is_named(
    workshop: Workshop, examples: Examples, network: Any
) -> None:
    import tensorflow as tf

    def half(a: Any, b: Any) -> Any:
        return {"half": network({"a": tf.cast(a, "float32"), "b": b}) / 2, "n": tf.cast(a, "int32")}

    specs = [tf.TensorSpec([None, 1], "float16", "a"), tf.TensorSpec([None, 1], "float32", "b")]
    tf.saved_model.save(
        network, str(workshop.root / "m"), signatures={"half": tf.function(half).get_concrete_function(*specs)}
    )
    assert "has no signature 'serving_default'.\nIt has half: import_model(signature=...)." in fault(workshop, "m")
    model: Model = workshop.call(import_model, examples, files=model_files("m"), signature="half")
    assert model.document.inputs == (Tensor("a", "float32"), Tensor("b", "float32"))
    assert model.document.outputs == (Tensor("half", "float32"), Tensor("n", "int64"))
    given = model.load().predict(ROWS)
    np.testing.assert_allclose(given["half"], answers(network) / 2, atol=1e-3)
    assert given["n"].tolist() == list(range(8))

    # What was taken over can be taken over again: from the artifact's own folder, say, or one that is served.
    # By its files it is another: nobody can say whether it is the one that its model.json names.
    shutil.copytree(model.path, workshop.root / "artifact")
    shutil.copytree(model.path / "saved_model", workshop.root / "served")
    form = json.loads((model.path / "model.json").read_text())
    (workshop.root / "served" / "model.json").write_text(json.dumps(form | {"entry": "."}))
    taken, served = (workshop.call(import_model, files=model_files(name)) for name in ("artifact", "served"))
    assert taken.fingerprint == served.fingerprint != model.fingerprint
    assert served.properties["stated_fingerprint"] == model.fingerprint
    np.testing.assert_allclose(served.load().predict(ROWS)["half"], given["half"])


def reaching(workshop: Workshop, name: str, reach: Any) -> None:
    """Save a model that reaches out of its graph when it is asked."""
    import tensorflow as tf

    def serve(text: Any) -> Any:
        with tf.control_dependencies([done] if (done := reach(text)) is not None else []):
            return {"text": tf.identity(text)}

    module: Any = tf.Module()
    module.serve = tf.function(serve, autograph=False)
    concrete = module.serve.get_concrete_function(text=tf.TensorSpec([None], tf.string, "text"))
    tf.saved_model.save(module, str(workshop.root / name), signatures={"serving_default": concrete})


def test_a_saved_model_that_reaches_files_is_refused_in_every_form(workshop: Workshop) -> None:
    tf = pytest.importorskip("tensorflow")
    target = str(workshop.root / "written")
    lines = tf.data.TextLineDataset
    ways = {
        "WriteFile": lambda text: tf.io.write_file(target, text[0]),
        "PrintV2": lambda text: tf.print(text, output_stream=f"file://{target}"),
        "TextLineDataset": lambda _: lines(target).reduce(np.int64(0), lambda total, _: total + 1),
        "SaveV2": lambda text: tf.raw_ops.SaveV2(
            prefix=target, tensor_names=["a"], shape_and_slices=[""], tensors=[text]
        ),
        "DecodeProtoV2": lambda text: tf.io.decode_proto(text, "a", [], [], descriptor_source=target).sizes,
    }
    for name, reach in ways.items():
        reaching(workshop, name, reach)
        said = fault(workshop, name)
        assert re.search(rf"operations that do more than compute .*\b{name}\b", said), said
    # A model.json beside it changes nothing; only whoever names an operation trusts it.
    form = {"format": "saved_model", "entry": ".", "inputs": [], "outputs": [], "fingerprint": "", "framework": ""}
    (workshop.root / "WriteFile" / "model.json").write_text(json.dumps(form))
    assert "import_model(trust=['WriteFile'])" in fault(workshop, "WriteFile")
    assert workshop.call(import_model, files=model_files("WriteFile"), trust=["WriteFile"]).fingerprint
    assert not (workshop.root / "written").exists()


def test_no_operation_that_takes_a_path_an_address_or_python_only_computes() -> None:
    pytest.importorskip("tensorflow")
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session as session

    from levada.models.operations import is_allowed
    from levada.pushing.scanning import REFUSED

    known: Any = op_def_pb2.OpList()
    known.ParseFromString(session.TF_GetBuffer(session.TF_GetAllOpList()))
    reaching = re.compile(
        r".*(file|path(?!s$)|director|url|uri|address|descriptor|prefix|hostport|library|module|token$)"
    )
    harmless = {"spectrogram"}
    for operation in known.op:
        named = {part.name for part in (*operation.input_arg, *operation.attr) if reaching.match(part.name)} - harmless
        assert not (named and is_allowed(operation.name)), f"{operation.name} takes {named}"
    assert sum(is_allowed(operation.name) for operation in known.op) > 1_000
    for name in ("MatMul", "VarHandleOp", "HashTableV2", "RandomUniform", "StatefulPartitionedCall", "ParseExampleV2"):
        assert is_allowed(name)
    for name in ("RestoreV2", "PrintV2", "XlaCallModule", "NotThere", *REFUSED):
        assert not is_allowed(name)


def test_lambda_layers_unknown_classes_and_damaged_files_are_told(workshop: Workshop) -> None:
    keras = pytest.importorskip("keras")

    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2)]).save(workshop.root / "l.keras")
    assert "l.keras has a Lambda layer: code that would run when it is loaded" in fault(workshop, "l.keras")

    class Mine(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    keras.Sequential([keras.Input((2,)), Mine()]).save(workshop.root / "c.keras")
    assert "c.keras uses a class that is not known here: " in fault(workshop, "c.keras")
    (workshop.root / "bad.keras").write_bytes(b"PK nothing")
    assert "bad.keras cannot be loaded: " in fault(workshop, "bad.keras")
    (workshop.root / "old.h5").write_bytes(b"")
    assert "model.save('model.keras')" in fault(workshop, "old.h5")
    (workshop.root / "empty").mkdir()
    assert "is a folder without a saved_model.pb or an .onnx file" in fault(workshop, "empty")
