"""Code is named by references, so that a plan holds no pickles."""

from __future__ import annotations

import pytest

from levada.artifact import ArtifactRecord, made
from levada.errors import ProjectError, StoreError
from levada.references import load, reference_of, short_name, split
from tests.arithmetic import Number


class Outer:
    class Inner:
        pass


@pytest.mark.parametrize("thing", [Number, Outer.Inner, reference_of, pytest.raises])
def test_a_reference_leads_back_to_the_thing(thing: object) -> None:
    """Functions, classes and classes in classes."""
    assert load(reference_of(thing)) is thing


def test_a_reference_has_three_parts() -> None:
    """Scheme, module, name; people know the last."""
    assert reference_of(Number) == "python:tests.arithmetic:Number"
    assert split("python:a.b:c.d") == ("python", "a.b", "c.d")
    assert short_name("python:components.train:train") == "train"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("tests.arithmetic:Number", "is not a code reference: wanted scheme:module:name"),
        ("docker:image:tag", "unknown scheme 'docker'.\nKnown schemes: python"),
        ("python:no_such_module.deep:x", "There is no module no_such_module.deep (wanted for x)"),
        ("python:tests.arithmetic:Nmuber", "tests.arithmetic has no Nmuber.\nDid you mean Number?"),
        ("python:tests.arithmetic:Number.no_such", "tests.arithmetic has no Number.no_such"),
    ],
)
def test_a_reference_that_leads_nowhere_says_why(reference: str, message: str) -> None:
    """With what is near."""
    with pytest.raises(ProjectError) as caught:
        load(reference)
    assert message in str(caught.value)


def test_what_is_missing_inside_a_module_is_not_taken_for_the_module(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that imports something that is not installed: Python's own error names it."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "wants_more.py").write_text("import not_installed_anywhere\n")
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        load("python:wants_more:x")


def test_something_inside_a_function_has_no_reference() -> None:
    """No other process could find it."""

    class Local:
        pass

    with pytest.raises(ProjectError, match="is defined inside a function"):
        reference_of(Local)


def test_an_artifact_of_a_type_that_is_none_is_refused() -> None:
    """A manifest that was changed by hand."""
    record = ArtifactRecord("python:levada.store:Store", "/x", "d", {}, ())
    with pytest.raises(StoreError, match="is not an artifact type"):
        made(record, lambda record: pytest.fail("never fetched"))
