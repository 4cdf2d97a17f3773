"""Reports on data as files of a node's run, which MLflow's page shows as they are: in a frame without network."""

from __future__ import annotations

from collections.abc import Mapping

from levada.artifact import ArtifactRecord
from levada.history import History
from levada.plan import Node
from levada.store import Store


class UnshownError(Exception):
    """A report could not be made: something to note, that keeps nothing else from being told."""


def report_files(outputs: Mapping[str, ArtifactRecord]) -> list[str]:
    """Return the names of the reports on a node's outputs: `profile.html`."""
    from levada.reports.of_run import shown_in

    return [f"{name}.html" for name, _, _ in shown_in(outputs)]


def report_pages(store: Store, run_id: str, node: Node) -> dict[str, str]:
    """Return the reports on what a node made, as pages by the names of their files. Raises UnshownError."""
    from levada.reports.of_run import reports_of
    from levada.reports.page import page_of

    try:
        run = History(store).get(run_id)
        return {f"{name}.html": page_of(report) for name, report in reports_of(run, node).items()} if run else {}
    except Exception as error:  # whatever a damaged or a foreign artifact leads to
        raise UnshownError(f"{type(error).__name__}: {error}") from error


def report_links(files: list[str], run: str, experiment: str) -> str:
    """Return Markdown links to files of a run in MLflow's pages."""
    return " · ".join(f"[{name}](#/experiments/{experiment}/runs/{run}/artifacts/{name})" for name in files)
