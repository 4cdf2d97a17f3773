"""Candidates, version numbers and promotions, as the store keeps them; the champion as an input of a plan."""

# ruff: noqa: F811  (fixtures)
from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from levada.artifact import ArtifactRecord
from levada.errors import PlanError, RegistryError
from levada.externals import Resolution, external, resolve
from levada.plan import External
from levada.registry import Promotion, Registry, Release, Version
from levada.store import Store
from tests.arithmetic import Number, read
from tests.inline import plan_of
from tests.stores import s3_address, store  # noqa: F401


def record(fingerprint: str) -> ArtifactRecord:
    return ArtifactRecord(
        "python:tests.arithmetic:Number", "u", "digest of " + fingerprint, {"fingerprint": fingerprint}, ()
    )


def version(fingerprint: str, number: int) -> Version:
    return Version("flights", fingerprint, number, "sqlite:///x")


def promote(registry: Registry, fingerprint: str, number: int, challenged: str | None = None) -> Promotion:
    before = record(challenged) if challenged else None
    release = Release(version(fingerprint, number), record(fingerprint), before, "better", "run-1")
    promoted = registry.promote(release, "serving")
    assert promoted is not None
    return promoted


def test_a_candidate_gets_its_number_from_outside(store: Store) -> None:
    """A node proposes, whoever delivers the journal numbers, the node finds the number."""
    registry = Registry(store)
    assert registry.candidate("flights", "f1") is None
    assert registry.version("flights", "f1") is None
    registry.propose("flights", "f1", {"accuracy": 0.9})
    assert registry.candidate("flights", "f1") == {"accuracy": 0.9}
    registry.number(version("f1", 3))
    registry.number(version("f2", 1))
    assert registry.version("flights", "f1") == version("f1", 3)
    assert registry.versions("flights") == [version("f2", 1), version("f1", 3)]


def test_an_equal_model_that_is_evaluated_later_does_not_take_the_place_of_the_first(store: Store) -> None:
    """Lineage leads to the one that got the number and was pushed; one whose files are gone is replaced."""
    from levada.history.versions import Versions

    registry, made = Registry(store), {}
    for run in ("run-1", "run-2"):
        staging = store.staging(f"artifacts/x/train/{run}/output")
        (staging / "weights").write_text(run)
        made[run] = store.seal(
            f"artifacts/x/train/{run}/output",
            staging,
            "python:tests.arithmetic:Number",
            {"fingerprint": "f1"},
            f"{run}/train",
        )
    for run, auc in (("run-1", 0.7), ("run-2", 0.8)):
        candidate = {"fingerprint": "f1", "record": made[run].to_json(), "metrics": {"auc": auc}}
        registry.propose("flights", "f1", candidate)
    kept = registry.candidate("flights", "f1")
    assert kept is not None and (kept["record"], kept["metrics"]) == (made["run-1"].to_json(), {"auc": 0.8})
    registry.number(version("f1", 1))
    registry.promote(Release(version("f1", 1), made["run-1"], None, "better", "run-1"), "serving")
    store.delete("artifacts/x/train/run-1/output/weights")
    registry.propose("flights", "f1", {"fingerprint": "f1", "record": made["run-2"].to_json()})
    kept = registry.candidate("flights", "f1")
    assert kept is not None and kept["record"] == made["run-2"].to_json()
    (told,) = Versions(store).of("flights")
    assert told.record.producer == "run-1/train" and told.promotions[0].release.run == "run-1"


def test_where_several_models_have_a_champion_the_words_for_each_are_said(tmp_path: Path) -> None:
    from levada.history.versions import Versions

    registry = Registry(Store(tmp_path))
    for model in ("flights", "digits"):
        registry.propose(model, "f1", {"record": record("f1").to_json()})
    for word, hint in (("@champion", "@champion"), ("models:/@champion", "@champion")):
        with pytest.raises(RegistryError, match="several models") as caught:
            Versions(Store(tmp_path)).find(word)
        assert caught.value.hint == f"Write models:/digits{hint} or models:/flights{hint}."


def test_a_number_that_is_on_its_way_is_waited_for(tmp_path: Path) -> None:
    """It comes from another process."""
    registry = Registry(Store(tmp_path))
    timer = threading.Timer(0.3, lambda: registry.number(version("f1", 7)))
    timer.start()
    asked: list[float] = []
    assert registry.await_version("flights", "f1", waiting=lambda: asked.append(time.monotonic())) == version("f1", 7)
    assert asked
    timer.join()


def test_a_registry_that_is_away_is_not_waited_for(tmp_path: Path) -> None:
    """There is no number then, nor where nobody gives one in time; once numbers come again that is forgotten."""
    registry = Registry(Store(tmp_path))
    registry.say_away("flights", "the server does not answer")
    assert registry.await_version("flights", "f1") is None
    registry.number(version("f1", 1))
    assert registry.await_version("flights", "f1") == version("f1", 1)
    assert registry.await_version("flights", "f2", seconds=0) is None


def test_a_model_that_the_registry_refuses_is_not_waited_for(tmp_path: Path) -> None:
    """The reason is passed on, until it gets a number after all."""
    registry = Registry(Store(tmp_path))
    registry.refuse("flights", "f1", "its files are gone")
    with pytest.raises(RegistryError, match="gives flights no version number: its files are gone"):
        registry.await_version("flights", "f1")
    registry.number(version("f1", 1))
    assert registry.await_version("flights", "f1") == version("f1", 1)


def test_a_model_that_is_live_is_not_promoted_again(store: Store) -> None:
    """Two pushes of it at the same time make one promotion."""
    registry = Registry(store)
    promote(registry, "f1", 1)
    again = registry.promote(Release(version("f1", 1), record("f1"), None, "the same", "run-2"), "elsewhere")
    assert again is None
    assert [item.release.run for item in registry.promotions("flights")] == ["run-1"]


def test_orders_are_kept_until_they_are_settled_once(store: Store) -> None:
    """In the order in which they were given; two pushes at the same time get two places."""
    registry = Registry(store)
    promote(registry, "f1", 1)
    first = registry.order("flights", record("f2"), record("f1"), "serving", "better", ("run-2", "push", "a"))
    second = registry.order("flights", record("f3"), None, "serving", "better still", ("run-3", "push", "b"))
    assert [first.number, second.number, first.promotions] == [1, 2, 1]
    assert registry.orders("flights") == [first, second]
    assert registry.settle(first, "dropped", "run-3 came after it")
    assert not registry.settle(first, "completed", "")
    assert (registry.orders("flights"), registry.settled("flights")) == ([second], [first])


def test_the_last_promotion_is_the_champion(store: Store) -> None:
    """Promotions are appended; each names the one before."""
    registry = Registry(store)
    assert registry.champion("flights") is None
    first, second = promote(registry, "f1", 1), promote(registry, "f2", 2, challenged="f1")
    assert (first.before, second.before) == (None, 1)
    assert registry.promotions("flights") == [first, second]
    assert registry.champion("flights") == second
    assert registry.champion("digits") is None


def test_promotions_at_the_same_time_all_count(tmp_path: Path) -> None:
    """Two pushes may race; neither record is lost."""
    registry = Registry(Store(tmp_path))
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: promote(registry, f"f{n}", n), range(12)))
    assert sorted(promotion.version for promotion in registry.promotions("flights")) == list(range(12))


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "with space"])
def test_a_name_that_is_no_path_below_the_registry_is_refused(tmp_path: Path, name: str) -> None:
    """Names of models become folders."""
    with pytest.raises(RegistryError, match="cannot name a registered model"):
        Registry(Store(tmp_path)).propose(name, "f1", {})


def test_the_champion_is_an_input_that_may_be_absent(store: Store, tmp_path: Path) -> None:
    """Resolved when a run starts: nothing, or the model that is live."""
    binding = External("champion:flights", "python:tests.arithmetic:Number")
    assert resolve(binding, store, tmp_path) == Resolution(None)
    promote(Registry(store), "f1", 1)
    assert resolve(binding, store, tmp_path).record == record("f1")


def test_a_candidate_that_is_the_champion_is_judged_as_it_was(store: Store, tmp_path: Path) -> None:
    """Against what the champion was judged against, so that an unchanged model keeps its verdict."""
    registry = Registry(store)
    promote(registry, "f1", 1)
    promote(registry, "f2", 2, challenged="f1")
    resolution = resolve(External("champion:flights", "python:tests.arithmetic:Number"), store, tmp_path)
    assert resolution.beside({"another"}) == record("f2")
    assert resolution.beside({"f2", "another"}) == record("f1")
    assert Resolution.from_json(resolution.to_json()) == resolution
    first = Resolution(record("f1"), None)
    assert first.beside({"f1"}) is None


@pytest.mark.parametrize(
    ("reference", "message"),
    [("champoin:flights", "unknown scheme 'champoin'"), ("champion:a/b", "cannot name a registered model")],
)
def test_an_outside_artifact_that_cannot_be_meant_is_told(tmp_path: Path, reference: str, message: str) -> None:
    """With the schemes that there are."""
    plan = plan_of(lambda: read(external(Number, reference)), name="p")
    (leaf,) = plan.nodes[0].inputs.values()
    assert isinstance(leaf, External)
    with pytest.raises(PlanError, match=message):
        resolve(leaf, Store(tmp_path), tmp_path)


def test_whoever_looks_for_open_moves_reads_nothing_of_the_past(store: Store) -> None:
    """Of a move that ended, only its end is left to be found; one whose end was noted, and no more, is none either."""
    registry = Registry(store)
    moves = [
        registry.intend(Release(version(f"f{n}", n), record(f"f{n}"), None, "better"), "serving") for n in (1, 2, 3)
    ]
    assert registry.unfinished_moves("flights") == registry.moves("flights") == moves
    registry.finish_move(moves[1], "dropped")
    registry.finish_move(moves[2], "done")
    assert store.list("registry/flights/moves-open") == ["registry/flights/moves-open/000001.json"]
    store.create("registry/flights/moves-ended/000001.json", b'{"status": "done"}')  # ended there, by a signal
    assert registry.unfinished_moves("flights") == []
    assert store.list("registry/flights/moves-open") == []
    assert registry.moves("flights") == moves


def test_entries_that_are_written_at_once_get_a_number_each(store: Store) -> None:
    """None is written over."""
    registry = Registry(store)

    def intend(number: int) -> int:
        return registry.intend(Release(version("f", number), record("f"), None, ""), "serving").number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(intend, range(1, 41))) == list(range(1, 41))
    assert sorted(move.version for move in registry.moves("flights")) == list(range(1, 41))
