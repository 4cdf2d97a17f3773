"""Letters of any language and spaces in every path and name; output, threads and children that nobody bargained for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.command import told

CODE = '''
from __future__ import annotations
import subprocess, threading, time
from levada import Artifact, Context, component, pipeline

class Größe(Artifact):
    """Eine Zahl."""

@component
def messung(ctx: Context, *, name: str) -> Größe:
    größe = ctx.output(Größe)
    (größe.path / "mit Leerzeichen ü.txt").write_text(name, encoding="utf-8")
    ctx.metric("maß in %", 0.5)
    print("x" * 50_000_000)
    return größe

@component
def 子供(ctx: Context, größe: Größe) -> Größe:
    threading.Thread(target=time.sleep, args=(600,)).start()
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    kind = ctx.output(Größe)
    kind.properties["pid"] = child.pid
    return kind

@pipeline
def größen(name: str = "ß ☃") -> None:
    """Misst."""
    子供(messung(name=name))
'''


@pytest.mark.slow
def test_a_project_may_be_written_in_any_language_and_leaves_no_process(tmp_path: Path) -> None:
    home = tmp_path / "mein Projekt ü 日本"
    (home / "pipelines").mkdir(parents=True)
    (home / "pipelines/__init__.py").touch()
    (home / "pipelines/größen.py").write_text(CODE, encoding="utf-8")
    (home / "pyproject.toml").write_text('[tool.levada]\nstore = "mein Lager ö"\n', encoding="utf-8")
    said = told(home, "run", "größen")
    assert "telling MLflow ...\n\nrun" in said and "2 ran\n\nnext" in said  # and nothing of trouble between
    assert len(told(home, "logs", "last", "messung")) > 50_000_000
    run = json.loads(told(home, "show", "last", "--json"))
    assert "子供" in json.dumps(run, ensure_ascii=False) and "maß in %" in json.dumps(run, ensure_ascii=False)
    (made,) = (home / "mein Lager ö").rglob("nodes/子供.json")
    pid = json.loads(made.read_text(encoding="utf-8"))["outputs"]["output"]["properties"]["pid"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert "Everything is as it was made" in told(home, "verify")
    assert "2 cached" in told(home, "run", "größen")
