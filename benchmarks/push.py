"""What pushing costs beyond the copy, and whether kills leave registry and serving folder in step.

    .venv/bin/python benchmarks/push.py              CPU seconds: sign and verify 100 MB, a rollback command
    .venv/bin/python benchmarks/push.py --kills 100  processes that push, roll back and lose versions, killed with -9

After each kill what every command begins with is done, and then: the pointer, the registry's last promotion and
`models.config` name the same version, every version that lies in the folder is whole and signed, and no version was
promoted after itself (`out_of_step` in tests/pushing/shelf.py). After the next pushes no temporary folder is left
either.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measure import BIN, Timing, median, once

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


def kill(home: Path, kills: int, rng: random.Random) -> int:
    """Kill processes that push and roll back without end, at random moments; return how many faults that left."""
    from tests.pushing.shelf import Shelf

    shelf = shelf_at(home / "project")
    assert isinstance(shelf, Shelf)
    hits: Counter[str] = Counter()
    faults: list[str] = []
    for turn in range(kills):
        child, moves = shelf.going_back_and_forth(turn)
        time.sleep(rng.uniform(0, 0.2))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        unfinished = shelf.registry.unfinished_moves("flights")
        hits["moves in all"] += len(shelf.registry.moves("flights")) - moves
        hits["kills within a move"] += bool(unfinished)
        pointer = shelf.live()
        hits["  of them behind the pointer"] += any(pointer and pointer.version == move.version for move in unfinished)
        hits["kills that left a temporary folder"] += bool(list(shelf.path.glob(".*.tmp-*")))
        found = [line for line in shelf.out_of_step() if "is missing" not in line]  # it also removes versions
        for number in (1, 2, 3):
            shelf.push_by_hand(number)
        found += shelf.out_of_step()
        found += [f"{path.name} is left" for path in shelf.path.glob(".*.tmp-*")]
        for fault in found:
            print(f"  kill {turn}: {fault}", flush=True)
        faults += found
    print(f"{kills:5} kills")
    for what, count in hits.items():
        print(f"{count:5} {what}")
    print(f"{len(faults)} faults")
    return len(faults)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=0, help="how many processes to kill")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="push-of-levada-"))
    os.environ["LEVADA_SIGN_WITH"] = str(home / "key/signing.pem")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        if arguments.kills:
            return 1 if kill(home, arguments.kills, random.Random(arguments.seed)) else 0
        figures(home)
        return 0
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
