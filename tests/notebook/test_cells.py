"""What a function that was defined in a cell reaches: what changes its digest, what does not, what prevents one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from levada.code import CodeIndex
from levada.errors import ProjectError
from levada.notebook.cells import Cell, cell_of
from levada.references import load, reference_of
from tests.notebook.conftest import Cells


def looked_at(cells: Cells, name: str = "f", index: CodeIndex | None = None) -> Cell:
    return cell_of(cells[name], index)


def digest(cells: Cells, *code: str, index: CodeIndex | None = None) -> str:
    """Execute cells and return the digest of `f`; it must have one."""
    for cell in code:
        cells(cell)
    found = looked_at(cells, index=index)
    assert found.live == {}
    return found.digest


BASE = """
def f(x):
    return scaled(x) + LIMIT
"""
SCALED = """
def scaled(x):
    return x * 2
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BASE, BASE.replace("+", "-")),
        (SCALED, SCALED.replace("2", "3")),
        ("LIMIT = 1", "LIMIT = 2"),
        ("LIMIT = (1, [2])", "LIMIT = (1, [3])"),
        ("LIMIT = {'a': 1}", "LIMIT = {'a': 2}"),
        ("LIMIT = {1, 2}", "LIMIT = {1, 3}"),
        ("LIMIT = b'1'", "LIMIT = b'2'"),
        ("LIMIT = 1", "LIMIT = 1.0"),
        ("LIMIT = 1", "LIMIT = True"),
        ("import math as LIMIT", "import cmath as LIMIT"),
        ("from math import floor as LIMIT", "from math import ceil as LIMIT"),
        (
            "import functools\nLIMIT = functools.partial(int, base=2)",
            "import functools\nLIMIT = functools.partial(int, base=8)",
        ),
        ("LIMIT = lambda x: x", "LIMIT = lambda x: -x"),
        ("class LIMIT:\n    a = 1", "class LIMIT:\n    a = 2"),
        ("class LIMIT:\n    def m(self): return 1", "class LIMIT:\n    def m(self): return 2"),
        ("class B: a = 1\nclass LIMIT(B): pass", "class B: a = 2\nclass LIMIT(B): pass"),
        ("def LIMIT(x=1): pass", "n = 2\ndef LIMIT(x=n): pass"),
        (
            "def m(n):\n    def g(): return n\n    return g\nLIMIT = m(1)",
            "def m(n):\n    def g(): return n\n    return g\nLIMIT = m(2)",
        ),
        (
            "import functools\n@functools.cache\ndef LIMIT(): return 1",
            "import functools\n@functools.cache\ndef LIMIT(): return 2",
        ),
        ("from pathlib import Path\nLIMIT = Path('a')", "from pathlib import Path\nLIMIT = Path('b')"),
        (
            "import enum\nclass E(enum.Enum):\n    A = 1\n    B = 2\nLIMIT = E.A",
            "import enum\nclass E(enum.Enum):\n    A = 1\n    B = 2\nLIMIT = E.B",
        ),
        (
            "import enum\nclass E(enum.Enum):\n    A = 1\nLIMIT = E.A",
            "import enum\nclass E(enum.Enum):\n    A = 3\nLIMIT = E.A",
        ),
        ("import re\nLIMIT = re.compile('a')", "import re\nLIMIT = re.compile('b')"),
        (
            "from dataclasses import dataclass\n@dataclass\nclass D:\n    n: int\nLIMIT = D(1)",
            "from dataclasses import dataclass\n@dataclass\nclass D:\n    n: int\nLIMIT = D(2)",
        ),
    ],
)  # fmt: skip
def test_a_change_of_what_is_reached_changes_the_digest(cells: Cells, before: str, after: str) -> None:
    first = digest(cells, SCALED, "LIMIT = 0", BASE, before)
    assert digest(cells, after) != first
    assert digest(cells, *([SCALED, "LIMIT = 0", BASE] if before not in (BASE, SCALED) else []), before) == first


@pytest.mark.parametrize(
    "after",
    [
        BASE.replace("return", "# a comment\n    return"),
        BASE.replace("return", '"""A docstring."""\n    return'),
        BASE.replace("(x):", "( x ):"),
        "# the cell begins elsewhere\nunrelated = 1\n" + BASE,
        "def unrelated(): pass",
        "LIMIT = 1  # the same again",
        SCALED,
    ],
)
def test_comments_places_and_what_is_not_reached_do_not_count(cells: Cells, after: str) -> None:
    assert digest(cells, SCALED, "LIMIT = 1", BASE) == digest(cells, after)


def test_a_decorator_of_a_cell_counts_and_so_does_what_it_wraps(cells: Cells) -> None:
    """`inspect.getsource` would follow `__wrapped__` and see only the inner function."""
    twice = """
    import functools
    def twice(g):
        @functools.wraps(g)
        def inner(*args):
            return 2 * g(*args)
        return inner
    """
    function = "@twice\ndef f(x):\n    return x"
    first = digest(cells, twice, function)
    changed = digest(cells, twice.replace("2 *", "3 *"), function)
    inner = digest(cells, twice, function.replace("return x", "return -x"))
    assert len({first, changed, inner}) == 3


def test_a_function_keeps_its_digest_when_its_cell_is_edited_and_not_executed(cells: Cells) -> None:
    """What counts is what would run."""
    first = digest(cells, "def f():\n    return 1")
    cells["kept"] = cells["f"]
    cells("def f():\n    return 2")
    assert looked_at(cells, "kept").pieces["f"] == cell_of(cells["kept"], None).pieces["f"]
    assert cell_of(cells["kept"], None).digest == first


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import pandas\nframe = pandas.DataFrame({'a': [1]})\ndef f(): return frame", "frame"),
        ("class C:\n    def m(self): pass\nmodel = C()\ndef f(): return model.m()", "model"),
        ("file = open('/dev/null')\ndef f(): return file", "file"),
        ("def f(): return eval('1')", "eval"),
        ("def f(): return globals()['x']", "globals"),
        ("import threading\nlock = threading.Lock()\ndef g():\n    with lock: pass\ndef f(): return g()", "lock"),
        ("made = [object()]\ndef f(): return made", "made"),
    ],
)
def test_what_reaches_something_live_says_which_name(cells: Cells, code: str, name: str) -> None:
    cells(code)
    assert list(looked_at(cells).live) == [name]


def test_recursion_and_mutual_recursion_end(cells: Cells) -> None:
    assert digest(cells, "def f(n): return g(n)\ndef g(n): return f(n - 1)")


def test_a_name_that_is_defined_later_counts_when_it_is_there(cells: Cells) -> None:
    first = digest(cells, "def f(): return later")
    assert digest(cells, "later = 1") != first


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CodeIndex:
    """A project with a package `cellcode`."""
    (tmp_path / "cellcode").mkdir()
    (tmp_path / "cellcode/__init__.py").write_text("")
    (tmp_path / "cellcode/tools.py").write_text(TOOLS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return CodeIndex({"cellcode": tmp_path / "cellcode"})


TOOLS = "N = 1\n\ndef tool():\n    return N\n\ndef other():\n    return 2\n"


@pytest.mark.parametrize(
    "code",
    [
        "from cellcode.tools import tool\ndef f(): return tool()",
        "from cellcode import tools\ndef f(): return tools.tool()",
        "import cellcode.tools\ndef f(): return cellcode.tools.tool()",
        "def f():\n    from cellcode.tools import tool\n    return tool()",
        "def f():\n    import cellcode.tools as t\n    return t.tool()",
    ],
)
def test_the_projects_code_counts_as_the_index_follows_it(
    cells: Cells, index: CodeIndex, tmp_path: Path, code: str
) -> None:
    """What is reached in it counts, the rest of the module does not."""
    first = digest(cells, code, index=index)
    assert "cellcode.tools:N" in looked_at(cells, index=index).pieces

    def edited(old: str, new: str) -> Any:
        (tmp_path / "cellcode/tools.py").write_text(TOOLS.replace(old, new))
        return looked_at(cells, index=CodeIndex({"cellcode": tmp_path / "cellcode"})).digest

    assert edited("N = 1", "N = 2") != first
    assert edited("return 2", "return 3") == first


def test_a_reference_names_the_digest_and_is_found_here_alone(cells: Cells) -> None:
    cells("class Kind:\n    a = 1")
    reference = reference_of(cells["Kind"])
    assert reference.startswith("cell:") and reference.endswith(":Kind")
    assert load(reference) is cells["Kind"]
    with pytest.raises(ProjectError, match=r"defined in a notebook's cell.*\nSave Kind in a file") as raised:
        load(reference.replace("cell:", "cell:0"))
    assert "below components/" in str(raised.value)


def test_the_source_of_all_that_is_reached_in_cells_is_known(cells: Cells) -> None:
    digest(cells, SCALED, "LIMIT = 1", BASE)
    source = looked_at(cells).source
    assert "def f(x):" in source and "def scaled(x):" in source
    names: dict[str, Any] = {"LIMIT": 1}
    exec(source, names)
    assert names["f"](4) == 9
