"""The scheduler starts a node as soon as its inputs are ready and the machine has room, and no sooner."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levada.beam import scheduler
from levada.beam.job import levels_of_chains
from levada.beam.scheduler import Scheduler, alone
from levada.plan import Each, Node, Plan
from levada.resources import Resources, parse_bytes
from levada.result import Result

MACHINE = Resources(cpus=4, memory=8 * 10**9, gpus=1)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that the machine has four CPUs, 8 GB and a GPU."""
    monkeypatch.setattr(scheduler, "of_this_machine", lambda: MACHINE)


def plan_of(*nodes: Node) -> Plan:
    return Plan("p", "python:m:p", {}, nodes)


def node(name: str, *after: str, **more: Any) -> Node:
    return Node(name, "python:m:f", after=after, **more)


class Log:
    """Stands for the components: notes when each node starts and ends, and what runs beside it."""

    def __init__(self, work: Callable[[str], Any] = lambda name: time.sleep(0.01), items: int = 0) -> None:
        self.items = items
        self.order: list[str] = []
        self.beside: dict[str, set[str]] = {}
        self.most = 0
        self._work = work
        self._running: set[str] = set()
        self._lock = threading.Lock()

    def open(self, node_id: str) -> list[str]:
        return [f"{node_id}:{n}" for n in range(self.items)]

    def run_item(self, node_id: str, item: str) -> Result:
        return self.run(item)

    def close(self, node_id: str) -> Result:
        return self.run(f"{node_id} closed")

    def run(self, name: str) -> Result:
        with self._lock:
            self.order.append(name)
            self._running.add(name)
            self.most = max(self.most, len(self._running))
            self.beside[name] = set(self._running)
            for other in self._running:
                self.beside[other].add(name)
        try:
            self._work(name)
        finally:
            with self._lock:
                self._running.remove(name)
        return Result(name, "done")


def test_siblings_run_at_the_same_time() -> None:
    """Twenty nodes that all wait for each other to have begun: one after the other they would never end."""
    together = threading.Barrier(20)
    plan = plan_of(node("root"), *(node(f"leaf_{n}", "root") for n in range(20)))
    log = Log(lambda name: together.wait(30) and None if name != "root" else None)
    Scheduler(plan, log, jobs=20).run()
    assert log.most == 20


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_no_more_than_jobs_run_at_once(jobs: int) -> None:
    """--jobs is a limit, and one that is reached: each waits for as many as may run beside it."""
    together = threading.Barrier(jobs)
    log = Log(lambda name: together.wait(30) and None)
    Scheduler(plan_of(*(node(f"n_{n}") for n in range(12))), log, jobs).run()
    assert log.most == jobs
    assert len(log.order) == 12


def test_one_job_keeps_the_order_of_the_plan() -> None:
    """So that a run with --jobs 1 can be followed by eye."""
    plan = plan_of(node("a"), node("b", "a"), node("c"), node("d", "a"), node("e", "c"))
    log = Log()
    Scheduler(plan, log, jobs=1).run()
    assert log.order == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("needs", "most"),
    [
        ({"cpus": 2}, 2),
        ({"cpus": 0.5}, 8),
        ({"cpus": 3}, 1),
        ({"memory": "3GB"}, 2),
        ({"memory": 2 * 10**9}, 4),
        ({"gpus": 1}, 1),
        ({"cpus": 1, "memory": "4GB"}, 2),
        ({}, 8),
    ],
    ids=str,
)
def test_what_nodes_need_fits_the_machine(needs: dict[str, Any], most: int) -> None:
    """Four CPUs, 8 GB, one GPU: no more at once than fit, and no fewer (each waits for those beside it)."""
    together = threading.Barrier(most)

    def work(name: str) -> None:
        together.wait(30)
        time.sleep(0.01)

    log = Log(work)
    Scheduler(plan_of(*(node(f"n_{n}", needs=needs) for n in range(8))), log, jobs=8).run()
    assert log.most == most


def test_a_small_node_passes_a_large_one_that_waits() -> None:
    """Room that the large one cannot use is not left empty."""
    plan = plan_of(node("half", needs={"cpus": 2}), node("large", needs={"cpus": 4}), node("small", needs={"cpus": 1}))
    together = threading.Barrier(2)
    log = Log(lambda name: together.wait(30) and None if name != "large" else None)
    Scheduler(plan, log, jobs=4).run()
    assert log.order[-1] == "large"
    assert log.beside["large"] == {"large"}


@pytest.mark.parametrize("needs", [{"cpus": 64}, {"memory": "1TB"}, {"gpus": 8}], ids=str)
def test_a_node_that_needs_more_than_the_machine_runs_alone(needs: dict[str, Any]) -> None:
    """It may still work; waiting for ever would not."""
    plan = plan_of(
        node("a"), node("huge", needs=needs), node("huger", needs=needs), *(node(f"n_{n}") for n in range(5))
    )
    log = Log()
    Scheduler(plan, log, jobs=4).run()
    assert log.beside["huge"] == {"huge"}
    assert log.beside["huger"] == {"huger"}
    assert len(log.order) == 8


@pytest.mark.parametrize("package", ["tensorflow", "tensorflow-cpu", "keras"])
def test_nodes_that_declare_tensorflow_never_overlap(package: str) -> None:
    """Its seeds, graph and log settings are the process's; other nodes run beside them."""
    nodes = [node(f"tf_{n}", packages=(package,)) for n in range(4)]
    other_began = threading.Event()

    def work(name: str) -> None:
        if name == "tf_0":
            other_began.wait(30)
        elif name.startswith("n_"):
            other_began.set()
        time.sleep(0.01)

    log = Log(work)
    Scheduler(plan_of(*nodes, *(node(f"n_{n}") for n in range(4))), log, jobs=4).run()
    for one in nodes:
        assert [other for other in log.beside[one.id] if other.startswith("tf_")] == [one.id]
    assert len(log.beside["tf_0"]) > 1


def test_nodes_of_two_runs_in_one_process_keep_apart_too() -> None:
    """A distributed worker, or two runs in a notebook: the process is what they share."""
    one = node("tf", packages=("tensorflow",))
    inside: list[str] = []
    most: list[int] = []

    def work(name: str) -> None:
        with alone(one):
            inside.append(name)
            most.append(len(inside))
            time.sleep(0.02)
            inside.remove(name)

    threads = [threading.Thread(target=work, args=(f"run_{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]
    with alone(node("plain")), alone(node("other")):
        pass


def test_an_error_of_the_engine_ends_the_run() -> None:
    """A store that breaks: what runs is waited for, what waits is not begun, the first error comes out."""

    def work(name: str) -> None:
        if name == "b":
            raise OSError("the store is gone")
        time.sleep(0.05)

    log = Log(work)
    with pytest.raises(OSError, match="the store is gone"):
        Scheduler(plan_of(node("a"), node("b"), node("c", "a")), log, jobs=2).run()
    assert log.order == ["a", "b"]


def test_a_run_that_is_stopped_starts_nothing_more() -> None:
    """Ctrl-C: what runs is waited for."""
    stopped = threading.Event()
    log = Log(lambda name: stopped.set())
    Scheduler(plan_of(node("a"), node("b"), node("c", "a")), log, 1, stopped.is_set).run()
    assert log.order == ["a"]


def test_an_empty_plan_is_done_at_once() -> None:
    """A pipeline whose branches were all switched off."""
    Scheduler(plan_of(), Log(), jobs=2).run()


@st.composite
def graphs(draw: Any) -> Plan:
    """Any shape of up to twelve nodes; some need things, some declare TensorFlow."""
    nodes: list[Node] = []
    for index in range(draw(st.integers(0, 12))):
        before = [other.id for other in nodes]
        after = draw(st.lists(st.sampled_from(before), max_size=3, unique=True)) if before else []
        needs = draw(
            st.sampled_from([{}, {}, {"cpus": 0.1}, {"cpus": 3}, {"cpus": 99}, {"memory": "5GB"}, {"gpus": 1}])
        )
        packages = draw(st.sampled_from([(), (), ("tensorflow",)]))
        nodes.append(Node(f"n_{index}", "python:m:f", after=tuple(after), needs=needs, packages=packages))
    return plan_of(*nodes)


@given(graphs(), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_every_node_runs_once_after_what_it_waits_for(plan: Plan, jobs: int) -> None:
    """Whatever the graph, the needs and the number of jobs: no node is lost, and no limit passed."""
    done: set[str] = set()
    free = [MACHINE]
    lock = threading.Lock()

    def run(name: str) -> None:
        with lock:
            assert done.issuperset(plan.node(name).upstream)
        time.sleep(0.001)
        with lock:
            assert name not in done
            done.add(name)

    engine = Scheduler(plan, Log(run), jobs)
    engine.run()
    assert done == set(plan.by_id)
    assert engine._free.cpus == pytest.approx(free[0].cpus)
    assert (engine._free.memory, engine._free.gpus, engine._room) == (MACHINE.memory, MACHINE.gpus, jobs)


# -- items of mapped nodes ------------------------------------------------------------------------------


def mapped(name: str, *after: str, **more: Any) -> Node:
    return Node(name, "python:m:f", inputs={"x": Each(None, (1,))}, after=after, **more)


def test_items_run_like_nodes_and_the_node_ends_with_the_last() -> None:
    """What waits for a mapped node starts when all its items have ended and it is closed."""
    log = Log(items=5)
    Scheduler(plan_of(node("a"), mapped("m", "a"), node("b", "m")), log, jobs=3).run()
    assert log.order[0] == "a"
    assert sorted(log.order[1:6]) == [f"m:{n}" for n in range(5)]
    assert log.order[6:] == ["m closed", "b"]


def test_at_once_limits_the_items_of_one_node() -> None:
    """Though there is room for more."""
    together = threading.Barrier(3)
    log = Log(lambda name: together.wait(30) if name.startswith("m:") else None, items=9)
    Scheduler(plan_of(mapped("m", at_once=3)), log, jobs=8).run()
    assert log.most == 3


def test_a_mapped_node_without_items_to_run_is_closed_at_once() -> None:
    """They all came from the cache."""
    log = Log(items=0)
    Scheduler(plan_of(mapped("m"), node("b", "m")), log, jobs=2).run()
    assert log.order == ["m closed", "b"]


def test_items_need_what_their_node_needs() -> None:
    """Opening and closing it needs nothing."""
    log = Log(items=4)
    Scheduler(plan_of(mapped("m", needs={"gpus": 1}), node("b", needs={"gpus": 1})), log, jobs=8).run()
    work = {name: beside for name, beside in log.beside.items() if not name.endswith("closed")}
    assert all(beside - {"m closed"} == {name} for name, beside in work.items())


# -- the packing for distributed runners ----------------------------------------------------------------


@given(graphs())
def test_chains_hold_every_node_once_and_in_order(plan: Plan) -> None:
    """A level has nothing of what a chain in it waits for; within a chain each waits for the one before."""
    levels = levels_of_chains(plan)
    assert sorted(name for level in levels for chain in level for name in chain) == sorted(plan.by_id)
    done: set[str] = set()
    for level in levels:
        assert level
        for chain in level:
            ran = set(done)
            for name in chain:
                assert ran.issuperset(plan.node(name).upstream)
                ran.add(name)
        done.update(name for chain in level for name in chain)


@given(graphs())
def test_chains_are_as_long_as_they_can_be(plan: Plan) -> None:
    """Two neighbours stand in one chain exactly if each is the other's only one."""
    place = {
        name: (number, index)
        for number, chain in enumerate(chain for level in levels_of_chains(plan) for chain in level)
        for index, name in enumerate(chain)
    }
    for one in plan.nodes:
        for upstream in one.upstream:
            only = len(one.upstream) == 1 and len(plan.downstream[upstream]) == 1
            together = place[one.id] == (place[upstream][0], place[upstream][1] + 1)
            assert together == only


def test_a_level_is_as_early_as_it_can_be() -> None:
    """The short branch of a fork does not wait for the long one."""
    plan = plan_of(node("a"), node("b", "a"), node("c", "b"), node("d", "a"), node("e", "c", "d"))
    assert levels_of_chains(plan) == [[["a"]], [["b", "c"], ["d"]], [["e"]]]


# -- what a machine has ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", 4 * 10**9),
        ("512MiB", 512 * 2**20),
        ("1.5 kB", 1500),
        ("2G", 2 * 10**9),
        ("7", 7),
        (7, 7),
        ("1 TiB", 2**40),
    ],
)
def test_amounts_of_memory_are_read(text: Any, size: int) -> None:
    """As people write them."""
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GB", "4 gigs", "-1GB", True, None, "1e9", "4XB"])
def test_what_is_no_amount_of_memory_is_refused(text: Any) -> None:
    """With the two forms that work."""
    with pytest.raises(ValueError, match="is not an amount of memory such as '4GB' or '512MiB'"):
        parse_bytes(text)


def test_fractions_of_cpus_add_up() -> None:
    """Ten tenths are one CPU, though not to floating point."""
    free = Resources(cpus=1)
    for _ in range(10):
        assert Resources(cpus=0.1).fits(free)
        free -= Resources(cpus=0.1)
    for _ in range(10):
        free += Resources(cpus=0.1)
    assert Resources(cpus=1).fits(free)
