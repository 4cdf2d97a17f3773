"""A starter project, as templates: `starter()` lays it out in a folder.

The files beside this one are the project's, with `.in` behind their names. `$name`, `$package` stand for the
project's name and its package, `$run` and `$ui` for commands as wide as each other; a folder or file that is called
`package` for the package; `github` and `gitignore` get their dots.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
import unicodedata
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from levada.errors import ProjectError

_SUFFIX = ".in"
_COMMAND = 29
"""How wide commands are in the README at least, in front of what is said of them."""

_HIDDEN = ("github", "gitignore")


def make_project(folder: Path) -> str:
    """Lay out a starter project in `folder`, named like it, and return the name of its package.

    Raises ProjectError, having written nothing, for a folder that holds something and for a name that no package can
    have.
    """
    package = package_of(folder.name)
    if folder.exists() and (not folder.is_dir() or any(item.name != ".git" for item in folder.iterdir())):
        raise ProjectError(
            f"{folder} is there already, and it is not empty: nothing was written.",
            hint="Choose another name, or an empty folder.",
        )
    run = f"levada run {package}"
    width = max(_COMMAND, len(run) + 2)
    values = {"name": folder.name, "package": package, "run": run.ljust(width), "ui": "levada ui".ljust(width)}
    for inside, text in sorted(_templates(files(__package__ or "levada.starter"))):
        named = [package if part.partition(".")[0] == "package" else part for part in inside]
        if "package" in inside[-1]:
            named[-1] = inside[-1].replace("package", package)
        path = folder.joinpath(*(f".{part}" if part in _HIDDEN else part for part in named))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(text).safe_substitute(values), encoding="utf-8")
    return package


def _templates(folder: Traversable, inside: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path, suffix taken off, and the text of each template."""
    for item in folder.iterdir():
        if item.is_dir():
            yield from _templates(item, (*inside, item.name))
        elif item.name.endswith(_SUFFIX):
            yield (*inside, item.name.removesuffix(_SUFFIX)), item.read_text(encoding="utf-8")


def package_of(name: str) -> str:
    """Return the name of a project's package; raises ProjectError, saying what would do, if the name is no good."""
    package = name.lower().replace("-", "_")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
        like = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
        like = like if like[:1].isalpha() else f"project_{like}".rstrip("_")
        raise ProjectError(
            f"'{name}' cannot name a project: its package could not be imported.",
            hint=f"Use ASCII letters, digits, '-' and '_', a letter first: {_free(like)}.",
        )
    taken = _taken(package)
    if taken:
        raise ProjectError(f"'{name}' cannot name a project: {taken}.", hint=f"Use another: {_free(package)}, say.")
    return package


def _free(package: str) -> str:
    return package if not _taken(package) else f"{package}_pipeline"


def _taken(package: str) -> str:
    """Return why a package should not have a name, empty if it may."""
    from levada import components

    if keyword.iskeyword(package) or keyword.issoftkeyword(package):
        return f"'{package}' is a word of the language Python"
    if package in sys.stdlib_module_names:
        return f"Python itself has a module '{package}'"
    if package in ("tests", "notebooks", "schemas", "train") or hasattr(components, package):
        return f"its pipeline would be called '{package}', which is something else there"
    if importlib.util.find_spec(package) is not None:
        return f"a package '{package}' is installed already"
    return ""
