"""One run as MLflow's runs: a parent for the run, a child for each node that really ran.

Events are delivered in order. What a call made is known by its tags (`levada.run`, `levada.node`), so that a
delivery that was cut off between a call and its cursor finds its own work again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

from levada.errors import StoreError
from levada.journal import Event
from levada.mlflow import labels
from levada.mlflow.connection import Connection, is_refusal
from levada.mlflow.cursor import Cursor, Cursors
from levada.mlflow.datasets import data_of, data_read_by, short_digest
from levada.mlflow.files import put_json, put_text
from levada.mlflow.limits import finite
from levada.mlflow.promotions import Promotions
from levada.mlflow.recall import recall_versions, recalled
from levada.mlflow.reports import UnshownError, report_files, report_pages
from levada.mlflow.story import NodeStory, Story
from levada.mlflow.transaction import has_transactions, one_transaction
from levada.mlflow.trials import put_trial, settle_trials, trials_links
from levada.mlflow.versions import Versions
from levada.registry import Registry
from levada.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run

ENDED = {"finished": "FINISHED", "closed": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
EARLY = 1000
"""Milliseconds after which a running node gets its child run before it has ended."""

_AT_ONCE = 100
_LONGEST = 0.5
"""Events that are told in one transaction, and seconds after which it takes no more: others who write must wait."""

_KEPT_REFUSALS = 20
_PHASES = {"run_started": 0, "run_finished": 2}


class RunDelivery:
    """Delivers the events of one run. `pending` holds those that are taken and not delivered yet.

    `is_fresh` says that nobody can have delivered any of it before, which saves looking. With `registers` off
    candidates are left out: who fills an empty MLflow registers them afterwards, in the order of their numbers.
    """

    def __init__(
        self,
        connection: Connection,
        store: Store,
        cursors: Cursors,
        versions: Versions,
        promotions: Promotions,
        story: Story,
        cursor: Cursor,
        is_fresh: bool,
    ) -> None:
        self._connection = connection
        self._client = connection.client
        self._store = store
        self._cursors = cursors
        self._versions = versions
        self._promotions = promotions
        self._reported: dict[str, int] = {}  # how many metric events of a running node are in MLflow, by attempt
        self._doubtful = not is_fresh  # whether MLflow may have runs that the cursor lacks
        self._changed = False
        self._is_whole = False  # whether what MLflow is told now is kept as a whole, or not at all
        self.registers = True
        self.story = story
        self.cursor = cursor
        self.pending: deque[Event] = deque()

    # -- taking events and bringing them out --------------------------------------------------------

    def take(self, events: Iterable[Event]) -> None:
        """Add events to the story, and those that are new to what must be delivered."""
        for event in events:
            self.story.take(event)
            if not self.cursor.has(event):
                self.pending.append(event)

    def advance(self, live: bool) -> None:
        """Deliver what is pending, and for a live run what its running nodes report.

        Raises what MLflow raised when it is away; what was delivered before that is on record, the rest stays.
        """
        if self.pending and not self.cursor.parent:
            self._announce()
        # Events of several writers are merged by clocks that may differ: the first and the last are known as such.
        self.pending = deque(sorted(self.pending, key=lambda event: _PHASES.get(event["kind"], 1)))
        if self.pending and self.cursor.finished:
            self.cursor.finished = False  # something came after the end: its page is written again
            self._changed = True
        try:
            while self.pending:
                self._deliver_first()
            finished = self.story.finished
            if finished is not None and self.cursor.has(finished) and not self.cursor.finished:
                self._offer("end of the run", self._end)
                self.cursor.finished = self._changed = True
            if live:
                self._show_running()
        except Exception:
            self._doubtful = True  # the call may have been taken, and only its answer lost
            raise
        finally:
            self._save()

    def tell_but_the_end(self) -> None:
        """Deliver what is pending, all but the end of the run and the candidates."""
        self.registers = False
        last = [event for event in self.pending if event["kind"] == "run_finished"]
        self.pending = deque(event for event in self.pending if event["kind"] != "run_finished")
        self.advance(live=False)
        self.pending.extend(last)
        self.registers = True

    def register(self, candidate: Event) -> int | None:
        """Register a candidate of this run; returns its number, None if MLflow refuses it."""
        self._offer(f"candidate {candidate['model']}", self._register, candidate)
        self._save()
        known = self.story.registered.get(candidate["id"])
        return known.version if known else None

    def _announce(self) -> None:
        """Write the cursor before the first call; if there is one, the first call may have been made."""
        if self._cursors.load(self.cursor.run) is None:
            self._cursors.save(self.cursor)
        else:
            self._doubtful = True

    def _save(self) -> None:
        if self._changed:
            self._cursors.save(self.cursor)
            self._changed = False

    def _deliver_first(self) -> None:
        """Deliver the first pending event, with those after it that MLflow can be told of at once."""
        ahead = self._ahead()
        told = self._tell_at_once(ahead) if ahead else []
        self._count(told)
        for event in [] if told else ahead or [self.pending[0]]:
            self._deliver(event)
            self._count([event])

    def _ahead(self) -> list[Event]:
        """Return the events that stand first and ask for nothing but MLflow's database: no file, no version."""
        if not self.cursor.parent or not has_transactions(self._client):
            return []
        return list(takewhile(self._is_plain, islice(self.pending, _AT_ONCE)))

    def _is_plain(self, event: Event) -> bool:
        node = self.story.nodes.get(event.get("node") or "")
        if event["kind"] == "node_finished":
            return node is None or not (node.counted_candidates() or report_files(node.outputs))
        return event["kind"] not in ("run_started", "item_finished", "candidate", "promoted")

    def _tell_at_once(self, events: Sequence[Event]) -> list[Event]:
        """Tell of the first of some events in one transaction, and return them: none if MLflow refuses any of it."""
        if self._doubtful:
            self._recall()  # what it does must not be taken back
        children, reported = dict(self.cursor.children), dict(self._reported)
        told, enough = list[Event](), time.monotonic() + _LONGEST
        self._is_whole = True
        try:
            with one_transaction(self._client):
                for event in events:
                    self._deliver(event)
                    told.append(event)
                    if time.monotonic() > enough:
                        break
        except BaseException as error:
            self.cursor.children, self._reported = children, reported
            if not is_refusal(error):
                raise
            return []
        finally:
            self._is_whole = False
        return told

    def _count(self, events: Iterable[Event]) -> None:
        for event in events:
            self.cursor.count(event)
            self.pending.popleft()
        self._changed = True

    def _deliver(self, event: Event) -> None:
        match event["kind"]:
            case "run_started":
                self._offer("run", self._parent)
            case "node_finished" if event["node"] in self.story.nodes:
                self._offer(event["node"], self._end_node, self.story.nodes[event["node"]])
            case "candidate" if event["node"] in self.story.nodes:
                self._late_candidate(self.story.nodes[event["node"]], event)
            case "metric" if event["node"] in self.story.nodes:
                self._late_point(self.story.nodes[event["node"]], event)
            case "trial" if event["node"] in self.story.nodes:
                self._offer(f"trial {event['number']}", self._trial, self.story.nodes[event["node"]], event)
            case "item_finished" if event["node"] in self.story.nodes and self.registers:
                node = self.story.nodes[event["node"]]
                made = [found for found in node.counted_candidates() if found.get("item") == event["item"]]
                self._register_all(made)
            case "promoted" if self.registers:
                self._offer("promotion", self._follow, event["model"])
            case _:
                pass  # the end of the run is written when all of this is told

    def _offer(self, what: str, call: Callable[..., Any], *arguments: Any) -> None:
        """Make a call; one that MLflow refuses for good is noted and left out, so that the rest can follow."""
        try:
            call(*arguments)
        except Exception as error:
            if self._is_whole or not (is_refusal(error) or isinstance(error, UnshownError)):
                raise
            lines = str(error).splitlines() or [type(error).__name__]
            said = f"{what}: {lines[0][:300]}"
            if said not in self.cursor.refused:
                self.cursor.refused = [*self.cursor.refused, said][-_KEPT_REFUSALS:]
            self._changed = True

    def _late_candidate(self, node: NodeStory, event: Event) -> None:
        """Register a candidate whose node's (or item's) end was told before: another process was seen first."""
        item = node.items.get(event.get("item") or "")
        end = item.finished if item is not None else node.finished
        if self.registers and end is not None and self.cursor.has(end) and event in node.counted_candidates():
            self._register_all([event])

    def _register_all(self, candidates: list[Event]) -> None:
        for candidate in candidates:
            if candidate["id"] not in self.story.registered:
                self._offer(f"candidate {candidate['model']}", self._register, candidate)

    def _late_point(self, node: NodeStory, event: Event) -> None:
        """Add a point to the curve of a node whose end was told before."""
        is_late = node.finished is not None and self.cursor.has(node.finished) and not event.get("item")
        if is_late and event["attempt"] == node.attempt:
            points = labels.points_of([event])
            if points:
                self._offer(f"{node.node.id}: metrics", self._client.log_batch, self._child(node)[0], points)

    def _follow(self, model: str) -> None:
        with self._registry_alone():
            self._promotions.follow(model)

    @contextmanager
    def _registry_alone(self) -> Iterator[None]:
        with self._cursors.lock("registry", seconds=60) as mine:
            if not mine:
                raise StoreError("another process is registering models, for a minute now.")
            yield

    # -- the parent ---------------------------------------------------------------------------------

    def _parent(self) -> str:
        """Return the id of the parent run, made now if it is not there."""
        if self.cursor.parent:
            return self.cursor.parent
        recalled = self._recall() if self._doubtful else None
        if recalled is None:
            experiment = self._connection.experiment(self.story.plan.pipeline, self.story.plan.description)
            recalled = self._client.create_run(
                experiment.experiment_id,
                start_time=self.story.started_at or None,
                run_name=self.story.run_id,
                tags=labels.run_tags(self.story),
            )
            self._note_parent(recalled)
        self._offer("parameters", self._log_params, recalled.info.run_id, labels.run_params(self.story))
        self._offer("plan.json", self._put, recalled, "plan.json", self.story.plan.dumps())
        return self.cursor.parent

    def _put(self, run: Run, name: str, content: Any) -> None:
        put = put_text if isinstance(content, str) else put_json
        put(self._connection, run.info.run_id, str(run.info.artifact_uri), name, content)

    def _log_params(self, run: str, params: dict[str, str]) -> None:
        from mlflow.entities import Param

        if params:
            self._client.log_batch(run, params=[Param(key, value) for key, value in params.items()])

    def _end(self) -> None:
        """Say on the parent how the run ended: verdict, key metrics, data, tables; then close it."""
        run, story = self._parent(), self.story
        for node in story.nodes.values():
            if node.status == "running":
                child, _ = self._child(node)
                self._client.set_tag(child, labels.NOTE, labels.KILLED)
                self._client.set_terminated(child, "KILLED", story.ended_at)
        self._offer("data", self._log_data, run)
        tables: list[str] = []
        self._offer("tables", self._put_tables, run, tables)
        recall_versions(self._store, self.story)
        self._offer("metrics and verdict", self._log_verdict, run, tables)
        self._offer("view", self._set_view)
        self._client.set_terminated(run, ENDED[story.status], story.ended_at)

    def _log_data(self, run: str) -> None:
        named = [item for _, event in self.story.candidates() for item in event.get("data") or []]
        known = {short_digest(str(item["digest"])) for item in named}
        data = [item for item in data_of(self.story) if item.dataset.digest not in known]
        if data:
            self._client.log_inputs(run, data)

    def _put_tables(self, run_id: str, tables: list[str]) -> None:
        """Put documents among the run's artifacts; the names of those that are tables are added to `tables`."""
        run = self._client.get_run(run_id)
        if (self.story.started or {}).get("session"):
            self._put(run, "plan.json", self.story.plan.dumps())  # it has grown since the run began
        artifacts = labels.artifacts_document(self.story)
        if artifacts:
            self._put(run, "artifacts.json", artifacts)
        sliced = [(node, event) for node, event in self.story.candidates() if (event.get("slices") or {}).get("data")]
        for node, event in sliced:
            path = "slices.json" if len(sliced) == 1 else f"slices-{node.replace('/', '-')}.json"
            self._put(run, path, event["slices"])
            tables.append(path)

    def _log_verdict(self, run: str, tables: list[str]) -> None:
        from mlflow.entities import RunTag

        tags = labels.run_end_tags(self.story, self.cursor.children, self.cursor.experiment, tables)
        self._client.log_batch(
            run, metrics=labels.run_metrics(self.story), tags=[RunTag(key, value) for key, value in tags.items()]
        )

    def _set_view(self) -> None:
        """Give the experiment a view of its runs; one with a candidate's metrics is not undone by a run without."""
        experiment = self._connection.experiment(self.story.plan.pipeline)
        numbers = any(finite(event.get("metrics") or {}) for _, event in self.story.candidates())
        if numbers or labels.VIEW_TAG not in experiment.tags:
            self._connection.tag_experiment(experiment, labels.VIEW_TAG, labels.view_of_runs(self.story))

    # -- children -----------------------------------------------------------------------------------

    def _end_node(self, node: NodeStory) -> None:
        if not node.ran:
            return
        child, is_new = self._child(node)
        self._offer(f"{node.node.id}: results", self._log_results, node, child, is_new)
        data = data_read_by(self.story, node)
        if data:
            self._offer(f"{node.node.id}: data", self._client.log_inputs, child, data)
        self._offer(f"{node.node.id}: trials", settle_trials, self._client, self.cursor, node)
        if report_files(node.outputs):
            self._offer(f"{node.node.id}: report", self._put_reports, node, child)
        self._client.set_terminated(child, "FAILED" if node.status == "failed" else "FINISHED", node.ended_at)
        if self.registers:
            self._register_all(node.counted_candidates())

    def _log_results(self, node: NodeStory, child: str, is_new: bool) -> None:
        """Log parameters, the committed attempt's metrics and, on a run that was there before, its last tags."""
        from mlflow.entities import Param, RunTag

        params = [Param(key, value) for key, value in labels.node_params(node).items()]
        metrics = [*labels.curve_points(node, self._reported.get(node.attempt, 0)), *labels.final_metrics(node)]
        tags = [] if is_new else [RunTag(key, value) for key, value in labels.node_end_tags(node).items()]
        if params or metrics or tags:
            self._client.log_batch(child, metrics=metrics, params=params, tags=tags)

    def _trial(self, node: NodeStory, event: Event) -> None:
        put_trial(self._client, self.cursor, self.story, node, event, self._child(node)[0])
        self._changed = True

    def _put_reports(self, node: NodeStory, child: str) -> None:
        """Put the reports on what a node made among its run's files, and links to them on its page."""
        pages, run = report_pages(self._store, self.story.run_id, node.node), self._client.get_run(child)
        for name, page in pages.items():
            self._put(run, name, page)
        links = trials_links(node, self.story, self.cursor)
        self._client.set_tag(child, labels.NOTE, labels.node_note(node, child, self.cursor.experiment, links))

    def _child(self, node: NodeStory) -> tuple[str, bool]:
        """Return the id of a node's child run, and whether it was made just now, with all that is known as tags."""
        node_id, parent = node.node.id, self._parent()
        if node_id not in self.cursor.children and self._doubtful:
            self._recall()
        known = self.cursor.children.get(node_id)
        if known is not None and not self._shows_another_attempt(node):
            return known, False
        if known is not None:
            self._client.delete_run(known)  # its curves are of an attempt that did not count, and cannot be taken back
            self._reported = {name: seen for name, seen in self._reported.items() if name not in node.metrics}
        made = self._client.create_run(
            self.cursor.experiment,
            start_time=node.started_at,
            run_name=node_id,
            tags=labels.node_tags(self.story, node, parent),
        )
        self.cursor.children[node_id] = made.info.run_id
        self._changed = True
        return made.info.run_id, True

    def _shows_another_attempt(self, node: NodeStory) -> bool:
        return any(attempt != node.attempt and self._reported.get(attempt) for attempt in node.metrics)

    def _show_running(self) -> None:
        """Bring nodes that have run for a second into view, with the points of their curves so far."""
        now = time.time() * 1000
        for node in self.story.nodes.values():
            if node.status == "running" and now - node.started_at >= EARLY:
                child, _ = self._child(node)
                points = labels.curve_points(node, self._reported.get(node.attempt, 0))
                if points:
                    self._client.log_batch(child, metrics=points)
                    self._reported[node.attempt] = len(node.metrics[node.attempt])

    # -- versions -----------------------------------------------------------------------------------

    def _register(self, candidate: Event) -> None:
        pipeline, origin = self.story.plan.pipeline, labels.origin_tags(self.story)
        try:
            with self._registry_alone():
                registered = self._versions.register(
                    candidate, pipeline, self.cursor.experiment, self._parent(), origin
                )
        except Exception as error:
            if is_refusal(error):  # nobody will ever number it: a push must not wait
                why = (str(error).splitlines() or [type(error).__name__])[0]
                Registry(self._store).refuse(candidate["model"], candidate["fingerprint"], why)
            raise
        self.story.registered[candidate["id"]] = registered

    # -- finding one's own work again ---------------------------------------------------------------

    def _recall(self) -> Run | None:
        """Adopt the runs that an earlier delivery made and did not live to note; returns the parent among them."""
        self._doubtful = False
        experiment = self._connection.experiment(self.story.plan.pipeline, self.story.plan.description)
        parent, children = recalled(self._client, experiment.experiment_id, self.story.run_id)
        if parent is not None:
            self._note_parent(parent)
        self.cursor.children |= children
        self._changed = True
        return parent

    def _note_parent(self, run: Run) -> None:
        self.cursor.experiment, self.cursor.parent = run.info.experiment_id, run.info.run_id
        self._changed = True
