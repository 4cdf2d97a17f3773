"""Beam pipelines of Levada's own, which in a notebook are pipelines as anywhere else.

Within IPython Beam gives every transform a label with the number of the cell, and for that imports its interactive
environment: seconds, many packages, and with some versions of pandas an error. It also leaves temporary folders to
that environment. A pipeline that is made here goes without.
"""

from __future__ import annotations

import shutil
from functools import wraps
from typing import Any
from weakref import WeakSet

import apache_beam as beam
from apache_beam import pipeline as beam_pipeline
from apache_beam.utils import interactive_utils

from levada.beam.options import make_runner, pipeline_options

_ours: WeakSet[beam.Pipeline] = WeakSet()


def new_pipeline(options: tuple[str, ...]) -> Any:
    """Return an empty Beam pipeline with the runner and the options that these words name."""
    made = beam.Pipeline(runner=make_runner(options), options=pipeline_options(options))
    _ours.add(made)
    return made


def run_to_the_end(pipeline: Any) -> Any:
    """Run a pipeline, wait for its end and return its result; raises what Beam raises."""
    try:
        result = pipeline.run()
        result.wait_until_finish()
        return result
    finally:
        shutil.rmtree(pipeline.local_tempdir, ignore_errors=True)


def _leave_ours_alone() -> None:
    alter = interactive_utils.alter_label_if_ipython

    @wraps(alter)
    def alter_others(transform: Any, pvalueish: Any) -> None:
        found: Any = interactive_utils._extract_pipeline_of_pvalueish(pvalueish)  # pyright: ignore[reportPrivateUsage]
        if found not in _ours:
            alter(transform, pvalueish)

    beam_pipeline.alter_label_if_ipython = alter_others  # pyright: ignore[reportPrivateImportUsage]


_leave_ours_alone()
