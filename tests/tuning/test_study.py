"""Studies: trials in processes of their own; hopeless ones are stopped, broken ones survived, studies gone on with."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from levada.artifact import ArtifactRecord, made
from levada.artifacts import Parameters, Study, StudyDocument
from levada.components import between, maximize, minimize, one_of, tune
from levada.history.inputs import given_to, inputs_of
from levada.node import run_node, view_of
from levada.result import Result
from levada.store import Store
from tests.inline import ROOT, begin, events, plan_of, run_nodes
from tests.tuning.toys import Shape, bend, give, reports

SPACE = {"x": between(-3.0, 3.0), "shape": one_of(*Shape)}
SCORE = maximize("score")


def study(trials: int = 8, space: Any = None, goal: Any = SCORE, at_once: int = 1, **fixed: Any) -> None:
    tune(bend, space=space or SPACE, goal=goal, trials=trials).with_options(at_once=at_once)(**fixed)


def ran(store: Store, run_id: str = "run-1", how: Any = None, **options: Any) -> Result:
    return run_nodes(plan_of(study, **options), store, run_id, **(how or {}))["tune"]


def document(result: Result, store: Store) -> StudyDocument:
    assert result.failure is None, result.failure.traceback
    found = made(result.outputs["study"], store)
    assert isinstance(found, Study)
    return found.document


def told(document: StudyDocument) -> list[Any]:
    """Return what each trial was and came to, without times."""
    return [
        (trial["number"], trial["state"], trial["searched"], trial.get("metrics", {}).get("score"))
        for trial in document.trials
    ]


def log_of(result: Result, store: Store) -> str:
    return (store.read(result.log) or b"").decode()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Store]:
    """A study of 12 trials that nothing disturbed."""
    store = Store(tmp_path_factory.mktemp("whole"))
    return ran(store, trials=12, steps=3), store


def test_the_first_trial_has_the_defaults_and_the_best_is_chosen(whole: tuple[Result, Store]) -> None:
    result, store = whole
    found = document(result, store)
    assert [trial["number"] for trial in found.trials] == list(range(12))
    assert found.trials[0]["searched"] == {
        "x": 3.0,
        "shape": {"$enum": "python:tests.tuning.toys:Shape", "name": "FLAT"},
    }
    done = [trial["metrics"]["score"] for trial in found.trials if trial["state"] == "done"]
    assert found.best["metrics"]["score"] == max(done) > -4
    parameters = made(result.outputs["parameters"], store)
    assert isinstance(parameters, Parameters)
    assert parameters.values["x"] == found.best["searched"]["x"]
    assert isinstance(parameters.values["shape"], Shape)
    assert result.metrics["score"] == max(done)
    assert f"12 trials, {12 - len(done)} pruned · score {max(done):.4g} with x" in result.summary
    assert set(found.importance) == {"score"}
    assert set(found.importance["score"]) == {"x", "shape"}
    assert sum(found.importance["score"].values()) == pytest.approx(1)


def test_hopeless_trials_are_stopped_by_what_a_component_reports_anyway(whole: tuple[Result, Store]) -> None:
    result, store = whole
    found = document(result, store)
    pruned = [trial for trial in found.trials if trial["state"] == "pruned"]
    assert pruned
    for trial in pruned:
        step = trial["pruned_at"]
        others = [
            {at: value for at, value, _ in other["curves"]["score"]}[step]
            for other in found.trials[: trial["number"]]
            if other["state"] == "done"
        ]
        assert len(others) >= 5
        assert trial["curves"]["score"][-1][1] < sorted(others)[len(others) // 2]
        assert f"-- trial {trial['number']}\n" in log_of(result, store)
    assert "-- trial 0\nbent at 3.000" in log_of(result, store)  # what one wrote is in the node's log


def test_each_trial_is_in_the_journal(whole: tuple[Result, Store]) -> None:
    result, store = whole
    told = [event for event in events(store, "run-1") if event["kind"] == "trial"]
    assert [event["number"] for event in told] == list(range(12))
    assert all(event["node"] == "tune" and event["attempt"] == result.attempt for event in told)
    assert told[0]["metrics"]["score"] == -4
    assert told[0]["parameters"]["x"] == 3.0
    said = [event["message"] for event in events(store, "run-1") if event["kind"] == "progress"]
    assert said[0] == "0/12 trials"
    assert "12/12 trials" in said[-1] and f"best score {result.metrics['score']:.4g}" in said[-1]
    assert not any("best score" in line for line in said[:1])


def test_a_study_that_was_cut_off_goes_on_as_if_it_had_not_been(whole: tuple[Result, Store], tmp_path: Path) -> None:
    """The run is killed with -9 while a trial goes on; another run of the same ends with the same trials."""
    store = Store(tmp_path)
    plan = plan_of(study, trials=12, steps=3)
    begin(plan, store)
    script = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from levada.node import run_node; from levada.plan import Plan; from levada.store import Store\n"
        "store = Store(sys.argv[1])\n"
        "run_node(Plan.from_json(store.read_json('runs/run-1/plan.json')), 'tune', 'run-1', store)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(ROOT)])
    while len(kept := trials_kept(store)) < 4:
        assert child.poll() is None
        time.sleep(0.01)
    workers = children_of(child.pid)
    child.kill()
    child.wait()
    assert workers
    while any(is_alive(worker) for worker in workers):  # they end by themselves
        time.sleep(0.02)

    result = ran(store, "run-2", trials=12, steps=3)
    undisturbed, its_store = whole
    assert told(document(result, store)) == told(document(undisturbed, its_store))
    made_in = [trial["made_in"] for trial in document(result, store).trials]
    assert 4 <= len(kept) <= made_in.count("run-1") < 12
    assert f"{made_in.count('run-1')} of earlier runs" in result.summary
    assert document(result, store).notes == [f"It goes on with {made_in.count('run-1')} trials of run run-1."]


def trials_kept(store: Store) -> list[dict[str, Any]]:
    lines = [
        line
        for folder in store.list("studies/study/tune")
        for key in store.list(folder)
        for line in (store.read(key) or b"").split(b"\n")[1:]
    ]
    return [json.loads(line) for line in lines if line.endswith(b"}")]


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_more_trials_and_another_space_go_on_with_what_is_known(whole: tuple[Result, Store]) -> None:
    before, store = whole
    more = ran(store, "run-2", trials=14, steps=3)
    assert told(document(more, store))[:12] == told(document(before, store))
    assert len(document(more, store).trials) == 14

    wider = {"x": between(-1.0, 2.0), "shape": one_of(*Shape)}
    changed = ran(store, "run-3", trials=14, steps=3, space=wider)
    found = document(changed, store)
    known = [trial for trial in document(more, store).trials if -1 <= trial["searched"]["x"] <= 2]
    assert 0 < len(known) < 14
    assert [trial["searched"]["x"] for trial in found.trials[: len(known)]] == [
        trial["searched"]["x"] for trial in known
    ]
    assert all(-1 <= trial["searched"]["x"] <= 2 for trial in found.trials)
    said = (
        "The search space is not that of run run-2, which left 14 trials behind: x was -3 to 3, and is -1 to 2. "
        f"{len(known)} of them lie in the new one, and count. To go on with all of them, give space= as it was."
    )
    assert found.notes == [said]
    assert said in log_of(changed, store)


def test_trials_of_other_code_or_other_fixed_values_do_not_count(whole: tuple[Result, Store]) -> None:
    _, store = whole
    other = ran(store, "run-4", trials=2, steps=3, how={"code": lambda reference: ("new code", {})})
    assert {trial["made_in"] for trial in document(other, store).trials} == {"run-4"}
    assert "were made with other code, packages or inputs, and do not count" in document(other, store).notes[0]
    fixed = ran(store, "run-5", trials=2, steps=2)
    assert {trial["made_in"] for trial in document(fixed, store).trials} == {"run-5"}
    again = ran(store, "run-6", trials=2, steps=3, how={"fresh": ("tune",)})
    assert {trial["made_in"] for trial in document(again, store).trials} == {"run-6"}


def test_the_best_flow_into_a_component_and_count_by_value(tmp_path: Path) -> None:
    def graph(trials: int, goal: Any = SCORE) -> None:
        tuned = tune(bend, space={"x": one_of(1.0, 2.0), "units": one_of(1, 2)}, goal=goal, trials=trials)(steps=1)
        bend.with_parameters(tuned.parameters)(steps=2, units=7)

    store = Store(tmp_path)
    first = run_nodes(plan_of(graph, trials=4), store)
    assert first["bend"].metrics == {"score": 0.0, "units": 7}  # x as it was found, units as the call says
    started = next(
        event for event in events(store, "run-1") if event["kind"] == "node_started" and event["node"] == "bend"
    )
    assert started["given"] == {"x": 1.0}
    view, node = view_of("run-1", store), plan_of(graph, trials=4).node("bend")
    assert given_to(view, node) == {"x": 1.0}
    source = inputs_of(view, node)["**parameters"]
    assert isinstance(source, ArtifactRecord) and source.producer == "run-1/tune"
    # There are four combinations: each is tried once, however many trials there may be.
    second = run_nodes(plan_of(graph, trials=50), store, "run-2")
    assert (second["tune"].status, second["bend"].status) == ("done", "cached")
    found = document(second["tune"], store)
    assert len(found.trials) == 4
    assert "There are 4 combinations of these values, and all were tried." in found.notes


def test_a_trial_that_breaks_or_kills_its_process_costs_the_study_that_trial(tmp_path: Path) -> None:
    store = Store(tmp_path)
    space = {"x": one_of(1.0, 3.0), "fails": one_of("raise", "die", "exit", "nan")}
    result = ran(store, space=space, trials=8)
    found = document(result, store)
    why = {trial["searched"]["fails"]: trial["why"] for trial in found.trials if trial["state"] == "failed"}
    assert why == {
        "raise": "ValueError: x is too large",
        "die": "ProcessError: the process of the trial was killed by SIGKILL: out of memory, or somebody killed it.",
        "exit": "ProcessError: the process of the trial ended with exit code 3.",
        "nan": "ArithmeticError: nan",
    }
    assert sum(trial["state"] == "done" for trial in found.trials) == 4
    assert result.metrics["failed"] == 4
    failure = next(trial["failure"] for trial in found.trials if trial.get("why", "").startswith("ValueError"))
    assert failure["frames"][-1]["file"].endswith("toys.py")


def test_a_goal_that_is_no_number_fails_its_trial_at_once(tmp_path: Path) -> None:
    def graph() -> None:
        tune(reports, space={"x": one_of(0, 1), "late": one_of(False, True)}, goal=SCORE)()

    store = Store(tmp_path)
    found = document(run_nodes(plan_of(graph), store)["tune"], store)
    why = {(trial["searched"]["x"], trial["searched"]["late"]): trial.get("why", "") for trial in found.trials}
    assert why == {
        (0, False): "",
        (0, True): "",
        (1, False): "score is nan",
        (1, True): "FloatingPointError: score is nan at step 1, so there is nothing to judge the trial by",
    }
    assert found.best["searched"]["x"] == 0


def test_if_the_first_trials_fail_alike_the_others_are_not_tried(tmp_path: Path) -> None:
    result = ran(Store(tmp_path), trials=50, fails="always raise")
    assert result.failure is not None
    assert result.failure.type == "TuningError"
    assert "the first 3 trials failed in the same way" in result.failure.message
    assert "3 x ValueError: x is too large" in result.failure.message
    assert "      by far\n" in result.failure.message  # what stands below the first line: a hint, say
    assert "toys.py" in result.failure.message and "raise ValueError" in result.failure.message
    assert "The first was x 3, shape FLAT." in result.failure.message


def test_a_metric_that_the_component_does_not_report_is_said_after_the_first_trial(tmp_path: Path) -> None:
    result = ran(Store(tmp_path), goal=maximize("scores"), trials=50)
    assert result.failure is not None
    assert result.failure.message == (
        "bend does not report 'scores', by which its trials are to be judged. It reports score, units; "
        "size, seconds are measured.\nDid you mean score?"
    )
    assert sum(event["kind"] == "trial" for event in events(Store(tmp_path), "run-1")) == 0


def test_of_several_goals_one_trial_is_chosen_within_what_may_be_given_up(tmp_path: Path) -> None:
    store = Store(tmp_path)
    space = {"x": one_of(1.0, 1.5, 2.0), "size": one_of(10, 100, 1000)}
    result = ran(store, space=space, goal=[maximize("score", within=0.3), minimize("size")], trials=9, at_once=2)
    found = document(result, store)
    assert len(found.trials) == 9
    assert found.best["metrics"]["size"] == 10
    assert found.best["searched"] == {"x": 1.0, "size": 10}
    assert [found.trials[number]["searched"] for number in found.front] == [{"x": 1.0, "size": 10}]
    assert result.metrics["size"] == 10
    by_score, by_size = (found.importance[name] for name in ("score", "size"))
    assert by_score["x"] > 0.9 and by_size["size"] > 0.9
    assert not any(trial["state"] == "pruned" for trial in found.trials)


def test_trials_run_at_the_same_time_in_processes_that_stay(tmp_path: Path) -> None:
    result = ran(Store(tmp_path), trials=6, at_once=2, steps=2)
    found = document(result, Store(tmp_path))
    begun = sorted((trial["began"], trial["began"] + trial["seconds"] * 1000) for trial in found.trials)
    assert any(later[0] <= earlier[1] for earlier, later in itertools.pairwise(begun))
    assert len(found.trials) == 6


def test_a_study_that_is_stopped_leaves_no_process_and_keeps_its_trials(tmp_path: Path) -> None:
    store = Store(tmp_path)
    plan = plan_of(study, trials=12, steps=2, fails="sleep", space={"x": between(-3.0, 2.9), "shape": one_of(*Shape)})
    begin(plan, store)
    seen: list[int] = []

    def stopped() -> bool:
        seen.extend(children_of(os.getpid()))
        return len(trials_kept(store)) >= 2

    from levada.errors import Stopped

    with pytest.raises(Stopped):
        run_node(plan, "tune", "run-1", store, stopped)
    assert seen
    assert not any(is_alive(pid) for pid in set(seen))
    assert len(trials_kept(store)) >= 2


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        (
            "unit",
            1,
            r"bend\(\) has no parameter 'unit', of which an artifact holds a value.\n.*toys|Did you mean units?",
        ),
        ("units", "many", r"bend\(units=...\), whose value an artifact holds, wants int, got str 'many'"),
    ],
)
def test_values_that_a_component_cannot_take_are_refused_where_it_is_called(
    name: str, value: Any, says: str, tmp_path: Path
) -> None:
    def graph() -> None:
        bend.with_parameters(give(name=name, value=value))()

    result = run_nodes(plan_of(graph), Store(tmp_path))["bend"]
    assert result.failure is not None
    assert re.search(says, result.failure.message)
    assert "test_study.py" in result.failure.message
