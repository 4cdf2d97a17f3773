"""A session: calls run at once, are recorded as a run, share the cache with `levada run`, and fail as Python does."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import levada
from levada.artifact import place_of
from levada.errors import GateError, ProjectError, WiringError
from levada.lease import ended, open_leases
from levada.notebook.session import Session
from levada.plan import External, Output
from levada.project import Project, find_project
from levada.recovery import close_killed_runs
from levada.run import Outcome, Request, run
from levada.store import Store
from tests.inline import ROOT, events
from tests.notebook.conftest import Cells

CODE = '''
"""Components of the project of these tests."""

import os
import signal
from pathlib import Path

from levada import Artifact, Context, Gate, Many, component, pipeline
from levada.externals import file_artifact
from sessioncode.tools import STEP


class Text(Artifact):
    """A text, as `text.txt`."""

    def read(self) -> str:
        return (self.path / "text.txt").read_text()


class Verdict(Gate):
    """A gate."""


def text(ctx: Context, said: str) -> Text:
    made = ctx.output(Text)
    (made.path / "text.txt").write_text(said)
    with (ctx.root / "ran.txt").open("a") as file:
        file.write(f"{ctx.node_id} ")
    ctx.metric("length", len(said))
    ctx.summary(f"{len(said)} letters")
    return made


@component
def write(ctx: Context, *, said: str = "a") -> Text:
    print("writing", said)
    return text(ctx, said)


@component
def double(ctx: Context, of: Text, *, times: int = 2) -> Text:
    return text(ctx, of.read() * times * STEP)


@component
def joined(ctx: Context, parts: Many[Text]) -> Text:
    return text(ctx, "+".join(part.read() for part in parts))


@component
def check(ctx: Context, of: Text, *, least: int = 1) -> Verdict:
    gate = ctx.output(Verdict)
    gate.set_verdict(len(of.read()) >= least, [f"{len(of.read())} letters, {least} are wanted"])
    return gate


@component(requires="gate")
def publish(ctx: Context, of: Text, gate: Verdict) -> Text:
    return text(ctx, of.read())


@component
def look_up(ctx: Context, file: Text) -> Text:
    return text(ctx, next(file.path.iterdir()).read_text())


@component
def fail(ctx: Context, of: Text) -> Text:
    raise KeyError("this key")


@component
def interrupted(ctx: Context) -> Text:
    os.kill(os.getpid(), signal.SIGINT)
    while True:
        pass


@component
def nested(ctx: Context) -> Text:
    return write()


@component
def apart(ctx: Context) -> Text:
    return text(ctx, str(os.getpid()))


@pipeline
def letters(*, said: str = "a", least: int = 1) -> Text:
    """From a text to a published one."""
    first = write(said=said)
    twice = double(first)
    return publish(twice, check(twice, least=least))


@pipeline
def doubled(first: Text) -> tuple[Text, Text]:
    """Twice and four times."""
    twice = double(first)
    return twice, double.with_options(name="again")(twice)
'''


class Box:
    """A project in a temporary folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "pyproject.toml").write_text('[tool.levada]\ncode = ["sessioncode"]\n')
        (root / "sessioncode").mkdir()
        self.write("__init__", "")
        self.write("tools", "STEP = 1\n")
        self.write("steps", CODE)

    def write(self, module: str, source: str) -> None:
        path = self.root / f"sessioncode/{module}.py"
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_text(source)
        if path.stat().st_mtime_ns == before:
            os.utime(path, ns=(before + 1_000_000, before + 1_000_000))

    @property
    def project(self) -> Project:
        return find_project(self.root)

    @property
    def store(self) -> Store:
        return self.project.store

    @property
    def steps(self) -> Any:
        return importlib.import_module("sessioncode.steps")

    def session(self, name: str = "letters") -> Session:
        return levada.session(name, project=self.root)

    def ran(self) -> list[str]:
        """Return the nodes that ran since this was asked last."""
        file = self.root / "ran.txt"
        said = file.read_text().split() if file.exists() else []
        file.unlink(missing_ok=True)
        return said

    def run(self, **arguments: Any) -> Outcome:
        """Run the pipeline as the command line does."""
        project = self.project
        plan = project.load_pipeline("python:sessioncode.steps:letters").plan_from(project.root, **arguments)
        return run(Request(plan, project.store, project.root, project.code_digest, project.packages))

    def runs(self) -> list[str]:
        return [key.rsplit("/", 1)[1] for key in self.store.list("runs")]

    def facts(self, run_id: str) -> dict[str, Any]:
        return self.store.read_json(f"runs/{run_id}/run.json")


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    for name in ("LEVADA_STORE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(Project, "tracking_uri", "")  # telling MLflow takes seconds, and has a test of its own
    monkeypatch.chdir(tmp_path)
    yield Box(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "sessioncode"]:
        del sys.modules[name]


@pytest.fixture
def session(box: Box) -> Iterator[Session]:
    with box.session() as session:
        yield session


# -- a call runs ----------------------------------------------------------------------------------------


def test_a_call_runs_at_once_and_returns_what_it_made(box: Box, session: Session) -> None:
    first = box.steps.write(said="ab")
    assert (type(first), first.read()) == (box.steps.Text, "ab")
    assert box.steps.double(first).read() == "abab"
    assert box.ran() == ["write", "double"]


def test_what_a_component_prints_is_shown_and_logged(box: Box, session: Session, capsys: Any) -> None:
    box.steps.write(said="ab")
    assert capsys.readouterr().out == "writing ab\n"
    (log,) = box.store.list(f"runs/{session.run_id}/logs/write")
    assert box.store.read(log) == b"writing ab\n"


def test_a_session_is_one_run_with_a_plan_that_grows(box: Box) -> None:
    """Plan, leases, journal and end as those of any run; nothing is written before the first call."""
    with box.session() as session:
        assert box.runs() == []
        first = box.steps.write()
        assert [lease.run_id for lease in open_leases(box.store)] == [session.run_id]
        box.steps.double(first)
        run_id = session.run_id
        assert [node.id for node in session.plan.nodes] == ["write", "double"]
        assert session.plan.node("double").inputs["of"] == Output("write", "output")
    assert box.runs() == [run_id]
    assert open_leases(box.store) == []
    end = ended(box.store, run_id)
    assert end is not None
    assert (end.status, end.exit_code, end.counts) == ("finished", 0, {"done": 2})
    assert (box.facts(run_id)["pipeline"], box.facts(run_id)["session"]) == ("letters", True)
    assert box.store.read_json(f"runs/{run_id}/plan.json") == session.plan.to_json()
    told = events(box.store, run_id)
    schema = json.loads((ROOT / "schemas/journal.schema.json").read_text())
    for event in told:
        jsonschema.validate(event, schema)
    kinds = [event["kind"] for event in told]
    assert kinds.count("run_started") == kinds.count("run_finished") == 1
    assert [node["id"] for event in told if event["kind"] == "plan_grew" for node in event["nodes"]] == ["double"]
    jsonschema.validate(session.plan.to_json(), json.loads((ROOT / "schemas/plan.schema.json").read_text()))


def test_the_command_line_finds_in_the_cache_what_the_notebook_made(box: Box, session: Session) -> None:
    steps = box.steps
    twice = steps.double(steps.write(said="x"))
    steps.publish(twice, steps.check(twice))
    box.ran()
    assert {name: item.status for name, item in box.run(said="x").results.items()} == dict.fromkeys(
        ("write", "double", "check", "publish"), "cached"
    )
    assert box.ran() == []


def test_the_notebook_finds_in_the_cache_what_the_command_line_made(box: Box, session: Session) -> None:
    box.run(said="x")
    box.ran()
    steps = box.steps
    twice = steps.double(steps.write(said="x"))
    assert steps.publish(twice, steps.check(twice)).read() == "xx"
    assert box.ran() == []


def test_a_restart_loses_nothing(box: Box) -> None:
    """Another session, as after a restart of the kernel: everything comes from the cache."""
    for _ in range(2):
        with box.session():
            assert box.steps.double(box.steps.write(said="x")).read() == "xx"
    assert box.ran() == ["write", "double"]
    assert len(box.runs()) == 2


def test_a_cell_that_is_executed_again_adds_nothing(box: Box, session: Session) -> None:
    first, second = (box.steps.double(box.steps.write()) for _ in range(2))
    assert place_of(first) == place_of(second)
    assert [node.id for node in session.plan.nodes] == ["write", "double"]


def test_what_was_removed_from_the_store_is_made_again(box: Box, session: Session) -> None:
    first = box.steps.write()
    (first.path / "text.txt").unlink()
    assert box.steps.write().read() == "a"
    assert box.ran() == ["write", "write_2"]


def test_a_name_may_be_used_again(box: Box, session: Session) -> None:
    named = box.steps.write.with_options(name="mine")
    named(said="a")
    named(said="b")
    assert [node.id for node in session.plan.nodes] == ["mine", "mine_2"]


def test_what_is_never_cached_runs_every_time(box: Box, session: Session) -> None:
    for _ in range(2):
        box.steps.write.with_options(cache=False)()
    assert box.ran() == ["write", "write_2"]


def test_wrong_arguments_are_the_errors_that_a_plan_gives(box: Box, session: Session) -> None:
    with pytest.raises(WiringError, match=r"double\(of=...\) wants Text, got Verdict."):
        box.steps.double(box.steps.check(box.steps.write()))
    with pytest.raises(WiringError, match="has no parameter 'sad'"):
        box.steps.write(sad=1)
    assert [node.id for node in session.plan.nodes] == ["write", "check"]


def test_an_artifact_that_no_session_made_is_refused(box: Box, session: Session, tmp_path: Path) -> None:
    first = box.steps.write()
    stray = box.steps.Text(type(first._state)(first.record, first._state.home))
    with pytest.raises(WiringError, match="wants Text"):
        box.steps.double(stray)


# -- failures -------------------------------------------------------------------------------------------


def test_a_component_raises_its_own_exception_with_its_own_frames(box: Box, session: Session) -> None:
    first = box.steps.write()
    with pytest.raises(KeyError) as raised:
        box.steps.fail(first)
    files = [frame.filename for frame in traceback.extract_tb(raised.value.__traceback__)]
    assert files[0] == __file__
    assert files[-1].endswith("sessioncode/steps.py")
    assert len(files) == 4  # the two between are a call and the session's; a notebook hides them
    assert box.store.read_json(f"runs/{session.run_id}/nodes/fail.json")["status"] == "failed"
    assert box.steps.double(first).read() == "aa"


def test_a_failure_is_shown_without_the_engine(box: Box, session: Session, cells: Cells) -> None:
    """As IPython prints it: the cell, then the component."""
    cells("from sessioncode.steps import fail, write")
    cells.shell.InteractiveTB.set_mode("Plain")
    try:
        cells("fail(write())")
    except KeyError:
        shown = "\n".join(cells.shell.InteractiveTB.structured_traceback(*sys.exc_info()))
    assert "sessioncode/steps.py" in shown and "this key" in shown
    cells.shell.InteractiveTB.set_mode("Context")
    with pytest.raises(KeyError) as raised:
        cells("fail(write())")
    context = "\n".join(
        cells.shell.InteractiveTB.structured_traceback(raised.type, raised.value, raised.tb, tb_offset=2)
    )
    assert "raise KeyError" in context
    assert "levada/notebook" not in context


def test_an_interrupt_stops_the_component_and_the_session_goes_on(box: Box, session: Session) -> None:
    with pytest.raises(KeyboardInterrupt):
        box.steps.interrupted()
    assert box.steps.write().read() == "a"


def test_a_component_that_calls_a_component_is_told_so(box: Box, session: Session) -> None:
    with pytest.raises(WiringError, match="was called outside a pipeline"):
        box.steps.nested()


def test_a_closed_gate_raises_and_an_open_one_lets_pass(box: Box, session: Session) -> None:
    steps = box.steps
    first = steps.write()
    with pytest.raises(GateError, match=r"publish was not run: check closed the gate: 1 letters, 5 are wanted"):
        steps.publish(first, steps.check(first, least=5))
    closed = steps.check(first, least=5)
    with pytest.raises(GateError, match="closed the gate"):
        steps.double.with_options(requires=closed)(first)
    assert steps.double.with_options(requires=steps.check(first), after=closed)(first).read() == "aa"


def test_a_gate_of_an_earlier_run_holds_too(box: Box) -> None:
    steps = box.steps
    with box.session():
        first = steps.write()
        closed, opened = steps.check(first, least=5), steps.check(first)
    with box.session():
        for call in (lambda: steps.publish(first, closed), lambda: steps.double.with_options(requires=closed)(first)):
            with pytest.raises(GateError, match="requires an open gate, and this Verdict is closed: 1 letters"):
                call()
        assert steps.publish(first, opened).read() == "a"


# -- sessions -------------------------------------------------------------------------------------------


def test_without_a_session_a_call_is_refused(box: Box) -> None:
    with box.session():
        first = box.steps.write()
    with pytest.raises(WiringError, match=r"write\(...\) was called outside a pipeline"):
        box.steps.write()
    assert first.read() == "a"


def test_the_same_session_is_returned_until_another_is_asked_for(box: Box) -> None:
    with box.session() as first:
        assert box.session() is first
        other = box.session("other")
        assert not first.is_open and other.is_open
        other.close()


def test_artifacts_of_an_earlier_session_can_be_used(box: Box) -> None:
    """They come from outside this run: by the run, node and output that they are, with the same cache key."""
    steps = box.steps
    with box.session():
        first = steps.write()
    with box.session() as session:
        assert steps.double(first).read() == "aa"
        binding = session.plan.node("double").inputs["of"]
        assert isinstance(binding, External) and binding.reference == f"made:{place_of(first)}"
    assert {name: item.status for name, item in box.run().results.items()}["double"] == "cached"


def test_there_must_be_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError, match="no Levada project"):
        levada.session("x")


# -- what lies outside ----------------------------------------------------------------------------------


def test_a_file_is_read_as_it_is_and_a_changed_one_begins_a_new_run(box: Box, session: Session) -> None:
    """Within a run a name means one thing."""
    from levada.externals import file_artifact

    (box.root / "words.txt").write_text("one")
    file: Any = file_artifact(box.steps.Text, "words.txt")
    first = box.steps.write()
    assert box.steps.look_up(file).read() == "one"
    run_id = session.run_id
    (box.root / "words.txt").write_text("two")
    assert box.steps.look_up(file).read() == "two"
    assert session.run_id != run_id
    before = ended(box.store, run_id)
    assert before is not None and before.status == "finished"
    assert box.steps.double(first).read() == "aa"


# -- pipelines ------------------------------------------------------------------------------------------


def test_a_pipeline_that_is_called_runs_whole_and_returns_made_artifacts(box: Box, session: Session) -> None:
    published = box.steps.letters(said="z")
    assert published.read() == "zz"
    (run_id,) = box.runs()
    assert box.facts(run_id)["pipeline"] == "letters"
    assert "session" not in box.facts(run_id)
    assert box.steps.double(published).read() == "zzzz"
    assert session.run_id != run_id


def test_a_pipeline_takes_made_artifacts(box: Box, session: Session) -> None:
    first = box.steps.write(said="q")
    twice, four = box.steps.doubled(first)
    assert (twice.read(), four.read()) == ("qq", "qqqq")
    assert box.steps.doubled.plan(first).arguments == {}


def test_a_pipeline_whose_gate_closes_raises(box: Box, session: Session) -> None:
    with pytest.raises(GateError, match="publish was not run: check closed the gate"):
        box.steps.letters(least=9)


def test_a_plan_draws_itself(box: Box) -> None:
    assert "publish" in box.steps.letters.plan()._repr_html_()


# -- cells ----------------------------------------------------------------------------------------------


CELL = """
from levada import Artifact, Context, component
from sessioncode.steps import Text, double, text, write

SUFFIX = "!"

@component
def shout(ctx: Context, of: Text, *, times: int = 1) -> Text:
    return text(ctx, of.read() + SUFFIX * times)
"""


def test_a_component_of_a_cell_runs_and_is_cached(box: Box, cells: Cells) -> None:
    """By its source and what it reaches: over a restart, and until that changes."""
    with box.session():
        cells(CELL)
        assert cells("shout(write()).read()") == "a!"
    with box.session() as session:
        cells(CELL)
        assert cells("shout(write()).read()") == "a!"
        assert box.ran() == ["write", "shout"]
        cells("SUFFIX = '?'")
        assert cells("shout(write()).read()") == "a?"
        cells(CELL.replace("of.read() +", "of.read() * 2 +"))
        assert cells("shout(write()).read()") == "aa!"
        assert box.ran() == ["shout_2", "shout_3"]
        node = session.plan.node("shout_3")
        assert node.position is not None and node.position.file.startswith("In[")
        assert node.component.startswith("cell:") and node.component.endswith(":shout")
        _, digest, _ = node.component.split(":")
        kept = (box.store.read(f"runs/{session.run_id}/cells/shout-{digest}.py") or b"").decode()
        assert "of.read() * 2" in kept
        assert cells("double(shout(write())).read()") == "aa!aa!"


def test_a_component_of_a_cell_that_reaches_something_live_says_so(box: Box, cells: Cells, capsys: Any) -> None:
    with box.session():
        cells(CELL.replace('"!"', "open('/dev/null')").replace("SUFFIX * times", "str(SUFFIX.closed)"))
        for _ in range(2):
            cells("shout(write())")
    assert box.ran() == ["write", "shout", "shout_2"]
    said = capsys.readouterr().err
    assert "shout is not cached: it reads SUFFIX, a TextIOWrapper." in said


def test_a_component_of_a_cell_stays_in_its_process(box: Box, cells: Cells) -> None:
    with box.session():
        cells(CELL)
        with pytest.raises(
            ProjectError, match=r"shout runs in a process of its own, and was defined in a cell"
        ) as raised:
            cells("shout.with_options(process='own')(write())")
        assert "Save shout in a file below components/" in str(raised.value)
        assert box.steps.apart().read() == str(os.getpid())
        assert box.steps.apart.with_options(process="own", cache=False)().read() != str(os.getpid())


def test_a_type_and_a_parameter_class_of_a_cell_work(box: Box, cells: Cells) -> None:
    code = """
    from dataclasses import dataclass
    from typing import NamedTuple
    from levada import Artifact, Context, component

    @dataclass(frozen=True)
    class Size:
        width: int

    class Box(Artifact):
        def read(self):
            return (self.path / "n").read_text()

    class Made(NamedTuple):
        box: Box
        lid: Box

    @component
    def build(ctx: Context, *, size: Size = Size(3)) -> Made:
        box, lid = ctx.output(Box, "box"), ctx.output(Box, "lid")
        for part in (box, lid):
            (part.path / "n").write_text(str(size.width))
        return Made(box, lid)

    @component
    def open_up(ctx: Context, box: Box) -> Box:
        out = ctx.output(Box)
        (out.path / "n").write_text("opened " + box.read())
        return out
    """
    for _ in range(2):
        with box.session():
            cells(code)
            assert cells("open_up(build(size=Size(4)).box).read()") == "opened 4"
            cells("kept = build(size=Size(4))")
            cells(code)  # defined anew, and the same
            assert cells("open_up(kept.box).read()") == "opened 4"
    results = [box.store.read_json(f"runs/{run}/nodes/build.json")["status"] for run in box.runs()]
    assert sorted(results) == ["cached", "done"]


def test_a_pipeline_of_a_cell_runs_and_then_from_its_file(box: Box, cells: Cells) -> None:
    source = """
from levada import pipeline
from sessioncode.steps import Text, double, write

@pipeline
def saved() -> Text:
    return double(write(said="s"))
"""
    with box.session():
        cells(source)
        assert cells("saved().read()") == "ss"
        assert cells("saved.plan().reference").startswith("cell:")
    box.ran()
    box.write("saved", source)
    project = box.project
    plan = project.load_pipeline(project.find_pipeline("saved")).plan_from(project.root)
    run(Request(plan, project.store, project.root, project.code_digest, project.packages))
    assert box.ran() == []


# -- modules that are edited ----------------------------------------------------------------------------


def test_an_edited_module_counts_as_what_was_imported_until_it_is_reloaded(
    box: Box, session: Session, capsys: Any
) -> None:
    first = box.steps.write()
    assert box.steps.double(first).read() == "aa"
    box.write("tools", "STEP = 3\n")
    assert box.steps.double(first).read() == "aa"  # what is in memory, which says so, once
    box.steps.double(first)
    said = capsys.readouterr().err
    assert said.count("sessioncode/tools.py has changed since it was imported") == 1
    assert box.ran() == ["write", "double"]
    importlib.reload(sys.modules["sessioncode.tools"])
    importlib.reload(sys.modules["sessioncode.steps"])
    assert box.steps.double(first).read() == "aaaaaa"
    assert box.ran() == ["double"]


def test_a_module_that_was_edited_before_the_session_is_noticed(box: Box) -> None:
    box.steps  # noqa: B018  imported
    box.write("steps", CODE.replace("of.read() * times", "of.read() * 9"))
    with pytest.raises(ProjectError, match="was edited after it was imported"):
        box.session()


def test_autoreload_is_followed(box: Box, session: Session, cells: Cells) -> None:
    cells("from sessioncode.steps import write, double\nfirst = write()")
    cells.shell.run_line_magic("load_ext", "autoreload")
    cells.shell.run_line_magic("autoreload", "2")
    assert cells("double(first).read()") == "aa"
    box.write("steps", CODE.replace("of.read() * times", "of.read() * 9"))
    cells("pass")
    assert cells("double(first).read()") == "aaaaaaaaa"
    box.write("tools", "STEP = 2\n")
    cells("pass")
    assert len(cells("double(first).read()")) in (9, 18)  # as far as autoreload brings it ...
    text, counted = cells("double(first)"), box.ran()
    memory = sys.modules["sessioncode.steps"].STEP
    assert len(text.read()) == 9 * memory  # ... and what counted is what ran
    assert counted


# -- lists ----------------------------------------------------------------------------------------------


def test_each_and_gather_run_over_lists(box: Box, session: Session) -> None:
    steps = box.steps
    parts = steps.write(said=levada.each(["a", "b"]))
    assert [part.read() for part in levada.gather(parts)] == ["a", "b"]
    twice = steps.double(parts)
    assert steps.joined(levada.gather(twice)).read() == "aa+bb"
    assert (
        steps.joined(levada.gather(steps.double(levada.each([steps.write(), steps.write(said="c")])))).read() == "aa+cc"
    )


def test_a_list_of_an_earlier_session_can_be_used(box: Box) -> None:
    with box.session():
        parts = levada.gather(box.steps.write(said=levada.each(["a", "b"])))
    with box.session():
        assert box.steps.joined(parts).read() == "a+b"
        again = box.steps.double(levada.each(parts))
        assert [part.read() for part in levada.gather(again)] == ["aa", "bb"]


def test_everything_draws_itself(box: Box, session: Session) -> None:
    first = box.steps.write()
    assert "1 letters" in first._repr_html_()
    assert "write" in session._repr_html_()


# -- what others see ------------------------------------------------------------------------------------


def test_a_session_whose_kernel_was_killed_is_closed_by_who_looks_next(box: Box) -> None:
    """What it made stays, and is found."""
    code = (
        "import levada, os\n"
        f"levada.session('letters', project={str(box.root)!r})\n"
        "from sessioncode.steps import double, write\n"
        "double(write(said='k'))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=box.root, check=False, stdout=subprocess.DEVNULL)
    (killed,) = close_killed_runs(box.store)
    assert (killed.pipeline, killed.finished) == ("letters", ("write", "double"))
    end = ended(box.store, killed.run_id)
    assert end is not None and end.status == "killed"
    box.ran()
    with box.session():
        assert box.steps.double(box.steps.write(said="k")).read() == "kk"
    assert box.ran() == []


def test_a_process_that_ends_ends_its_session(box: Box) -> None:
    code = (
        "import levada\n"
        f"levada.session('letters', project={str(box.root)!r})\n"
        "from sessioncode.steps import write\n"
        "write()\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=box.root, check=True, stdout=subprocess.DEVNULL)
    (run_id,) = box.runs()
    end = ended(box.store, run_id)
    assert end is not None and end.status == "finished"
    assert close_killed_runs(box.store) == []


@pytest.mark.slow
def test_trouble_with_mlflow_is_said_once_in_a_session(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Whatever is told it: calls, a pipeline, the end; nothing fails."""
    (tmp_path / "mlflow.db").write_bytes(b"this is no database" * 100)
    monkeypatch.setattr(Project, "tracking_uri", f"sqlite:///{tmp_path}/mlflow.db")
    with box.session():
        box.steps.double(box.steps.write(said="t"))
        box.steps.letters(said="p")
        box.steps.write(said="u")
    assert capsys.readouterr().err.count("note: ") == 1


@pytest.mark.slow
def test_mlflow_has_a_session_as_one_run_with_a_child_for_each_node(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setattr(Project, "tracking_uri", uri)
    with box.session() as session:
        box.steps.double(box.steps.write(said="m"))
        run_id = session.run_id
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("letters")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = {run.data.tags["levada.node"]: run for run in runs if "mlflow.parentRunId" in run.data.tags}
    assert [run.info.run_name for run in parents] == [run_id]
    assert (parents[0].info.status, parents[0].data.tags["mlflow.source.type"]) == ("FINISHED", "NOTEBOOK")
    assert {name: run.data.metrics["length"] for name, run in children.items()} == {"write": 1, "double": 2}
