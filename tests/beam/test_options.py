"""What stands behind `--` on the command line is Beam's."""

from __future__ import annotations

import pytest
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.portable_runner import PortableRunner

from levada.beam.options import (
    check_options,
    is_in_process,
    make_runner,
    pipeline_options,
    runner_name,
    stays_in_memory,
)
from levada.errors import ProjectError


@pytest.mark.parametrize(
    ("options", "name", "in_process"),
    [
        ((), "", True),
        (("--runner=DirectRunner",), "DirectRunner", True),
        (("--runner", "FnApiRunner"), "FnApiRunner", True),
        (("--runner=FlinkRunner",), "FlinkRunner", False),
        (("--job_endpoint=embed", "--runner", "PortableRunner"), "PortableRunner", False),
        (("--runner=FlinkRunner", "--runner=DirectRunner"), "DirectRunner", True),
        (("--runner",), "", True),
    ],
)
def test_the_runner_is_read_from_the_options(options: tuple[str, ...], name: str, in_process: bool) -> None:
    """In both forms; the last one counts, as for Beam itself."""
    assert runner_name(options) == name
    assert is_in_process(options) is in_process


@pytest.mark.parametrize("options", [(), ("--runner=DirectRunner",), ("--direct_running_mode=multi_processing",)])
def test_the_runner_of_one_machine_is_pinned(options: tuple[str, ...]) -> None:
    """The bare DirectRunner looks for another runner on the network first, at every job."""
    assert type(make_runner(options)) is FnApiRunner


def test_another_runner_is_the_one_that_was_named() -> None:
    """Nothing of ours stands between."""
    assert isinstance(make_runner(("--runner=PortableRunner",)), PortableRunner)
    with pytest.raises(ProjectError, match="Beam has no runner 'Sparkle'"):
        make_runner(("--runner=Sparkle",))


def test_options_go_through() -> None:
    """Known ones and those that only the runner knows."""
    parsed = pipeline_options(("--runner", "DirectRunner", "--streaming", "--flink_master=host:1", "--my_option=7"))
    assert parsed.view_as(StandardOptions).streaming is True
    assert parsed.view_as(StandardOptions).runner is None
    everything = parsed.get_all_options(retain_unknown_options=True)
    assert (everything["flink_master"], everything["my_option"]) == ("host:1", "7")
    kept = pipeline_options(("--runner=PortableRunner", "--job_endpoint=embed"))
    assert isinstance(kept, PipelineOptions)
    assert kept.view_as(StandardOptions).runner == "PortableRunner"


@pytest.mark.parametrize(
    ("options", "memory"),
    [
        ((), True),
        (("--direct_running_mode=in_memory",), True),
        (("--direct_running_mode=multi_threading", "--direct_num_workers=2"), True),
        (("--direct_running_mode=multi_processing",), False),
        (("--runner=FlinkRunner",), False),
    ],
)
def test_only_work_that_leaves_the_process_is_pickled_by_value(options: tuple[str, ...], memory: bool) -> None:
    """In memory, functions keep their modules' globals, which people use to look into a job."""
    assert stays_in_memory(options) is memory


def test_an_option_that_beam_refuses_is_an_error_of_ours(capfd: pytest.CaptureFixture[str]) -> None:
    """Beam would print its usage and end the process."""
    check_options(("--direct_num_workers=2", "--unknown_to_beam=1"))
    with pytest.raises(ProjectError, match="argument --direct_num_workers: invalid int value: 'many'"):
        check_options(("--direct_num_workers=many",))
    assert "usage" not in capfd.readouterr().err
