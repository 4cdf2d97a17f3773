"""A run leaves its process: nodes run in a worker pool that has no copy of the project, on a store that both reach."""

# ruff: noqa: F811  (fixtures)
from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import levada
from levada.project import Project
from levada.run import FAILED, OK, Outcome, Request, run
from levada.settings import Settings
from levada.store import Store
from tests.inline import events
from tests.stores import CREDENTIALS, s3_address  # noqa: F401

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CODE = {
    "__init__.py": "",
    "numbers.py": '''
"""An artifact type of the project's own."""
import json
from levada import Artifact

SCALE = 10

class Number(Artifact):
    def get(self):
        return json.loads((self.path / "number.json").read_text())
    def put(self, value):
        (self.path / "number.json").write_text(json.dumps(value))
''',
    "steps.py": '''
"""Components that tell where they ran."""
import json, os, sys
from pathlib import Path
import apache_beam as beam
from levada import Context, Many, component
from levada.store import Store
from vineyard.numbers import SCALE, Number

def facts():
    return {"pid": os.getpid(), "cwd": str(Path.cwd()), "code": __file__}

def put(ctx, **more):
    out = ctx.output(Number)
    out.put({**facts(), **more})
    return out

@component
def make(ctx: Context, *, n: int) -> Number:
    ctx.metric("n", n)
    return put(ctx, n=n * SCALE)

@component
def add(ctx: Context, a: Number, b: Number) -> Number:
    return put(ctx, n=a.get()["n"] + b.get()["n"])

@component
def chatter(ctx: Context, a: Number) -> Number:
    """Fill a pipe that nobody reads several times over."""
    for _ in range(5_000):
        print("much ado about nothing, on the standard output, " * 2)
    sys.stdout.flush()
    os.write(1, b"x" * 300_000)
    return put(ctx, n=a.get()["n"])

@component
def pick(ctx: Context, *, upto: int) -> Many[Number]:
    """A list whose length nobody knows before."""
    out = ctx.output_many(Number)
    for n in range(1, upto + 1):
        out.add(f"vine {n}").put({**facts(), "n": n})
    return out

@component
def ferment(ctx: Context, a: Number) -> Number:
    return put(ctx, n=a.get()["n"] * SCALE)

@component
def blend(ctx: Context, parts: Many[Number]) -> Number:
    return put(ctx, n=sum(part.get()["n"] for part in parts), pids=sorted({part.get()["pid"] for part in parts}))

class HarvestError(Exception):
    def __init__(self, row, why):
        super().__init__(row, why)

@component
def spoil(ctx: Context, a: Number) -> Number:
    raise HarvestError(7, "hail")

class Scaled(beam.DoFn):
    """A DoFn of the project's own, which uses a class and a constant of another module."""
    def process(self, element):
        assert Number.__name__ == "Number"
        if element < 0:
            raise HarvestError(element, "frost")
        yield {"n": element * SCALE, "pid": os.getpid()}

@component
def job(ctx: Context, a: Number, *, low: int = 0) -> Number:
    """Start a Beam job from the worker; its elements are worked on in yet another process."""
    out = ctx.output(Number)
    keep = Keep(ctx.store.uri, ctx.store.options, ctx.attempt)
    with ctx.beam("scale") as p:
        p | beam.Create(range(low, 4)) | beam.ParDo(Scaled()) | beam.combiners.ToList() | beam.ParDo(keep)
    rows = json.loads(ctx.store.read(f"jobs/{ctx.attempt}"))
    out.put({**facts(), "n": sum(row["n"] for row in rows), "job_pids": sorted({row["pid"] for row in rows})})
    return out

class Keep(beam.DoFn):
    """Put a list into the store: the file systems of the two workers may differ."""
    def __init__(self, uri, options, name):
        self.uri, self.options, self.name = uri, options, name
    def process(self, element):
        Store(self.uri, self.options).write(f"jobs/{self.name}", json.dumps(element).encode())
        yield 1
''',
    "pipelines.py": '''
"""What the test draws."""
from levada import each, gather, pipeline
from vineyard.steps import add, blend, chatter, ferment, job, make, pick, spoil

@pipeline
def vintage():
    a, b = make(n=1), make(n=2)
    chatter(chatter(add(a, b)))
    add(a, a)

@pipeline
def spoilt():
    a = make(n=1)
    add(spoil(a), a)
    add.with_options(name="beside")(a, a)

@pipeline
def blended():
    blend(gather(ferment(ferment(each(pick(upto=4))))))
    blend.with_options(name="of_values")(gather(make(n=each([1, 2, 3]))))

@pipeline
def pressed():
    a = make(n=1)
    job(a)
    job.with_options(name="frozen")(a, low=-1)
''',
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project in a folder that only this process has on its path."""
    root = tmp_path_factory.mktemp("vineyard-project")
    (root / "vineyard").mkdir()
    for name, text in CODE.items():
        (root / "vineyard" / name).write_text(text)
    project = Project(root, Settings(code=("vineyard",)))
    project.make_importable()
    yield project
    sys.path.remove(str(root))


@pytest.fixture(scope="module")
def pool(s3_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Beam's worker pool, as on another machine: other interpreter, other folder, Levada installed, no project."""
    home = tmp_path_factory.mktemp("worker-machine")
    shutil.copytree(Path(levada.__file__).parent, home / "installed" / "levada")
    packages = Path(pytest.__file__).parent.parent
    interpreter = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    (home / "bin").mkdir()
    python = home / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {interpreter} "$@"\n')
    python.chmod(0o755)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    environment = {
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": f"{home / 'installed'}:{packages}",
        "HOME": str(home),
        "TMPDIR": str(home),
        **CREDENTIALS,
    }
    with (home / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            ["python", "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={port}"],
            cwd=home,
            env=environment,
            executable=python,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        while process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("localhost", port)) == 0:
                    break
            time.sleep(0.1)
        assert process.poll() is None, (home / "log.txt").read_text()
        yield f"localhost:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # with the workers it started
        process.wait()


@pytest.fixture
def far(s3_address: str) -> Store:
    return Store(f"s3://bucket/{secrets.token_hex(6)}", {"endpoint_url": s3_address})


def run_there(project: Project, pool: str, store: Store, name: str) -> Outcome:
    return run_with(
        project,
        store,
        name,
        "--runner=PortableRunner",
        "--job_endpoint=embed",
        "--environment_type=EXTERNAL",
        f"--environment_config={pool}",
    )


def run_with(project: Project, store: Store, name: str, *options: str) -> Outcome:
    plan = project.load_pipeline(f"python:vineyard.pipelines:{name}").plan_from(project.root)
    return run(Request(plan, store, project.root, project.code_digest, project.packages, beam_options=options))


def made_by(outcome: Outcome, store: Store, name: str) -> dict[str, Any]:
    content = store.read_json(f"{store.key_of(outcome.results[name].outputs['output'].uri)}/number.json")
    return dict(content)


def test_nodes_run_in_the_pool(project: Project, pool: str, far: Store) -> None:
    """The project's code got there by itself, results are right, the journals came back."""
    outcome = run_there(project, pool, far, "vintage")
    assert outcome.error is None
    assert outcome.exit_code == OK
    facts = {name: made_by(outcome, far, name) for name in outcome.results}
    assert {name: fact["n"] for name, fact in facts.items()} == {
        "make": 10,
        "make_2": 20,
        "add": 30,
        "chatter": 30,
        "chatter_2": 30,
        "add_2": 20,
    }
    for fact in facts.values():
        assert fact["pid"] != os.getpid()
        assert "worker-machine" in fact["cwd"]
        assert str(project.root) not in fact["code"]
        assert fact["code"].endswith("/vineyard/steps.py")
    assert len({fact["code"] for fact in facts.values()}) == 1, "one package, by its content"

    writers: dict[str, set[str]] = {}
    for event in events(far, outcome.run_id):
        writers.setdefault(event["id"].rpartition(":")[0], set()).add(event.get("node", ""))
    assert sorted(writers) == [
        key.rsplit("/", 1)[1].removesuffix(".jsonl") for key in far.list(f"runs/{outcome.run_id}/journal")
    ]
    there = {f"-{fact['pid']}-" for fact in facts.values()}
    told = {node for writer, nodes in writers.items() for node in nodes if any(pid in writer for pid in there)}
    assert told == set(facts)
    assert sum(any(pid in writer for pid in there) for writer in writers) == len(there), "one journal a process"
    assert outcome.results["make"].metrics == {"n": 1}

    again = run_there(project, pool, far, "vintage")
    assert {result.status for result in again.results.values()} == {"cached"}


def assert_blended(outcome: Outcome, store: Store) -> None:
    assert outcome.error is None
    counts = {name: str(result.items) for name, result in outcome.results.items() if result.items}
    assert counts == {"ferment": "4 items", "ferment_2": "4 items", "make": "3 items"}
    blend, of_values = made_by(outcome, store, "blend"), made_by(outcome, store, "of_values")
    assert (blend["n"], of_values["n"]) == (1000, 60)
    assert os.getpid() not in (*blend["pids"], *of_values["pids"], blend["pid"])


def test_items_of_mapped_nodes_run_in_the_pool(project: Project, pool: str, far: Store) -> None:
    """Those of a list that is made there, too; afterwards all are cache hits."""
    assert_blended(run_there(project, pool, far, "blended"), far)
    again = run_there(project, pool, far, "blended")
    assert {result.status for result in again.results.values()} == {"cached"}


def test_items_of_mapped_nodes_run_in_beams_own_processes(project: Project, tmp_path: Path) -> None:
    """With Beam's direct runner in several processes, on a local store."""
    store = Store(tmp_path)
    options = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    assert_blended(run_with(project, store, "blended", *options), store)


def test_a_failure_in_the_pool_is_the_users_own(project: Project, pool: str, far: Store) -> None:
    """Its type and text, and the line as the project names it; siblings run, what hangs on it is skipped."""
    outcome = run_there(project, pool, far, "spoilt")
    assert outcome.exit_code == FAILED
    assert outcome.error is None
    assert {name: result.status for name, result in outcome.results.items()} == {
        "make": "done",
        "spoil": "failed",
        "add": "skipped",
        "beside": "done",
    }
    failure = outcome.results["spoil"].failure
    assert failure is not None
    assert (failure.type, failure.message) == ("HarvestError", "(7, 'hail')")
    assert [(frame.file, frame.function) for frame in failure.frames] == [("vineyard/steps.py", "spoil")]
    assert outcome.results["add"].reason == "needs spoil, which failed"


def test_a_component_in_the_pool_starts_jobs_of_its_own(project: Project, pool: str, far: Store) -> None:
    """With the run's options: their elements go to further workers, which have no project either."""
    outcome = run_there(project, pool, far, "pressed")
    assert outcome.error is None
    failure = outcome.results["job"].failure
    assert failure is None, failure.traceback
    fact = made_by(outcome, far, "job")
    assert fact["n"] == (0 + 1 + 2 + 3) * 10
    assert not {os.getpid(), fact["pid"]} & set(fact["job_pids"])
    frozen = outcome.results["frozen"].failure
    assert frozen is not None
    assert (frozen.type, frozen.message) == ("HarvestError", "(-1, 'frost')")
