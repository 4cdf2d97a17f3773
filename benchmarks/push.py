"""What pushing costs beyond the copy, and whether kills leave registry and serving folder in step.

    .venv/bin/python benchmarks/push.py              CPU seconds: sign and verify 100 MB, a rollback command
    .venv/bin/python benchmarks/push.py --kills 100  commands killed with -9 at random moments

After each kill the next command runs to its end, and then: the pointer, the registry's last promotion and
`models.config` name the same version, every version that lies in the folder is whole and signed, no temporary folder is
left, and no version was promoted after itself (`out_of_step` in tests/pushing/shelf.py).
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measure import BIN, Timing, environment, median, once

LEVADA = BIN / "levada"
MEGABYTES = 100
IN_PROCESS = """
import sys, time
from pathlib import Path
from levada.signing import check_folder, policy_of, sign
from levada.store.objects import Objects
folder = Path(sys.argv[1])
if sys.argv[2] == "sign":
    sign(folder, policy_of())
elif sys.argv[2] == "verify":
    check_folder(Objects(folder.parent), folder.name, policy_of().keys(), None, None)
elif sys.argv[2] == "theirs":
    from model_signing.verifying import Config
    key = policy_of().private.with_suffix(".pub")
    Config().use_elliptic_key_verifier(public_key=key).verify(folder, folder / "model.sig")
elif sys.argv[2] == "sha256":
    import hashlib
    for file in folder.iterdir():
        with file.open("rb") as read:
            hashlib.file_digest(read, "sha256")
"""


COMMAND = """
import sys
import model_signing.hashing, model_signing.signing, onnx
import levada.pushing.by_hand
from levada.cli import main
print("ready", flush=True)
main(sys.argv[1:])
"""
"""A command whose libraries are loaded before it begins: what is killed is its work, not its start."""


def cpu(command: list[str | Path], folder: Path) -> Timing:
    return median(lambda: once(command, folder), runs=3)


def figures(home: Path) -> None:
    """Print what signing, verifying and going back cost, whole processes with all imports."""
    folder = home / "big" / "1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(os.urandom(MEGABYTES * 1_000_000))
    (folder / "model.json").write_text('{"model": "big", "version": 1}')
    python = BIN / "python"
    start = cpu([python, "-c", IN_PROCESS, folder, "nothing"], home).cpu
    print(f"{MEGABYTES} MB, CPU seconds of a process (of them {start:.2f} for Python and Levada itself)")
    for what in ("sign", "verify", "theirs", "sha256"):
        said = "verify by model-signing" if what == "theirs" else what
        print(f"  {said:24} {cpu([python, '-c', IN_PROCESS, folder, what], home).cpu:.2f}", flush=True)
    shelf_at(home / "project")
    for words in (["rollback", "flights", "--to", "1"], ["rollback", "flights", "--to", "2", "--dry-run"]):
        timings: list[float] = []
        for _ in range(5):
            once([LEVADA, "rollback", "flights", "--to", "2"], home / "project") if "1" in words else None
            timings.append(once([LEVADA, *words], home / "project").cpu)
        print(f"  levada {' '.join(words):40} {sorted(timings)[len(timings) // 2]:.2f}", flush=True)


def shelf_at(root: Path) -> object:
    """Make a project with three versions that were pushed, the third a SavedModel; version 3 is live."""
    from tests.pushing.shelf import Shelf

    root.mkdir(parents=True)
    (root / "pyproject.toml").write_text('[tool.levada]\ncode = []\nstore = "store"\n')
    shelf = Shelf(root)
    for number in (1, 2):
        shelf.push(number)
    shelf.version(3, model=shelf.saved(3))
    shelf.push(3)
    return shelf


def kill_commands(home: Path, kills: int, rng: random.Random) -> int:
    """Kill commands at random moments; return how many faults that left."""
    from tests.pushing.shelf import Shelf

    shelf = shelf_at(home / "project")
    assert isinstance(shelf, Shelf)
    hits: Counter[str] = Counter()
    faults: list[str] = []
    durations = {"push": 1.0, "rollback": 0.3}  # seconds of wall time of the last ones that ended
    while hits["killed"] < kills:
        words = command(rng, shelf.folder.location)
        if rng.random() < 0.3:
            shutil.rmtree(shelf.path / str(rng.choice((1, 2))), ignore_errors=True)
        before = len(shelf.registry.moves("flights")), len(shelf.lived)
        process = subprocess.Popen(
            [BIN / "python", "-c", COMMAND, *words],
            cwd=shelf.root,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        process.stdout.readline()
        began = time.monotonic()
        try:
            process.wait(rng.uniform(0, durations[words[0]]))
            if process.returncode == 0:
                durations[words[0]] = 0.7 * durations[words[0]] + 0.3 * 1.1 * (time.monotonic() - began)
            hits["ended before"] += 1
            continue
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        hits["killed"] += 1
        moved, promoted = len(shelf.registry.moves("flights")) - before[0], len(shelf.lived) - before[1]
        unfinished = len(shelf.registry.unfinished_moves("flights"))
        hits[f"{moved} moves intended, {promoted} promotions, {unfinished} unfinished"] += 1
        once([LEVADA, "history", "flights"], shelf.root)  # the next command
        left = [path.name for path in shelf.path.glob(".*.tmp-*")]
        hits["temporary folders left by the kill"] += bool(left)
        found = shelf.out_of_step()
        once([LEVADA, "push", "flights", str(rng.choice((1, 2, 3))), "--to", shelf.folder.location], shelf.root)
        found += shelf.out_of_step()
        found += [f"{path.name} is left" for path in shelf.path.glob(".*.tmp-*")]
        for fault in found:
            print(f"  kill {hits['killed']} of {' '.join(words)}: {fault}", flush=True)
        faults += found
    for what, count in sorted(hits.items()):
        print(f"{count:5} {what}")
    print(f"{len(faults)} faults")
    return len(faults)


def command(rng: random.Random, folder: str) -> list[str]:
    """Return a command that moves the pointer, whatever is live."""
    number = str(rng.choice((1, 2, 3)))
    if rng.random() < 0.5:
        return ["rollback", "flights", "--to", number]
    return ["push", "flights", number, "--to", folder]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=0, help="how many commands to kill")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="push-of-levada-"))
    os.environ["LEVADA_SIGN_WITH"] = str(home / "key/signing.pem")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        if arguments.kills:
            return 1 if kill_commands(home, arguments.kills, random.Random(arguments.seed)) else 0
        figures(home)
        return 0
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
