"""Pushing brings a blessed model, whole, to where it is served, under the registry's number; or changes nothing."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from levada.artifacts import Blessing, Model, PushedModel, ServingCheck
from levada.artifacts.pushed import ServingFolder
from levada.components import push
from levada.errors import ComponentError, LevadaError, RegistryError, StoreError
from levada.models import ModelDocument, Tensor, load_predictor
from levada.models.requests import read_requests
from levada.pushing.moves import go_live
from levada.pushing.placement import place
from levada.registry import Registry, Version
from levada.signing import policy_of
from levada.store import Store
from tests.models.workshop import Workshop

pytest.importorskip("onnxruntime")


GRAPH = b"\x08\x01"
"""The protobuf of a SavedModel of schema version 1 without graphs."""


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def blessing_of(workshop: Workshop, *models: Model, is_open: bool = True, **options: Any) -> Blessing:
    settings: dict[str, Any] = {"model": "flights", "fingerprints": [model.fingerprint for model in models], **options}
    return workshop.make(Blessing, lambda made: made.write(is_open, ["auc 0.681 is at least 0.6"], **settings))


def numbered(workshop: Workshop, model: Model, version: int) -> None:
    Registry(workshop.store).number(Version("flights", model.fingerprint, version, "by hand"))


def pushed(workshop: Workshop, model: Model, to: str = "serving/flights", **options: Any) -> PushedModel:
    return workshop.call(push, model, blessing_of(workshop, model, **options), to=to)


def saved_model(workshop: Workshop, weights: bytes = b"weights", fingerprint: str = "f1") -> Model:
    """Return a model in the form of a SavedModel, without TensorFlow."""

    def write(model: Model) -> None:
        (model.path / "saved_model" / "variables").mkdir(parents=True)
        (model.path / "saved_model" / "assets").mkdir()
        (model.path / "saved_model" / "saved_model.pb").write_bytes(GRAPH)
        (model.path / "saved_model" / "variables" / "variables.index").write_bytes(weights)
        (model.path / "saved_model" / "assets" / "words.txt").write_bytes(b"AA")
        tensors = (Tensor("p", "float32"),)
        model.describe(ModelDocument("saved_model", "saved_model", tensors, tensors, fingerprint, "by hand"))

    return workshop.make(Model, write)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# -- what is pushed ---------------------------------------------------------------------------------


def test_a_saved_model_is_laid_out_as_tensorflow_serving_reads_it(workshop: Workshop) -> None:
    model = saved_model(workshop)
    numbered(workshop, model, 4)
    artifact = pushed(workshop, model)
    folder = workshop.root / "serving/flights"
    assert [name for name in files(folder) if not name.startswith(".")] == [
        "4/assets/words.txt",
        "4/model.json",
        "4/model.sig",
        "4/saved_model.pb",
        "4/variables/variables.index",
        "levada.json",
        "models.config",
    ]
    assert "model_version_policy { specific { versions: 4 } }" in (folder / "models.config").read_text()
    document = ModelDocument.read(folder / "4")
    assert document.entry == "." and document.inputs == model.document.inputs
    assert (artifact.version, artifact.destination) == (4, "serving/flights")
    assert workshop.line == "serving/flights/4"
    # TensorFlow Serving takes every folder whose name is a number for a version.
    assert [path.name for path in folder.iterdir() if path.name.isdigit()] == ["4"]


def test_a_pushed_onnx_model_answers_from_where_it_lies(workshop: Workshop) -> None:
    import pyarrow as pa

    model = workshop.echo("p")
    numbered(workshop, model, 1)
    pushed(workshop, model)
    predictor = load_predictor(workshop.root / "serving/flights/1")
    assert predictor.predict(pa.table({"p": [0.5]}))["probability"].tolist() == [0.5]


def test_the_pointer_says_what_is_live_and_what_was_before(workshop: Workshop) -> None:
    first, second = workshop.echo("p"), workshop.echo("q")
    numbered(workshop, first, 1)
    numbered(workshop, second, 2)
    pushed(workshop, first)
    pushed(workshop, second)
    pointer = json.loads((workshop.root / "serving/flights/levada.json").read_text())
    assert pointer.pop("time").endswith("+00:00")
    assert pointer == {"model": "flights", "version": 2, "fingerprint": second.fingerprint, "before": 1}


def test_the_promotion_is_recorded_and_announced(workshop: Workshop) -> None:
    first, second = workshop.echo("p"), workshop.echo("q")
    numbered(workshop, first, 1)
    numbered(workshop, second, 2)
    pushed(workshop, first)
    pushed(workshop, second, challenged=first.record, baseline={"version": 1, "fingerprint": first.fingerprint})
    promotion = Registry(workshop.store).champion("flights")
    assert promotion is not None
    assert (promotion.version, promotion.before, promotion.fingerprint) == (2, 1, second.fingerprint)
    assert promotion.release.champion == second.record
    assert promotion.release.challenged == first.record
    assert promotion.destination == str(workshop.root / "serving/flights")
    announced = [fields for kind, fields in workshop.events if kind == "promoted"]
    assert announced[-1] == {
        "model": "flights",
        "version": 2,
        "fingerprint": second.fingerprint,
        "alias": "champion",
        "destination": str(workshop.root / "serving/flights"),
        "before": 1,
        "reason": "auc 0.681 is at least 0.6",
    }


# -- what is refused --------------------------------------------------------------------------------


def test_a_model_that_the_blessing_does_not_cover_is_refused(workshop: Workshop) -> None:
    judged, other = workshop.echo("p"), workshop.echo("q")
    numbered(workshop, other, 1)
    with pytest.raises(ComponentError, match=f"the model {other.fingerprint[:12]}, and a blessing that covers"):
        workshop.call(push, other, blessing_of(workshop, judged), to="serving/flights")
    assert not (workshop.root / "serving").exists()


def test_a_closed_blessing_and_one_without_a_name_are_refused(workshop: Workshop) -> None:
    model = workshop.echo("p")
    numbered(workshop, model, 1)
    with pytest.raises(ComponentError, match=r"blessing that is closed: auc 0\.681"):
        pushed(workshop, model, is_open=False)
    with pytest.raises(ComponentError, match="names no registered model"):
        workshop.call(push, model, blessing_of(workshop, model, model=None), to="serving/flights")
    assert not (workshop.root / "serving").exists()


def test_a_version_folder_with_another_model_is_not_touched(workshop: Workshop) -> None:
    first, second = workshop.echo("p"), workshop.echo("q")
    numbered(workshop, first, 1)
    pushed(workshop, first)
    before = {name: (workshop.root / "serving" / name).read_bytes() for name in files(workshop.root / "serving")}
    numbered(workshop, second, 1)  # the registry was made anew, the folder was not
    with pytest.raises(ComponentError, match="already holds another model than version 1 of this registry"):
        pushed(workshop, second)
    another_format = saved_model(workshop)
    numbered(workshop, another_format, 1)
    with pytest.raises(ComponentError, match="already holds another model than version 1 of this registry"):
        pushed(workshop, another_format)
    assert {name: (workshop.root / "serving" / name).read_bytes() for name in before} == before


def test_a_version_folder_that_somebody_else_made_is_not_touched(workshop: Workshop) -> None:
    model = saved_model(workshop)
    numbered(workshop, model, 1)
    for at, name in enumerate(("saved_model.pb", "a picture of the class 1.png")):
        theirs = workshop.root / f"serving/{at}/1" / name
        theirs.parent.mkdir(parents=True)
        theirs.write_bytes(b"theirs")
        with pytest.raises(ComponentError, match=r"already holds another model .* or files that are no model's"):
            pushed(workshop, model, to=f"serving/{at}")
        assert theirs.read_bytes() == b"theirs"


def test_what_was_changed_since_it_was_judged_is_not_signed(workshop: Workshop) -> None:
    model = saved_model(workshop)
    numbered(workshop, model, 1)
    file = model.path / "saved_model/variables/variables.index"
    file.chmod(0o644)
    file.write_bytes(b"Weights")  # of the same size
    for to in ("serving/flights", "memory://serving-changed/flights"):
        with pytest.raises(StoreError, match=r"variables\.index was changed outside Levada"):
            pushed(workshop, model, to=to)
        folder, version = ServingFolder.of(to, workshop.root), Version("flights", model.fingerprint, 1, "")
        with pytest.raises(StoreError, match=r"variables\.index is not what was made and judged"):
            place(folder, version, model.path, policy_of(workshop.root), record=model.record)  # it was whole until now
        assert folder.versions() == []


def test_a_model_with_files_named_as_those_of_a_version_is_refused(workshop: Workshop) -> None:
    model = saved_model(workshop)

    def write(made: Model) -> None:
        shutil.copytree(model.path / "saved_model", made.path / "saved_model")
        (made.path / "saved_model/model.json").write_text("{}")
        made.describe(model.document)

    own = workshop.make(Model, write)
    numbered(workshop, own, 1)
    with pytest.raises(ComponentError, match=r"has a model\.json of Levada's in that place"):
        pushed(workshop, own)
    assert not (workshop.root / "serving/flights/levada.json").exists()


def test_while_the_registry_is_away_a_push_is_ordered_and_nothing_is_written(workshop: Workshop) -> None:
    registry, model, other = Registry(workshop.store), workshop.echo("p"), workshop.echo("q")
    registry.say_away("flights", "no route to host")
    artifact = pushed(workshop, model, challenged=other.record)
    assert not (workshop.root / "serving").exists()
    assert workshop.line == "pending: the registry is away; the next command completes it"
    assert (artifact.pending, artifact.holds(workshop.root)) == (True, False)
    with pytest.raises(RegistryError, match="waits for the registry, so it has no version yet"):
        print(artifact.version)
    (order,) = registry.orders("flights")
    assert order.champion == model.record and order.challenged == other.record
    assert (order.fingerprint, order.destination) == (model.fingerprint, str(workshop.root / "serving/flights"))
    assert (order.run, order.node, order.reason) == ("run-1", "push", "auc 0.681 is at least 0.6")
    assert registry.champion("flights") is None


def test_a_model_that_the_registry_refuses_fails_the_push(workshop: Workshop) -> None:
    model = workshop.echo("p")
    Registry(workshop.store).refuse("flights", model.fingerprint, "its files are gone")
    with pytest.raises(RegistryError, match="its files are gone"):
        pushed(workshop, model)
    assert Registry(workshop.store).orders("flights") == []


def test_a_version_that_comes_late_is_waited_for(workshop: Workshop) -> None:
    model = workshop.echo("p")
    timer = threading.Timer(0.3, lambda: numbered(workshop, model, 7))
    timer.start()
    assert pushed(workshop, model).version == 7
    waited = [fields["message"] for kind, fields in workshop.events if kind == "progress"]
    assert waited == ["waiting for the registry to number flights"]


# -- again, and after accidents ---------------------------------------------------------------------


def test_a_destination_that_serves_the_model_is_left_as_it_is(workshop: Workshop) -> None:
    model = workshop.echo("p")
    numbered(workshop, model, 1)
    pushed(workshop, model)
    folder = workshop.root / "serving/flights"
    before = {name: (folder / name).stat().st_mtime_ns for name in files(folder) if not name.startswith(".")}
    again = pushed(workshop, workshop.echo("p"))  # trained anew, the same
    assert {name: (folder / name).stat().st_mtime_ns for name in before} == before
    assert workshop.line == "serving/flights/1 serves this model already"
    assert again.holds(workshop.root)
    assert len(Registry(workshop.store).promotions("flights")) == 1


def test_a_pushed_model_holds_while_its_destination_serves_it(workshop: Workshop) -> None:
    first, second = workshop.echo("p"), workshop.echo("q")
    numbered(workshop, first, 1)
    numbered(workshop, second, 2)
    one = pushed(workshop, first)
    assert one.holds(workshop.root)
    two = pushed(workshop, second)
    assert two.holds(workshop.root) and not one.holds(workshop.root)
    (workshop.root / "serving/flights/2/model.onnx").write_bytes(b"cut")
    assert not two.holds(workshop.root)
    pushed(workshop, second)
    assert two.holds(workshop.root)
    (workshop.root / "serving/flights/levada.json").write_text("{")
    assert not two.holds(workshop.root)
    shutil.rmtree(workshop.root / "serving")
    assert not two.holds(workshop.root)


def test_a_relative_destination_is_that_of_the_project_that_asks(workshop: Workshop, tmp_path: Path) -> None:
    model = workshop.echo("p")
    numbered(workshop, model, 1)
    artifact = pushed(workshop, model)
    assert artifact.holds(workshop.root)
    another = tmp_path / "another checkout"
    another.mkdir()
    assert not artifact.holds(another)
    shutil.copytree(workshop.root / "serving", another / "serving")
    assert artifact.holds(another)


def test_going_back_to_an_earlier_model_moves_the_pointer_and_copies_nothing(workshop: Workshop) -> None:
    first, second = workshop.echo("p"), workshop.echo("q")
    for version, model in enumerate((first, second), start=1):
        numbered(workshop, model, version)
        pushed(workshop, model)
    placed = (workshop.root / "serving/flights/1/model.onnx").stat().st_mtime_ns
    pushed(workshop, first)
    pointer = ServingFolder(str(workshop.root / "serving/flights")).pointer()
    assert pointer is not None and (pointer.version, pointer.before) == (1, 2)
    assert (workshop.root / "serving/flights/1/model.onnx").stat().st_mtime_ns == placed
    assert [item.version for item in Registry(workshop.store).promotions("flights")] == [1, 2, 1]


def test_leftovers_of_pushes_are_removed_and_nothing_else(workshop: Workshop) -> None:
    model = saved_model(workshop)
    numbered(workshop, model, 1)
    folder = workshop.root / "serving/flights"
    for name in ("1", ".1.tmp-1234", ".cache.tmp-1234"):
        (folder / name).mkdir(parents=True)
    (folder / ".2.tmp-12").symlink_to(workshop.root)
    (folder / ".3.tmp-12").write_bytes(b"")
    pushed(workshop, model)
    assert [path.name for path in folder.glob(".*.tmp-*")] == [".cache.tmp-1234"]
    assert workshop.store.list("registry")  # what a link led to
    assert (folder / "1/saved_model.pb").read_bytes() == GRAPH


def test_a_push_that_is_cut_off_at_any_point_is_made_good_by_the_next(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fail at the nth write to the file system, for every n, and push again each time."""
    model = saved_model(workshop)
    numbered(workshop, model, 1)
    for cut in itertools.count(1):
        steps = itertools.count(1)

        def step(*_: Any, steps: Any = steps, cut: int = cut, **__: Any) -> None:
            if next(steps) == cut:
                raise KeyboardInterrupt

        folder = workshop.root / f"serving/{cut}"
        with monkeypatch.context() as broken:
            for module, name in ((shutil, "copyfile"), (os, "fsync"), (os, "replace"), (os, "rename")):
                real = getattr(module, name)
                broken.setattr(module, name, lambda *args, real=real, **options: (step(), real(*args, **options))[1])
            try:
                pushed(workshop, model, to=f"serving/{cut}")
                finished = True
            except KeyboardInterrupt:
                finished = False
        whole = (folder / "1").exists()
        assert not whole or (folder / "1/saved_model.pb").read_bytes() == GRAPH
        artifact = pushed(workshop, model, to=f"serving/{cut}")
        assert artifact.holds(workshop.root)
        assert not list(folder.glob(".*.tmp-*"))
        if finished:
            break
    assert cut > 5


# -- object stores ----------------------------------------------------------------------------------


def test_an_object_store_gets_the_file_that_makes_a_version_loadable_last(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = saved_model(workshop)
    numbered(workshop, model, 1)
    written: list[str] = []
    there: list[bool] = []
    real = Store.write

    def write(store: Store, key: str, content: bytes) -> None:
        if store.uri.startswith("memory://"):
            written.append(key)
            there.append(store.exists("1/saved_model.pb"))
        real(store, key, content)

    monkeypatch.setattr(Store, "write", write)
    artifact = pushed(workshop, model, to="memory://serving-last/flights")
    assert written == [
        "1/model.json",
        "1/assets/words.txt",
        "1/variables/variables.index",
        "1/model.sig",
        "1/saved_model.pb",
        "levada.json",
        "models.config",
    ]
    assert artifact.holds(workshop.root)
    folder = ServingFolder("memory://serving-last/flights")
    folder.store.delete("1/saved_model.pb")
    assert not artifact.holds(workshop.root)
    pushed(workshop, model, to="memory://serving-last/flights")
    assert artifact.holds(workshop.root)
    folder.store.write("1/variables/variables.index", b"cut")
    folder.store.write("1/variables/old", b"of another")
    there.clear()
    pushed(workshop, model, to="memory://serving-last/flights")
    assert there[:5] == [False] * 5  # nobody loads old files beside new ones
    assert artifact.holds(workshop.root) and not folder.store.exists("1/variables/old")
    folder.store.write("2/theirs", b"theirs")
    numbered(workshop, other := saved_model(workshop, fingerprint="f2"), 2)
    with pytest.raises(ComponentError, match="files that are no model's"):
        pushed(workshop, other, to="memory://serving-last/flights")
    assert folder.store.read("2/theirs") == b"theirs"


@pytest.mark.parametrize("version", ["1", "../1", 0, True, 1.0])
def test_a_pointer_of_another_form_is_said_to_be_damaged(tmp_path: Path, version: Any) -> None:
    form = {"model": "flights", "version": version, "fingerprint": "f1", "time": "", "before": None}
    (tmp_path / "levada.json").write_text(json.dumps(form if version != "1" else {"version": 1}))
    with pytest.raises(StoreError, match="does not say which version is live"):
        ServingFolder(str(tmp_path)).pointer()


def test_push_waits_behind_its_blessing_by_itself() -> None:
    assert push.options.required_inputs == ("blessing", "checked")


# -- held against what serves it before ------------------------------------------------------------------


def test_the_requests_of_a_check_come_along_and_are_signed_with_the_model(workshop: Workshop) -> None:
    from levada.components import validate_serving

    model = workshop.echo("p")
    numbered(workshop, model, 1)
    check = workshop.call(validate_serving, model, workshop.examples({"p": [0.1, 0.2, 0.3]}), warm_up=2)
    artifact = workshop.call(push, model, blessing_of(workshop, model), to="serving/flights", checked=check)
    served = workshop.root / "serving/flights/1"
    kept = read_requests(served / "warmup.json", model.document.inputs)
    assert kept["p"].tolist() == pytest.approx([0.1, 0.2])
    assert artifact.holds(workshop.root)
    load_predictor(served)
    (served / "warmup.json").write_text("{}")
    with pytest.raises(LevadaError, match=r"warmup\.json"):
        load_predictor(served)
    champion = Registry(workshop.store).champion("flights")
    assert champion is not None
    go_live(
        workshop.store, ServingFolder(str(served.parent)), champion.release, policy_of(workshop.root), thorough=True
    )
    assert read_requests(served / "warmup.json", model.document.inputs)["p"].tolist() == pytest.approx([0.1, 0.2])


def test_a_push_that_waited_brings_its_requests_along_and_leaves_as_many_versions_as_it_was_told(
    workshop: Workshop,
) -> None:
    from levada.mlflow.orders import settle_orders

    def write(made: ServingCheck) -> None:
        made.write(True, [], fingerprint=model.fingerprint, cost={}, requests=1)
        made.warmup.mkdir()
        (made.warmup / "warmup.json").write_text('{"inputs": {"p": [0.5]}}')

    registry, folder = Registry(workshop.store), workshop.root / "serving/flights"
    for version in (1, 2):
        numbered(workshop, older := workshop.echo("p", add=float(version)), version)
        pushed(workshop, older)
    model = workshop.echo("p")
    check = workshop.make(ServingCheck, write)
    registry.say_away("flights", "not today")
    workshop.call(push, model, blessing_of(workshop, model), to="serving/flights", checked=check, keep=2)
    (order,) = registry.orders("flights")
    assert (order.keep, order.checked) == (2, check.record)
    numbered(workshop, model, 3)
    (said,) = settle_orders(workshop.store, workshop.root)
    assert "version 3 is live there" in said
    kept = read_requests(folder / "3/warmup.json", model.document.inputs)
    assert kept["p"].tolist() == [0.5]
    assert ServingFolder(str(folder)).versions() == [2, 3]


def test_a_check_of_another_model_lets_nothing_through(workshop: Workshop) -> None:
    model, other = workshop.echo("p"), workshop.echo("p", add=1.0)
    check = workshop.make(
        ServingCheck, lambda made: made.write(True, [], fingerprint=other.fingerprint, cost={}, requests=0)
    )
    with pytest.raises(ComponentError, match="checked= is on"):
        workshop.call(push, model, blessing_of(workshop, model), to="serving/flights", checked=check)


def test_a_closed_check_lets_nothing_through_whoever_calls(workshop: Workshop) -> None:
    model = workshop.echo("p")
    check = workshop.make(
        ServingCheck, lambda made: made.write(False, ["dies"], fingerprint=model.fingerprint, cost={}, requests=0)
    )
    with pytest.raises(ComponentError, match="a serving check that is closed: dies"):
        workshop.call(push, model, blessing_of(workshop, model), to="serving/flights", checked=check)
