"""A run: a plan executed once, from looking at what lies outside it to the last event of its journal."""

from __future__ import annotations

import getpass
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import levada
from levada.ending import CLOSED, FAILED, KILLED, OK, STATUS, TERMINATED, counts_of, end_run, results_of
from levada.errors import SecretError, StoreError
from levada.failure import Failure, describe
from levada.imports import quick_imports
from levada.journal import Event, Journal, Tail, follow, new_run_id, now
from levada.lease import End, begin, forget, kept_alive, take
from levada.node import settle_node
from levada.plan import Plan
from levada.process import this_process
from levada.resolved import CodeDigest, Resolved, check_secrets, resolve_plan
from levada.result import Result
from levada.resumption import CutShort, cut_short, resumption
from levada.store import Store
from levada.values import json_bytes

PATIENCE = 4.0
"""Seconds that a run which is stopped waits for processes of its nodes to end."""


class Reader(Protocol):
    """Something that follows a run's journal: the terminal, MLflow.

    It may have an `about` that says what is going on when the run has ended and it has not: "telling MLflow".
    """

    seconds: float
    """How often it wants to look."""

    def see(self, event: Event) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """How a run ended, and after how many seconds. `error` is set when the run itself broke, not a component in it."""

    run_id: str
    plan: Plan
    results: dict[str, Result]
    exit_code: int
    seconds: float
    error: Failure | None = None
    nodes_run: int = 0

    @property
    def status(self) -> str:
        return STATUS[self.exit_code]


@dataclass
class Request:
    """What to run and how.

    `packages` are the project's packages, shipped to workers elsewhere; `use_cache` is whether nodes may be cache hits,
    `write_cache` whether what they make may be one later. `resume`: go on with the pipeline's last run if it was killed
    or failed, and take from it also nodes that are never cached, if what they depend on is the same. `say` is told
    what is waited for when that is not a node.
    """

    plan: Plan
    store: Store
    root: Path
    code_digest: CodeDigest
    packages: Mapping[str, Path]
    jobs: int | None = None
    beam_options: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    use_cache: bool = True
    write_cache: bool = True
    readers: list[Reader] = field(default_factory=list[Reader])
    command: str = ""
    resume: bool = False
    say: Callable[[str], None] = lambda text: None
    run_id: str = field(default_factory=new_run_id)


def run(request: Request) -> Outcome:
    """Run a plan and return how it ended.

    Raises the error of what the plan needs and is not there, before anything is run. Ctrl-C and SIGTERM end it as
    killed: nodes are told, those in processes of their own are stopped. A second one ends the wait for them; one that
    comes before the run has begun, or after it has ended, is raised as KeyboardInterrupt, with the exit code.
    """
    with _terminable():
        return _run(request)


def _run(request: Request) -> Outcome:
    plan, store, run_id = request.plan, request.store, request.run_id
    started = time.monotonic()
    take(store, run_id)
    error: Failure | None = None
    code: int | None = None
    try:
        journal, before, resolved = _begin(request)
        try:
            pending = _settle(plan, run_id, store)
            _check_secrets(request, pending)
        except SecretError:
            raise
        except KeyboardInterrupt as caught:
            pending, code = [], exit_code_of(caught)
        except Exception as caught:  # noqa: BLE001  it ends up in the journal, as below
            pending, error, code = [], describe(caught), FAILED
    except BaseException:
        with suppress(StoreError):  # the next command will see to it
            forget(store, run_id)
        raise
    with _following(request, store) as followers:
        with kept_alive(store, run_id):
            try:
                if (
                    code is None
                    and before is not None
                    and (taken := resumption(store, before, plan, resolved, pending))
                ):
                    journal.append("resumed", **taken.to_json())
                if pending:
                    _run_on_beam(request)
            except KeyboardInterrupt as caught:
                code = exit_code_of(caught)
            except Exception as caught:  # noqa: BLE001  whatever stopped the job ends up in the journal
                error, code = describe(caught), FAILED
        results: dict[str, Result] = {}
        seconds = time.monotonic() - started
        try:
            results = results_of(plan, run_id, store)
            if code is None:
                code = _exit_code(plan, results)
            how = End(STATUS[code], code, round(seconds, 3), now(), counts_of(results))
            end_run(store, run_id, plan, results, how, error, journal)
        except StoreError as caught:  # the lease stays, so that the next command can end what this one could not
            error, code = error or describe(caught), code or FAILED
        followers.may_be_left = STATUS[code] == "killed"
    ran = sum(result.status in ("done", "failed") for result in results.values())
    return Outcome(run_id, plan, results, code, seconds, error, ran)


def _begin(request: Request) -> tuple[Journal, CutShort | None, Resolved]:
    """Look at all that the plan needs and write down how the run begins."""
    plan, store, run_id = request.plan, request.store, request.run_id
    before = cut_short(store, plan.pipeline)
    resumes = before.run_id if request.resume and before else ""
    resolved = resolve_plan(
        plan,
        store,
        request.root,
        request.code_digest,
        request.beam_options,
        request.fresh,
        request.use_cache,
        request.write_cache,
        resumes,
    )
    facts = {
        "pipeline": plan.pipeline,
        "plan": plan.digest,
        "arguments": plan.arguments,
        "nodes": [node.id for node in plan.nodes],
        "command": request.command,
        "code": resolved.code,
        "packages": resolved.packages,
        "project": keep_code(request.packages, store),
        "resumes": resumes,
        **facts_of(request.root, request.packages),
    }
    store.write(f"runs/{run_id}/plan.json", plan.dumps().encode())
    store.write(f"runs/{run_id}/resolved.json", json_bytes(resolved.to_json()))
    begin(store, run_id, {"run": run_id, "time": now(), **facts})
    journal = Journal(store, run_id)
    journal.append("run_started", **facts)
    return journal, before, resolved


def exit_code_of(interrupt: KeyboardInterrupt) -> int:
    """Return the exit code of a command that was interrupted: by Ctrl-C, or by a signal that names its own."""
    return interrupt.args[0] if interrupt.args else KILLED


def keep_code(packages: Mapping[str, Path], store: Store) -> str:
    """Put the project's code into the store as it is now, for later questions; return its digest."""
    from levada.beam.package import CodePackage

    package = CodePackage.of(packages)
    key = f"code/{package.digest}.zip"
    if package.content and not store.exists(key):
        store.write(key, package.content)
    return package.digest


def _settle(plan: Plan, run_id: str, store: Store) -> list[str]:
    """Settle what needs no running (cached, skipped), front to back; return the ids of the other nodes."""
    pending: list[str] = []
    waiting: set[str] = set()
    for node in plan.nodes:
        if waiting.isdisjoint(node.upstream) and settle_node(plan, node.id, run_id, store) is not None:
            continue
        waiting.add(node.id)
        pending.append(node.id)
    return pending


def _check_secrets(request: Request, pending: list[str]) -> None:
    """Raise SecretError before anything runs; workers elsewhere may have secrets that this machine has not.

    What comes from the cache needs none, so this can be said only when that is known.
    """
    from levada.beam.options import is_in_process

    if is_in_process(request.beam_options):
        check_secrets(request.plan.node(node_id) for node_id in pending)


def _run_on_beam(request: Request) -> None:
    """Run the job in a thread of its own, so that Ctrl-C reaches this one; Beam cannot be cancelled."""
    stop = threading.Event()
    done = threading.Event()
    raised: list[BaseException] = []

    def work() -> None:
        try:
            with quick_imports():
                from levada.beam.job import run_job
                from levada.beam.scheduler import default_jobs
            run_job(
                request.plan,
                request.run_id,
                request.store,
                request.packages,
                request.beam_options,
                request.jobs or default_jobs(),
                stop.is_set,
            )
        except BaseException as error:  # noqa: BLE001  raised on the main thread below
            raised.append(error)
        finally:
            done.set()

    threading.Thread(target=work, name="levada-job", daemon=True).start()
    try:
        while not done.wait(0.5):
            pass
    except KeyboardInterrupt:
        stop.set()
        request.say("stopping ...; Ctrl-C again ends at once")
        _let_end(done)
        raise
    if raised:
        from levada.beam.failures import original

        raise original(raised[0])


def _let_end(done: threading.Event) -> None:
    """Wait for nodes that have been told to stop: a second, and as long as processes of their own need to end."""
    from levada.node.own import any_running

    patience = time.monotonic() + PATIENCE
    done.wait(1)
    while any_running() and time.monotonic() < patience and not done.wait(0.1):
        pass


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a run as Ctrl-C does, with their own exit code."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, _: Any) -> None:
        raise KeyboardInterrupt(TERMINATED)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # of nohup
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class _Followers:
    """The readers of a run at work. `may_be_left`: whoever is impatient need not wait until they know how it ended."""

    may_be_left: bool = False


@contextmanager
def _following(request: Request, store: Store) -> Iterator[_Followers]:
    """Let the readers follow the journal while the run goes on; they are done when this returns."""
    stop = threading.Event()
    threads = {
        threading.Thread(
            target=follow,
            args=(Tail(store, request.run_id), reader.see, stop, reader.seconds),
            name=f"levada-{type(reader).__name__}",
            daemon=True,
        ): reader
        for reader in request.readers
    }
    for thread in threads:
        thread.start()
    followers = _Followers()
    try:
        yield followers
    finally:
        stop.set()
        try:
            _await(threads, request.say)
        except KeyboardInterrupt:  # what they have not seen, the next command tells them
            if not followers.may_be_left:
                raise


def _await(threads: Mapping[threading.Thread, Reader], say: Callable[[str], None]) -> None:
    """Wait for readers to come to the journal's end, and say for which if it takes more than a moment."""
    until = time.monotonic() + 1
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    busy = [str(getattr(reader, "about", "")) for thread, reader in threads.items() if thread.is_alive()]
    if told := ", ".join(filter(None, busy)):
        say(f"{told} ...")
    for thread in threads:
        thread.join()


def _exit_code(plan: Plan, results: dict[str, Result]) -> int:
    if any(result.status == "failed" and not plan.tolerates(result.node) for result in results.values()):
        return FAILED
    if any(result.closed or not all(record.open for record in result.outputs.values()) for result in results.values()):
        return CLOSED
    return OK


def facts_of(root: Path, packages: Mapping[str, Path]) -> dict[str, Any]:
    """Who ran this, where, and from which commit; `packages` are the project's."""
    return {
        "host": platform.node(),
        "user": _user(),
        "pid": os.getpid(),
        "process": this_process().to_json(),
        "versions": {"levada": levada.__version__, "python": platform.python_version()},
        "platform": platform.platform(),
        "git": _git(root, packages),
        "executable": sys.executable,
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _git(root: Path, packages: Mapping[str, Path]) -> dict[str, Any]:
    """Return commit, branch and whether what ran differs from it; empty outside a repository.

    It does if a file of the commit was changed, and if the project's code has one that no commit has, unless git is
    told to ignore it. Such files elsewhere (data, notes) make no difference.
    """

    def ask(*words: str) -> str | None:
        try:
            asked = subprocess.run(
                ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return asked.stdout.strip() if asked.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    if commit is None:
        return {}
    folders = [str(path) for path in packages.values()]
    apart = ("--exclude-standard", "--exclude=__pycache__")
    added = ask("ls-files", "--others", *apart, "--", *folders) if folders else ""
    return {
        "commit": commit,
        "branch": ask("rev-parse", "--abbrev-ref", "HEAD") or "",
        "dirty": bool(ask("status", "--porcelain", "--untracked-files=no") or added),
    }
