"""The code digest: what must change it, what must not, and what it says of code that is not there."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from levada.code import CodeIndex
from levada.errors import ProjectError

TRAIN = "python:components.train:train"

PROJECT = {
    "components/__init__.py": """
from .features import bucketize
from components.shapes import area as area
VERSION_OF_PACKAGE = 3
""",
    "components/train.py": '''
"""Train."""
from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np
import untracked_plugin
from keras import Layer
from levada import component

import components.paths
import components.scaling as sc
from components import area, bucketize as to_buckets
from components import losses
from components.constants import *
from components.named import by_name
from components.settings import LIMITS
from .nested import deep

if TYPE_CHECKING:
    from components.unreached import Ghost

RATE = 0.1
DOUBLE = RATE * 2
UNUSED = 7
COUNT = 1
COUNT += 1
REGISTRY = {}
ORDER = []
FIRST = ORDER
ORDER.append("late")
SQUARE = lambda x: x ** 2
ITERATOR = iter("abc")
NAMES = [name.upper() for name in ("a", "b")]


class Base:
    kind = "base"

    def scale(self, x):
        return x * 2


class Child(Base):
    """A child."""

    size = 3

    def run(self, x):
        """Run."""
        return self.scale(x) + self.size


class Meta(type):
    def __new__(cls, name, bases, space, color):
        return super().__new__(cls, name, bases, {**space, "color": color})

    def __init__(cls, *args, color):
        super().__init__(*args)


class Shape(metaclass=Meta, color="red"):
    pass


class Point(NamedTuple):
    x: int
    y: int = 0


@dataclass(frozen=True)
class Options:
    depth: int = 2
    tags: list[str] = field(default_factory=list)


class Color(Enum):
    RED = 1


class Plain:
    attribute = 1

    def method(self):
        return 1


class Noticing:
    seen = []

    def __init_subclass__(cls):
        Noticing.seen.append(cls)


class Noticed(Noticing):
    noticed = 1


class Norm(Layer):
    """Normalises."""

    def call(self, x):
        """Call."""
        return x


for key in ("one", "two"):
    REGISTRY[key] = len(key)

with np.errstate(all="ignore"):
    SMALL = 1

if np.__version__ > "2":
    def versioned():
        return "new"
else:
    def versioned():
        return "old"

try:
    import tomllib as toml
except ImportError:
    toml = None


def registered(kind):
    def decorate(function):
        REGISTRY[kind] = function
        return function
    return decorate


@registered("special")
def special(x):
    """Special."""
    return x - 1


def count_up():
    global COUNT
    COUNT = COUNT + 5


def unreached(x):
    return UNUSED + x


def also_unreached():
    """Nothing calls it."""
    return Plain().method()


def shadowed(features):
    return features + 1


@functools.lru_cache(maxsize=8)
def cached(x):
    return x


@overload
def twice(x: int) -> int: ...
@overload
def twice(x: str) -> str: ...
def twice(x):
    return x + x


@component(needs={"cpus": 2})
def train(ctx, examples, *, epochs: int = 5, rate=DOUBLE):
    """Fit the model."""
    # the first comment
    def inner(x):
        return x + 100

    total = [y * 3 for y in range(4)]
    text = f"{epochs:>4} epochs"
    size = [np.mean([1, 2]) + sc.scale(3), components.paths.join("a")]
    lazy = importlib.import_module("components.lazy")
    from components.inside import local_helper as helper
    match epochs:
        case 1 | 2:
            few = True
        case {"k": v, **rest}:
            few = False
        case _:
            few = None
    losses.mse(1)
    getattr(losses_all(), "x", None)
    count_up()
    shadowed(1)
    return (
        inner(1), total, text, size, lazy, helper(), few, RATE, COUNT, SQUARE(2), NAMES, Child().run(1), Shape(),
        Point(1), Options(), Color.RED, REGISTRY, SMALL, versioned(), toml, cached(1), twice(1), to_buckets(3),
        area(2), FROM_STAR, by_name("thing"), LIMITS, deep(), FIRST, epochs > 3 and not rate,
    )


def losses_all():
    return None


if __name__ == "__main__":
    print("running by hand")
''',
    "components/features.py": """
import components.effects
BOUNDARIES = 5
IDLE = 5

def bucketize(x):
    return helper(x) // BOUNDARIES

def helper(x):
    return x

def idle():
    return IDLE
""",
    "components/effects.py": """
import os
os.environ["BACKEND"] = "jax"
quiet = 1
""",
    "components/shapes.py": "def area(x):\n    return x * 4\n\ndef volume(x):\n    return x * 8\n",
    "components/paths.py": "def join(x):\n    return x + '/'\n\ndef split(x):\n    return x\n",
    "components/scaling.py": "from components.units import unit\n\ndef scale(x):\n    return x * unit()\n",
    "components/units.py": "import components.scaling\n\ndef unit():\n    return 1000\n",
    "components/losses.py": "def mse(x):\n    return x * x\n\ndef mae(x):\n    return abs(x)\n",
    "components/constants.py": "FROM_STAR = 1\nNOT_USED = 2\n",
    "components/named.py": """
import components.table as table

def by_name(name):
    return getattr(table, "any" + name)()
""",
    "components/table.py": "def anything():\n    return 1\n",
    "components/settings.py": 'LIMITS = {"low": 1}\nLIMITS["high"] = 9\n',
    "components/nested/__init__.py": "from .deeper import deep as deep\n",
    "components/nested/deeper.py": "from ..shapes import area\nfrom . import sibling\ndef deep(): return sibling.s()\n",
    "components/nested/sibling.py": "def s():\n    return 1\n",
    "components/lazy.py": "def load():\n    return 1\n",
    "components/inside.py": "def local_helper():\n    return 1\n",
    "components/unreached.py": "import components.effects\n\nclass Ghost:\n    boo = 1\n",
}

T = "components/train.py"

CHANGES = {
    # what the component itself says
    "constant in the body": (T, "return x + 100", "return x + 101"),
    "operator": (T, "epochs > 3", "epochs >= 3"),
    "boolean operator": (T, "epochs > 3 and not rate", "epochs > 3 or not rate"),
    "constant of another type": (T, "inner(1), total", "inner(1.0), total"),
    "True for 1": (T, "inner(1), total", "inner(True), total"),
    "parameter's default": (T, "epochs: int = 5", "epochs: int = 6"),
    "parameter renamed": (T, "ctx, examples, *", "ctx, samples, *"),
    "parameter made positional": (T, "ctx, examples, *, epochs", "ctx, examples, epochs"),
    "annotation of the component": (T, "epochs: int", "epochs: float"),
    "decorator's argument": (T, '"cpus": 2', '"cpus": 4'),
    "decorator added": (T, "@component(needs", "@functools.cache\n@component(needs"),
    "order of statements": (T, "count_up()\n    shadowed(1)", "shadowed(1)\n    count_up()"),
    "nested function": (T, "def inner(x):\n        return x", "def inner(x):\n        return -x"),
    "f-string's text": (T, "} epochs", "} rounds"),
    "f-string's format": (T, ":>4}", ":>5}"),
    "comprehension in the body": (T, "y * 3 for y", "y * 4 for y"),
    "match pattern": (T, "case 1 | 2", "case 1 | 3"),
    "match rest": (T, "**rest}", "**others}"),
    "keyword of a call": (T, "range(4)", "range(0, 4)"),
    # what it uses in its module
    "constant": (T, "RATE = 0.1", "RATE = 0.2"),
    "constant behind a default": (T, "DOUBLE = RATE * 2", "DOUBLE = RATE * 3"),
    "lambda": (T, "x ** 2", "x ** 3"),
    "top-level comprehension": (T, "name.upper()", "name.lower()"),
    "comprehension that uses up an iterator": (T, "UNUSED = 7", "UNUSED = [x for x in ITERATOR]"),
    "star that uses up an iterator": (T, "UNUSED = 7", "UNUSED = (*ITERATOR,)"),
    "call that uses up an iterator": (T, "UNUSED = 7", "UNUSED = frozenset(ITERATOR)"),
    "augmented assignment": (T, "COUNT += 1", "COUNT += 2"),
    "what is set through global": (T, "COUNT = COUNT + 5", "COUNT = COUNT + 6"),
    "mutated list": (T, 'append("late")', 'append("later")'),
    "place of a mutation": (T, 'FIRST = ORDER\nORDER.append("late")', 'ORDER.append("late")\nFIRST = ORDER'),
    "mutation added": (T, "UNUSED = 7", 'UNUSED = 7\nREGISTRY["new"] = 1'),
    "top-level loop": (T, '("one", "two")', '("one", "three")'),
    "top-level with": (T, "SMALL = 1", "SMALL = 2"),
    "conditional definition": (T, 'return "old"', 'return "older"'),
    "conditional import": (T, "tomllib as toml", "json as toml"),
    "cached function": (T, "def cached(x):\n    return x", "def cached(x):\n    return x + 1"),
    "overloaded function": (T, "return x + x", "return x * 2"),
    "overload": (T, "def twice(x: str) -> str", "def twice(x: bytes) -> bytes"),
    "method": (T, "self.scale(x) + self.size", "self.scale(x) - self.size"),
    "inherited method": (T, "return x * 2\n\n\nclass Child", "return x * 3\n\n\nclass Child"),
    "inherited attribute": (T, 'kind = "base"', 'kind = "other"'),
    "base class": (T, "class Child(Base)", "class Child"),
    "class attribute": (T, "size = 3", "size = 4"),
    "metaclass": (T, '{**space, "color": color}', '{"color": color, **space}'),
    "class keyword": (T, 'color="red"', 'color="blue"'),
    "named tuple's default": (T, "y: int = 0", "y: int = 1"),
    "dataclass's field": (T, "depth: int = 2", "depth: int = 3"),
    "dataclass's factory": (T, "default_factory=list", "default_factory=tuple"),
    "dataclass's argument": (T, "frozen=True", "frozen=False"),
    "enum's member": (T, "RED = 1", "RED = 2"),
    # what importing the module runs
    "function that registers itself": (T, "return x - 1", "return x - 2"),
    "registering decorator's body": (T, "REGISTRY[kind] = function", "REGISTRY[kind + kind] = function"),
    "registering decorator's argument": (T, '@registered("special")', '@registered("other")'),
    "unreached function starts to register": (T, "def unreached(x)", '@registered("new")\ndef unreached(x)'),
    "unreached default with a call": (T, "def unreached(x)", "def unreached(x=print(1))"),
    "unreached class gets a library's base": (T, "class Plain:", "class Plain(untracked_plugin.Plugin):"),
    "unreached class gets a base that notices": (T, "class Plain:", "class Plain(Noticing):"),
    "unreached class body calls": (T, "attribute = 1", "attribute = print(1)"),
    "unreached assignment with a call": (T, "UNUSED = 7", "UNUSED = print(7)"),
    "unreached class with a base that notices": (T, "noticed = 1", "noticed = 2"),
    "base that notices": (T, "seen.append(cls)", "seen.insert(0, cls)"),
    "assignment to an attribute": (T, "UNUSED = 7", "UNUSED = 7\nnp.flag = 1"),
    "deleted name": (T, "UNUSED = 7", "UNUSED = 7\ndel UNUSED"),
    "raise": (T, "UNUSED = 7", "UNUSED = 7\nassert RATE"),
    "top-level call": (T, "UNUSED = 7", "UNUSED = 7\nnp.seterr()"),
    "import for its effect": (T, "import untracked_plugin\n", ""),
    "graph operator": (T, "UNUSED = 7", "UNUSED = RATE >> RATE"),
    "unpacked iterator": (T, "UNUSED = 7", "UNUSED, *OTHERS = NAMES"),
    # what it uses elsewhere
    "library's name": (T, "import numpy as np", "import jax.numpy as np"),
    "aliased import": (T, "bucketize as to_buckets", "area as to_buckets"),
    "function behind an alias": ("components/features.py", "// BOUNDARIES", "% BOUNDARIES"),
    "constant in another module": ("components/features.py", "BOUNDARIES = 5", "BOUNDARIES = 8"),
    "helper of a helper": ("components/features.py", "def helper(x):\n    return x", "def helper(x):\n    return -x"),
    "new definition hides a builtin": ("components/losses.py", "def mse(x):\n    return x * x",
                                       "def mse(x):\n    return x * x\n\ndef getattr(*a):\n    return mse\n\nmse(1)"),
    "module imported as an alias": ("components/units.py", "return 1000", "return 1"),
    "dotted import": ("components/paths.py", "return x + '/'", "return x + ':'"),
    "submodule from the package": ("components/losses.py", "return x * x", "return x"),
    "re-export of the package": ("components/__init__.py", "from .features import", "from .shapes import volume as"),
    "re-exported function": ("components/shapes.py", "return x * 4", "return x * 5"),
    "top level of the package": ("components/__init__.py", "VERSION_OF_PACKAGE = 3", "print(3)"),
    "star import": ("components/constants.py", "FROM_STAR = 1", "FROM_STAR = 2"),
    "star import's __all__": ("components/constants.py", "FROM_STAR = 1", 'FROM_STAR = 1\n__all__ = ["FROM_STAR"]'),
    "getattr on a module": ("components/table.py", "return 1", "return 2"),
    "new name in a module asked by getattr": ("components/table.py", "def any", "SECRET = 1\n\ndef any"),
    "literal import_module": ("components/lazy.py", "return 1", "return 2"),
    "import in the body": ("components/inside.py", "return 1", "return 2"),
    "dict of another module mutated": ("components/settings.py", '["high"] = 9', '["high"] = 10'),
    "relative import of a relative import": ("components/nested/sibling.py", "return 1", "return 2"),
    "effect of an import of an import": ("components/effects.py", '"jax"', '"tensorflow"'),
    "own definition instead of the import": (T, "UNUSED = 7", "UNUSED = 7\ndef by_name(name):\n    return name"),
}  # fmt: skip

# For these the value in the file that is changed is not what runs, so the digest stays.
KEEPS = {
    "comment": (T, "# the first comment", "# another comment\n    # of two lines"),
    "comment at the top": (T, "RATE = 0.1", "# how fast\nRATE = 0.1  # a tenth"),
    "blank lines": (T, "    def inner(x):", "\n\n\n    def inner(x):"),
    "reformatted call": (T, "np.mean([1, 2]) + sc.scale(3)", "np.mean(\n        [1,2,]\n    )+(sc.scale( 3 ))"),
    "quotes": (T, '"components.lazy"', "'components.lazy'"),
    "another way to write a number": (T, "return x + 100", "return x + 0x64"),
    "docstring of the module": (T, '"""Train."""', '"""Train a model."""'),
    "docstring of the component": (T, '"""Fit the model."""', '"""Fit the model well."""'),
    "docstring removed": (T, '    """Fit the model."""\n', ""),
    "docstring of a class": (T, '"""A child."""', '"""A small child."""'),
    "docstring of a method": (T, '"""Run."""', '"""Run it."""'),
    "docstring of a layer": (T, '"""Normalises."""', '"""Makes small."""'),
    "docstring under a constant": (T, "RATE = 0.1", 'RATE = 0.1\n"""How fast."""'),
    "unreached function": (T, "return UNUSED + x", "return UNUSED - x"),
    "unreached function removed": (T, "def unreached(x):\n    return UNUSED + x\n", ""),
    "unreached functions in another order": (
        T,
        "def unreached(x):\n    return UNUSED + x\n\n\ndef also_unreached():",
        "def other():\n    pass\n\n\ndef also_unreached():",
    ),
    "reached functions in another order": (
        T,
        "def count_up():\n    global COUNT\n    COUNT = COUNT + 5\n\n\ndef unreached(x):\n    return UNUSED + x\n",
        "def unreached(x):\n    return UNUSED + x\n\n\ndef count_up():\n    global COUNT\n    COUNT = COUNT + 5\n",
    ),
    "unreached constant": (T, "UNUSED = 7", "UNUSED = 8"),
    "unreached constant added": (T, "UNUSED = 7", "UNUSED = 7\nMORE: int = 8\nEVEN, ODD = 2, 3"),
    "unreached function with a known decorator": (
        T, "def unreached(x):", "@functools.lru_cache(maxsize=3)\ndef unreached(x):"
    ),
    "unreached component added": (
        T, "def unreached(x):", "@component(cache=False)\ndef new(ctx): ...\n\ndef unreached(x):"
    ),
    "unreached class": (T, "attribute = 1", "attribute = 2"),
    "unreached class gets a harmless base": (T, "class Plain:", "class Plain(Base):"),
    "unreached layer of a library": (T, '"""Call."""\n        return x', '"""Call."""\n        return -x'),
    "unreached constants made of constants": (
        "components/losses.py",
        "def mae",
        "LIST = [*(1, 2), *range(3)]\nBYTES = 1 << 20\nALL = {f'{x}': x for x in LIST}\n\ndef mae",
    ),
    "unreached dataclass added": (T, "class Plain:", "@dataclass\nclass New:\n    a: int = 1\n\nclass Plain:"),
    "unreached exception added": (
        "components/losses.py", "def mae", "class Wrong(ValueError):\n    code = 1\n\ndef mae"
    ),
    "library's import, used by unreached code only": (
        T, "def unreached(x):", "import json\n\ndef dump(x):\n    return json.dumps(x)\n\ndef unreached(x):"
    ),
    "import for type checking": (T, "import Ghost", "import Ghost, Other"),
    "what runs by hand": (T, '"running by hand"', '"running"'),
    "unreached function of a used module": ("components/losses.py", "return abs(x)", "return -x"),
    "unreached function of the features": ("components/features.py", "return IDLE", "return -IDLE"),
    "unreached constant of a star import": ("components/constants.py", "NOT_USED = 2", "NOT_USED = 3"),
    "unreached constant where effects are": ("components/effects.py", "quiet = 1", "quiet = 2"),
    "unreached function beside a re-export": ("components/shapes.py", "return x * 8", "return x * 9"),
    "constant of the package": ("components/__init__.py", "PACKAGE = 3", "PACKAGE = 4"),
    "unreached module": ("components/unreached.py", "boo = 1", "boo = 2"),
    "syntax error in an unreached module": ("components/unreached.py", "boo = 1", "boo ="),
    "relative import made absolute": (T, "from .nested import deep", "from components.nested import deep"),
}  # fmt: skip


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def index(root: Path) -> CodeIndex:
    return CodeIndex({"components": root / "components"})


def changed(change: tuple[str, str, str]) -> dict[str, str]:
    file, old, new = change
    assert PROJECT[file].count(old) == 1, f"{old!r} is {PROJECT[file].count(old)} times in {file}"
    return {**PROJECT, file: PROJECT[file].replace(old, new)}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> CodeIndex:
    return index(write(tmp_path_factory.mktemp("before"), PROJECT))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_what_is_reached_changes_the_digest(
    before: CodeIndex, tmp_path: Path, change: tuple[str, str, str]
) -> None:
    after = index(write(tmp_path, changed(change)))
    assert after.digest(TRAIN) != before.digest(TRAIN)


@pytest.mark.parametrize("change", KEEPS.values(), ids=KEEPS)
def test_a_change_of_anything_else_keeps_the_digest(
    before: CodeIndex, tmp_path: Path, change: tuple[str, str, str]
) -> None:
    after = index(write(tmp_path, changed(change)))
    assert after.parts(TRAIN) == before.parts(TRAIN)  # says which piece, if one differs
    assert after.digest(TRAIN) == before.digest(TRAIN)


def test_code_written_anew_from_its_tree_has_the_same_digest(before: CodeIndex, tmp_path: Path) -> None:
    files = {name: ast.unparse(ast.parse(text)) for name, text in PROJECT.items()}
    assert files != PROJECT
    assert index(write(tmp_path, files)).parts(TRAIN) == before.parts(TRAIN)


def test_each_piece_that_changed_is_named(before: CodeIndex, tmp_path: Path) -> None:
    change = ("components/features.py", "BOUNDARIES = 5", "BOUNDARIES = 8")
    old, new = before.parts(TRAIN), index(write(tmp_path, changed(change))).parts(TRAIN)
    assert old.keys() == new.keys()
    assert [name for name in old if old[name] != new[name]] == ["components.features:BOUNDARIES"]
    assert {"components.train:train", "components.train:<module>", "components.features:bucketize"} <= old.keys()
    assert not {"components.train:unreached", "components.features:idle", "components.train:Ghost"} & old.keys()


def test_what_a_component_does_not_use_is_not_among_its_pieces(tmp_path: Path) -> None:
    code = small(tmp_path, {"a": "def f(x): return len(x)\ndef g(x): ...", "b": "def h(x): ..."})
    assert set(code.parts("python:components.a:f")) == {"components.a:f"}


def test_the_digest_is_the_same_in_another_process_and_folder(before: CodeIndex, tmp_path: Path) -> None:
    here = before.digest(TRAIN)
    there = write(tmp_path, PROJECT)
    code = (
        "import sys; from pathlib import Path; from levada.code import CodeIndex; "
        f"print(CodeIndex({{'components': Path('components')}}).digest({TRAIN!r})); "
        "assert 'components' not in sys.modules and 'numpy' not in sys.modules"
    )
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            cwd=there,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1] / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.stdout.strip() == here, run.stderr


def small(root: Path, files: dict[str, str]) -> CodeIndex:
    """An index of a project with the modules `components.a`, `components.b` ... and what they say."""
    return index(write(root, {f"components/{name}.py": text for name, text in files.items()}))


def differs(tmp_path: Path, before: dict[str, str], after: dict[str, str], reference: str = "a:f") -> bool:
    """Whether the digest of `components.a:f` differs between two projects."""
    first, second = small(tmp_path / "1", before), small(tmp_path / "2", after)
    return first.digest(f"python:components.{reference}") != second.digest(f"python:components.{reference}")


FIND_CODE = [
    "eval(x)",
    "exec(x)",
    "globals()[x]",
    "__import__(x)",
    "import importlib\n    importlib.import_module(x)",
    "import importlib\n    importlib.import_module(f'components.{x}')",
    "from importlib import import_module as im\n    im(x)",
    "import importlib as i\n    load = i.import_module\n    load(x)",
    "import importlib\n    getattr(importlib, x)",
    "from importlib.util import spec_from_file_location\n    spec_from_file_location('b', x)",
    "import runpy\n    runpy.run_path(x)",
    "import sys\n    sys.modules[x]",
    "import pickle\n    pickle.load(x)",
    "from joblib import load\n    load(x)",
    "import keras\n    keras.models.load_model(x)",
    "import inspect\n    inspect.currentframe().f_globals",
    "f.__globals__",
    "getattr(f, '__globals__')",
    "object.__subclasses__()",
    "import builtins\n    builtins.eval(x)",
    "import components\n    vars(components)",
    "import components\n    components.__path__",
    "import components\n    g(components)",
]


@pytest.mark.parametrize("line", FIND_CODE)
def test_code_that_finds_code_by_itself_reaches_the_whole_project(tmp_path: Path, line: str) -> None:
    a = f"def f(x):\n    {line}\n"
    assert differs(tmp_path, {"a": a, "b": "ONE = 1"}, {"a": a, "b": "ONE = 2"})


@pytest.mark.parametrize("line", ["NAMES = locals()", "NAMES = dir()", "for name in vars(): print(name)", "globals()"])
def test_names_asked_for_at_the_top_of_a_module_reach_the_whole_project(tmp_path: Path, line: str) -> None:
    a = f"{line}\ndef f(x): ...\n"
    assert differs(tmp_path, {"a": a, "b": "ONE = 1"}, {"a": a, "b": "ONE = 2"})


@pytest.mark.parametrize(
    "line",
    [
        "'{x}'.format(**locals())",
        "vars(x)",
        "getattr(x, 'eval')",
        "x.eval()",
        "import importlib.metadata\n    importlib.metadata.version('numpy')",
        "import sys\n    sys.path",
        "import importlib\n    importlib.import_module('numpy')",
        "import pickle\n    pickle.dumps(x)",
        "'eval'",
    ],
)
def test_harmless_relatives_of_those_reach_nothing_more(tmp_path: Path, line: str) -> None:
    a = f"def f(x):\n    {line}\n"
    assert not differs(tmp_path, {"a": a, "b": "ONE = 1"}, {"a": a, "b": "ONE = 2"})


USES_OF_A_MODULE = [
    "from components import b\ndef f(x): return getattr(b, x)()",
    "from components import b\ndef f(x): return vars(b)",
    "from components import b\ndef f(x): return b.__dict__",
    "from components import b\nthing = b\ndef f(x): return thing.g()",
    "import components.b as m\ndef f(x): return [m]",
    "import components.b\ndef f(x): return getattr(components.b, x)",
    "def f(x):\n    from components import b\n    return getattr(b, x)",
    "def f(x):\n    import components.b as m\n    return lambda: m",
    "def f(x):\n    global m\n    import components.b as m",
    "class f:\n    from components import b",
    "class f:\n    def go(self):\n        from components.b import g\n        return g()",
    "import importlib\ndef f(x): return importlib.import_module('components.b').g()",
    "from importlib import import_module\ndef f(x): return import_module('.b', __package__)",
    "from importlib import import_module\ndef f(x): return import_module('.b', 'components')",
    "def f(x):\n    from importlib import import_module\n    return import_module('components.b')",
    "def f(x): return 'components.b:g'",
    "def f(x): return run(['-m', 'components.b'])",
    "def f(x): return 'python:components.b:g'",
    "from components.b import *\ndef f(x): return g()",
    "from components import *\ndef f(x): return b.g()",
    "try:\n    from components.b import g\nexcept ImportError: ...\ndef f(x): return g()",
    "def f(x=__import__('operator')): ...\nfrom components.b import g",
    "from components.b import g as f",
    "from .b import g as f",
    "from . import b\ndef f(x): return b.g()",
    "from components.b import g\n@g\ndef f(x): ...",
    "from components.b import g\nf = g",
    "from components.b import g\nf = lambda x: g()",
    "from components.b import g\ndef f(x, y=g): ...",
    "from components.b import g\nclass f:\n    def h(self, g): ...\n    def i(self): return g()",
    "from components.b import g\ndef f(x):\n    def h(g): ...\n    return g()",
    "from components.b import g\ndef f(x): return [g for g in x], g",
    "from components.b import g\ndef f(x):\n    def h():\n        global g\n        return g\n    g = 1",
    "from components.b import g\ndef f(g): return lambda y=1: h()\ndef h(): return g()",
    "from components.b import g\nclass f:\n    g = g",
    "from components.b import g\ndef f(x): return f'{g()}'",
    "from components.b import g\nasync def f(x):\n    async with g() as y: return y",
    "from components.b import g\ndef f(x):\n    match x:\n        case g(): ...",
    "from components.b import g\ndef f(x: g): ...",
    "from components.b import g\nclass f(metaclass=g): ...",
    "from components.b import g\nf = {'k': [g]}",
    "from components.b import g\nfor f in [g]: ...",
    "from components.b import g\nf = h = g",
    "from components.b import g\nif (f := g): ...",
]


@pytest.mark.parametrize("a", USES_OF_A_MODULE)
@pytest.mark.parametrize("package", ["", "from . import b", "import components.b"])
def test_every_way_to_use_another_module_reaches_it(tmp_path: Path, a: str, package: str) -> None:
    files = {"a": a, "__init__": package} if package else {"a": a}
    assert differs(tmp_path, {**files, "b": "def g(*a): return 1"}, {**files, "b": "def g(*a): return 2"})


SHADOWS = [
    "def f(x, b): return b",
    "def f(x):\n    b = x\n    return b",
    "def f(x): return [b for b in x]",
    "def f(x): return lambda b: b",
    "def f(x):\n    for b in x: print(b)",
    "def f(x):\n    with x as b: print(b)",
    "def f(x):\n    match x:\n        case [b]: return b",
    "def f(x):\n    try: ...\n    except OSError as b: print(b)",
    "def f(x):\n    b = 1\n    def g(): return b\n    return g",
]


@pytest.mark.parametrize("f", SHADOWS)
def test_a_local_variable_is_not_the_module_of_its_name(tmp_path: Path, f: str) -> None:
    a = f"from components import b\n{f}\n"
    assert not differs(tmp_path, {"a": a, "b": "ONE = 1"}, {"a": a, "b": "ONE = 2"})


def test_only_the_names_used_of_a_module_count(tmp_path: Path) -> None:
    a = "import components.b as b\ndef f(x): return b.used()"
    b = "def used(): return 1\ndef unused(): return "
    assert not differs(tmp_path, {"a": a, "b": b + "1"}, {"a": a, "b": b + "2"})


def test_the_function_of_a_package_that_hides_its_module_is_what_the_name_means(tmp_path: Path) -> None:
    files = {"__init__": "from .b import b", "a": "from components import b\ndef f(x): return [b]"}
    b = "def b(): return {}\ndef c(): return {}"
    assert differs(tmp_path / "1", {**files, "b": b.format(1, 1)}, {**files, "b": b.format(2, 1)})
    assert not differs(tmp_path / "2", {**files, "b": b.format(1, 1)}, {**files, "b": b.format(1, 2)})


def test_the_order_of_imports_counts_where_they_have_effects(tmp_path: Path) -> None:
    a = "import components.b\nimport components.c\ndef f(x): ..."
    swapped = "import components.c\nimport components.b\ndef f(x): ..."
    loud = {"b": "print(1)", "c": "print(2)"}
    quiet = {"b": "ONE = 1", "c": "TWO = 2"}
    assert differs(tmp_path / "loud", {"a": a, **loud}, {"a": swapped, **loud})
    assert not differs(tmp_path / "quiet", {"a": a, **quiet}, {"a": swapped, **quiet})


def test_the_place_of_a_rebinding_counts(tmp_path: Path) -> None:
    f = "def f(x): return Y"
    assert differs(tmp_path, {"a": f"X = 1\nY = X\nX = 2\n{f}"}, {"a": f"X = 1\nX = 2\nY = X\n{f}"})


def test_the_order_of_star_imports_counts(tmp_path: Path) -> None:
    files = {"b": "def g(): return 1", "c": "def g(): return 2"}
    first = "from .b import *\nfrom .c import *\ndef f(x): return g()"
    second = "from .c import *\nfrom .b import *\ndef f(x): return g()"
    assert differs(tmp_path, {"a": first, **files}, {"a": second, **files})


@pytest.mark.parametrize(
    "base",
    [
        "class Base:\n    def __init_subclass__(cls): print(cls)",
        "class Base(metaclass=Meta): ...",
        "class Base(library.Base): ...",
        "class Lower(library.Base): ...\nclass Base(Lower): ...",
        "@library.decorator\nclass Base: ...",
        "Base = make()",
        "class Base(type): ...",
        "if 1:\n    class Base: ...",
        "from library import Base",
        "from .missing import Base",
        "from .a import Sub as Base",
    ],
)
def test_inheriting_has_an_effect_unless_the_base_is_known_to_have_none(tmp_path: Path, base: str) -> None:
    a = "from .c import Base\nclass Sub(Base):\n    x = {}\ndef f(x): ..."
    files = {"c": "from .b import Base as Base", "b": f"import library\n{base}"}
    assert differs(tmp_path / "1", {**files, "a": a.format(1)}, {**files, "a": a.format(2)})
    files["b"] = "from abc import ABC\nclass Lower(ABC): ...\nclass Base(Lower):\n    def m(self): ..."
    assert not differs(tmp_path / "2", {**files, "a": a.format(1)}, {**files, "a": a.format(2)})


@pytest.mark.parametrize(
    "origin", ["from components.b import component", "from components.b import *", "def component(f): ..."]
)
def test_a_decorator_is_known_by_where_it_comes_from(tmp_path: Path, origin: str) -> None:
    a = "{}\n@component\ndef g(x): return {}\ndef f(x): ..."
    b = {"b": "def component(f): print(f)"}
    assert differs(tmp_path / "1", {"a": a.format(origin, 1), **b}, {"a": a.format(origin, 2), **b})
    known = "from levada import component"
    assert not differs(tmp_path / "2", {"a": a.format(known, 1), **b}, {"a": a.format(known, 2), **b})


def test_a_name_used_before_it_is_bound_counts_as_a_change(tmp_path: Path) -> None:
    f = "def f(x): return B"
    assert differs(tmp_path / "1", {"a": f"A = 1\nB = A\n{f}"}, {"a": f"B = A\nA = 1\n{f}"})
    loud = "def g(): return A\n{}\nprint(g())\n{}\ndef f(x): ..."
    assert differs(tmp_path / "2", {"a": loud.format("A = 1", "")}, {"a": loud.format("", "A = 1")})


def test_a_module_getattr_counts_for_the_names_it_may_give(tmp_path: Path) -> None:
    a = "from components import b\ndef f(x): return b.anything"
    b = "def __getattr__(name): return {}"
    assert differs(tmp_path, {"a": a, "b": b.format(1)}, {"a": a, "b": b.format(2)})


def test_the_top_level_of_every_imported_module_counts(tmp_path: Path) -> None:
    files = {"a": "import components.b\ndef f(x): ...", "b": "def g():\n    import components.c", "c": "print(1)"}
    assert not differs(tmp_path / "1", files, {**files, "c": "print(2)"})
    files["b"] = "from components.sub import c"
    files["c"] = ""
    files["sub/__init__"] = ""
    assert differs(tmp_path / "2", {**files, "sub/c": "print(1)"}, {**files, "sub/c": "print(2)"})
    assert differs(tmp_path / "3", {**files, "sub/c": ""}, {**files, "sub/c": "", "sub/__init__": "print(1)"})


DOCS_READ = [
    'def f(x):\n    """{}"""\n    return f.__doc__',
    'import inspect\ndef f(x): return inspect.getdoc(g)\ndef g():\n    """{}"""',
    "import inspect\ndef f(x): return inspect.getsource(g)\ndef g(): # {}\n    return 1",
    '"""{}"""\ndef f(x): return __doc__',
    'from agents import tool\n@tool\ndef f(x):\n    """{}"""',
    'import dspy\nclass f(dspy.Signature):\n    """{}"""',
    'import dspy\nclass g(dspy.Signature):\n    pass\nclass f(g):\n    """{}"""',
    'class f(metaclass=g):\n    """{}"""',
    'from levada import pipeline\n@pipeline\ndef f():\n    """{}"""',
]


@pytest.mark.parametrize("a", DOCS_READ)
def test_a_docstring_counts_where_something_may_read_it(tmp_path: Path, a: str) -> None:
    assert differs(tmp_path, {"a": a.format("one")}, {"a": a.format("two")})


def test_cycles_and_missing_modules_are_no_trouble(tmp_path: Path) -> None:
    files = {
        "a": "from .b import g\nfrom .missing import h\nfrom ... import far\nimport components.gone as gone\n"
        "def f(x): return g(), h(), gone.i(), far, undefined\ndef back(): return 1",
        "b": "from .a import back\nfrom . import c\ndef g(): return back(), c.h()",
        "c": "import components.b\ndef h(): return components.b.g()",
    }
    assert differs(tmp_path, files, {**files, "a": files["a"].replace("return 1", "return 2")})


def test_a_module_that_appears_where_one_was_missing_counts(tmp_path: Path) -> None:
    files = {"a": "try:\n    from .b import g\nexcept ImportError:\n    g = None\ndef f(x): return g"}
    assert differs(tmp_path, files, {**files, "b": "def g(): ..."})


def test_packages_without_init_hold_modules(tmp_path: Path) -> None:
    files = {"a": "from components.deep.down import b\ndef f(x): return b.g()", "deep/down/b": "def g(): return 1"}
    assert differs(tmp_path, files, {**files, "deep/down/b": "def g(): return 2"})


def test_a_package_of_the_project_may_lie_in_one_that_is_not(tmp_path: Path) -> None:
    def digest(root: Path, statement: str, number: int) -> str:
        write(root, {"mine/a.py": statement, "lib/components/b.py": f"def g(): return {number}", "lib/c.py": "eval(1)"})
        packages = {"mine": root / "mine", "lib.components": root / "lib" / "components"}
        return CodeIndex(packages).digest("python:mine.a:f")

    for at, statement in enumerate([
        "import lib.components.b\ndef f(x): return lib.components.b.g(), lib.c.h()",
        "from lib.components.b import g\ndef f(x): return g()",
        "from lib import components\ndef f(x): return components.b.g()",
        "import lib\ndef f(x): return lib.components.b.g()",
    ]):  # fmt: skip
        assert digest(tmp_path / f"{at}1", statement, 1) != digest(tmp_path / f"{at}2", statement, 2)


def test_a_single_file_can_hold_the_code(tmp_path: Path) -> None:
    write(tmp_path, {"steps.py": "def f(x): return g()\ndef g(): ...", "steps/other.py": ""})
    assert set(CodeIndex({"steps": tmp_path / "steps.py"}).parts("python:steps:f")) == {"steps:f", "steps:g"}


def test_a_compiled_module_counts_by_its_bytes(tmp_path: Path) -> None:
    digests: set[str] = set()
    for content in (b"\x7fELF one", b"\x7fELF two"):
        root = write(tmp_path / content[5:].decode(), {"components/a.py": "from .fast import g\ndef f(x): return g(x)"})
        (root / "components" / "fast.abi3.so").write_bytes(content)
        digests.add(index(root).digest("python:components.a:f"))
    assert len(digests) == 2


def test_other_encodings_and_line_ends_say_the_same(tmp_path: Path) -> None:
    text = "# -*- coding: {} -*-\ndef f(x):\n    return 'é'\n"
    digests: set[str] = set()
    for encoding in ("utf-8", "latin-1"):
        for end in ("\n", "\r\n"):
            root = write(tmp_path / encoding / str(len(end)), {"components/__init__.py": ""})
            source = text.format(encoding).replace("\n", end).encode(encoding)
            (root / "components" / "a.py").write_bytes(source)
            digests.add(index(root).digest("python:components.a:f"))
    assert len(digests) == 1


def test_long_expressions_and_long_chains_of_calls_are_followed_to_the_end(tmp_path: Path) -> None:
    calls = "".join(f"def g{n}(x): return g{n + 1}(x)\n" for n in range(3000))
    a = "def f(x): return g0(x) + " + " + ".join(["x"] * 700) + "\n" + calls
    assert differs(tmp_path, {"a": a + "def g3000(x): return 1"}, {"a": a + "def g3000(x): return 2"})


def test_a_method_or_an_exported_name_can_be_the_reference(tmp_path: Path) -> None:
    code = small(tmp_path, {"__init__": "from .a import f as g", "a": "class f:\n    def m(self): ..."})
    assert set(code.parts("python:components.a:f.m")) == {"components.a:f"}
    assert set(code.parts("python:components:g")) == {"components:g", "components.a:f"}


def test_a_missing_name_is_an_error_that_suggests_one(tmp_path: Path) -> None:
    code = small(tmp_path, {"train": "def train(x): ...\ndef other(x): ..."})
    with pytest.raises(ProjectError, match=r"components\.train has no trian\.\n.*Did you mean train\?"):
        code.digest("python:components.train:trian")


def test_a_missing_module_is_an_error_that_suggests_one(tmp_path: Path) -> None:
    code = small(tmp_path, {"train": "def train(x): ...", "sub/deep": ""})
    with pytest.raises(ProjectError, match=r"no module components\.trian .*\n.*Did you mean components\.train\?"):
        code.digest("python:components.trian:train")
    with pytest.raises(ProjectError, match=r"Did you mean components\.sub\.deep\?"):
        code.digest("python:components.sub.depe:f")
    with pytest.raises(ProjectError, match="no module numpy in the project's code"):
        code.digest("python:numpy:array")


@pytest.mark.parametrize("reference", ["train", "notebook:cell:train", "python:components:train"])
def test_what_is_no_reference_to_a_file_is_an_error(tmp_path: Path, reference: str) -> None:
    with pytest.raises(ProjectError):
        small(tmp_path, {"train": "def train(x): ..."}).digest(reference)


@pytest.mark.parametrize("text", ["def g(:", "x = 1\n  y = 2", "'\x00'"])
def test_a_reached_module_that_is_not_python_is_an_error_with_its_place(tmp_path: Path, text: str) -> None:
    code = small(tmp_path, {"a": "from components.b import g\ndef f(x): return g()", "b": text})
    with pytest.raises(ProjectError) as caught:
        code.digest("python:components.a:f")
    assert "components/b.py" in str(caught.value)
    if caught.value.where is not None:
        assert caught.value.where.file == "components/b.py"


def test_the_whole_project_holds_no_module_that_is_not_python(tmp_path: Path) -> None:
    code = small(tmp_path, {"a": "def f(x): return eval(x)", "b": "def g(:"})
    with pytest.raises(ProjectError, match=r"components\.b is not valid Python"):
        code.digest("python:components.a:f")


# -- kept between processes -----------------------------------------------------------------------------


def test_what_is_kept_is_used_until_any_file_changes(tmp_path: Path) -> None:
    """A file that is added counts too: it may be what an import finds from now on."""
    package, kept = tmp_path / "work", tmp_path / "kept"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("from work.b import helper\n\n\ndef main():\n    return helper()\n")
    (package / "b.py").write_text("def helper():\n    return 1\n")

    def parts() -> dict[str, str]:
        return CodeIndex({"work": package}, kept=kept).parts("python:work.a:main")

    first = parts()
    (entry,) = kept.iterdir()
    assert json.loads(entry.read_text()) == first == CodeIndex({"work": package}).parts("python:work.a:main")
    entry.write_text(json.dumps({"work.a:main": "from the file"}))
    assert parts() == {"work.a:main": "from the file"}
    (package / "b.py").write_text("def helper():\n    return 2\n")
    assert parts() == CodeIndex({"work": package}).parts("python:work.a:main") != first
    (package / "c.py").write_text("")
    assert len(list(kept.iterdir())) == 2
    parts()
    assert len(list(kept.iterdir())) == 3


def test_what_cannot_be_kept_or_read_is_found_anew(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text("def main():\n    return 1\n")
    (tmp_path / "kept").write_text("not a folder")
    packages = {"work": tmp_path / "work.py"}
    found = CodeIndex(packages, kept=tmp_path / "kept").parts("python:work:main")
    assert found == CodeIndex(packages).parts("python:work:main")
