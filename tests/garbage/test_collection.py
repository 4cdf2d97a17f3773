"""Collecting garbage: what goes, what stays, and what happens beside runs that go on."""

# ruff: noqa: F811  (fixtures)
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from levada.errors import StoreError
from levada.garbage import Collection, Policy, collect
from levada.lease import End, begin, end, give_up, take
from levada.node import run_node
from levada.plan import Plan
from levada.registry import Registry, Release, Version
from levada.result import Result
from levada.store import Store
from levada.verification import verify
from tests.arithmetic import add, make
from tests.inline import begin as prepare
from tests.inline import plan_of
from tests.stores import again, s3_address, store  # noqa: F401

NOW = Policy(keep_runs=1, keep_days=0, grace=0)


def sums(n: float = 1) -> None:
    a = make(n=n)
    add(a, a)


def run_id(number: int) -> str:
    return f"20260101-0000{number:02d}-abcd"


def ran(
    store: Store, number: int, plan: Plan, days: float = 0, ended: bool = True, **options: Any
) -> dict[str, Result]:
    """Run a plan as the run of a number, begun so many days ago; without Beam."""
    name = run_id(number)
    moment = datetime.fromtimestamp(time.time() - days * 86400 - 100 + number, UTC).isoformat(timespec="milliseconds")
    take(store, name)
    prepare(plan, store, name, **options)
    begin(store, name, {"run": name, "time": moment, "pipeline": plan.pipeline, "project": ""})
    results = {node.id: run_node(plan, node.id, name, store) for node in plan.nodes}
    if ended:
        finish(store, number)
    return results


def finish(store: Store, number: int) -> None:
    end(store, run_id(number), End("finished", 0, 1.0, ""))
    give_up(store, run_id(number))


def runs(store: Store) -> list[str]:
    return [key.rsplit("/", 1)[1] for key in store.list("runs")]


def attempts(store: Store) -> set[str]:
    return {"/".join(item.key.split("/")[:4]) for item in store.walk("artifacts")}


def kinds(found: Collection) -> dict[str, int]:
    return {heap.kind: len(heap.sizes) for heap in found.heaps if heap.sizes}


def test_only_what_is_asked_for_is_removed(store: Store) -> None:
    """Without `delete` everything stays, and is told of."""
    for number in (1, 2):
        ran(store, number, plan_of(sums, n=number))
    before = sorted(item.key for item in store.walk())
    found = collect(store, NOW)
    assert kinds(found) == {"runs": 1, "cache entries": 2, "artifacts": 2}
    assert found.runs == [run_id(1)]
    assert found.size > 0
    assert sorted(item.key for item in store.walk()) == before


def test_a_dropped_run_takes_along_what_only_it_needs(store: Store) -> None:
    """Its record, its artifacts, the way to them; a later run makes them anew, and all that stays is whole."""
    ran(store, 1, plan_of(sums, n=1))
    kept = ran(store, 2, plan_of(sums, n=2))
    collect(store, NOW, delete=True)
    assert runs(store) == [run_id(2)]
    assert len(attempts(store)) == 2
    assert verify(store).is_intact
    assert ran(store, 3, plan_of(sums, n=2))["add"].status == "cached"
    assert ran(store, 4, plan_of(sums, n=1))["add"].status == "done"
    assert store.has(kept["add"].outputs["output"])
    assert not store.list("trash")


def test_what_a_kept_run_took_from_a_dropped_one_stays(store: Store) -> None:
    """The second run made nothing: it is led to the artifacts of the first, which is gone."""
    first = ran(store, 1, plan_of(sums))
    assert ran(store, 2, plan_of(sums))["add"].status == "cached"
    collect(store, NOW, delete=True)
    assert runs(store) == [run_id(2)]
    assert store.has(first["add"].outputs["output"])
    assert ran(store, 3, plan_of(sums))["add"].status == "cached"
    assert verify(store).is_intact


def test_the_last_runs_of_each_pipeline_and_the_young_stay(store: Store) -> None:
    """Both rules keep; neither drops what the other keeps."""
    for number, days in ((1, 30), (2, 20), (3, 2)):
        ran(store, number, plan_of(sums, name="one"), days=days)
    ran(store, 4, plan_of(sums, name="other"), days=40)
    collect(store, Policy(keep_runs=1, keep_days=7, grace=0), delete=True)
    assert runs(store) == [run_id(3), run_id(4)]
    ran(store, 5, plan_of(sums, name="one"), days=1)
    assert collect(store, Policy(keep_runs=1, keep_days=7, grace=0)).runs == []


def test_named_runs_and_pipelines_narrow_what_goes(store: Store) -> None:
    """A named run goes however young; other runs, and what lies about, stay."""
    for number in (1, 2, 3):
        ran(store, number, plan_of(sums, n=number, name="one" if number < 3 else "other"))
    store.write("runs/.plan.json.0123456789ab.tmp", b"")
    assert collect(store, Policy(runs=(run_id(2),))).runs == [run_id(2)]
    assert collect(store, Policy(keep_runs=0, keep_days=0, pipeline="other", grace=0)).runs == [run_id(3)]
    collect(store, Policy(runs=(run_id(2),)), delete=True)
    assert runs(store)[-2:] == [run_id(1), run_id(3)]
    assert len(attempts(store)) == 4
    with pytest.raises(StoreError, match="has no run nothing"):
        collect(store, Policy(runs=("nothing",)))


def test_nothing_of_a_run_that_goes_on_is_touched(store: Store) -> None:
    """Not its record, not an attempt that nobody has committed yet, not when it is asked for by name."""
    plan = plan_of(sums)
    ran(store, 1, plan, days=90, ended=False)
    store.write(f"artifacts/sums/make/{run_id(1)}-abcdef/output/half.bin", b"half")
    store.write(f"scratch/{run_id(1)}-abcdef/profile/part.json", b"{}")
    for policy in (Policy(keep_runs=0, keep_days=0, grace=0), Policy(runs=(run_id(1),), grace=0)):
        assert kinds(collect(store, policy, delete=True)) == {}
    assert store.read(f"artifacts/sums/make/{run_id(1)}-abcdef/output/half.bin") == b"half"
    finish(store, 1)
    found = collect(store, Policy(grace=0))
    assert kinds(found) == {"attempts that no run names": 1, "temporary files": 1}


def test_leftovers_go_when_they_are_old_enough(store: Store) -> None:
    """Within the grace period nothing is judged: somebody may be about to name it."""
    ran(store, 1, plan_of(sums))
    store.write(f"artifacts/sums/make/{run_id(1)}-abcdef/output/half.bin", b"half")
    store.write("files/0123/schema.pbtxt", b"")
    store.write("code/4567.zip", b"")
    store.write("delivery/mlflow/x/20250101-000000-abcd.json", b"{}")
    store.write("probe-01234567", b"")
    assert kinds(collect(store, Policy())) == {}
    found = collect(store, Policy(grace=0), delete=True)
    assert kinds(found) == {
        "attempts that no run names": 1,
        "project files": 1,
        "copies of code": 1,
        "delivery records": 1,
        "temporary files": 1,
    }
    assert kinds(collect(store, Policy(grace=0))) == {}
    assert verify(store).is_intact


def test_what_an_attempt_left_to_go_on_with_stays_as_long_as_a_run(store: Store) -> None:
    ran(store, 1, plan_of(sums))
    store.write("kept/sums/make/0123/training/epoch-00001.checkpoint", b"state")
    assert kinds(collect(store, Policy(grace=0, keep_days=1))) == {}
    assert kinds(collect(store, Policy(grace=0, keep_days=0), delete=True)) == {"temporary files": 1}
    assert verify(store).is_intact


# -- the registry ---------------------------------------------------------------------------------------


def register(store: Store, result: Result, number: int | None, fingerprint: str = "f1") -> None:
    record = result.outputs["output"].to_json()
    registry = Registry(store)
    registry.propose("model", fingerprint, {"model": "model", "fingerprint": fingerprint, "record": record})
    if number is not None:
        registry.number(Version("model", fingerprint, number, ""))


def test_a_registered_version_keeps_all_that_it_was_made_from(store: Store) -> None:
    """The run that made it stays whole, though it is old: what it read and what it wrote."""
    old = ran(store, 1, plan_of(sums, n=1), days=400)
    register(store, old["add"], 1)
    for number in (2, 3):
        ran(store, number, plan_of(sums, n=number), days=300)
    collect(store, NOW, delete=True)
    assert runs(store) == [run_id(1), run_id(3)]
    assert all(store.has(result.outputs["output"]) for result in old.values())


def test_a_candidate_without_a_number_goes_with_its_run(store: Store) -> None:
    """As long as the run is there it may still be numbered."""
    register(store, ran(store, 1, plan_of(sums, n=1))["add"], None)
    collect(store, NOW, delete=True)
    assert Registry(store).candidate("model", "f1") is not None
    ran(store, 2, plan_of(sums, n=2))
    collect(store, NOW, delete=True)
    assert runs(store) == [run_id(2)]
    assert Registry(store).candidate("model", "f1") is None


def test_promotions_keep_the_champion_and_what_it_challenged(store: Store) -> None:
    """Also where the versions themselves are no longer known."""
    first, second = (ran(store, number, plan_of(sums, n=number), days=300) for number in (1, 2))
    champion, challenged = second["add"].outputs["output"], first["add"].outputs["output"]
    Registry(store).promote(Release(Version("model", "f2", 2, ""), champion, challenged, "better", run_id(2)), "")
    ran(store, 3, plan_of(sums, n=3))
    collect(store, NOW, delete=True)
    assert store.has(champion) and store.has(challenged)
    assert runs(store) == [run_id(1), run_id(2), run_id(3)]


def test_a_run_that_mlflow_does_not_know_stays(store: Store) -> None:
    """It could not be told any more."""
    for number in (1, 2):
        ran(store, number, plan_of(sums, n=number), days=90)
    found = collect(store, Policy(keep_runs=1, keep_days=0, grace=0, untold=frozenset({run_id(1)})))
    assert found.runs == []
    assert found.kept == {"not yet told to MLflow": 1, "among the last of their pipeline": 1}


def test_mlflow_keeps_its_own_names_of_a_file(tmp_path: Path) -> None:
    """A hard link is a file of its own to MLflow; the bytes are not counted as freed."""
    store = Store(tmp_path / "store")
    model = ran(store, 1, plan_of(sums, n=1))["add"].outputs["output"]
    link = tmp_path / "store" / "mlflow" / "artifacts" / "number.json"
    link.parent.mkdir(parents=True)
    os.link(Path(store.address(model.uri)) / "number.json", link)
    ran(store, 2, plan_of(sums, n=2))
    found = collect(store, NOW, delete=True)
    assert not store.has(model)
    assert json.loads(link.read_text()) == 2
    assert next(heap for heap in found.heaps if heap.kind == "artifacts").shared == link.stat().st_size


# -- beside runs that go on -----------------------------------------------------------------------------


def test_a_run_that_takes_a_hit_while_it_is_collected_keeps_it(store: Store) -> None:
    """It looked before the way was taken out of sight, and ends before anything goes."""
    first = ran(store, 1, plan_of(sums, n=1))
    ran(store, 2, plan_of(sums, n=2))

    def step(name: str) -> None:
        if name == "out of sight":
            assert ran(again(store), 3, plan_of(sums, n=1))["add"].status == "cached"

    collect(store, NOW, delete=True, step=step)
    assert run_id(3) in runs(store)
    assert store.has(first["add"].outputs["output"])
    assert verify(store).is_intact


def test_artifacts_wait_for_runs_that_may_have_seen_them(store: Store) -> None:
    """They are out of sight for later runs, and go when those that were open then have ended, whoever came since."""
    first = ran(store, 1, plan_of(sums, n=1))
    ran(store, 2, plan_of(sums, n=2))
    ran(store, 3, plan_of(sums, n=3), ended=False)
    artifact = first["add"].outputs["output"]
    found = collect(store, Policy(runs=(run_id(1),), grace=0), delete=True)
    assert set(map(tuple, found.waiting.values())) == {(run_id(3),)}
    assert store.has(artifact)
    ran(store, 4, plan_of(sums, n=4), ended=False)
    finish(store, 3)
    found = collect(store, Policy(grace=0), delete=True)
    assert found.waiting == {}
    assert not store.has(artifact)
    assert verify(store).is_intact


def test_a_file_that_a_beginning_run_wants_is_put_back(store: Store) -> None:
    """It holds its lease; what it has seen it finds again."""
    ran(store, 1, plan_of(sums))
    store.write("files/0123/schema.pbtxt", b"text")
    store.write("code/4567.zip", b"zip")

    def step(name: str) -> None:
        if name == "who was there":
            assert store.read("files/0123/schema.pbtxt") is None
            take(again(store), run_id(9))  # and is still beginning when the collection is over

    found = collect(store, Policy(grace=0), delete=True, step=step)
    assert kinds(found) == {}
    assert store.read("files/0123/schema.pbtxt") == b"text"
    assert store.read("code/4567.zip") == b"zip"


@pytest.mark.parametrize("where", ["out of sight", "who was there", "away"])
def test_a_collection_that_is_cut_off_leaves_nothing_half_believed(store: Store, where: str) -> None:
    """What stays is whole, nobody finds a way to what is gone, and the next collection does the rest."""
    for number in (1, 2):
        ran(store, number, plan_of(sums, n=number))
    store.write("files/0123/schema.pbtxt", b"text")

    class CutOff(BaseException):
        pass

    def step(name: str) -> None:
        if name == where:
            raise CutOff

    with pytest.raises(CutOff):
        collect(store, NOW, delete=True, step=step)
    report = verify(store)
    assert [finding for finding in report.findings if "files/0123" not in finding.address] == []
    assert ran(again(store), 3, plan_of(sums, n=1))["add"].status in ("cached", "done")
    collect(store, Policy(keep_runs=2, keep_days=0, grace=0), delete=True)
    assert verify(store).is_intact
    assert not store.list("trash")
    assert run_id(1) not in runs(store)


def test_two_collections_do_not_meet(store: Store) -> None:
    """The second is told who holds the first; one whose process is gone holds nothing."""
    ran(store, 1, plan_of(sums))

    def step(name: str) -> None:
        if name == "away":
            with pytest.raises(StoreError, match="another process collects garbage"):
                collect(again(store), Policy(grace=0), delete=True)

    collect(store, Policy(grace=0), delete=True, step=step)
    if store.local is not None:
        code = (
            "import os, sys; from levada.store import Store; from levada.garbage import collect, Policy\n"
            "collect(Store(sys.argv[1]), Policy(), True, lambda name: os._exit(9))"
        )
        assert subprocess.run([sys.executable, "-c", code, store.uri], check=False).returncode == 9
        assert store.exists("gc/lock.json")
        collect(store, Policy(grace=0), delete=True)
        assert not store.exists("gc/lock.json")


def test_what_cannot_be_read_stops_a_collection(store: Store) -> None:
    """A run whose record is damaged may need anything."""
    for number in (1, 2):
        ran(store, number, plan_of(sums, n=number))
    key = f"runs/{run_id(2)}/nodes/add.json"
    content = store.read(key) or b""
    Store.__mro__[1].write(store, key, content.replace(b'"done"', b'"gone"'))
    with pytest.raises(StoreError, match=r"nothing was removed, since .*add\.json is not what was written"):
        collect(store, NOW, delete=True)
    assert runs(store) == [run_id(1), run_id(2)]


def test_trials_that_studies_left_go_when_they_are_old(store: Store) -> None:
    ran(store, 1, plan_of(sums))
    store.write("studies/sums/tune/0123456789abcdef/attempt.jsonl", b"{}\n")
    assert store.exists("studies/sums/tune/0123456789abcdef/attempt.jsonl")
    young = collect(store, Policy(keep_runs=1, keep_days=7, grace=0))
    old = collect(store, NOW)
    assert [heap.kind for heap in young.heaps if "studies" in heap.kind] == []
    (heap,) = [heap for heap in old.heaps if heap.kind == "trials of studies"]
    assert list(heap.sizes) == ["studies/sums/tune/0123456789abcdef/attempt.jsonl"]
