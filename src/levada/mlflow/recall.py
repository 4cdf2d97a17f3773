"""Finding again what an earlier delivery made and did not live to note: runs in MLflow by their tags, versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada.mlflow.story import Registered, Story
from levada.registry import Registry
from levada.store import Store

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
            elif "levada.trial" in run.data.tags and run.info.status == "RUNNING":
                client.delete_run(run.info.run_id)  # half told, as trials are told when they have ended
            else:
                children[of] = run.info.run_id
        token = page.token
        if not token:
            return parent, children


def recall_versions(store: Store, story: Story) -> None:
    """Tell a story the versions of its candidates that are in the store, and the candidates of earlier runs.

    An earlier delivery may have registered the former; the latter are what this run promoted, and did not judge.
    """
    registry = Registry(store)
    for _, event in story.candidates():
        known = registry.version(event["model"], event["fingerprint"])
        if known is not None:
            registered = Registered(event["model"], known.version, bool(event.get("blessed")))
            story.registered.setdefault(event["id"], registered)
    own = {event["fingerprint"] for _, event in story.candidates()}
    others = [event for event in story.promotions if event["fingerprint"] not in own]
    found = (registry.candidate(event["model"], event["fingerprint"]) for event in others)
    story.judged_before = list(filter(None, found))
