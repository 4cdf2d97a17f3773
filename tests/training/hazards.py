"""A network whose module does, in a worker, what HAZARD says: it misbehaves before any of TensorFlow is loaded."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any


def network() -> Any:
    raise NotImplementedError


if "TF_CONFIG" in os.environ and "HAZARD" in os.environ:
    how, _, what = os.environ["HAZARD"].partition(" ")
    print("a word before the end", flush=True)
    match how:
        case "exit":
            os._exit(int(what))
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise ValueError(what)
        case "sleep":
            child = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "1000")
            Path(what, f"{os.getpid()}").write_text(str(child))
            time.sleep(1000)
