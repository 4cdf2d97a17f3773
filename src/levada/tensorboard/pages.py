"""TensorBoard's pages on this machine, on event files that follow the journals for as long as they are shown."""

from __future__ import annotations

import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from levada.errors import LevadaError, ProjectError
from levada.store import Store
from levada.tensorboard.event_files import EventFiles

HOST = "127.0.0.1"
SECONDS_BETWEEN_LOOKS = 2.0


def serve(store: Store, runs: Callable[[], Iterable[tuple[str, str]]], port: int, say: Callable[[str], None]) -> None:
    """Show the curves of runs until Ctrl-C. `runs` gives their ids and pipelines, and is asked again and again.

    Raises ProjectError where TensorBoard is not installed, LevadaError where the port is taken.
    """
    without_tensorflow()
    from tensorboard import program  # pyright: ignore[reportMissingImports]

    with tempfile.TemporaryDirectory(prefix="levada-tensorboard-") as name:
        files = EventFiles(store, Path(name))
        _look(files, runs)
        board = program.TensorBoard()
        board.configure(argv=["", "--logdir", name, "--host", HOST, "--port", str(port), "--reload_interval", "2"])
        try:
            address = board.launch()
        except program.TensorBoardServerException as error:
            raise LevadaError(
                f"TensorBoard cannot use port {port} of {HOST}: {error}",
                hint="Another one may be running there: choose another with --port.",
            ) from None
        say(f"{files.points:,} points · TensorBoard on {address}   (Ctrl-C stops it)")
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(SECONDS_BETWEEN_LOOKS)
                _look(files, runs)


def _look(files: EventFiles, runs: Callable[[], Iterable[tuple[str, str]]]) -> None:
    for run, pipeline in runs():
        files.follow(run, pipeline)
    files.poll()


def without_tensorflow() -> None:
    """Keep TensorBoard from loading TensorFlow, which it does where it finds it, and which takes seconds.

    Raises ProjectError where TensorBoard is not installed.
    """
    try:
        import tensorboard  # noqa: F401  # pyright: ignore[reportMissingImports, reportUnusedImport]
    except ImportError:
        raise ProjectError("TensorBoard is not installed.", hint="pip install 'levada[tensorboard]'") from None
    sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))
