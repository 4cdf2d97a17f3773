"""What questions cost: `levada runs`, `show`, `why`, `diff`, `lineage` on a store with many runs.

    .venv/bin/python benchmarks/answers.py [--runs 1000] [--nodes 20] [--keep FOLDER]

The first run is a real one. The others are its own records again, as the engine writes them, under other ids, a quarter
of an hour apart: every tenth ran everything, the others were cached; one in fifty failed.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from measure import BIN, Timing, median, once

from levada.store.documents import sealed

PIPELINE = '''
from __future__ import annotations
from levada import Artifact, Context, component, pipeline

class Number(Artifact):
    """A number."""

@component
def start(ctx: Context, *, value: int = 1) -> Number:
    out = ctx.output(Number)
    out.properties["value"] = value
    ctx.metric("value", value)
    return out

@component
def add(ctx: Context, number: Number, *, step: int = 1) -> Number:
    out = ctx.output(Number)
    out.properties["value"] = int(str(number.properties["value"])) + step
    ctx.metric("value", float(str(out.properties["value"])))
    ctx.summary(f"value {out.properties['value']}")
    return out

@pipeline
def chain(*, value: int = 1) -> None:
    """A chain."""
    number = start(value=value)
    for at in range(NODES - 1):
        number = add.with_options(name=f"add_{at}")(number)
'''

Rewrite = dict[str, str]


def project(folder: Path, nodes: int) -> None:
    (folder / "work").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[tool.levada]\ncode = ["work"]\n')
    (folder / "work" / "__init__.py").write_text("")
    (folder / "work" / "pipelines.py").write_text(PIPELINE.replace("NODES", str(nodes)))


def many_runs(store: Path, count: int) -> None:
    """Write the records of the store's only run again and again."""
    (first,) = list((store / "runs").iterdir())
    began = datetime.now(UTC) - timedelta(minutes=15 * count)
    for number in range(count - 1):
        moment = began + timedelta(minutes=15 * number)
        again(first, moment, cached=number % 10 > 0, failed=number % 50 == 49)


def again(first: Path, moment: datetime, cached: bool, failed: bool) -> None:
    run_id = f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    folder = first.with_name(run_id)
    for path in sorted(first.rglob("*")):
        if not path.is_file() or path.suffix == ".log":
            continue
        target = folder / path.relative_to(first)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text()
        if path.suffix != ".json":
            target.write_text(text.replace(first.name, run_id))
            continue
        is_result = path.parent.name == "nodes"
        form: dict[str, Any] = json.loads(text if is_result and cached else text.replace(first.name, run_id))
        del form["sha256"]  # its seal, which it gets anew
        if is_result and cached:
            form |= {"status": "cached", "seconds": 0.0}
        elif path.name == "run.json":
            form |= {"time": moment.isoformat(timespec="milliseconds")}
        elif path.name == "end.json":
            total = sum(form["counts"].values())
            ran, hits = (0, total) if cached else (total, 0)
            form |= {"counts": {"done": ran, "cached": hits, "failed": 0, "skipped": 0}}
            form |= {"time": moment.isoformat(timespec="milliseconds")}
            if failed:
                form |= {"status": "failed", "exit_code": 1}
        target.write_bytes(sealed(json.dumps(form).encode()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="levada-answers-"))
    if not (folder / "work").is_dir():
        project(folder, given.nodes)
        once([BIN / "levada", "run", "chain"], folder)
        many_runs(folder / ".levada", given.runs)
    print(f"{given.runs} runs of {given.nodes} nodes: CPU s, wall s")
    questions = (
        ["--help"],
        ["runs"],
        ["runs", "-n", str(given.runs)],
        ["runs", "--status", "failed"],
        ["show", "last"],
        ["show", "last", "--node", "add_3"],
        ["why", "add_3"],
        ["why", "chain"],
        ["diff", "chain"],
        ["diff", "last", "chain"],
        ["lineage", "last/add_5"],
        ["lineage", "last/add_5", "--forward"],
        ["logs", "last", "add_3", "--attempts"],
    )
    for words in questions:
        timing: Timing = median(lambda words=words: once([BIN / "levada", *words], folder), 3)
        print(f"  {'levada ' + ' '.join(words):<36} {timing.cpu:6.2f} {timing.wall:6.2f}", flush=True)
    if not given.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
