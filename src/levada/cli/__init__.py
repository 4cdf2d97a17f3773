"""The `levada` command.

    init       make a project to start from
    run        run a pipeline
    plan       print or draw a pipeline's plan
    pipelines  list the project's pipelines
    runs       list the runs
    show       show a run, or a node of it
    why        why a node would run again, or not
    diff       what differs between runs, plans, and the project as it is
    lineage    where something came from, and what came of it
    schema     propose, compare, accept and show the schema of data
    logs       what a node wrote
    debug      a node again, in a debugger
    graph      a pipeline or a run as a picture
    ui         open MLflow on this project's runs and versions
    sync       deliver what MLflow has not been told yet
    push       bring a version to where it is served
    rollback   go back to the version that was live before
    history    what was live when
    verify     check that everything in the store is as it was made
    gc         show or remove what nothing needs any more
    node       run one node of a run (what workers do)
    settings   show what is set, and where
    completion a script for the shell
    extensions list what other packages add

Exit codes: 0 all went well, 1 a node failed, 2 the command or the pipeline is wrong and nothing was run,
3 a gate closed, 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress


def main(words: list[str] | None = None) -> None:
    """Run the command line; exits the process with the code above."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's banners would break the progress display
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    try:
        from levada.cli.commands import execute

        code = execute(sys.argv[1:] if words is None else words)
    except KeyboardInterrupt:  # while it was starting
        code = 130
    with suppress(ValueError):  # not the main thread: a test
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own end has nothing to say of an interrupt
    sys.exit(code)
