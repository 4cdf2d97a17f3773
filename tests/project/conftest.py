"""The repository's own project, run in a folder of the test's: its code and schemas, another store and serving/."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from levada.journal import Event
from levada.project import Project, find_project
from levada.registry import Registry, Version
from levada.run import Outcome, Request, run

ROOT = Path(__file__).parent.parent.parent

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@dataclass
class Numbers:
    """Numbers candidates as they come, as MLflow's delivery does."""

    registry: Registry
    seconds: float = 0.05
    events: list[Event] = field(default_factory=list[Event])

    def see(self, event: Event) -> None:
        self.events.append(event)
        if event["kind"] == "candidate" and self.registry.version(event["model"], event["fingerprint"]) is None:
            count = len(self.registry.versions(event["model"]))
            self.registry.number(Version(event["model"], event["fingerprint"], count + 1, "the test"))


@dataclass
class Runner:
    """Runs pipelines of the project; `events` are those of the last run."""

    project: Project
    events: list[Event] = field(default_factory=list[Event])

    def __call__(self, name: str, fresh: tuple[str, ...] = (), **arguments: Any) -> Outcome:
        project = self.project
        pipeline = project.load_pipeline(project.find_pipeline(name))
        numbers = Numbers(Registry(project.store))
        request = Request(
            plan=pipeline.plan_from(project.root, **arguments),
            store=project.store,
            root=project.root,
            code_digest=project.code_digest,
            packages=project.packages,
            fresh=fresh,
            readers=[numbers],
        )
        outcome = run(request)
        self.events = numbers.events
        failures = {node: item.failure.traceback for node, item in outcome.results.items() if item.failure}
        assert not failures, "\n".join(failures.values())
        return outcome


def project_in(folder: Path) -> Project:
    """Return the project with this repository's code, and a store and serving folders of its own."""
    for name in ("components", "pipelines", "schemas", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    return find_project(folder)


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.delenv("LEVADA_STORE", raising=False)
    return Runner(project_in(tmp_path))
