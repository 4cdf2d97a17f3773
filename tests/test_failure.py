"""A failure in words: the user's exception, the user's frames."""

from __future__ import annotations

import json
import sys
import sysconfig
from pathlib import Path

import pytest

import levada
from levada.errors import Position, WiringError
from levada.failure import Failure, describe, is_users


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001
        return caught


def test_only_frames_of_the_user_are_shown() -> None:
    """A library's frames between two of the user's are left out; the whole traceback is kept."""
    try:
        json.loads("{", object_pairs_hook=None)
    except ValueError as error:
        failure = describe(error)
    assert [frame.file for frame in failure.frames] == ["tests/test_failure.py"]
    assert failure.frames[0].text == 'json.loads("{", object_pairs_hook=None)'
    assert "json/decoder.py" in failure.traceback


@pytest.mark.parametrize(
    ("file", "users"),
    [
        ("/home/me/project/components/train.py", True),
        ("/home/me/levada-projects/train.py", True),
        ("<ipython-input-3-abc>", True),
        (str(Path(levada.__file__).parent) + "-of-mine/train.py", True),
        (json.__file__, False),
        (pytest.__file__, False),
        (levada.__file__, False),
        ("/usr/lib/python3/dist-packages/apt/cache.py", False),
        (sysconfig.get_path("stdlib") + "/threading.py", False),
        ("<frozen importlib._bootstrap>", False),
        ("pandas/_libs/lib.pyx", False),
        ("apache_beam/runners/common.py", False),
    ],
)
def test_a_file_is_the_users_or_it_is_not(file: str, users: bool) -> None:
    """Not Levada's, not an installed library's, not Python's, not a compiled one's."""
    assert is_users(file) is users


def test_an_exception_without_words_is_said_to_have_none() -> None:
    """An empty line would look like a mistake of the terminal."""
    assert describe(raised(ValueError())).message == "(no message)"
    assert describe(raised(ValueError("  spaces  "))).message == "spaces"


def test_levadas_own_errors_keep_their_three_parts() -> None:
    """Message, place, hint."""
    error = WiringError("no.", where=Position("a.py", 1, "x"), hint="Do y.")
    assert describe(raised(error)).message == "no.\n  a.py:1   x\nDo y."


def test_notes_are_kept() -> None:
    """People add them on the way up."""
    error = ValueError("bad row")
    error.add_note("in january.csv")
    assert describe(raised(error)).notes == ("in january.csv",)


def test_a_failure_comes_back_from_json() -> None:
    """It travels in the commit of its node."""
    failure = describe(raised(ValueError("x")))
    assert Failure.from_json(json.loads(json.dumps(failure.to_json()))) == failure
    assert failure.frames[-1].function == "raised"
    assert sys.exc_info() == (None, None, None)
