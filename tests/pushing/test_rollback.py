"""Going back: one command, the pointer first, and registry and folder in step whatever happened before."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from levada.artifacts.pushed import ServingFolder
from levada.errors import ComponentError, ParameterError, RegistryError, SignatureError, StoreError
from levada.history.live import stretches
from levada.models import load_predictor
from levada.pushing.by_hand import Done, push_by_hand, roll_back, step_back
from levada.registry import Request
from tests.pushing.shelf import NAME, Shelf

pytest.importorskip("onnxruntime")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def back(shelf: Shelf, to: int | None = None, reason: str = "AUC fell at noon") -> Done:
    return roll_back(shelf.store, step_back(shelf.store, NAME, to, root=shelf.root), reason, root=shelf.root)


def test_a_rollback_makes_the_version_before_live_again_and_says_who_and_why(shelf: Shelf) -> None:
    shelf.push(1)
    shelf.push(2)
    placed = (shelf.path / "1/model.onnx").stat().st_mtime_ns

    done = back(shelf)

    assert shelf.pointer()["version"] == 1 and shelf.pointer()["before"] == 2
    assert (shelf.path / "1/model.onnx").stat().st_mtime_ns == placed  # nothing was copied
    assert not done.failed and not done.moved[str(shelf.path)].placed
    last = shelf.registry.champion(NAME)
    assert last is not None
    assert (last.version, last.before, last.release.kind, last.release.run, last.release.reason) == (
        1,
        2,
        "rollback",
        "",
        "AUC fell at noon",
    )
    assert "@" in last.release.actor


def test_a_run_does_not_bring_back_what_a_person_took_back(shelf: Shelf) -> None:
    """A schedule would, within the hour: the push of that version does not hold any more."""
    shelf.push(1)
    shelf.push(2)
    back(shelf)
    with pytest.raises(ComponentError, match=r"version 2 of flights was taken back by .+@.+ on .+: AUC fell at noon"):
        shelf.push(2)
    assert shelf.pointer()["version"] == 1
    shelf.push(3)  # another goes on
    with pytest.raises(ComponentError, match="was taken back"):
        shelf.push(2)
    back(shelf, to=2)
    shelf.push(2)
    assert shelf.pointer()["version"] == 2


def test_a_second_rollback_goes_further_back_and_to_takes_one_back(shelf: Shelf) -> None:
    for number in (1, 2, 3):
        shelf.push(number)
    back(shelf)
    back(shelf)
    assert shelf.lived == [1, 2, 3, 2, 1]
    with pytest.raises(RegistryError, match="no version before version 1 of flights") as caught:
        back(shelf)
    assert "--to VERSION" in caught.value.hint
    back(shelf, to=3)
    assert shelf.pointer()["version"] == 3
    back(shelf)  # what came after version 1 was undone, so 3 stands upon 1 now
    assert shelf.lived == [1, 2, 3, 2, 1, 3, 1]


def test_a_version_that_is_gone_or_damaged_in_the_folder_comes_from_the_store(shelf: Shelf) -> None:
    for number in (1, 2, 3):
        shelf.push(number)
    shutil.rmtree(shelf.path / "2")
    step = step_back(shelf.store, NAME, root=shelf.root)
    assert step.whole == {str(shelf.path): False}
    assert roll_back(shelf.store, step, "", root=shelf.root).moved[str(shelf.path)].placed
    file = shelf.path / "1/model.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"\0")  # of the same size
    back(shelf)
    assert load_predictor(shelf.path / "1").predict({"p": _column(0.5)})["probability"].tolist() == [1.5]


def test_without_a_version_before_and_for_unknown_names_it_says_so_and_changes_nothing(shelf: Shelf) -> None:
    with pytest.raises(RegistryError, match="the store has no model 'flights'"):
        back(shelf)
    shelf.version(1)
    with pytest.raises(RegistryError, match="nothing of flights was ever live"):
        back(shelf)
    shelf.push(1)
    with pytest.raises(RegistryError, match="no version before version 1 of flights"):
        back(shelf)
    shelf.version(2)
    with pytest.raises(RegistryError, match=r"version 2 of flights was never live.*\(live were 1\)") as caught:
        back(shelf, to=2)
    assert "levada push flights 2 --to FOLDER" in caught.value.hint
    with pytest.raises(RegistryError, match="flights has no version 7"):
        back(shelf, to=7)
    with pytest.raises(RegistryError, match="version 1 of flights is live already"):
        back(shelf, to=1)
    with pytest.raises(RegistryError, match="no model 'flight'") as caught:
        step_back(shelf.store, "flight")
    assert "Did you mean flights?" in caught.value.hint
    assert shelf.lived == [1]


def test_a_dry_run_changes_nothing(shelf: Shelf) -> None:
    shelf.push(1)
    shelf.push(2)
    before = {file: file.read_bytes() for file in shelf.path.rglob("*") if file.is_file()}
    step = step_back(shelf.store, NAME, root=shelf.root)
    assert (step.target.version, step.champion.version, step.whole) == (1, 2, {str(shelf.path): True})
    assert {file: file.read_bytes() for file in shelf.path.rglob("*") if file.is_file()} == before
    assert shelf.lived == [1, 2]


def test_every_folder_that_serves_the_champion_goes_back(shelf: Shelf) -> None:
    for number in (1, 2):
        shelf.push(number)
        shelf.push(number, to="serving/second")
    shelf.push(1, to="serving/old")
    shelf.push(2)
    done = back(shelf)
    assert [pointer.version for to in (shelf.to, "serving/second") if (pointer := shelf.live(to))] == [1, 1]
    assert set(done.moved) >= {str(shelf.path), str(shelf.root / "serving/second")}


def test_models_config_names_the_version_that_is_live(shelf: Shelf) -> None:
    """TensorFlow Serving would take the highest number."""
    from google.protobuf import text_format

    shelf.version(1, model=shelf.saved(1))
    shelf.version(2, model=shelf.saved(2))
    shelf.push(1)
    shelf.push(2)
    back(shelf)
    text = (shelf.path / "models.config").read_text()
    config = server_config()
    text_format.Parse(text, config)
    (one,) = config.model_config_list.config
    assert (one.name, one.base_path, one.model_platform) == ("flights", str(shelf.path), "tensorflow")
    assert list(one.model_version_policy.specific.versions) == [1]
    shelf.push(3)  # an ONNX model, which TensorFlow Serving cannot serve
    assert not (shelf.path / "models.config").exists()


def test_what_was_live_when_is_told_with_who_and_why(shelf: Shelf) -> None:
    shelf.push(1)
    shelf.push(2)
    between = datetime.now(UTC)
    back(shelf)
    one, two, three = stretches(shelf.store, NAME)
    assert [(item.version, item.kind, item.before) for item in (one, two, three)] == [
        (1, "push", None),
        (2, "push", 1),
        (1, "rollback", 2),
    ]
    assert one.until == two.since and three.until is None
    assert (two.reason, three.reason) == ("auc 0.2 is at least 0.1", "AUC fell at noon")
    assert [item.version for item in (one, two, three) if item.has(between)] == [2]


def server_config() -> Any:
    """Return an empty `ModelServerConfig`, as TensorFlow Serving's model_server_config.proto has it."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    fields = {
        "Specific": [("versions", 1, "int64*")],
        "Policy": [("specific", 102, "Specific")],
        "ModelConfig": [
            ("name", 1, "string"),
            ("base_path", 2, "string"),
            ("model_platform", 4, "string"),
            ("model_version_policy", 7, "Policy"),
        ],
        "ModelConfigList": [("config", 1, "ModelConfig*")],
        "ModelServerConfig": [("model_config_list", 1, "ModelConfigList")],
    }
    file = descriptor_pb2.FileDescriptorProto(name="config.proto", package="serving", syntax="proto3")
    for name, described in fields.items():
        message = file.message_type.add(name=name)
        for field, number, kind in described:
            plain = kind.rstrip("*")
            made = message.field.add(name=field, number=number, label=3 if kind.endswith("*") else 1)
            if plain in fields:
                made.type, made.type_name = made.TYPE_MESSAGE, f".serving.{plain}"
            else:
                made.type = made.TYPE_INT64 if plain == "int64" else made.TYPE_STRING
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("serving.ModelServerConfig"))()


# -- pushes by hand ---------------------------------------------------------------------------------


def by_hand(shelf: Shelf, number: int, **options: object) -> Done:
    return push_by_hand(shelf.store, NAME, number, str(shelf.path), root=shelf.root, **options)  # type: ignore[arg-type]


def test_a_push_by_hand_goes_through_the_gate_that_is_on_record(shelf: Shelf) -> None:
    shelf.push(1)
    shelf.version(2, blessed=False)
    with pytest.raises(
        RegistryError, match=r"version 2 of flights did not pass its gate: auc 0\.2 is at least"
    ) as caught:
        by_hand(shelf, 2)
    assert "No version is pushed past its gate" in caught.value.hint
    third = shelf.version(3)
    shelf.registry.ask_approval(NAME, third.fingerprint, "Ana", "good enough?", "run-1")
    with pytest.raises(RegistryError, match="version 3 of flights waits for approval by Ana"):
        by_hand(shelf, 3)
    shelf.registry.decide(NAME, third.fingerprint, {"state": "refused", "by": "Ana", "why": "too slow"})
    with pytest.raises(RegistryError, match="version 3 of flights was refused by Ana: too slow"):
        by_hand(shelf, 3)
    with pytest.raises(RegistryError, match="flights has no version 9"):
        by_hand(shelf, 9)
    assert shelf.lived == [1] and shelf.pointer()["version"] == 1
    shelf.version(4)
    by_hand(shelf, 4, reason="for the fair")
    last = shelf.registry.champion(NAME)
    assert last is not None
    assert (last.version, last.release.kind, last.release.reason) == (
        4,
        "push",
        "for the fair; auc 0.4 is at least 0.1",
    )
    assert shelf.pointer()["version"] == 4 and "@" in last.release.actor


def test_an_approved_version_is_pushed_by_hand_on_that_word(shelf: Shelf) -> None:
    model = shelf.version(1)
    shelf.registry.ask_approval(NAME, model.fingerprint, "", "", "run-1")
    assert isinstance(shelf.registry.approvals_asked(NAME)[0], Request)
    shelf.registry.decide(NAME, model.fingerprint, {"state": "approved", "by": "Ana", "why": ""})
    by_hand(shelf, 1)
    last = shelf.registry.champion(NAME)
    assert last is not None and last.release.reason.startswith("approved by Ana; ")


# -- retention --------------------------------------------------------------------------------------


def test_a_folder_keeps_the_versions_that_were_live_last_and_what_is_not_ours(shelf: Shelf) -> None:
    (shelf.path / "77").mkdir(parents=True)
    (shelf.path / "77/theirs").write_text("")
    for number in (1, 2, 3, 4):
        shelf.push(number)
    shelf.push(5, keep=2)
    assert shelf.folder.versions() == [4, 5, 77]
    assert shelf.line == "serving/flights/5 · removed 1, 2, 3"
    with pytest.raises(ParameterError, match=r"push\(keep=1\) would leave no version to go back to"):
        shelf.push(6, keep=1)
    back(shelf)
    back(shelf)  # to 3, which was removed
    assert shelf.pointer()["version"] == 3 and shelf.folder.versions() == [3, 4, 5, 77]
    shelf.push(6, keep=2)
    assert shelf.folder.versions() == [3, 6, 77]  # what a rollback would go back to stays


# -- folders that cannot be taken -------------------------------------------------------------------


def test_a_folder_of_another_model_or_with_foreign_files_is_refused(shelf: Shelf) -> None:
    shelf.push(1)
    pointer = shelf.path / "levada.json"
    pointer.write_text(pointer.read_text().replace('"flights"', '"digits"'))
    with pytest.raises(ComponentError, match="serves digits, so flights cannot be pushed there"):
        shelf.push(2)
    (shelf.root / "data").mkdir()
    (shelf.root / "data/rows.csv").write_text("")
    with pytest.raises(ComponentError, match=r"data holds what no push brought there: rows\.csv"):
        shelf.push(2, to="data")
    (shelf.root / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write the serving folder .*file: (File exists|Not a directory)"):
        shelf.push(2, to="file")
    assert shelf.lived == [1]


def test_a_version_number_that_lies_there_with_other_content_stays_as_it_is(shelf: Shelf) -> None:
    shelf.push(1)
    shelf.version(2)
    theirs = ServingFolder(str(shelf.path))
    theirs.store.write("2/model.onnx", b"theirs")
    with pytest.raises(ComponentError, match="already holds another model than version 2"):
        by_hand(shelf, 2)
    assert (shelf.path / "2/model.onnx").read_bytes() == b"theirs" and shelf.lived == [1]


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.sig", "{}"), ("model.json", "{"), ("model.json", "[]"), ("model.json", ""), ("theirs", "more")],
)
def test_whatever_is_damaged_there_is_no_reason_not_to_go_back(shelf: Shelf, name: str, content: str) -> None:
    shelf.push(1)
    shelf.push(2)
    (shelf.path / "1" / name).write_text(content)
    with pytest.raises(SignatureError):
        load_predictor(shelf.path / "1")
    assert back(shelf).moved[str(shelf.path)].placed
    load_predictor(shelf.path / "1")


def test_what_went_live_after_a_rollback_was_decided_is_not_taken_back(shelf: Shelf) -> None:
    shelf.push(1)
    shelf.push(2)
    step = step_back(shelf.store, NAME, root=shelf.root)
    shelf.push(3)
    with pytest.raises(RegistryError, match="version 3 of flights has gone live meanwhile, by run run-1"):
        roll_back(shelf.store, step, "2 is bad", root=shelf.root)
    assert shelf.lived == [1, 2, 3] and shelf.pointer()["version"] == 3


def test_a_version_that_somebody_moved_and_linked_is_removed_as_a_link_and_its_files_stay(shelf: Shelf) -> None:
    for number in (1, 2, 3):
        shelf.push(number)
    (shelf.path / "1").rename(shelf.root / "moved")
    (shelf.path / "1").symlink_to(shelf.root / "moved")
    shelf.push(4, keep=2)
    assert shelf.folder.versions() == [3, 4] and (shelf.root / "moved/model.onnx").exists()
    shelf.push(5)


def test_a_folder_whose_pointer_was_removed_is_pushed_to_again(shelf: Shelf) -> None:
    """A damaged pointer's error says to do that."""
    shelf.version(1, model=shelf.saved(1))
    shelf.push(1)
    (shelf.path / "levada.json").unlink()
    shelf.push(1)
    assert shelf.pointer()["version"] == 1 and shelf.out_of_step() == []


def _column(value: float) -> object:
    import numpy as np

    return np.array([value], dtype="float32")
