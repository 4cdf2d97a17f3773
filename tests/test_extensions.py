"""What a package outside adds: a reader, a code scheme, an external scheme, an artifact type, a source."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from levada.errors import PlanError, ProjectError
from levada.extensions import POINTS, installed
from levada.externals import external
from levada.plan import Plan
from levada.project import Project
from levada.references import load
from levada.settings import SETTINGS
from levada.store import Store
from tests.answering import WITHOUT_MLFLOW
from tests.arithmetic import Number, make, read
from tests.inline import plan_of, run_nodes, value_of

LEVADA = Path(sys.executable).parent / "levada"


def install(site: Path, name: str, entries: str, **modules: str) -> Path:
    """Lay a distribution out in a folder as an installer does."""
    package = site / name.replace("-", "_")
    package.mkdir(parents=True)
    for module, text in {"__init__": "", **modules}.items():
        (package / f"{module}.py").write_text(text)
    info = site / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(entries)
    return package


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on this process's path, as `site-packages` is."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    installed.cache_clear()
    yield folder
    installed.cache_clear()
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


# -- code references ------------------------------------------------------------------------------------

SCHEME = '''
"""Finds components by the beds that they stand in."""
version = "1"

def load(module, name):
    from tests import arithmetic
    return getattr(arithmetic, {"sow": "make"}[name])

def digest(module, name):
    return f"{module}.{name} {version}"
'''


def with_component(plan: Plan, reference: str) -> Plan:
    """Return a plan as another tool might write it: its components named by another scheme."""
    nodes = [replace(node, component=reference).to_json() for node in plan.nodes]
    return Plan.from_json({**plan.to_json(), "nodes": nodes})


def test_a_scheme_for_code_runs_what_it_finds_and_says_what_counts(site: Path, tmp_path: Path) -> None:
    """A plan names a component by it; its digest is the code in the cache key."""
    install(site, "levada-garden", "[levada.references]\ngarden = levada_garden.scheme\n", scheme=SCHEME)
    plan = with_component(plan_of(lambda: make(n=3), name="garden"), "garden:south:sow")
    store, code = Store(tmp_path / "store"), Project(tmp_path).code_digest
    results = run_nodes(plan, store, "run-1", code=code)
    assert value_of(results["make"], store) == 3
    assert run_nodes(plan, store, "run-2", code=code)["make"].status == "cached"
    import levada_garden.scheme as scheme  # pyright: ignore[reportMissingImports]

    scheme.version = "2"
    assert run_nodes(plan, store, "run-3", code=code)["make"].status == "done"


def test_an_unknown_scheme_is_answered_with_those_that_there_are(site: Path) -> None:
    """Ours and those of installed packages."""
    install(site, "levada-garden", "[levada.references]\ngarden = levada_garden.scheme\n", scheme=SCHEME)
    with pytest.raises(ProjectError, match="unknown scheme 'yard'") as caught:
        load("yard:a:b")
    assert caught.value.hint == "Known schemes: python, garden."


# -- externals ------------------------------------------------------------------------------------------

EXTERNAL = """
from levada.externals import Resolution, keep_file

def resolve(rest, type, store, root):
    path = root / "beds" / rest / "number.json"
    return Resolution(keep_file(path, type, store, f"the bed {rest}") if path.is_file() else None)
"""


def test_a_scheme_for_artifacts_outside_the_plan_is_resolved_when_a_run_starts(site: Path, tmp_path: Path) -> None:
    """Its content counts in the key, as that of a file does."""
    from tests import inline

    install(site, "levada-beds", "[levada.externals]\nbed = levada_beds.find:resolve\n", find=EXTERNAL)
    home = tmp_path / "project"
    (home / "beds" / "3").mkdir(parents=True)
    (home / "beds" / "3" / "number.json").write_text("7")
    plan = plan_of(lambda: read(external(Number, "bed:3")), name="beds")
    store = Store(tmp_path / "store")
    root, inline.ROOT = inline.ROOT, home
    try:
        assert run_nodes(plan, store, "run-1")["read"].metrics == {"value": 7.0}
        assert run_nodes(plan, store, "run-2")["read"].status == "cached"
        (home / "beds" / "3" / "number.json").write_text("8")
        assert run_nodes(plan, store, "run-3")["read"].metrics == {"value": 8.0}
    finally:
        inline.ROOT = root
    unknown = plan_of(lambda: read(external(Number, "lawn:3")), name="lawn")
    with pytest.raises(PlanError, match="unknown scheme 'lawn'") as caught:
        run_nodes(unknown, store, "run-4")
    assert caught.value.hint == "Known: file, champion, decisions, previous, made, bed."


def test_a_scheme_that_does_not_load_names_its_distribution(site: Path, tmp_path: Path) -> None:
    """The run cannot do without it, so it is an error; not a traceback of somebody else's import."""
    install(site, "levada-beds", "[levada.externals]\nbed = levada_beds.find:resolve\n", find="import no_such_thing")
    plan = plan_of(lambda: read(external(Number, "bed:3")), name="beds")
    with pytest.raises(
        ProjectError, match=r"extension 'bed' \(levada.externals\) of levada-beds 1.2 does not load: Mod"
    ):
        run_nodes(plan, Store(tmp_path / "store"))


def test_of_two_packages_with_one_name_the_first_is_used_and_it_is_said(
    site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By the distribution's name, so it is always the same."""
    for name in ("levada-beta", "levada-alpha"):
        install(site, name, f"[levada.externals]\nbed = {name.replace('-', '_')}.find:resolve\n", find=EXTERNAL)
    assert installed("levada.externals")["bed"].distribution == "levada-alpha"
    assert "levada-alpha 1.2 and levada-beta both bring 'bed'" in caplog.text


# -- on the command line --------------------------------------------------------------------------------

WORK = """
from garden_kinds.kinds import Bed, Seeds
from levada import Context, component, pipeline
from levada.components import ingest

@component
def dig(ctx: Context, *, size: int = 2) -> Bed:
    bed = ctx.output(Bed)
    bed.dig(size)
    return bed

@component
def measure(ctx: Context, bed: Bed) -> None:
    ctx.summary(f"size {bed.size()}")

@pipeline
def garden() -> None:
    measure(dig())
    ingest(Seeds("beans"), splits={"train": 1})
"""

KINDS = '''
from dataclasses import dataclass

from levada import Artifact
from levada.components import Source

class Bed(Artifact):
    """A bed, as `bed.txt`."""

    def dig(self, size):
        (self.path / "bed.txt").write_text("#" * size)

    def size(self):
        return len((self.path / "bed.txt").read_text())

@dataclass(frozen=True)
class Seeds(Source):
    """Seeds of one sort."""

    sort: str

    def digest(self):
        return self.sort

    def table(self, root):
        import pyarrow as pa
        return pa.table({"sort": [self.sort] * 10})
'''

READERS = """
import json, os

class Diary:
    seconds = 0.1

    def __init__(self, request):
        self.pipeline = request.plan.pipeline

    def see(self, event):
        with open(os.environ["DIARY"], "a") as file:
            file.write(json.dumps([self.pipeline, event["kind"]]) + "\\n")

class Clumsy:
    seconds = 0.1

    def see(self, event):
        raise ValueError("dropped the pen")

def diary(request):
    return Diary(request)

def nothing(request):
    return None

def clumsy(request):
    return Clumsy()

def asleep(request):
    raise KeyError("no alarm clock")
"""


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., str]:
    """A project, whose commands see the folder `site` as they see installed packages."""
    home = tmp_path / "project"
    (home / "work").mkdir(parents=True)
    (home / "pyproject.toml").write_text('[tool.levada]\ncode = ["work"]\n')
    (home / "work" / "__init__.py").write_text(WORK)
    install(tmp_path / "site", "garden-kinds", "", kinds=KINDS)
    ours = {"LEVADA_ENV", *(setting.variable for setting in SETTINGS.values())}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"PYTHONPATH": str(tmp_path / "site"), "DIARY": str(tmp_path / "diary")}

    def typed(*words: str, code: int = 0) -> str:
        done = subprocess.run([LEVADA, *words], cwd=home, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return typed


def test_artifact_types_and_sources_of_a_package_need_only_an_import(
    project: Callable[..., str], tmp_path: Path
) -> None:
    """They are read by their own class, and their code counts: a change of it runs again what it is part of."""
    settings = tmp_path / "project" / "pyproject.toml"
    settings.write_text(settings.read_text() + WITHOUT_MLFLOW)
    assert "size 2" in (out := project("run", "garden")) and "3 ran" in out
    assert "3 cached" in project("run", "garden")
    kinds = tmp_path / "site" / "garden_kinds" / "kinds.py"
    kinds.write_text(KINDS.replace('"#" * size', '"#" * size * 2'))
    assert "size 4" in (out := project("run", "garden")) and "3 ran" in out


def test_readers_of_packages_follow_a_run_and_cannot_break_it(project: Callable[..., str], tmp_path: Path) -> None:
    """One writes a diary; others stay out, fail, do not start, do not even load. The run is as it would be."""
    entries = "".join(f"{name} = levada_diary.readers:{name}\n" for name in ("diary", "nothing", "clumsy", "asleep"))
    install(tmp_path / "site", "levada-diary", f"[levada.readers]\n{entries}", readers=READERS)
    install(tmp_path / "site", "levada-weeds", "[levada.readers]\nweeds = levada_weeds.gone:reader\n")
    said = project("run", "garden")
    assert "3 ran" in said
    assert "the extension 'weeds' (levada.readers) of levada-weeds 1.2 does not load: ModuleNotFoundError" in said
    assert "the reader 'clumsy' of levada-diary 1.2 stopped following the run: ValueError: dropped the pen" in said
    assert "the reader 'asleep' of levada-diary 1.2 does not start: KeyError: 'no alarm clock'" in said
    told = [json.loads(line) for line in (tmp_path / "diary").read_text().splitlines()]
    assert {pipeline for pipeline, _ in told} == {"garden"}
    kinds = [kind for _, kind in told]
    assert kinds[0] == "run_started" and kinds[-1] == "run_finished" and kinds.count("node_finished") == 3


def test_extensions_are_listed_with_those_that_are_broken(project: Callable[..., str], tmp_path: Path) -> None:
    """Every point has its sentence; a broken one makes the command fail, for CI."""
    assert all(point in project("extensions") for point in POINTS)
    install(tmp_path / "site", "levada-beds", "[levada.externals]\nbed = levada_beds.find:resolve\n", find=EXTERNAL)
    assert "✓ bed   levada-beds 1.2   levada_beds.find:resolve" in project("extensions")
    install(tmp_path / "site", "levada-weeds", "[levada.readers]\nweeds = levada_weeds.gone:reader\n")
    assert "✗ weeds   levada-weeds 1.2   the extension 'weeds'" in project("extensions", code=1)
    listed = [json.loads(line) for line in project("extensions", "--json", code=1).splitlines()]
    assert {item["name"]: bool(item["trouble"]) for item in listed} == {"bed": False, "weeds": True}
