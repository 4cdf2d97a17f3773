"""Verifying a store: each kind of damage is found, named, and traced to who made it."""

# ruff: noqa: F811  (fixtures)
from __future__ import annotations

import json
import os
import random
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from levada.artifacts import Examples, Model
from levada.artifacts.pushed import Pointer, ServingFolder
from levada.component import component
from levada.context import Context
from levada.errors import StoreError
from levada.node import run_node
from levada.registry import Registry, Release, Version
from levada.result import Result
from levada.signing import policy_of, sign
from levada.store import Store
from levada.store.objects import Objects
from levada.verification import verify
from tests.arithmetic import Number, add, make
from tests.inline import begin, plan_of, run_nodes
from tests.stores import again, s3_address, store  # noqa: F401

RUN = "20260101-000001-abcd"


def sums(n: float = 1) -> None:
    a = make(n=n)
    add(a, a)


def damage(store: Store, key: str, content: bytes) -> None:
    """Write past the store's own seals."""
    Objects.write(store, key, content)


def flip(store: Store, key: str, dice: random.Random) -> bytes:
    """Change one byte; return what was there."""
    before = store.read(key)
    assert before
    place = dice.randrange(len(before))
    damage(store, key, before[:place] + bytes([before[place] ^ dice.randrange(1, 256)]) + before[place + 1 :])
    return before


def test_an_untouched_store_is_as_it_was_made(store: Store) -> None:
    """Counts say what was read."""
    run_nodes(plan_of(sums), store, RUN)
    report = verify(again(store))
    assert report.is_intact
    assert (report.artifacts, report.files) == (2, 2)
    assert report.documents >= 5
    assert report.size == sum(item.size for item in store.walk("artifacts"))


def test_damage_is_traced_to_its_maker(store: Store) -> None:
    """Which file, what was wanted, what is there, who made it and what makes it again."""
    result = run_nodes(plan_of(sums), store, RUN)["add"]
    key = (store.key_of(result.outputs["output"].uri) or "") + "/number.json"
    (before,) = (store.read(key),)
    for kind, content, said in (
        ("size", b"200", "has 3 bytes instead of 1 byte"),
        ("content", b"7", "has the sha256 .* instead of"),
        ("missing", None, "is missing"),
    ):
        store.delete(key) if content is None else store.write(key, content)
        (finding,) = verify(again(store)).findings
        assert (finding.kind, finding.run, finding.node, finding.pipeline) == (kind, RUN, "add", "sums")
        assert finding.command == "levada run sums --fresh add" and not finding.remedy
        assert finding.address == store.uri_of(key)
        assert re.search(said, finding.said)
    store.write(key, before or b"")
    store.write(key.replace("number", "another"), b"{}")
    (finding,) = verify(again(store)).findings
    assert (finding.kind, finding.node) == ("added", "add")
    assert finding.said.endswith("is a file that no node made.")
    assert (finding.command, finding.remedy) == ("", "Remove it, if nobody needs it.")


def test_a_damaged_file_is_put_back_from_a_copy_that_is_whole(store: Store) -> None:
    """What a node makes again is one, if it is the same; a copy that is damaged itself is none."""
    plan = plan_of(sums)
    first = run_nodes(plan, store, RUN)["add"]
    key = (store.key_of(first.outputs["output"].uri) or "") + "/number.json"
    kept = store.read(key)
    for number, content in enumerate((b"7", b"longer", None)):
        later = f"2026010{number + 2}-000000-abcd"
        store.delete(key) if content is None else store.write(key, content)
        (finding,) = verify(again(store), mend=True).findings
        assert finding.command == "levada run sums --fresh add"  # no other has these bytes
        begin(plan, store, later, fresh=("add",))
        second = {node.id: run_node(plan, node.id, later, store) for node in plan.nodes}["add"]
        copy = (store.key_of(second.outputs["output"].uri) or "") + "/number.json"
        (finding,) = verify(again(store), RUN).findings
        assert finding.command == f"levada verify {RUN} --mend"
        store.write(copy, b"8")
        assert len(verify(again(store), mend=True).findings) == 2
        store.write(copy, kept or b"")
        report = verify(again(store), mend=True)
        assert report.is_intact and len(report.mended) == 1 and store.uri_of(copy) in report.mended[0]
        assert store.read(key) == kept
        store.delete(f"runs/{later}")
        store.delete(copy)
        store.delete(f"cache/{first.key[:2]}/{first.key}.json")


def test_what_is_put_back_is_whole_under_its_other_names_too(tmp_path: Path) -> None:
    """MLflow's copy of a model is a hard link."""
    store, plan = Store(tmp_path / "store"), plan_of(sums)
    file = Path(store.address(run_nodes(plan, store, RUN)["add"].outputs["output"].uri)) / "number.json"
    begin(plan, store, "20260101-000002-abcd", fresh=("add",))
    for node in plan.nodes:
        run_node(plan, node.id, "20260101-000002-abcd", store)
    (tmp_path / "linked.json").hardlink_to(file)
    file.write_text("2000")
    assert verify(store, mend=True).is_intact
    assert (tmp_path / "linked.json").read_text() == file.read_text() == "2"


@component
def throw(ctx: Context) -> Number:
    """Make another number each time."""
    out = ctx.output(Number)
    (out.path / "number.json").write_text(str(random.random()))
    return out


def thrown() -> None:
    throw()


def test_what_was_made_again_otherwise_is_not_advised_once_more(tmp_path: Path) -> None:
    """Nothing takes the damaged one any more: it goes with its run."""
    store, plan = Store(tmp_path), plan_of(thrown)
    first = run_nodes(plan, store, RUN)["throw"]
    (Path(store.address(first.outputs["output"].uri)) / "number.json").write_text("7")
    begin(plan, store, "20260101-000002-abcd", fresh=("throw",))
    run_node(plan, "throw", "20260101-000002-abcd", store)
    (finding,) = verify(store).findings
    assert finding.command == ""
    assert finding.remedy.startswith("Run 20260101-000002-abcd made it again, and not the same")
    assert f"levada gc --runs {RUN} --delete" in finding.remedy


def test_every_flipped_byte_is_found(store: Store) -> None:
    """In artifacts and in the documents of runs and cache; twenty of them, anywhere."""
    run_nodes(plan_of(sums), store, RUN)
    dice = random.Random(7)
    keys = sorted(item.key for item in store.walk() if item.key.endswith(".json") and not item.key.startswith("open"))
    for _ in range(20):
        key = dice.choice(keys)
        before = flip(store, key, dice)
        report = verify(again(store))
        assert any(finding.address == store.uri_of(key) for finding in report.findings), key
        damage(store, key, before)
    assert verify(again(store)).is_intact


def test_a_target_narrows_what_is_read(store: Store) -> None:
    """A run, an artifact's folder, one file of it; what is not there is said to be so."""
    first = run_nodes(plan_of(sums, n=1), store, RUN)["add"]
    second = run_nodes(plan_of(sums, n=2), store, "20260101-000002-abcd")["add"]
    broken = store.key_of(first.outputs["output"].uri) or ""
    whole = store.key_of(second.outputs["output"].uri) or ""
    store.write(f"{broken}/number.json", b"x")
    assert not verify(store, RUN).is_intact
    assert verify(store, "20260101-000002-abcd").is_intact
    assert not verify(store, broken).is_intact
    assert not verify(store, store.uri_of(f"{broken}/number.json")).is_intact
    assert (verify(store, whole).artifacts, verify(store, whole).is_intact) == (1, True)
    with pytest.raises(StoreError, match="there is no run '20260101-000009-abcd'"):
        verify(store, "20260101-000009-abcd")
    with pytest.raises(StoreError, match="has no artifacts/others"):
        verify(store, "artifacts/others")
    with pytest.raises(StoreError, match="names no version"):
        verify(store, "models:/flights")
    with pytest.raises(StoreError, match="has no version 3 of flights"):
        verify(store, "models:/flights/3")


def test_project_files_and_journals_are_read_too(store: Store) -> None:
    """A schema by the digest that is its name, a journal line by line."""
    run_nodes(plan_of(sums), store, RUN)
    store.write("files/0123/schema.pbtxt", b"text")
    (journal,) = store.list(f"runs/{RUN}/journal")
    damage(store, journal, (store.read(journal) or b"").replace(b'"kind"', b'"kin', 1))
    said = [finding.said for finding in verify(store).findings]
    assert any("schema.pbtxt was changed outside Levada" in text for text in said)
    assert any("line 1 is not an event" in text for text in said)


# -- before use -----------------------------------------------------------------------------------------


@component
def rows(ctx: Context) -> Examples:
    """Write a few rows."""
    import pyarrow as pa

    out = ctx.output(Examples)
    out.write("train", pa.table({"x": [1.0, 2.0, 3.0]}))
    return out


@component
def fit(ctx: Context, examples: Examples) -> Model:
    """Save what stands for a model."""
    out = ctx.output(Model)
    (out.path / "weights.bin").write_bytes(str(examples.table("train").to_pylist()).encode() * 100)
    return out


@component
def ask(ctx: Context, model: Model) -> None:
    """Read a model."""
    ctx.metric("bytes", len((model.path / "weights.bin").read_bytes()))


def trained() -> None:
    ask(fit(rows()))


@pytest.mark.parametrize(("maker", "user"), [("rows", "fit"), ("fit", "ask")])
def test_a_flip_in_a_model_or_its_inputs_is_noticed_before_use(store: Store, maker: str, user: str) -> None:
    """The node that would read it fails, and says what to type; the same file untouched is read once and for all."""
    plan = plan_of(trained)
    made = run_nodes(plan, store, RUN)[maker].outputs["output"]
    dice = random.Random(3)
    for turn in range(8):
        key = f"{store.key_of(made.uri)}/{dice.choice(made.files).path}"
        before = flip(store, key, dice)
        for copies in Path(tempfile.gettempdir()).glob("levada-fetched-*"):
            shutil.rmtree(copies)  # a copy that was fetched whole is as good as the artifact
        name = f"20260101-0001{turn:02d}-abcd"
        begin(plan, store, name, fresh=(user,))
        results: dict[str, Result] = {}
        for node in plan.nodes:
            results[node.id] = run_node(plan, node.id, name, store)
            if node.id == user:
                break
        failure = results[user].failure
        assert failure is not None and failure.type == "StoreError"
        assert f"levada run trained --fresh {maker}" in failure.message
        assert f"Node {maker} of run {RUN} made it" in failure.message
        damage(store, key, before)
    begin(plan, store, "20260101-000200-abcd", fresh=(user,))
    assert all(run_node(plan, node.id, "20260101-000200-abcd", store).ok for node in plan.nodes)


def test_sizes_are_enough_for_bulky_artifacts_where_a_project_says_so(tmp_path: Path) -> None:
    """Never for models."""
    plan = plan_of(trained)
    run_nodes(plan, Store(tmp_path), RUN)
    store = Store(tmp_path, verify="sizes")
    for node, kind in (("rows", Examples), ("fit", Model)):
        form = store.read_json(f"runs/{RUN}/nodes/{node}.json")
        record = Result.from_json(form).outputs["output"]
        flip(store, f"{store.key_of(record.uri)}/{record.files[0].path}", random.Random(1))
        if kind is Examples:
            assert store.fetch(record).is_dir()
        else:
            with pytest.raises(StoreError, match="was changed outside Levada"):
                store.fetch(record)


def test_a_file_that_was_added_is_noticed_before_use(tmp_path: Path) -> None:
    """Examples are read by a pattern of names: one more part would be read along."""
    store = Store(tmp_path)
    made = run_nodes(plan_of(trained), store, RUN)["rows"].outputs["output"]
    part = Path(store.address(made.uri)) / "train" / "part-00001.parquet"
    part.write_bytes((Path(store.address(made.uri)) / "train" / "part-00000.parquet").read_bytes())
    assert not store.has(made)
    with pytest.raises(StoreError, match=r"part-00001\.parquet .* is a file that no node made"):
        store.fetch(made)
    part.unlink()
    (Path(store.address(made.uri)) / ".DS_Store").write_bytes(b"the Finder was here")
    assert store.fetch(made).is_dir()


def test_a_file_is_read_again_only_when_it_was_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lay still is not hashed twice in a process; one whose times were set back is."""
    from levada.store import inspection

    path = tmp_path / "file"
    path.write_bytes(b"one")
    asked: list[Path] = []
    monkeypatch.setattr(inspection, "file_digest", lambda path: asked.append(path) or path.read_bytes().decode())
    monkeypatch.setattr(inspection, "RESTED", -1)
    assert [inspection.remembered_digest(path) for _ in range(3)] == ["one"] * 3
    assert len(asked) == 1
    times = path.stat()
    with path.open("r+b") as file:
        file.write(b"two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert inspection.remembered_digest(path) == "two"


# -- where models are served from -----------------------------------------------------------------------


@pytest.fixture
def served(tmp_path: Path) -> tuple[Store, ServingFolder, Result]:
    """A store, a folder that serves its only model, and what made the model."""
    from levada.models import ModelDocument, Tensor

    store = Store(tmp_path / "store")
    plan = plan_of(trained)
    begin(plan, store, RUN)
    run_node(plan, "rows", RUN, store)
    document = ModelDocument("onnx", "model.onnx", (Tensor("x", "float32"),), (Tensor("y", "float32"),), "f1", "none")

    staging = store.staging(f"artifacts/trained/fit/{RUN}-abcdef/output")
    (staging / "model.onnx").write_bytes(b"graph" * 50)
    document.write(staging)
    record = store.seal(
        f"artifacts/trained/fit/{RUN}-abcdef/output",
        staging,
        Model.type_reference(),
        {"fingerprint": "f1", "format": "onnx"},
        f"{RUN}/fit",
    )
    result = Result("fit", "done", key="k" * 64, attempt=f"{RUN}-abcdef", made_by=RUN, outputs={"output": record})
    store.write(f"runs/{RUN}/nodes/fit.json", json.dumps(result.to_json()).encode())
    registry = Registry(store)
    version = Version("flights", "f1", 1, "")
    registry.propose("flights", "f1", {"model": "flights", "fingerprint": "f1", "record": record.to_json()})
    registry.number(version)
    folder = ServingFolder(str(tmp_path / "serving"))
    registry.promote(Release(version, record, None, "first", RUN), folder.location)
    form = {"model": "flights", "version": 1, **document.to_json(), "files": [["model.onnx", 250]]}
    folder.store.write("1/model.json", json.dumps(form).encode())
    folder.store.write("1/model.onnx", b"graph" * 50)
    sign(tmp_path / "serving/1", policy_of())
    folder.point(Pointer("flights", 1, "f1", "", None))
    return store, folder, result


def test_a_served_model_is_held_against_the_registry(served: tuple[Store, ServingFolder, Result]) -> None:
    """Every file of it, its description, and the pointer to what is live."""
    store, folder, _ = served
    report = verify(store)
    assert (report.findings, report.served) == ([], 1)
    for key, content, said in (
        ("1/model.onnx", b"GRAPH" * 50, "model.onnx has the sha256"),
        ("1/model.onnx", b"graph", "model.onnx has 5 bytes instead of 250"),
        ("1/model.onnx", None, "model.onnx is missing"),
        ("1/model.json", b"{}", "says other than the model in the store"),
        ("1/added.bin", b"x", "is not part of models:/flights/1"),
        ("levada.json", None, "levada.json is missing: models:/flights/1 was live there"),
        ("levada.json", b"{", "levada.json is not JSON"),
        ("1", None, "1 is missing: it is live"),
    ):
        before = {item.key: folder.store.read(item.key) for item in folder.store.walk()}
        folder.store.delete(key) if content is None else folder.store.write(key, content)
        for target in ("", "models:/flights/1", "models:/flights@champion"):
            report = verify(store, target)
            assert [finding for finding in report.findings if said in finding.said], (said, report.findings)
            assert report.findings[0].versions == ("models:/flights/1",)
        folder.store.delete("1/added.bin")
        for name, old in before.items():
            folder.store.write(name, old or b"")
    assert verify(store).is_intact


def test_damage_to_a_registered_model_names_its_version(served: tuple[Store, ServingFolder, Result]) -> None:
    """And the version alone can be asked about."""
    store, _, result = served
    (Path(store.address(result.outputs["output"].uri)) / "model.onnx").write_bytes(b"GRAPH" * 50)
    for target in ("", "models:/flights/1"):
        (finding,) = verify(store, target).findings
        assert (finding.node, finding.versions) == ("fit", ("models:/flights/1",))
        assert finding.command == f"levada verify {target} --mend".replace("  ", " ")
    assert verify(store, "models:/flights/1", mend=True).is_intact  # from where it is served
    assert verify(store).is_intact
