"""Runs under conditions that break other tools: odd names, very long lines, what is never joined, a clock set back."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from levada.store import Store
from tests.answering import WITHOUT_MLFLOW
from tests.command import LEVADA, levada, told

pytestmark = pytest.mark.slow


CODE = '''
"""Mit Umlauten im Namen."""

import ctypes
import subprocess
import sys
import threading
import time
from pathlib import Path

from levada import Context, Secret, component, pipeline
from levada.artifacts import Examples
from levada.components import csv, ingest, profile


@component
def zähle(ctx: Context, daten: Examples, *, wort: str = "größe 数") -> Examples:
    out = ctx.output(Examples)
    out.write("train", daten.table("all"))
    print("gezählt:", wort)
    ctx.metric("größe", daten.rows())
    return out


@component
def lange_zeile(ctx: Context) -> None:
    """Write a line of 50 MB."""
    print("x" * 50_000_000 + "END")


@component
def offen(ctx: Context, *, notes: Path) -> None:
    """Start a child, a grandchild in a session of its own and a thread, and join none of them."""
    sleeper = "import os, sys, time; print(os.getpid(), file=open(sys.argv[1], 'w'), flush=True); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", sleeper, str(notes / "child")])
    subprocess.Popen([sys.executable, "-c", sleeper, str(notes / "orphan")], start_new_session=True)
    threading.Thread(target=time.sleep, args=(600,)).start()
    while not all((notes / name).is_file() and (notes / name).read_text() for name in ("child", "orphan")):
        time.sleep(0.01)


@pipeline
def prüfung() -> None:
    daten = ingest(csv("daten für alle/*.csv"))
    profile(zähle.with_options(name="zählung")(daten), splits=["train"])


@component
def stürzt_ab(ctx: Context) -> None:
    ctypes.string_at(0)


@pipeline
def absturz() -> None:
    stürzt_ab.with_options(process="own")()


@component
def meldet_an(ctx: Context, daten: Examples, *, wort: Secret) -> None:
    wort.reveal()


@pipeline
def geheim() -> None:
    meldet_an(ingest(csv("daten für alle/*.csv")), wort=Secret.env("LEVADA_TEST_GEHEIM"))


@pipeline
def lang() -> None:
    lange_zeile()


@component
def wartet(ctx: Context, daten: Examples, *, auf: Path) -> None:
    auf.with_suffix(".da").touch()
    while not auf.exists():
        time.sleep(0.01)


@pipeline
def unterbrochen(*, auf: Path) -> None:
    wartet(ingest(csv("daten für alle/*.csv")), auf=auf)


@pipeline
def hängt(*, notes: Path) -> None:
    offen(notes=notes)
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ein Übungs-Projekt 数据")
    settings = f'[tool.levada]\ncode = ["größen"]\nstore = "lager für alles"\n{WITHOUT_MLFLOW}'
    (folder / "pyproject.toml").write_text(settings, "utf-8")
    (folder / "größen").mkdir()
    (folder / "größen" / "__init__.py").write_text("")
    (folder / "größen" / "läufe.py").write_text(CODE, "utf-8")
    (folder / "daten für alle").mkdir()
    (folder / "daten für alle" / "märz 1.csv").write_text("spalte ü,größe\nä,1\nö,2\n", "utf-8")
    return folder


def test_names_and_paths_may_have_spaces_and_letters_of_any_language(project: Path) -> None:
    tracking = {"MLFLOW_TRACKING_URI": f"sqlite:///{project}/lager für alles/mlflow.db"}
    assert "2 rows" in told(project, "run", "prüfung", **tracking)
    assert (project / "lager für alles" / "mlflow.db").is_file()
    assert "3 cached" in told(project, "run", "prüfung", **tracking)
    assert "zählung is cached" in told(project, "why", "zählung")
    run_id = Store(str(project / "lager für alles")).list("runs")[0].split("/")[1]
    assert told(project, "logs", run_id, "zählung").strip().endswith("gezählt: größe 数")
    shown = told(project, "show", run_id)
    assert "prüfung" in shown and "größe" in shown
    first, last = (key.rsplit("/", 1)[1] for key in Store(str(project / "lager für alles")).list("runs")[:2])
    assert "no difference: same plan, same code" in told(project, "diff", first, last)
    assert "spalte ü" in told(project, "report", "last", "profile")
    assert "Everything is as it was made" in told(project, "verify")
    told(project, "graph", "prüfung", "-o", "bild für alle.svg")
    assert "zählung" in (project / "bild für alle.svg").read_text("utf-8")
    # A machine whose locale is plain ASCII is told the same.
    assert "zählung" in told(project, "show", run_id, LC_ALL="C", PYTHONUTF8="1")


def test_a_crash_in_a_process_of_its_own_names_the_line_as_it_is_written(project: Path) -> None:
    """Whatever letters it has: the fault handler writes ASCII."""
    said = told(project, "run", "absturz", code=1)
    assert re.search(r"  größen/läufe.py:\d+   ctypes.string_at\(0\)", said), said


def test_a_reader_that_goes_away_changes_nothing_of_a_run(project: Path) -> None:
    """`levada run ... | head -1`: neither the exit code nor what is on record."""
    typed = f"{LEVADA} run prüfung | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", typed], cwd=project, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "finished" in told(project, "show", "last").splitlines()[0]


def test_a_missing_secret_leaves_no_run(project: Path) -> None:
    """Nothing is announced either."""
    before = told(project, "runs", "--json")
    done = levada(project, "run", "geheim", code=2)
    assert done.stdout == "" and "node meldet_an wants the secret env:LEVADA_TEST_GEHEIM" in done.stderr
    assert told(project, "runs", "--json") == before


def test_an_interrupt_is_answered_and_the_last_picture_says_what_became_of_the_node(
    project: Path, tmp_path: Path
) -> None:
    own, theirs = pty.openpty()
    # A job in the background of a script, as these tests may be, ignores interrupts, and so do its children.
    words = ["env", "--default-signal=INT", str(LEVADA), "run", "unterbrochen", "--auf", str(tmp_path / "go")]
    process = subprocess.Popen(words, cwd=project, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    interrupted = False
    while True:
        try:
            piece = os.read(own, 4096)
        except OSError:  # all is said
            break
        said += piece
        if not interrupted and (tmp_path / "go.da").exists():
            process.send_signal(signal.SIGINT)
            interrupted = True
    assert process.wait() == 130
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())
    assert "stopping ...; Ctrl-C again ends at once" in text
    assert re.search(r"✗ wartet +killed", text[text.index("stopping") :]), text
    assert re.search(r"run [-\w]+ killed in [\d.]+ s", text), text
    os.close(own)


def test_a_line_of_50_mb_is_in_the_log_whole(project: Path) -> None:
    said = told(project, "run", "lang")
    assert len(said) < 5000
    (file,) = (project / "lager für alles" / "runs").glob("*/logs/lange_zeile/*")
    log = told(project, "logs", file.parts[-4], "lange_zeile")
    assert log.rstrip().endswith("xEND") and len(log) > 50_000_000


def test_what_a_node_never_joins_ends_with_the_run(project: Path, tmp_path: Path) -> None:
    told(project, "run", "hängt", "--notes", str(tmp_path))
    for name in ("child", "orphan"):
        pid = int((tmp_path / name).read_text())
        while (
            Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
        ):
            time.sleep(0.01)  # it has been killed, and goes


def test_a_clock_that_is_set_back_confuses_no_answer(project: Path) -> None:
    if shutil.which("faketime") is None:
        pytest.skip("needs the Debian package faketime")
    back = ("faketime", "-f", "-3d")
    first = told(project, "run", "prüfung", "--no-cache")
    assert "3 ran" in first
    # Three days earlier, what was made "later" is taken from the cache all the same, and told without nonsense.
    assert "3 cached" in told(project, "run", "prüfung", before=back)
    assert "in 2 days" in told(project, "runs", before=back) or "in 3 days" in told(project, "runs", before=back)
    assert "zählung is cached" in told(project, "why", "zählung", before=back)
    told(project, "verify", before=back)
    assert "Nothing to remove" in told(project, "gc", before=back)
    assert "3 days ago" in told(project, "runs")
    assert "3 cached" in told(project, "run", "prüfung")


def test_a_killed_run_is_noted_by_the_next_command_and_gone_on_from_by_the_next_run(
    project: Path, tmp_path: Path
) -> None:
    """Both are said in a line; what was done is not done again."""
    words = [str(LEVADA), "run", "unterbrochen", "--auf", str(tmp_path / "go")]
    process = subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "go.da").exists():
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    noted = subprocess.run([str(LEVADA), "runs"], cwd=project, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"note: run [-\w]+ of unterbrochen was killed; ingest kept.\n", noted.stderr), noted.stderr
    assert re.search(r"killed .* > \d", noted.stdout), noted.stdout  # at least so long: nobody saw its end
    (tmp_path / "go").touch()
    said = told(project, *words[1:])
    assert re.search(r"goes on from run [-\w]+, which was killed", said), said
    assert "1 ran, 1 cached" in said
