"""What `levada` offers, and what it costs to import."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

import levada
from levada import errors
from levada.errors import LevadaError, Position, did_you_mean

HEAVY = ("apache_beam", "keras", "mlflow", "numpy", "onnxruntime", "pandas", "pyarrow", "sklearn", "tensorflow")


def test_the_public_names_are_these() -> None:
    """A name more or less is a decision, not an accident."""
    assert sorted(
        name for name, thing in vars(levada).items() if not name.startswith("_") and not inspect.ismodule(thing)
    ) == [
        "Artifact",
        "Context",
        "Gate",
        "LevadaError",
        "Many",
        "Retry",
        "Secret",
        "Values",
        "component",
        "each",
        "gather",
        "pipeline",
        "session",
    ]


@pytest.mark.parametrize(
    "code",
    ["import levada", "import levada.node, levada.run, levada.project, levada.store", "import levada.cli"],
)
def test_importing_levada_loads_nothing_heavy(code: str) -> None:
    """Beam, MLflow and the numeric libraries come in where they are used: a cached run needs none of them."""
    asked = f"{code}\nimport json, sys\nprint(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert json.loads(loaded) == []


def test_only_levada_beam_imports_beam() -> None:
    """The engine below it is free to run elsewhere."""
    asked = (
        "import sys\nsys.modules['apache_beam'] = None\n"
        "import levada.node, levada.run, levada.plan, levada.pipeline, levada.components, levada.artifacts\nprint('ok')"
    )
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout == "ok\n"


# -- errors ---------------------------------------------------------------------------------------------


def test_the_tree_of_errors_is_drawn_in_its_module() -> None:
    """Each error by its name, and no other."""
    kinds = {name for name, thing in vars(errors).items() if inspect.isclass(thing) and issubclass(thing, LevadaError)}
    drawn = {word for word in (errors.__doc__ or "").replace("─", " ").split() if word.endswith("Error")}
    assert drawn == kinds


def test_an_error_says_what_where_and_what_next() -> None:
    """In three parts; those that are not known are left out."""
    where = Position("pipelines/digits.py", 31, "model = train(stats)")
    assert str(errors.WiringError("it does not fit.", where=where, hint="Pass `data`.")) == (
        "it does not fit.\n  pipelines/digits.py:31   model = train(stats)\nPass `data`."
    )
    assert str(LevadaError("no more is known.")) == "no more is known."


@pytest.mark.parametrize("kind", [errors.WiringError, errors.StoreError, errors.DataError])
def test_an_error_survives_the_way_from_a_worker(kind: type[LevadaError]) -> None:
    """Beam and process pools pickle exceptions."""
    import pickle

    error = kind("it broke.", where=Position("a.py", 1, "x"), hint="Mend it.")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.where, again.hint) == (kind, str(error), error.where, error.hint)


def test_a_suggestion_is_made_only_where_one_is_near() -> None:
    """A wild guess helps nobody."""
    assert did_you_mean("epoch", ["epochs", "layers"]) == "Did you mean epochs?"
    assert did_you_mean("zzz", ["epochs", "layers"]) == ""
    assert did_you_mean("x", []) == ""
