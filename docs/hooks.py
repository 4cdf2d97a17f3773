"""What MkDocs does by our own code while it builds these pages.

`guides/*` in the navigation stands for every page of that folder. A line `::: public levada.components` in a page
stands for everything that the package exports, so that the reference cannot fall behind the code.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent.parent / "src"


def on_config(config: Any) -> Any:
    """Replace each `folder/*` of the navigation by the folder's pages, its index first; drop empty folders."""
    root = Path(config["docs_dir"])
    expanded: list[Any] = []
    for entry in config["nav"]:
        name, target = next(iter(entry.items()))
        if isinstance(target, str) and target.endswith("/*"):
            found = sorted((root / target[:-2]).glob("*.md"), key=lambda path: (path.stem != "index", path.name))
            if found:
                expanded.append({name: [path.relative_to(root).as_posix() for path in found]})
        else:
            expanded.append(entry)
    config["nav"] = expanded
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace each `::: public package` by one entry for every name that it exports; drop what is for tests only."""
    markdown = re.sub(r"^<!--(python|console)\n.*?-->\n", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^::: public ([\w.]+)$", lambda found: _entries(found[1]), markdown, flags=re.MULTILINE)


def _entries(package: str) -> str:
    """Return an entry for each `from module import name as name` of a package, for what it defines itself.

    Errors have a page of their own.
    """
    tree = ast.parse((SOURCE / package.replace(".", "/") / "__init__.py").read_text())
    exported = [
        f"::: {statement.module}.{alias.name}"
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom) and f"{statement.module}.".startswith(f"{package}.")
        if statement.module != "levada.errors"
        for alias in statement.names
        if alias.asname == alias.name
    ]
    return "\n\n".join(exported)
