"""The user's own exception comes out of a Beam job, wherever in it user code runs.

These cases guard what Beam leaves on the exceptions it wraps, which is private to Beam.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.coders import Coder
from apache_beam.io import iobase
from apache_beam.io.iobase import Write

from levada.beam.failures import WorkerError, from_text, original
from levada.beam.inner import BeamJob
from levada.failure import describe

pytestmark = pytest.mark.filterwarnings("ignore")


class Unlucky(Exception):  # noqa: N818
    """An exception that cannot be made from one text, as Beam would like to."""

    def __init__(self, code: int, *, reason: str) -> None:
        super().__init__(code, reason)
        self.reason = reason


class Wordless(Exception):  # noqa: N818
    """An exception that takes nothing."""

    def __init__(self) -> None:
        super().__init__()


def plain() -> Exception:
    return ValueError("row 7 is bad")


def several() -> Exception:
    return OSError(2, "no such file", "data.csv")


def unlucky() -> Exception:
    return Unlucky(13, reason="friday")


def wordless() -> Exception:
    return Wordless()


def key() -> Exception:
    return KeyError("carrier")


def not_text() -> Exception:
    return RuntimeError({"row": 7})


def group() -> Exception:
    return ExceptionGroup("several", [ValueError("a"), TypeError("b")])


def stop() -> Exception:
    return UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")


EXCEPTIONS = [plain, several, unlucky, wordless, key, not_text, group, stop]
Make = Callable[[], Exception]


class Breaking(beam.DoFn):
    def __init__(self, where: str, make: Make) -> None:
        self._where, self._make = where, make

    def _break(self, where: str) -> None:
        if where == self._where:
            raise self._make()

    def setup(self) -> None:
        self._break("setup")

    def start_bundle(self) -> None:
        self._break("start_bundle")

    def process(self, element: int) -> Iterator[int]:
        yield element
        self._break("process")

    def finish_bundle(self) -> None:
        self._break("finish_bundle")


class Adding(beam.CombineFn):
    def __init__(self, where: str, make: Make) -> None:
        self._where, self._make = where, make

    def _break(self, where: str) -> None:
        if where == self._where:
            raise self._make()

    def create_accumulator(self) -> int:
        self._break("create_accumulator")
        return 0

    def add_input(self, mutable_accumulator: int, element: int) -> int:
        self._break("add_input")
        return mutable_accumulator + element

    def merge_accumulators(self, accumulators: Iterable[int]) -> int:
        self._break("merge_accumulators")
        return sum(accumulators)

    def extract_output(self, accumulator: int) -> int:
        self._break("extract_output")
        return accumulator


class BreakingCoder(Coder):
    def __init__(self, where: str, make: Make) -> None:
        self._where, self._make = where, make

    def encode(self, value: Any) -> bytes:
        if self._where == "encode":
            raise self._make()
        return str(value).encode()

    def decode(self, encoded: bytes) -> Any:
        if self._where == "decode":
            raise self._make()
        return encoded.decode()

    def is_deterministic(self) -> bool:
        return True


class BreakingSource(iobase.BoundedSource):
    def __init__(self, make: Make) -> None:
        self._make = make

    def estimate_size(self) -> int:
        return 10

    def get_range_tracker(self, start_position: Any, stop_position: Any) -> Any:
        from apache_beam.io.range_trackers import OffsetRangeTracker

        return OffsetRangeTracker(0, 10)

    def read(self, range_tracker: Any) -> Iterator[int]:
        yield 1
        raise self._make()

    def split(self, desired_bundle_size: Any, start_position: Any = None, stop_position: Any = None) -> Iterator[Any]:
        yield iobase.SourceBundle(10, self, 0, 10)


class BreakingWriter(iobase.Writer):
    def __init__(self, where: str, make: Make) -> None:
        self._where, self._make = where, make

    def write(self, value: Any) -> None:
        if self._where == "write":
            raise self._make()

    def close(self) -> str:
        if self._where == "close":
            raise self._make()
        return "closed"


class BreakingSink(iobase.Sink):
    def __init__(self, where: str, make: Make) -> None:
        self._where, self._make = where, make

    def initialize_write(self) -> str:
        return "begun"

    def open_writer(self, init_result: Any, uid: str) -> BreakingWriter:
        if self._where == "open_writer":
            raise self._make()
        return BreakingWriter(self._where, self._make)

    def pre_finalize(self, init_result: Any, writer_results: Any) -> None:
        return None

    def finalize_write(self, init_result: Any, writer_results: Any, pre_finalize_result: Any) -> Iterator[str]:
        if self._where == "finalize_write":
            raise self._make()
        yield "done"


class Own:
    """A type with a coder of its own."""


def raising(make: Make) -> Any:
    raise make()


def dofn(where: str) -> Callable[[Any, Make], Any]:
    return lambda p, make: p | beam.Create([1, 2]) | beam.ParDo(Breaking(where, make))


def combine(where: str) -> Callable[[Any, Make], Any]:
    return lambda p, make: p | beam.Create([1, 2]) | beam.CombineGlobally(Adding(where, make))


def combine_per_key(where: str) -> Callable[[Any, Make], Any]:
    return lambda p, make: p | beam.Create([("a", 1), ("a", 2)]) | beam.CombinePerKey(Adding(where, make))


def coder(where: str) -> Callable[[Any, Make], Any]:
    def build(p: Any, make: Make) -> Any:
        made = p | beam.Create([1, 2]) | beam.Map(lambda n: (n, n))
        made.element_type = Own
        shuffled = made | beam.Map(lambda pair: (str(pair[0]), pair[1])).with_output_types(tuple[str, Own])
        beam.coders.registry.register_coder(
            Own, type("Given", (BreakingCoder,), {"__init__": lambda self: BreakingCoder.__init__(self, where, make)})
        )
        return shuffled | beam.GroupByKey() | beam.Map(lambda pair: list(pair[1]))

    return build


def sink(where: str) -> Callable[[Any, Make], Any]:
    return lambda p, make: p | beam.Create([1, 2]) | Write(BreakingSink(where, make))


PLACES: dict[str, Callable[[Any, Make], Any]] = {
    **{where: dofn(where) for where in ("setup", "start_bundle", "process", "finish_bundle")},
    **{where: combine(where) for where in ("create_accumulator", "add_input", "merge_accumulators", "extract_output")},
    **{f"{where} per key": combine_per_key(where) for where in ("add_input", "merge_accumulators", "extract_output")},
    **{where: coder(where) for where in ("encode", "decode")},
    **{where: sink(where) for where in ("open_writer", "write", "close", "finalize_write")},
    "source": lambda p, make: p | beam.io.Read(BreakingSource(make)),
    "map": lambda p, make: p | beam.Create([1]) | beam.Map(lambda _: raising(make)),
    "fused": lambda p, make: (
        p | beam.Create([1]) | "a" >> beam.Map(str) | "b" >> beam.Map(int) | "c" >> beam.Map(lambda _: raising(make))
    ),
    "behind a shuffle": lambda p, make: (
        p | beam.Create([(1, 1)]) | beam.GroupByKey() | "c" >> beam.Map(lambda _: raising(make)) | "d" >> beam.Map(str)
    ),
    "with a side input": lambda p, make: (
        p
        | "x" >> beam.Create([1])
        | beam.Map(lambda _, side: raising(make), beam.pvalue.AsList(p | "y" >> beam.Create([1])))
    ),
    "while it is built": lambda p, make: raising(make),
}


def raised_in(build: Callable[[Any, Make], Any], make: Make) -> BaseException:
    with pytest.raises(BaseException) as caught, BeamJob("failing") as p:  # noqa: PT011
        build(p, make)
    return caught.value


def assert_is(error: BaseException, make: Make) -> None:
    wanted = make()
    assert type(error) is type(wanted)
    assert repr(error.args) == repr(wanted.args)
    assert vars(error).get("reason") == vars(wanted).get("reason")
    assert "while running" not in str(error)
    assert any(frame.file == "tests/beam/test_failures.py" for frame in describe(error).frames)


@pytest.mark.parametrize("make", [plain, unlucky, wordless], ids=lambda make: make.__name__)
@pytest.mark.parametrize("place", PLACES)
def test_the_exception_is_the_users_own(place: str, make: Make) -> None:
    """Its type, its arguments, the user's frames; nothing of Beam's."""
    assert_is(raised_in(PLACES[place], make), make)


@pytest.mark.parametrize("make", EXCEPTIONS, ids=lambda make: make.__name__)
def test_every_kind_of_exception_comes_out(make: Make) -> None:
    """Whatever its arguments look like."""
    assert_is(raised_in(PLACES["map"], make), make)


def with_a_cause(_: int) -> None:
    try:
        {}["carrier"]
    except KeyError as error:
        raise ValueError("no such carrier") from error


def test_the_cause_of_an_exception_is_kept() -> None:
    """`raise ... from` is how people say what really happened."""
    error = raised_in(lambda p, make: p | beam.Create([1]) | beam.Map(with_a_cause), plain)
    assert isinstance(error, ValueError)
    assert isinstance(error.__cause__, KeyError)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_leaving_inside_a_transform_ends_only_the_job(kind: type[BaseException]) -> None:
    """And does not hang it."""

    def leave(_: int) -> None:
        raise kind("bye")

    assert type(raised_in(lambda p, make: p | beam.Create([1]) | beam.Map(leave), plain)) is kind


def test_an_exception_that_beam_never_saw_is_left_alone() -> None:
    """Its context is its own business."""
    error = ValueError("b")
    error.__context__ = error.__cause__ = KeyError("a")
    assert original(error) is error


# -- from another process, as text ----------------------------------------------------------------------

HEAD = """Error processing instruction 7. Original traceback is
Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1512, in apache_beam.runners.common.DoFnRunner.process
"""
USERS = """  File "/tmp/levada-code-0/ab/components/parts.py", line 12, in process
    raise something
"""
DURING = """

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "apache_beam/runners/worker/sdk_worker.py", line 297, in _execute
"""
FROM = """

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
"""
STEP = " [while running 'ParDo(Breaking)-ptransform-7']"
DECODING = '  File "x.py", line 1, in y\nValueError: Error decoding input stream with coder C in step D'


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        ("ValueError: row 7 is bad", "ValueError", "row 7 is bad"),
        ("components.parts.Unlucky: (13, 'friday')", "Unlucky", "(13, 'friday')"),
        ("KeyError: 'carrier'", "KeyError", "'carrier'"),
        ("ValueError: two\nlines: of text", "ValueError", "two\nlines: of text"),
        ("components.parts.Wordless", "Wordless", "(no message)"),
        ("subprocess.CalledProcessError: Command 'x: y' returned 1", "CalledProcessError", "Command 'x: y' returned 1"),
    ],
)
def test_a_report_from_a_worker_is_read(said: str, kind: str, message: str) -> None:
    """Over gRPC only text comes back: the last exception that is not Beam's is the user's."""
    wrapped = f"{DURING}RuntimeError: {said.splitlines()[0]}{STEP}\n"
    for text in (
        HEAD + USERS + said + wrapped,
        HEAD + USERS + said + STEP,
        HEAD + USERS + "KeyError: 'an inner one'" + FROM + USERS + said + wrapped,
        HEAD + USERS + "KeyError: 'an inner one'" + DURING + USERS + said + wrapped,
        HEAD + USERS + said + FROM + DECODING,
    ):
        failure = describe(original(RuntimeError(text)))
        assert (failure.type, failure.message) == (kind, message)
        assert "components/parts.py" in failure.notes[0]


def test_a_report_that_is_no_traceback_is_shown_as_it_is() -> None:
    """Better than nothing."""
    assert isinstance(from_text("the worker went away"), WorkerError)
    assert str(from_text("the worker went away")) == "the worker went away"
