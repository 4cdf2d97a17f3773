"""Flip single bytes in what a real run stored, and count who notices.

    .venv/bin/python benchmarks/flips.py [--flips 500] [--pipeline digits] [--seed 1]

The pipeline of this repository is run into a store of its own. Then, one at a time, a byte in an artifact is changed
(by turns any byte as likely as any other, and any file), `verify` reads the artifact, and the byte is put back; and
a byte in an artifact that some node reads is changed, and that node is run, as a run would run it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from levada.artifact import ArtifactRecord
from levada.node import run_node
from levada.plan import Output, Plan, leaves
from levada.project import find_project
from levada.result import Result
from levada.store import Store
from levada.verification import verify

ROOT = Path(__file__).parent.parent


@contextmanager
def flipped(path: Path, dice: random.Random):
    content = path.read_bytes()
    place = dice.randrange(len(content))
    with path.open("r+b") as file:
        file.seek(place)
        file.write(bytes([content[place] ^ dice.randrange(1, 256)]))
    try:
        yield place
    finally:
        path.write_bytes(content)


def choose(
    store: Store, records: list[ArtifactRecord], dice: random.Random, by_bytes: bool
) -> tuple[ArtifactRecord, Path]:
    files = [(record, entry) for record in records for entry in record.files if entry.size]
    weights = [entry.size if by_bytes else 1 for _, entry in files]
    record, entry = dice.choices(files, weights)[0]
    return record, Path(store.address(record.uri)) / entry.path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=500)
    parser.add_argument("--uses", type=int, default=500, help="flips that a node is run on")
    parser.add_argument("--pipeline", default="digits")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    dice = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        levada = Path(sys.executable).parent / "levada"
        command = [levada, "--project", ROOT, "--store", store.uri, "run", asked.pipeline]
        environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        (run,) = (key.rsplit("/", 1)[1] for key in store.list("runs"))
        plan = Plan.from_json(store.read_json(f"runs/{run}/plan.json"))
        results = {
            node.id: Result.from_json(store.read_json(f"runs/{run}/nodes/{node.id}.json")) for node in plan.nodes
        }
        records = [
            leaf for result in results.values() for record in result.outputs.values() for leaf in record.leaves()
        ]
        assert verify(store).is_intact
        noticed = by_verify(store, records, asked.flips, dice)
        print(f"verify noticed {noticed} of {asked.flips} flips in {asked.pipeline}'s artifacts", flush=True)
        before_use(store, plan, run, results, asked.uses, dice)
        assert verify(store).is_intact


def by_verify(store: Store, records: list[ArtifactRecord], flips: int, dice: random.Random) -> int:
    noticed = 0
    for number in range(flips):
        record, path = choose(store, records, dice, by_bytes=number % 2 == 0)
        with flipped(path, dice):
            findings = verify(store, record.uri).findings
        noticed += [finding.address for finding in findings] == [str(path)]
    return noticed


def before_use(store: Store, plan: Plan, run: str, results: dict[str, Result], uses: int, dice: random.Random) -> None:
    """Run nodes on damaged inputs, each in a run of its own that has all that came before in its records."""
    readers: list[tuple[str, str, ArtifactRecord]] = []
    for node in plan.nodes:
        for binding in node.inputs.values():
            for leaf in leaves(binding):
                if isinstance(leaf, Output):
                    record = results[leaf.node].outputs[leaf.output]
                    if record.files and node.id != "push":
                        readers.append((node.id, leaf.node, record))
    form = store.read_json(f"runs/{run}/resolved.json")
    said: Counter[str] = Counter()
    silent: Counter[str] = Counter()
    started = time.monotonic()
    for number in range(uses):
        reader, maker, record = dice.choice(readers)
        name = f"20260101-{number:06d}-abcd"
        store.write(f"runs/{name}/plan.json", plan.dumps().encode())
        store.write(f"runs/{name}/resolved.json", json.dumps({**form, "fresh": [reader]}).encode())
        for node_id in results:
            if node_id != reader:
                content = store.read_json(f"runs/{run}/nodes/{node_id}.json")
                store.write(f"runs/{name}/nodes/{node_id}.json", json.dumps(content).encode())
        _, path = choose(store, [record], dice, by_bytes=False)
        with flipped(path, dice):
            result = run_node(plan, reader, name, store)
        failure = result.failure
        if failure is not None and failure.type == "StoreError" and str(path) in failure.message:
            said[f"{reader} reads {maker}"] += 1
        else:
            silent[f"{reader} reads {maker}: {result.status}"] += 1
        store.delete(f"runs/{name}")
    print(
        f"noticed before use: {sum(said.values())} of {uses} flips, in {time.monotonic() - started:.0f} s "
        f"({', '.join(f'{who} {count}' for who, count in sorted(said.items()))})"
    )
    for who, count in sorted(silent.items()):
        print(f"  not by {who}: {count}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    find_project(ROOT).make_importable()
    main()
