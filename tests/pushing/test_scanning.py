"""What could harm whoever loads a model is not served: the finding is said in words, and nothing is pushed."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from levada.artifacts import Model
from levada.errors import ComponentError
from levada.models import ModelDocument, Tensor
from levada.pushing.scanning import scan
from tests.pushing.shelf import Shelf

pytest.importorskip("onnxruntime")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def refused(shelf: Shelf, model: Model) -> str:
    shelf.version(len(shelf.models) + 1, model=model)
    with pytest.raises(ComponentError, match="the model is not safe to serve: ") as caught:
        shelf.push(len(shelf.models))
    assert shelf.live() is None and shelf.lived == [] and shelf.folder.versions() == []
    return caught.value.message


def onnx_model(shelf: Shelf, change: Callable[[Any], None]) -> Model:
    import onnx

    def write(model: Model) -> None:
        source = shelf.echo("p").path
        proto = onnx.load(str(source / "model.onnx"))
        change(proto)
        (model.path / "model.onnx").write_bytes(proto.SerializeToString())
        model.describe(ModelDocument.read(source))

    return shelf.make(Model, write)


def test_an_operation_that_onnx_runtime_does_not_bring_is_refused(shelf: Shelf) -> None:
    def within_a_branch(proto: Any) -> None:
        from onnx import helper

        custom = helper.make_node("Run", ["p"], ["z"], domain="com.evil")
        branch = helper.make_graph([custom], "branch", [], [])
        proto.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch))

    said = refused(shelf, onnx_model(shelf, within_a_branch))
    assert "model.onnx: the operation com.evil.Run, which ONNX Runtime does not bring itself" in said


@pytest.mark.parametrize(("where", "wrong"), [("../../secret", "outside the model's folder"), ("weights", "not part")])
def test_weights_outside_the_folder_are_refused(shelf: Shelf, where: str, wrong: str) -> None:
    def outside(proto: Any) -> None:
        tensor = proto.graph.initializer[0]
        tensor.data_location = 1
        tensor.external_data.add(key="location", value=where)

    said = refused(shelf, onnx_model(shelf, outside))
    assert f"model.onnx: the weight add lies in '{where}'" in said and wrong in said


def saved_model(shelf: Shelf, **files: bytes) -> Model:
    def write(model: Model) -> None:
        for name, content in files.items():
            path = model.path / "saved_model" / name.replace("__", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        tensors = (Tensor("p", "float32"),)
        model.describe(ModelDocument("saved_model", "saved_model", tensors, tensors, "f1", "by hand"))

    return shelf.make(Model, write)


class Called:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, ("/tmp/x",)


def graph_with(*operations: str) -> bytes:
    from tensorflow.core.protobuf import saved_model_pb2

    document: Any = saved_model_pb2.SavedModel()
    document.saved_model_schema_version = 1
    graph = document.meta_graphs.add().graph_def
    function = graph.library.function.add()
    for name in operations:
        function.node_def.add(name=name, op=name)
    return document.SerializeToString()


def lambda_layer() -> bytes:
    from tensorflow.python.keras.protobuf import saved_metadata_pb2

    metadata: Any = saved_metadata_pb2.SavedMetadata()
    text = '{"class_name": "Lambda", "config": {"function": {"items": ["4wEAAA=="]}}}'
    metadata.nodes.add(node_id=1, identifier="_tf_keras_layer", metadata=text)
    return metadata.SerializeToString()


def test_pickles_lambda_layers_and_operations_on_files_are_refused(shelf: Shelf) -> None:
    pytest.importorskip("tensorflow")
    pytest.importorskip("modelscan")
    plain = graph_with("MatMul")
    said = refused(shelf, saved_model(shelf, saved_model__pb=graph_with("MatMul", "WriteFile", "NoSuchThing")))
    assert "saved_model.pb: the operation WriteFile, which reaches files or Python where it is served;" in said
    assert "saved_model.pb: the operation WriteFile, which reaches files where it is served (modelscan: high)" in said
    assert "saved_model.pb: the operation NoSuchThing, which TensorFlow does not have" in said
    said = refused(shelf, saved_model(shelf, saved_model__pb=plain, words__pkl=pickle.dumps(Called(os.system))))
    assert "words.pkl: is a pickle, which runs code where it is loaded" in said
    assert "words.pkl: a pickle that calls posix.system (modelscan: critical)" in said
    # modelscan knows functions by name, and not this one: no pickle is served, whatever is in it.
    said = refused(shelf, saved_model(shelf, saved_model__pb=plain, words__pkl=pickle.dumps(Called(open))))
    assert "words.pkl: is a pickle" in said
    said = refused(shelf, saved_model(shelf, saved_model__pb=plain, keras_metadata__pb=lambda_layer()))
    assert said.count("keras_metadata.pb: a Lambda layer, which runs code of whoever made it") == 2


def test_a_print_into_a_file_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    """TensorFlow's PrintV2 takes a file for its stream; printing to the log harms nobody."""
    core = pytest.importorskip("tensorflow.core.protobuf.saved_model_pb2")
    for stream, found in ((b"stderr", []), (b"file:///etc/motd", ["saved_model.pb: the operation PrintV2"])):
        document = core.SavedModel()
        node = document.meta_graphs.add().graph_def.node.add(name="print", op="PrintV2")
        node.attr["output_stream"].s = stream
        (tmp_path / "saved_model.pb").write_bytes(document.SerializeToString())
        said = [str(item) for item in scan({"saved_model.pb": tmp_path / "saved_model.pb"})]
        assert [item.partition(",")[0] for item in said] == found


def test_what_cannot_be_looked_at_is_refused(shelf: Shelf) -> None:
    said = refused(shelf, saved_model(shelf, saved_model__pb=b"no protobuf"))
    assert "saved_model.pb: could not be looked at: " in said


def test_a_link_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (found,) = scan({"assets/words.txt": tmp_path / "link"})
    assert str(found) == "assets/words.txt: is a link, and what it leads to may change"


def litert(codes: list[tuple[int, bytes | None]]) -> bytes:
    """Return a `.tflite` file that has these operator codes and nothing else."""
    import flatbuffers

    builder = flatbuffers.Builder(256)
    names = [builder.CreateString(name.decode()) if name else None for _, name in codes]
    tables: list[int] = []
    for (code, _), name in zip(codes, names, strict=True):
        builder.StartObject(4)
        builder.PrependInt8Slot(0, min(code, 127), 0)
        if name is not None:
            builder.PrependUOffsetTRelativeSlot(1, name, 0)
        builder.PrependInt32Slot(3, code, 0)
        tables.append(builder.EndObject())
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    vector = builder.EndVector()
    builder.StartObject(2)
    builder.PrependUint32Slot(0, 3, 0)
    builder.PrependUOffsetTRelativeSlot(1, vector, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_custom_operations_of_litert_are_refused(tmp_path: Path) -> None:
    def found(content: bytes) -> list[str]:
        (tmp_path / "model.tflite").write_bytes(content)
        return [item.said for item in scan({"model.tflite": tmp_path / "model.tflite"})]

    assert found(litert([(9, None), (150, None)])) == []  # FULLY_CONNECTED, and one of the newer ones
    assert found(litert([(9, None), (32, b"FlexWriteFile")])) == [
        "the operation FlexWriteFile, which the LiteRT interpreter does not bring itself"
    ]
    assert found(b"no model") == ["could not be looked at: it is no LiteRT model"]
    assert found(litert([(9, None)])[:24])[0].startswith("could not be looked at")
