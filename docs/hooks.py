"""What MkDocs does by our own code while it builds these pages.

`decisions/*` in the navigation stands for every page of that folder. A line of its own,
`::: public levada.components`, stands for everything that the package exports, so that the reference cannot fall behind
the code. Each notebook of the repository becomes a page, `notebooks/NAME.md`, with the outputs that it was committed
with.
"""

from __future__ import annotations

import ast
import html
import json
import re
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent.parent / "src"
NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def on_config(config: Any) -> Any:
    """Replace each `folder/*` of the navigation by the folder's pages."""
    config["nav"] = _expanded(config["nav"], Path(config["docs_dir"]))
    return config


def _expanded(entry: Any, root: Path) -> Any:
    if isinstance(entry, dict):
        return {name: _expanded(target, root) for name, target in entry.items()}
    if isinstance(entry, list):
        return [_expanded(one, root) for one in entry]
    if entry.endswith("/*"):
        return [path.relative_to(root).as_posix() for path in sorted((root / entry[:-2]).glob("*.md"))]
    return entry


def on_files(files: Any, config: Any) -> Any:
    """Add a page for each notebook."""
    from mkdocs.structure.files import File

    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=notebook_page(path)))
    return files


def notebook_page(path: Path) -> str:
    """Return a notebook as Markdown: its prose, its code, and what the cells showed."""
    parts: list[str] = []
    for cell in json.loads(path.read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        elif cell["cell_type"] == "code":
            parts.append(f"```python\n{source}\n```")
            parts += [shown for output in cell["outputs"] if (shown := _output(output))]
    return "\n\n".join(parts) + "\n"


def _output(output: Any) -> str:
    """Return an output as markup on one line, which Markdown leaves alone."""
    data = output.get("data", {})
    if "text/html" in data:
        shown = "".join(data["text/html"])
    else:
        text = "".join(data.get("text/plain") or output.get("text") or output.get("traceback") or "")
        shown = f"<pre>{html.escape(text)}</pre>".replace("\n", "&#10;")
    return f'<div class="output">{shown}</div>'.replace("\n", " ") if shown else ""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace each `::: public package` by one entry for every name that it exports; drop what is for tests only."""
    markdown = re.sub(r"^<!--(python|console)\n.*?-->\n", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^::: public ([\w.]+)$", lambda found: _entries(found[1]), markdown, flags=re.MULTILINE)


def _entries(package: str) -> str:
    """Return an entry for each `from module import name as name` of a package, wherever the name is defined.

    Errors have a page of their own.
    """
    tree = ast.parse((SOURCE / package.replace(".", "/") / "__init__.py").read_text())
    exported = [
        f"::: {statement.module}.{alias.name}"
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom)
        if statement.module != "levada.errors"
        for alias in statement.names
        if alias.asname == alias.name
    ]
    return "\n\n".join(exported)
