"""The runs of MLflow that stand for the nodes of a run, each below its parent: a child for each that really ran."""

from __future__ import annotations

import time

from levada.journal import Event
from levada.mlflow import labels
from levada.mlflow.datasets import data_read_by
from levada.mlflow.parent import Parent
from levada.mlflow.reports import report_files, report_pages
from levada.mlflow.story import NodeStory
from levada.mlflow.telling import Telling
from levada.mlflow.trials import put_trial, settle_trials, trials_links
from levada.store import Store

EARLY = 1000
"""Milliseconds after which a running node gets its child run before it has ended."""


class Children:
    """The runs of a run's nodes, and those of their trials."""

    def __init__(self, telling: Telling, store: Store, parent: Parent) -> None:
        self._telling = telling
        self._client = telling.client
        self._story = telling.story
        self._cursor = telling.cursor
        self._store = store
        self._parent = parent

    def end(self, node: NodeStory) -> None:
        """Tell of a node that has ended, if it really ran: parameters, metrics, data, reports, how it ended."""
        if not node.ran:
            return
        child, is_new = self.run(node)
        self._telling.offer(f"{node.node.id}: results", self._log_results, node, child, is_new)
        data = data_read_by(self._story, node)
        if data:
            self._telling.offer(f"{node.node.id}: data", self._client.log_inputs, child, data)
        self._telling.offer(f"{node.node.id}: trials", settle_trials, self._client, self._cursor, node)
        if report_files(node.outputs):
            self._telling.offer(f"{node.node.id}: report", self._put_reports, node, child)
        self._client.set_terminated(child, "FAILED" if node.status == "failed" else "FINISHED", node.ended_at)

    def _log_results(self, node: NodeStory, child: str, is_new: bool) -> None:
        """Log parameters, the committed attempt's metrics and, on a run that was there before, its last tags."""
        from mlflow.entities import Param, RunTag

        params = [Param(key, value) for key, value in labels.node_params(node).items()]
        metrics = [*labels.curve_points(node, self._telling.reported.get(node.attempt, 0)), *labels.final_metrics(node)]
        tags = [] if is_new else [RunTag(key, value) for key, value in labels.node_end_tags(node).items()]
        if params or metrics or tags:
            self._client.log_batch(child, metrics=metrics, params=params, tags=tags)

    def trial(self, node: NodeStory, event: Event) -> None:
        """Tell of a trial that has ended."""
        put_trial(self._client, self._cursor, self._story, node, event, self.run(node)[0])
        self._telling.changed = True

    def _put_reports(self, node: NodeStory, child: str) -> None:
        """Put the reports on what a node made among its run's files, and links to them on its page."""
        pages, run = report_pages(self._store, self._story.run_id, node.node), self._client.get_run(child)
        for name, page in pages.items():
            self._parent.put(run, name, page)
        links = trials_links(node, self._story, self._cursor)
        self._client.set_tag(child, labels.NOTE, labels.node_note(node, child, self._cursor.experiment, links))

    def run(self, node: NodeStory) -> tuple[str, bool]:
        """Return the id of a node's child run, and whether it was made just now, with all that is known as tags."""
        node_id, parent = node.node.id, self._parent.run()
        if node_id not in self._cursor.children and self._telling.doubtful:
            self._telling.recall()
        known = self._cursor.children.get(node_id)
        if known is not None and not self._shows_another_attempt(node):
            return known, False
        if known is not None:
            self._client.delete_run(known)  # its curves are of an attempt that did not count, and cannot be taken back
            reported = self._telling.reported.items()
            self._telling.reported = {name: seen for name, seen in reported if name not in node.metrics}
        made = self._client.create_run(
            self._cursor.experiment,
            start_time=node.started_at,
            run_name=node_id,
            tags=labels.node_tags(self._story, node, parent),
        )
        self._cursor.children[node_id] = made.info.run_id
        self._telling.changed = True
        return made.info.run_id, True

    def _shows_another_attempt(self, node: NodeStory) -> bool:
        return any(attempt != node.attempt and self._telling.reported.get(attempt) for attempt in node.metrics)

    def show_running(self) -> None:
        """Bring nodes that have run for a second into view, with the points of their curves so far."""
        now = time.time() * 1000
        for node in self._story.nodes.values():
            if node.status == "running" and now - node.started_at >= EARLY:
                child, _ = self.run(node)
                points = labels.curve_points(node, self._telling.reported.get(node.attempt, 0))
                if points:
                    self._client.log_batch(child, metrics=points)
                    self._telling.reported[node.attempt] = len(node.metrics[node.attempt])

    def late_point(self, node: NodeStory, event: Event) -> None:
        """Add a point to the curve of a node whose end was told before."""
        is_late = node.finished is not None and self._cursor.has(node.finished) and not event.get("item")
        if is_late and event["attempt"] == node.attempt:
            points = labels.points_of([event])
            if points:
                self._telling.offer(f"{node.node.id}: metrics", self._client.log_batch, self.run(node)[0], points)

    def close(self) -> None:
        """Close the runs of nodes that had not ended when their run did."""
        for node in self._story.nodes.values():
            if node.status == "running":
                child, _ = self.run(node)
                self._client.set_tag(child, labels.NOTE, labels.KILLED)
                self._client.set_terminated(child, "KILLED", self._story.ended_at)
