"""What the options before a command say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from levada.errors import ProjectError
from levada.project import Project, find_project

BEAM_OPTIONS = "levada.beam_options"
"""Where a click context keeps what stands behind `--`."""


class Session:
    """What the options before the command say. The project is looked for when a command wants it."""

    def __init__(self, folder: Path | None, store: str | None, env: str | None, debug: bool) -> None:
        self._folder = folder
        self._store = store
        self._env = env
        self.debug = debug
        self._project: Project | None = None

    @property
    def project(self) -> Project:
        if self._project is None:
            if self._folder is not None and not self._folder.is_dir():
                raise ProjectError(f"there is no folder {self._folder}.")
            self._project = find_project(self._folder, self._store, self._env)
        return self._project

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Keep off the terminal what libraries write to standard error, TensorFlow's banners, unless asked for."""
        if self.debug:
            yield
            return
        from levada.terminal.quiet import stderr_into

        with TemporaryDirectory(prefix="levada-said-") as folder, stderr_into(Path(folder) / "stderr.log"):
            yield

    def notice_killed(self) -> None:
        """End runs whose process is gone, and say so: every command that looks at runs begins with this."""
        from levada.recovery import close_killed_runs
        from levada.registry import Registry

        for killed in close_killed_runs(self.project.store):
            kept = f"{', '.join(killed.finished)} kept" if killed.finished else "nothing was finished"
            click.echo(f"note: run {killed.run_id} of {killed.pipeline} was killed; {kept}.", err=True)
        registry = Registry(self.project.store)
        if any(registry.unfinished_moves(model) for model in registry.models()):
            from levada.pushing.moves import finish_all_moves  # imports what models need: no command waits for it

            for line in finish_all_moves(registry):
                click.echo(f"note: {line}", err=True)


def session_of(context: click.Context) -> Session:
    """Return what the options before the command said."""
    found = context.find_object(Session)
    if found is None:  # completion and help ask before the main command's callback has run
        root = context.find_root()
        given = root.params
        found = root.obj = Session(given.get("folder"), given.get("store"), given.get("env"), bool(given.get("debug")))
    return found
