"""Training on several workers: `.venv/bin/python -m benchmarks.models.distributed`

- `equal`: VGG16 by one process (its default), and by 2 workers: the losses of each epoch, CPU and wall seconds. In
  float32 the rounding of a first step grows thousandfold within a few more, in one process too: `--float64` shows that
  nothing but rounding differs.
- `kills`: the same by 2 workers, one of them killed with -9 at a random moment, 5 times: the fingerprint of the model
- `corrupt`: 2 workers that go on from backups of different epochs: it must be refused

Images are those in $LEVADA_DATA/cifar10, the first `--images` of them, without augmentation; batches are normalised
over all workers. `--mlp` trains a small network on the same number of rows of noise instead, in which rounding stays
what it is.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from levada.artifact import Making
from levada.artifacts import Examples, Tensor
from levada.errors import LevadaError
from levada.training.cluster import on_this_machine
from levada.training.description import Network, Rows, Training
from levada.training.group import Supervision, carry_out_in_group
from levada.training.news import Outcome, Said
from levada.values import decode, encode

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Done:
    """A training that has ended: what came of it, the fingerprint of its model, what it took."""

    outcome: Outcome
    fingerprint: str
    cpu: float
    wall: float
    epochs: tuple[float, ...]
    starts: int = 1


def images(folder: Path, count: int, held_out: int) -> Rows:
    """Write the first images of each part as examples; returns where they are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = Path(os.environ["LEVADA_DATA"]) / "cifar10/cifar10_lossless.parquet"
    examples = Examples(Making(folder, folder.as_posix(), "output"))
    for split, part, rows in (("train", "train", count), ("eval", "test", held_out)):
        table = pq.read_table(data, columns=["image", "label_name"], filters=[("split", "=", part)]).slice(0, rows)
        examples.write(split, pa.table({"image": table["image"], "label": table["label_name"].cast(pa.string())}))
    return rows_of(examples, folder)


def noise(folder: Path, count: int, held_out: int) -> Rows:
    import numpy as np
    import pyarrow as pa

    drawn = np.random.default_rng(1)
    examples = Examples(Making(folder, folder.as_posix(), "output"))
    for split, rows in (("train", count), ("eval", held_out)):
        numbers = drawn.normal(size=(rows, 4)).astype("float32")
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(numbers.ravel()), 4)
        examples.write(split, pa.table({"x": vectors, "y": (numbers.prod(axis=1) > 0).astype("float32")}))
    return rows_of(examples, folder)


def rows_of(examples: Examples, folder: Path) -> Rows:
    properties: Any = examples.properties
    return Rows(folder, dict(properties["splits"]), tuple(map(tuple, properties["columns"])))


def described(options: argparse.Namespace, home: Path) -> Training:
    """Return the training that is measured."""
    sizes = {"batch_size": options.batch_size, "epochs": options.epochs, "seed": 7, "validation": "eval"}
    folder = home / "examples"
    folder.mkdir(parents=True)
    held_out = max(options.batch_size, options.images // 5)
    if options.mlp:
        from tests.training.synchronous import network

        rows = noise(folder, options.images, held_out)
        inputs, label = (Tensor("x", "float32", (-1, 4)),), Tensor("y", "float32")
        return Training(Network(network), rows, inputs, label, **sizes)
    from components.cifar10 import CLASSES, SIDE, vgg16
    from levada.features import Features, Fitted, Image

    features = Features({"image": Image(size=(SIDE, SIDE), rescale="signed")})
    fitted = Fitted(features, {"image": {}}, {"image": Tensor("image", "string")})
    from benchmarks.models.distributed import in_float64  # by a name that a worker can import

    network = Network(in_float64 if options.float64 else vgg16, (fitted,), {"width": options.width})
    precision: Any = "float64" if options.float64 else "float32"
    rows = images(folder, options.images, held_out)
    label = Tensor("label", "string")
    return Training(network, rows, fitted.tensors, label, classes=CLASSES, precision=precision, **sizes)


def in_float64(features: Any, *, width: float) -> Any:
    """Return VGG16 with all its numbers, and those of its loss, in float64."""
    import keras

    from components.cifar10 import vgg16

    keras.config.set_floatx("float64")
    return vgg16(features, width=width)


# -- in one process, in several ----------------------------------------------------------------------------


def train(training: Training, home: Path, workers: int, kill_after: float | None = None) -> Done:
    """Train anew in `workers` processes, 0 for one that is no worker; with one killed some seconds after the start."""
    shutil.rmtree(home, ignore_errors=True)
    (home / "model").mkdir(parents=True)
    training = replace(training, home=home / "backup")
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    ends: list[float] = []
    notes: list[str] = []

    def say(said: Said) -> None:
        if said.is_end:
            ends.append(time.monotonic() - started)

    if workers:
        if kill_after is not None:
            threading.Thread(target=kill_one, args=(kill_after,), daemon=True).start()
        outcome = carry_out_in_group(
            training, home / "model", workers, Supervision(home / "logs", say=say, note=notes.append)
        )
    else:
        outcome = alone(training, home / "model", ends, started)
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    for note in notes if kill_after is None else ():
        print(f"  note: {note}", flush=True)
    fingerprint = json.loads((home / "model/model.json").read_text())["fingerprint"]
    return Done(outcome, fingerprint, cpu, wall, tuple(ends), 1 + len(notes))


def alone(training: Training, folder: Path, ends: list[float], started: float) -> Outcome:
    """Train as `fit_keras` does without workers, in an interpreter of its own, so that its cost can be told."""
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.models.distributed", "alone", folder.as_posix()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert child.stdin is not None and child.stdout is not None
    with child.stdin:
        json.dump(encode(training), child.stdin)
    last = ""
    for last in child.stdout:
        if last.strip() == "epoch":
            ends.append(time.monotonic() - started)
    child.wait()
    return decode(json.loads(last))


def one_process(folder: Path) -> None:
    from levada.training.fitting import carry_out
    from levada.training.news import Hooks

    training = decode(json.load(sys.stdin))
    hooks = Hooks(say=lambda said: print("epoch", flush=True) if said.is_end else None)
    print(json.dumps(encode(carry_out(training, folder, hooks=hooks))))


def kill_one(after: float) -> None:
    time.sleep(after)
    pids = workers()
    if pids:
        os.kill(random.choice(pids), signal.SIGKILL)


def workers() -> list[int]:
    """Return the pids of the workers that this process has started."""
    found: list[int] = []
    for task in Path("/proc/self/task").glob("*/children"):
        for pid in task.read_text().split():
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"levada.training.worker" in command:
                found.append(int(pid))
    return found


# -- what is measured --------------------------------------------------------------------------------------


def equal(training: Training, home: Path) -> Done:
    one, two = train(training, home, 0), train(training, home, 2)
    largest = 0.0
    for name, values in one.outcome.curves.items():
        others = two.outcome.curves[name]
        apart = max(abs(a - b) / abs(a or 1) for a, b in zip(values, others, strict=True))
        print(f"  {name:<14}{'  '.join(f'{a:.6f} {b:.6f}' for a, b in zip(values, others, strict=True))}  {apart:.1e}")
        largest = max(largest, apart) if "loss" in name else largest
    for name, done in (("one process", one), ("2 workers", two)):
        later = (done.epochs[-1] - done.epochs[0]) / max(1, len(done.epochs) - 1)
        print(
            f"  {name:<14}{done.cpu:7.1f} CPU s  {done.wall:7.1f} s wall  {later:6.2f} s wall an epoch after the first"
        )
    print(f"  largest relative difference of a loss: {largest:.1e}")
    return two


def kills(training: Training, home: Path, undisturbed: Done, count: int, seed: int) -> None:
    drawn = random.Random(seed)
    same = 0
    for number in range(1, count + 1):
        after = drawn.uniform(0.1, 0.95) * undisturbed.wall
        done = train(training, home, 2, kill_after=after)
        same += done.fingerprint == undisturbed.fingerprint and done.outcome.curves == undisturbed.outcome.curves
        print(
            f"  {number}: killed after {after:5.1f} of {undisturbed.wall:.1f} s · {done.starts} starts · "
            f"model {done.fingerprint[:12]} (undisturbed {undisturbed.fingerprint[:12]}) · {done.wall:.1f} s wall",
            flush=True,
        )
    print(f"  {same} of {count} have the weights and the curves of the undisturbed training")


class EnoughError(Exception):
    """A training has got as far as it was to get."""


def corrupt(training: Training, home: Path) -> None:
    """Start two workers of a cluster as TF_CONFIG has it, with backups of their own: of 1 epoch, and of 2."""
    shutil.rmtree(home, ignore_errors=True)
    for epochs in (1, 2):
        part = home / f"{epochs}"
        (part / "model").mkdir(parents=True)
        # A training of 3 epochs that is cut short leaves its backup.
        wanted = replace(training, epochs=3, home=part / "backup")

        def say(said: Said, epochs: int = epochs) -> None:
            if said.is_end and said.epoch == epochs:
                raise EnoughError

        with suppress(EnoughError):
            carry_out_in_group(wanted, part / "model", 2, Supervision(part / "logs", say=say))
    with on_this_machine(2) as cluster:
        pass
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.models.distributed", "member", f"{home}/{place + 1}"],
            env={**os.environ, "TF_CONFIG": cluster.at(place).config()},
            stdin=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        for place in range(2)
    ]
    for place, process in enumerate(processes):
        assert process.stdin is not None
        with process.stdin:
            json.dump(encode(replace(training, epochs=3, home=home / f"{place + 1}/backup")), process.stdin)
    for process in processes:
        process.wait()


def member(home: Path) -> None:
    training = decode(json.load(sys.stdin))
    try:
        carry_out_in_group(training, home / "model", 1, Supervision(home / "logs", restarts=0))
        print("  TRAINED ON: nobody noticed")
    except LevadaError as error:
        print(f"  refused: {type(error).__name__}: {error}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["equal", "kills", "corrupt"])
    parser.add_argument("--images", type=int, default=1280)
    parser.add_argument("--width", type=float, default=0.125)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mlp", action="store_true")
    parser.add_argument("--float64", action="store_true")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if options.what[0] == "alone":
        one_process(Path(options.what[1]))
        return
    if options.what[0] == "member":
        member(Path(options.what[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        training = described(options, home)
        rows = training.rows.splits
        print(f"{training.network.name}: {rows['train']:,} rows, {rows['eval']:,} held out, {options.epochs} epochs")
        undisturbed: Done | None = None
        if "equal" in options.what:
            print("equal")
            undisturbed = equal(training, home / "work")
        if "kills" in options.what:
            print("kills", flush=True)
            kills(
                training, home / "work", undisturbed or train(training, home / "work", 2), options.kills, options.seed
            )
        if "corrupt" in options.what:
            print("corrupt", flush=True)
            corrupt(training, home / "work")


if __name__ == "__main__":
    main()
