"""Questions to the store, as a user types them, about real runs of a small project."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from levada.cli.commands import execute
from tests.answering import RUNS, make_project, runs_of, type_commands

LEVADA = Path(sys.executable).parent / "levada"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("questions"), "questioned")
    type_commands(folder, *RUNS)
    return folder


@pytest.fixture
def project(ran: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The project as it was when it ran; edits of its files are taken back."""
    monkeypatch.chdir(ran)
    monkeypatch.delenv("LEVADA_STORE", raising=False)
    files = [*ran.glob("questioned/*.py"), ran / "limits.pbtxt"]
    kept = {file: file.read_text() for file in files}
    yield ran
    for file, text in kept.items():
        file.write_text(text)


def answer(question: str, capfd: pytest.CaptureFixture[str], code: int = 0) -> str:
    """Ask in this process, and return what is printed."""
    capfd.readouterr()
    assert execute(question.split()) == code, capfd.readouterr()
    return capfd.readouterr().out


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a store but the drawn plans, which are kept to save time."""
    files = [path for path in folder.rglob("*") if path.is_file() and "plans" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_why_names_the_constant_and_the_function_that_changed_with_old_and_new(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """From the code that the run kept, and the code as it is."""
    edit(project / "questioned" / "features.py", "BUCKETS = 5", "BUCKETS = 8")
    edit(project / "questioned" / "features.py", "value // 5", "value // 8")
    said = answer("why numbers train", capfd)
    assert said.startswith("train runs again: questioned/features.py changed since run ")
    assert "(BUCKETS: 5 -> 8; function bucketize: 5 -> 8)" in said
    assert "its inputs and parameters are the same" in said


def test_why_is_not_moved_by_code_that_is_not_reached(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither an unused constant nor a comment."""
    edit(project / "questioned" / "features.py", "UNUSED = 1", "UNUSED = 2  # for later")
    assert answer("why numbers train", capfd).startswith("train is cached: same input ")


def test_why_names_the_file_of_the_project_that_changed(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A schema is an input like any other."""
    (project / "limits.pbtxt").write_text('feature { name: "x" }\n')
    assert re.search(
        r"judge runs again: limits.pbtxt changed since run \w{4} \(sha256 \w{8} -> sha256 \w{8}\)",
        answer("why numbers judge", capfd),
    )


def test_why_says_that_what_was_made_is_gone(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The record stands, the file does not."""
    (made,) = (project / ".levada" / "artifacts" / "numbers" / "start").rglob("number.txt")
    text = made.read_text()
    made.unlink()
    try:
        assert "its output output is no longer whole in the store" in answer("why numbers start", capfd)
    finally:
        made.write_text(text)


QUESTIONS = (
    "runs",
    "show squares",
    "why numbers",
    "why squares",
    "diff numbers",
    "lineage numbers/train",
    "lineage limits.pbtxt",
    "debug numbers judge --no-breakpoint",
    "logs squares square --attempts",
)


def test_asking_writes_nothing(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Not even the copy of a file that a run would keep."""
    (project / "limits.pbtxt").write_text("# another\n")
    before = contents(project / ".levada")
    for question in QUESTIONS:
        answer(question, capfd, 3 if "debug" in question else 0)
    assert contents(project / ".levada") == before


@pytest.mark.parametrize(
    "question",
    ["runs", "show last", "why numbers train", "diff numbers", "lineage numbers/train", "lineage limits.pbtxt",
     "logs failing broken", "graph numbers -o /dev/null.svg", "completion fish", "show numbers --node train --json"],
)  # fmt: skip
def test_an_answer_imports_neither_the_heavy_libraries_nor_the_project(question: str, project: Path) -> None:
    """The store and the kept plan are enough."""
    question = question.replace("/dev/null.svg", str(project / "graph.svg"))
    script = (
        "import sys; from levada.cli.commands import execute; code = execute(sys.argv[1:]); "
        "heavy = {'apache_beam', 'mlflow', 'tensorflow', 'pandas', 'pyarrow', 'questioned.pipelines'}; "
        "heavy &= set(sys.modules); sys.exit(repr(heavy) if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *question.split()],
        cwd=project,
        env=os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{project}/mlflow.db"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_json_answers_are_documents(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With whole ids and digests, for scripts."""
    runs = json.loads(answer("runs --json", capfd))
    assert [run["status"] for run in runs] == ["failed", "failed", "closed", "finished"]
    shown = json.loads(answer(f"show {runs[0]['run']} --json", capfd))
    assert {node["id"]: node["status"] for node in shown["nodes"]} == {"square": "failed", "total": "skipped"}
    why = json.loads(answer("why numbers train --epochs 9 --json", capfd))
    assert why["fate"] == "runs" and why["changes"][0]["before"] == 4 and why["changes"][0]["after"] == 9
    diff = json.loads(answer(f"diff {runs[3]['run']} {runs[2]['run']} --json", capfd))
    assert diff["arguments"][0]["name"] == "limit" and list(diff["nodes"]) == ["judge"]
    lineage = json.loads(answer("lineage numbers/train --json", capfd))
    assert lineage["name"] == "train" and lineage["from"][0]["name"] == "start"
    attempts = json.loads(answer("logs squares square --attempts --json", capfd))
    assert sorted(attempt["status"] for attempt in attempts) == ["done", "done", "done", "failed"]


def test_runs_are_filtered(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """By pipeline, by how they ended, by when, by number."""
    asked = {"--pipeline numbers": 2, "--status failed": 2, "--since 1h": 4, "--since 2100-01-01": 0, "-n 3": 3}
    assert {words: len(json.loads(answer(f"runs --json {words}", capfd))) for words in asked} == asked


def test_diff_shows_the_lines_of_the_code(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The statistics at first, the lines with --code."""
    edit(project / "questioned" / "features.py", "BUCKETS = 5", "BUCKETS = 8")
    assert "questioned/features.py  (+1 -1)" in answer("diff numbers", capfd)
    lines = answer("diff numbers --code", capfd).splitlines()
    assert "-BUCKETS = 5" in lines and "+BUCKETS = 8" in lines


def test_diff_of_two_plans_needs_no_run(project: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As `levada plan` prints them."""
    for name, words in {"a": "", "b": "--epochs 9"}.items():
        (tmp_path / f"{name}.json").write_text(answer(f"plan numbers {words}", capfd))
    said = answer(f"diff {tmp_path}/a.json {tmp_path}/b.json", capfd)
    assert "epochs 4 -> 9" in said


def test_logs_are_what_the_node_wrote(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Standard output and ctx.log; of an item its own; the traceback of a failure."""
    first = runs_of(project)[0]
    assert answer(f"logs {first} start", capfd) == "starting with 1\n"
    assert "training for 4 epochs" in answer(f"logs {first} train", capfd)
    assert answer("logs squares square --item 2", capfd) == "the square of 2\n"
    assert "KeyError: 'dep_dealy'" in answer("logs failing broken", capfd)
    assert answer(f"logs {first} start --follow", capfd) == "starting with 1\n"


def test_a_worker_of_a_training_has_a_log_of_its_own(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first = project / ".levada" / "runs" / runs_of(project)[0]
    (log,) = (first / "logs" / "train").glob("*.log")
    log.with_suffix("").mkdir()
    (log.with_suffix("") / "worker-0.log").write_text("the first\n")
    assert answer(f"logs {first.name} train --worker 0", capfd) == "the first\n"
    assert "training for 4 epochs" in answer(f"logs {first.name} train", capfd)
    assert execute(["logs", first.name, "train", "--worker", "1"]) == 2
    assert "train had no worker 1 in this attempt.\nIt had 1: --worker 0." in capfd.readouterr().err


def test_a_line_of_50_mb_goes_through_a_little_at_a_time(project: Path) -> None:
    """Memory does not grow with the log."""
    first = project / ".levada" / "runs" / runs_of(project)[0]
    (log,) = (first / "logs" / "start").glob("*.log")
    kept = log.read_bytes()
    log.write_bytes(b"x" * 50_000_000)
    script = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
        "print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)"
    )
    try:
        words = [sys.executable, "-c", script, LEVADA, "logs", first.name, "start"]
        done = subprocess.run(words, cwd=project, capture_output=True, text=True, check=True)
    finally:
        log.write_bytes(kept)
    code, memory = map(int, done.stdout.split())
    small = [sys.executable, "-c", script, LEVADA, "logs", first.name, "start"]
    usual = int(subprocess.run(small, cwd=project, capture_output=True, text=True, check=True).stdout.split()[1])
    assert code == 0 and memory < usual + 10_000_000


def test_a_drawn_run_says_what_became_of_its_nodes(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The sign, the time, how many items; a plan has none of these."""
    drawn = answer("graph squares", capfd)
    assert re.search(r"● +square ×\n", drawn) and "✗" not in drawn
    run = runs_of(project)[3]
    drawn = answer(f"graph {run}", capfd)
    assert f"squares · run {run} · failed" in drawn
    assert re.search(r"✗ +square × 4 +[\d.]+ s · 1 failed", drawn)
    assert re.search(r"− +total +skipped +← square", drawn)


def test_items_are_listed_as_in_the_list(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """But for those that failed, which come first."""
    shown = answer("show squares --node square", capfd)
    items = shown[shown.index("  items") :].splitlines()[1:5]
    assert [re.split(r"  +", line.strip())[2] for line in items] == ["3", "0", "1", "2"]
    forms = json.loads(answer("show squares --node square --json", capfd))
    assert [item["label"] for item in forms["item_results"].values()] == ["0", "1", "2", "3"]


def test_debug_runs_the_code_as_it_is_and_says_so(project: Path) -> None:
    """On the inputs of then; nothing is cached."""
    edit(project / "questioned" / "features.py", "value // 5", "value // 5 + print('edited') if False else value // 5")
    first = runs_of(project)[0]
    done = subprocess.run([LEVADA, "debug", first, "train"], cwd=project, capture_output=True, text=True, check=True)
    assert "questioned/features.py has changed since (function bucketize" in done.stdout
    assert "auc 0.64" in done.stdout and "training for 4 epochs" in done.stderr


def test_debug_opens_the_debugger_at_the_users_line(project: Path) -> None:
    """On a terminal; the locals of the component are there."""
    own, theirs = pty.openpty()
    process = subprocess.Popen(
        [LEVADA, "debug", "failing", "broken"], cwd=project, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = _until(own, b"(Pdb)")
    os.write(own, b"p sorted(row)\n")
    said += _until(own, b"(Pdb)")
    os.write(own, b"q\n")
    assert process.wait() == 1
    os.close(own)
    assert 'return row["dep_dealy"]' in said and "['dep_delay']" in said


def _until(descriptor: int, mark: bytes) -> str:
    read = b""
    while mark not in read:
        select.select([descriptor], [], [])
        piece = os.read(descriptor, 4096)
        assert piece, read.decode()
        read += piece
    return read.decode()


def test_lineage_of_a_long_chain_is_cut_and_says_where_it_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """However long it is."""
    from levada.history import History
    from levada.history.lineage import DEEPEST, Lineage
    from levada.store import Store
    from levada.terminal.lineage import origin_lines
    from tests import arithmetic
    from tests.inline import plan_of, run_plan

    def chain() -> None:
        number = arithmetic.make(n=1)
        for _ in range(DEEPEST + 5):
            number = arithmetic.add(number, number)

    store = Store(tmp_path)
    outcome = run_plan(plan_of(chain), store)
    record = list(outcome.results.values())[-1].outputs["output"]
    lines = origin_lines(Lineage(History(store)).of_record(record), History(store))
    assert any("goes on: levada lineage" in line for line in lines) and len(lines) < 3 * DEEPEST


# -- completion -----------------------------------------------------------------------------------------


def completed(project: Path, line: str) -> list[str]:
    """Ask as bash does for what can stand where the line ends."""
    words = line.split()
    place = len(words) if line.endswith(" ") else len(words) - 1
    environment = {**os.environ, "COMP_WORDS": line, "COMP_CWORD": str(place), "_LEVADA_COMPLETE": "bash_complete"}
    done = subprocess.run([LEVADA], cwd=project, env=environment, capture_output=True, text=True, check=True)
    return [word.partition(",")[2] for word in done.stdout.split()]


def test_the_shell_completes_pipelines_runs_and_nodes(project: Path) -> None:
    """From the project and its store."""
    assert {"run", "why", "lineage"} <= set(completed(project, "levada "))
    assert completed(project, "levada run nu") == ["numbers"]
    assert "--epochs" in completed(project, "levada run numbers --")
    assert completed(project, "levada logs squares s") == ["square"]
    assert {"last", "champion"} <= set(completed(project, "levada show "))
    assert completed(project, "levada why numbers f") == ["final"]


def test_the_scripts_are_valid_for_their_shells(project: Path) -> None:
    """bash reads its own; the others name the variable by which they ask."""
    script = subprocess.run(
        [LEVADA, "completion", "bash"], cwd=project, capture_output=True, text=True, check=True
    ).stdout
    assert "levada" in script
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    for shell in ("zsh", "fish"):
        script = subprocess.run([LEVADA, "completion", shell], cwd=project, capture_output=True, text=True, check=True)
        assert "_LEVADA_COMPLETE" in script.stdout
