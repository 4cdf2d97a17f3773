"""`levada init`: a project to start from."""

from __future__ import annotations

import importlib.util
import os
import shlex
from pathlib import Path

import click

from levada.errors import LevadaError


@click.command()
@click.argument("name", metavar="NAME", type=click.Path(path_type=Path))
def init(name: Path) -> int:
    """Make a starter project in the folder NAME.

    It has a pipeline that runs, its tests, a notebook and a CI file. NAME may be `.`, an empty folder, or a path
    that ends with the project's name.
    """
    from levada.starter import make_project

    folder = Path(os.path.abspath(name))
    try:
        package = make_project(folder)
    except OSError as error:
        raise LevadaError(f"cannot write the project to {folder}: {error.strerror}.") from None
    click.echo(f"{name}: a project with the pipeline {package}\n")
    steps: list[tuple[str, str]] = []
    if folder != Path.cwd():
        steps.append((f"cd {shlex.quote(str(name))}", ""))
    if any(importlib.util.find_spec(needed) is None for needed in ("onnx", "onnxruntime", "skl2onnx")):
        steps.append(('pip install -e ".[dev]"', "its model is kept as ONNX, which the extra levada[onnx] brings"))
    steps.append((f"levada run {package}", "from data to a served model"))
    steps.append(("pytest", "the same, as a test"))
    width = max(len(typed) for typed, _ in steps)
    for index, (typed, why) in enumerate(steps):
        click.echo(f"{'next' if index == 0 else '':<4}   {typed:<{width}}   {why}".rstrip())
    return 0
