"""Finding again, by their tags, the runs that an earlier delivery made in MLflow and did not live to note."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


def recalled(client: MlflowClient, experiment: str, run_id: str) -> tuple[Run | None, dict[str, str]]:
    """Return the run of one of ours in an experiment, and the ids of its nodes' runs and trials by what they are of."""
    wanted, token, parent = f"tags.`levada.run` = '{run_id}'", None, None
    children: dict[str, str] = {}
    while True:
        page = client.search_runs([experiment], wanted, max_results=1000, page_token=token)
        for run in page:
            of = run.data.tags.get("levada.trial") or run.data.tags.get("levada.node")
            if of is None:
                parent = run
            else:
                children[of] = run.info.run_id
        token = page.token
        if not token:
            return parent, children
