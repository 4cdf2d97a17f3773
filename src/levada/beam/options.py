"""Beam's options and runner, out of what stands behind `--` on the command line."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from typing import Any

from levada.errors import ProjectError

IN_PROCESS = ("", "FnApiRunner", "DirectRunner", "apache_beam.runners.portability.fn_api_runner.FnApiRunner")


def runner_name(options: tuple[str, ...]) -> str:
    """Return the runner that the options name, or an empty string."""
    name = ""
    for index, option in enumerate(options):
        if option.startswith("--runner="):
            name = option.partition("=")[2]
        elif option == "--runner" and index + 1 < len(options):
            name = options[index + 1]
    return name


def is_in_process(options: tuple[str, ...]) -> bool:
    """Whether the run stays on this machine, so that the graph can be one element."""
    return runner_name(options) in IN_PROCESS


def stays_in_memory(options: tuple[str, ...]) -> bool:
    """Whether all of Beam's work is done in this process, so that nothing needs to travel."""
    if not is_in_process(options):
        return False
    from apache_beam.options.pipeline_options import DirectOptions

    return pipeline_options(options).view_as(DirectOptions).direct_running_mode != "multi_processing"


def pipeline_options(options: tuple[str, ...]) -> Any:
    """Return Beam's PipelineOptions; it never looks at this process's own command line."""
    from apache_beam.options.pipeline_options import PipelineOptions

    kept = [option for option in options if not (is_in_process(options) and _names_runner(option, options))]
    return PipelineOptions(flags=kept)


def check_options(options: tuple[str, ...]) -> None:
    """Raise ProjectError if Beam does not take the options; left to itself it ends the process."""
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            pipeline_options(options).get_all_options()
    except SystemExit:
        reason = said.getvalue().strip().rpartition("error: ")[2]
        raise ProjectError(f"Beam does not take these options: {reason}.") from None


def _names_runner(option: str, options: tuple[str, ...]) -> bool:
    return option.startswith("--runner") or (option == runner_name(options) and "--runner" in options)


def make_runner(options: tuple[str, ...]) -> Any:
    """Return the runner: Beam's in-process FnApiRunner, or the one that the options name.

    Never the bare DirectRunner, which looks for another runner on the network first.
    """
    if not is_in_process(options):
        from apache_beam.runners.runner import create_runner

        try:
            return create_runner(runner_name(options))
        except ValueError as error:
            raise ProjectError(f"Beam has no runner '{runner_name(options)}': {str(error).rstrip('.')}.") from None
    from apache_beam.runners.portability.fn_api_runner import fn_runner

    if stays_in_memory(options):
        return fn_runner.FnApiRunner()
    # Workers in other processes get their options only this way; by itself the runner hands them none.
    from apache_beam.portability.api import beam_provision_api_pb2
    from apache_beam.runners.portability.portable_runner import JobServiceHandle

    encoded = JobServiceHandle.encode_pipeline_options(pipeline_options(options).get_all_options())
    info = beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
    return fn_runner.FnApiRunner(provision_info=fn_runner.ExtendedProvisionInfo(info))
