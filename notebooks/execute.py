"""Execute the notebooks of this folder in place: `python notebooks/execute.py [FOLDER OF A STORE]`.

What is kept of the outputs is what readers see: no texts behind pictures, which name places on a disk, and no progress
lines.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent


def execute(path: Path, store: str) -> Any:
    """Execute a notebook with its artifacts in `store`, and return it with its outputs; raises what a cell raises."""
    os.environ["LEVADA_STORE"] = store
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    ).execute()
    return notebook


def tidy(notebook: Any) -> None:
    """Leave only what readers see in the outputs."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            data = output.get("data", {})
            if data.get("text/html"):
                data.pop("text/plain", None)
        cell.outputs = [
            output for output in cell.outputs if output.output_type == "stream" or any(output.get("data", {}).values())
        ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(HERE.glob("*.ipynb")):
            executed = execute(path, sys.argv[1] if len(sys.argv) > 1 else folder)
            tidy(executed)
            nbformat.write(executed, path)
