"""Components that crash, hang, eat memory and leave processes behind, for tests and the processes they start."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from levada import Context, component
from tests.arithmetic import Number, number

SLEEPER = "import os, sys, time; print(os.getpid(), file=open(sys.argv[1], 'w'), flush=True); time.sleep(600)"


@component
def end_with(ctx: Context, *, how: str) -> Number:
    """End in one of many ways."""
    print("a word before the end")
    match how:
        case "exit 3":
            os._exit(3)
        case "exit 0":
            os._exit(0)
        case "sys.exit":
            sys.exit(5)
        case "segfault":
            ctypes.string_at(0)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "memory":
            _ = bytearray(10**10)
        case "raise":
            raise ValueError("it broke")
        case _:
            pass
    return number(ctx, 1)


@component
def many_lines(ctx: Context) -> Number:
    """Write more than a pipe holds."""
    for line in range(20_000):
        print(f"line {line}: {'x' * 50}")
    ctx.log.info("and a word to the log")
    return number(ctx, os.getpid())


@component
def leave_children(ctx: Context, *, notes: Path, wait: bool = False) -> Number:
    """Start a child, a grandchild in a session of its own, and a thread, and join none of them."""
    notes.mkdir(parents=True, exist_ok=True)
    subprocess.Popen([sys.executable, "-c", SLEEPER, str(notes / "child")])
    subprocess.Popen(["sh", "-c", f'setsid {sys.executable} -c "{SLEEPER}" {notes / "orphan"} & exit']).wait()
    threading.Thread(target=time.sleep, args=(600,)).start()
    while not all((notes / name).is_file() and (notes / name).read_text() for name in ("child", "orphan")):
        time.sleep(0.01)
    (notes / "ready").touch()
    if wait:
        time.sleep(600)
    return number(ctx, 1)


@component
def sleep(ctx: Context, *, seconds: float = 600, mark: Path | None = None) -> Number:
    """Sleep, and leave half an output."""
    out = ctx.output(Number)
    (out.path / "half.bin").write_bytes(b"x" * 1000)
    if mark is not None:
        mark.touch()
    time.sleep(seconds)
    out.put(1)
    return out


@component
def flaky(ctx: Context, *, counter: Path, good: int = 3, error: str = "os") -> Number:
    """Fail until the attempt `good`."""
    tries = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(tries))
    ctx.metric("tries", tries)
    if tries < good:
        raise (ConnectionResetError if error == "os" else ValueError)(f"try {tries}")
    assert ctx.number == tries
    return number(ctx, tries)


@component
def goes_on(ctx: Context, *, steps: int, fails_at: int = 0) -> Number:
    """Count to `steps` from where an earlier attempt at the same call was, one less than `fails_at`."""
    folder = ctx.kept_folder("count")
    kept = folder / "count.txt"
    begun = int(kept.read_text()) if kept.exists() else 0
    for step in range(begun + 1, steps + 1):
        if step == fails_at and not begun:
            raise ConnectionResetError("try again")
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(str(step))
    ctx.metric("begun", begun)
    shutil.rmtree(folder)
    return number(ctx, steps)
