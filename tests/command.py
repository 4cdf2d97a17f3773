"""The command `levada` as a user types it, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from levada.settings import SETTINGS

LEVADA = str(Path(sys.executable).parent / "levada")
OURS = {"LEVADA_ENV", *(setting.variable for setting in SETTINGS.values())}


def levada(
    folder: Path, *words: str, code: int = 0, before: tuple[str, ...] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in a project's folder, without settings of whoever runs the tests; it must end with `code`.

    `before` are words before the command, `variables` are set for it.
    """
    environment = {name: value for name, value in os.environ.items() if name not in OURS} | variables
    words = (*before, LEVADA, *words)
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def told(folder: Path, *words: str, code: int = 0, before: tuple[str, ...] = (), **variables: str) -> str:
    """Run the command as `levada` does and return what it printed."""
    return levada(folder, *words, code=code, before=before, **variables).stdout
