"""The run of MLflow that stands for a run as a whole: its parameters, verdict, key metrics, data and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from levada.mlflow import labels
from levada.mlflow.datasets import data_of, short_digest
from levada.mlflow.files import put_json, put_text
from levada.mlflow.limits import finite
from levada.mlflow.recall import recall_versions
from levada.mlflow.telling import Telling
from levada.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run

ENDED = {"finished": "FINISHED", "closed": "FINISHED", "failed": "FAILED", "killed": "KILLED"}


class Parent:
    """The parent of the runs of a run's nodes."""

    def __init__(self, telling: Telling, store: Store) -> None:
        self._telling = telling
        self._connection = telling.connection
        self._client = telling.client
        self._story = telling.story
        self._cursor = telling.cursor
        self._store = store

    def run(self) -> str:
        """Return the id of the parent run, made now if it is not there."""
        if self._cursor.parent:
            return self._cursor.parent
        recalled = self._telling.recall() if self._telling.doubtful else None
        if recalled is None:
            experiment = self._connection.experiment(self._story.plan.pipeline, self._story.plan.description)
            recalled = self._client.create_run(
                experiment.experiment_id,
                start_time=self._story.started_at or None,
                run_name=self._story.run_id,
                tags=labels.run_tags(self._story),
            )
            self._telling.note_parent(recalled)
        self._telling.offer("parameters", self._log_params, recalled.info.run_id, labels.run_params(self._story))
        self._telling.offer("plan.json", self.put, recalled, "plan.json", self._story.plan.dumps())
        return self._cursor.parent

    def put(self, run: Run, name: str, content: Any) -> None:
        """Put a file among those of a run: text as it is, else JSON."""
        put = put_text if isinstance(content, str) else put_json
        put(self._connection, run.info.run_id, str(run.info.artifact_uri), name, content)

    def _log_params(self, run: str, params: dict[str, str]) -> None:
        from mlflow.entities import Param

        if params:
            self._client.log_batch(run, params=[Param(key, value) for key, value in params.items()])

    def end(self) -> None:
        """Say on the parent how the run ended: verdict, key metrics, data, tables; then close it."""
        run, story = self.run(), self._story
        self._telling.offer("data", self._log_data, run)
        tables: list[str] = []
        self._telling.offer("tables", self._put_tables, run, tables)
        recall_versions(self._store, self._story)
        self._telling.offer("metrics and verdict", self._log_verdict, run, tables)
        self._telling.offer("view", self._set_view)
        self._client.set_terminated(run, ENDED[story.status], story.ended_at)

    def _log_data(self, run: str) -> None:
        named = [item for _, event in self._story.candidates() for item in event.get("data") or []]
        known = {short_digest(str(item["digest"])) for item in named}
        data = [item for item in data_of(self._story) if item.dataset.digest not in known]
        if data:
            self._client.log_inputs(run, data)

    def _put_tables(self, run_id: str, tables: list[str]) -> None:
        """Put documents among the run's artifacts; the names of those that are tables are added to `tables`."""
        run = self._client.get_run(run_id)
        if (self._story.started or {}).get("session"):
            self.put(run, "plan.json", self._story.plan.dumps())  # it has grown since the run began
        artifacts = labels.artifacts_document(self._story)
        if artifacts:
            self.put(run, "artifacts.json", artifacts)
        sliced = [(node, event) for node, event in self._story.candidates() if (event.get("slices") or {}).get("data")]
        for node, event in sliced:
            path = "slices.json" if len(sliced) == 1 else f"slices-{node.replace('/', '-')}.json"
            self.put(run, path, event["slices"])
            tables.append(path)

    def _log_verdict(self, run: str, tables: list[str]) -> None:
        from mlflow.entities import RunTag

        tags = labels.run_end_tags(self._story, self._cursor.children, self._cursor.experiment, tables)
        self._client.log_batch(
            run, metrics=labels.run_metrics(self._story), tags=[RunTag(key, value) for key, value in tags.items()]
        )

    def _set_view(self) -> None:
        """Give the experiment a view of its runs; one with a candidate's metrics is not undone by a run without."""
        experiment = self._connection.experiment(self._story.plan.pipeline)
        numbers = any(finite(event.get("metrics") or {}) for _, event in self._story.candidates())
        if numbers or labels.VIEW_TAG not in experiment.tags:
            self._connection.tag_experiment(experiment, labels.VIEW_TAG, labels.view_of_runs(self._story))
