"""Drawn plans, kept in a local store: an unchanged run needs to import nothing of the project."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from levada.errors import LevadaError
from levada.files import replace
from levada.plan import Plan
from levada.project import KEPT, Project
from levada.store import file_digest


def kept_plan(project: Project, reference: str, words: list[str]) -> Plan | None:
    """Return the plan that was drawn before from the same code and the same command-line words."""
    path = _path(project, reference, words)
    if path is None or not path.is_file():
        return None
    try:
        return Plan.from_json(json.loads(path.read_text()))
    except (ValueError, LevadaError):
        return None


def keep_plan(project: Project, plan: Plan, words: list[str]) -> None:
    """Keep a plan; what cannot be written is drawn again, as it only saves time."""
    path = _path(project, plan.reference, words)
    if path is None:
        return
    try:
        replace(path, json.dumps(plan.to_json()).encode())
    except OSError:
        return


def _path(project: Project, reference: str, words: list[str]) -> Path | None:
    if project.store.local is None:
        return None
    try:
        code = project.index.digest(reference)
        modules = sorted({piece.partition(":")[0] for piece in project.index.parts(reference)})
    except LevadaError:
        return None  # drawing it will say what is wrong
    # A plan names lines of these files, so a comment that moves them draws it anew.
    files = [project.root.joinpath(*module.split(".")).with_suffix(".py") for module in modules]
    lines = [file_digest(file) for file in files if file.is_file()]
    engine = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        engine.update(f"{path.name}:{path.stat().st_mtime_ns}:{path.stat().st_size};".encode())
    known = json.dumps([code, lines, engine.hexdigest(), reference, words, str(project.root)])
    return project.store.local / KEPT / f"{hashlib.sha256(known.encode()).hexdigest()}.json"
