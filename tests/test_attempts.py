"""A node is tried as often as it asks for, after the errors it names, and each try is on record."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from levada import Retry, each
from levada.errors import WiringError
from levada.failure import describe
from levada.node.output import log_key
from levada.plan import Plan
from levada.retry import Policy, retry_form
from levada.run import FAILED, OK
from levada.store import Store
from tests.hazards import end_with, flaky, goes_on, many_lines
from tests.inline import events, plan_of, run_plan, value_of


def tried(counter: Path, retry: Retry | int, **options: str) -> Plan:
    return plan_of(lambda: flaky.with_options(retry=retry)(counter=counter, **options), name="p")  # pyright: ignore[reportArgumentType]


def test_a_node_that_works_the_third_time_is_done(tmp_path: Path) -> None:
    """What was raised before stays with the result; only the last attempt's metrics count."""
    store = Store(tmp_path / "store")
    outcome = run_plan(tried(tmp_path / "counter", Retry(3, wait=0.01)), store)
    result = outcome.results["flaky"]
    assert (outcome.exit_code, result.status, value_of(result, store)) == (OK, "done", 3)
    assert result.metrics == {"tries": 3}
    assert [(attempt.number, attempt.failure.message) for attempt in result.attempts] == [(1, "try 1"), (2, "try 2")]
    told = [event for event in events(store, outcome.run_id) if event["kind"] == "attempt_failed"]
    assert [event["failure"]["type"] for event in told] == ["ConnectionResetError"] * 2
    assert len({event["attempt"] for event in told} | {result.attempt}) == 3


def test_what_failed_attempts_wrote_is_gone(tmp_path: Path) -> None:
    """Only the attempt that counts has files."""
    store = Store(tmp_path / "store")
    run_plan(tried(tmp_path / "counter", Retry(3, wait=0)), store)
    assert len(store.list("artifacts/p/flaky")) == 1


def test_an_attempt_finds_what_the_one_before_left_to_go_on_with(tmp_path: Path) -> None:
    """Also one of a later run; but not one at another call."""
    store = Store(tmp_path / "store")

    def begun(retry: int, **parameters: int) -> float | None:
        plan = plan_of(lambda: goes_on.with_options(retry=Retry(retry, wait=0))(**parameters), name="p")
        return run_plan(plan, store).results["goes_on"].metrics.get("begun")

    assert begun(2, steps=5, fails_at=3) == 2
    assert begun(1, steps=7, fails_at=4) is None
    assert begun(1, steps=8, fails_at=9) == 0
    assert begun(1, steps=7, fails_at=4) == 3


@pytest.mark.parametrize(("on", "attempts"), [((OSError,), 3), ((ValueError, ConnectionError), 3), ((ValueError,), 1)])
def test_only_the_errors_that_are_named_are_tried_again(
    on: tuple[type[Exception]], attempts: int, tmp_path: Path
) -> None:
    """By class or by one that it inherits from."""
    outcome = run_plan(tried(tmp_path / "counter", Retry(3, on=on, wait=0)), Store(tmp_path / "store"))
    assert (tmp_path / "counter").read_text() == str(attempts)
    assert outcome.exit_code == (OK if attempts == 3 else FAILED)


def test_a_node_that_never_works_fails_with_its_last_error(tmp_path: Path) -> None:
    """And those before it on record."""
    outcome = run_plan(tried(tmp_path / "counter", Retry(2, wait=0)), Store(tmp_path / "store"))
    result = outcome.results["flaky"]
    assert result.failure is not None
    assert (result.status, result.failure.message, len(result.attempts)) == ("failed", "try 2", 1)


def test_a_number_means_that_many_attempts(tmp_path: Path) -> None:
    """With the waits that `Retry` has by default."""
    assert tried(tmp_path / "c", 4).nodes[0].retry == retry_form(Retry(4), None)


def test_waits_grow_up_to_the_longest() -> None:
    """Varied by up to a tenth."""
    policy = Policy.of(retry_form(Retry(9, wait=2, factor=3, longest=30), None))
    for number, wait in enumerate([2, 6, 18, 30, 30], 1):
        assert 0.9 * wait <= policy.pause(number) <= 1.1 * wait


def test_without_a_policy_there_is_one_attempt() -> None:
    """Whatever was raised."""
    assert not Policy.of({}).goes_on(1, describe(OSError()))


@pytest.mark.parametrize("retry", [0, Retry(0), Retry(wait=-1), Retry(factor=0.5), Retry(on=(3,))])  # pyright: ignore[reportArgumentType]
def test_a_retry_that_makes_no_sense_is_refused(retry: Retry | int) -> None:
    """While the pipeline is drawn."""
    with pytest.raises(WiringError, match="retry"):
        flaky.with_options(retry=retry)


def test_items_are_tried_each_by_itself(tmp_path: Path) -> None:
    """One that fails once costs no other anything."""
    store = Store(tmp_path / "store")
    counters = [tmp_path / "a", tmp_path / "b"]
    (tmp_path / "a").write_text("2")
    plan = plan_of(lambda: flaky.with_options(retry=Retry(3, wait=0))(counter=each(counters)), name="p")
    outcome = run_plan(plan, store)
    assert outcome.results["flaky"].status == "failed"  # `a` starts at its third try, in its first attempt
    items = outcome.results["flaky"].items
    assert items is not None
    assert (items.done, items.failed) == (1, 1)


# -- logs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("process", [None, "own"])
def test_what_a_node_writes_is_in_its_log(process: str | None, tmp_path: Path) -> None:
    """Standard output and `ctx.log`, in this process and in one of its own."""
    store = Store(tmp_path)
    chosen = many_lines.with_options(process="own") if process else many_lines
    result = run_plan(plan_of(chosen, name="p"), store).results["many_lines"]
    log = (store.read(result.log) or b"").decode()
    assert log.count("\n") == 20_001
    assert log.startswith("line 0: xxx")
    assert log.rstrip().endswith("INFO and a word to the log")


def test_a_failure_is_in_the_log_with_its_traceback(tmp_path: Path) -> None:
    """Behind what the node wrote."""
    store = Store(tmp_path)
    result = run_plan(plan_of(lambda: end_with(how="raise"), name="p"), store).results["end_with"]
    log = (store.read(result.log) or b"").decode()
    assert log.startswith("a word before the end\nTraceback (most recent call last):")
    assert log.rstrip().endswith("ValueError: it broke")


def test_a_node_that_writes_nothing_has_no_log(tmp_path: Path) -> None:
    """Not even an empty file."""
    store = Store(tmp_path)
    (tmp_path / "counter").write_text("2")
    outcome = run_plan(plan_of(lambda: flaky(counter=tmp_path / "counter", good=1), name="p"), store)
    assert outcome.results["flaky"].failure is not None  # ctx.number is 1
    fine = run_plan(plan_of(lambda: flaky(counter=tmp_path / "other", good=1), name="p"), store)
    assert fine.results["flaky"].log == ""
    assert store.list(f"runs/{fine.run_id}/logs/flaky") == []


def test_logs_of_items_lie_by_item(tmp_path: Path) -> None:
    """And by attempt."""
    assert log_key("r", "clean/train", "4f", "r-1") == "runs/r/logs/clean/train/4f/r-1.log"


def test_a_wait_ends_when_the_run_is_stopped() -> None:
    """Nobody sits through a minute's backoff after Ctrl-C."""
    from levada.errors import Stopped
    from levada.node.execute import _sleep  # pyright: ignore[reportPrivateUsage]

    started = time.monotonic()
    with pytest.raises(Stopped):
        _sleep(600, lambda: time.monotonic() - started > 0.3)
