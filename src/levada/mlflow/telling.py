"""What is known of one run in MLflow while it is told of, whoever tells which part.

What a call made is known by its tags (`levada.run`, `levada.node`), so that a delivery that was cut off between a call
and its cursor finds its own work again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levada.mlflow.connection import Connection, is_refusal
from levada.mlflow.cursor import Cursor
from levada.mlflow.recall import recalled
from levada.mlflow.reports import UnshownError
from levada.mlflow.story import Story
from levada.mlflow.transaction import one_transaction

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_KEPT_REFUSALS = 20


@dataclass
class Telling:
    """One run, and how far it is told. `changed` says that the cursor must be written.

    `doubtful`: MLflow may have runs that the cursor lacks. `reported` is how many metric events of a node that runs are
    told, by attempt.
    """

    connection: Connection
    story: Story
    cursor: Cursor
    doubtful: bool
    changed: bool = False
    is_whole: bool = False
    reported: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def client(self) -> MlflowClient:
        return self.connection.client

    @contextmanager
    def as_a_whole(self) -> Iterator[None]:
        """Keep what is told within the block, or nothing of it, and raise what MLflow refuses."""
        children, reported = dict(self.cursor.children), dict(self.reported)
        self.is_whole = True
        try:
            with one_transaction(self.client):
                yield
        except BaseException:
            self.cursor.children, self.reported = children, reported
            raise
        finally:
            self.is_whole = False

    def offer(self, what: str, call: Callable[..., Any], *arguments: Any) -> None:
        """Make a call; one that MLflow refuses for good is noted and left out, so that the rest can follow."""
        try:
            call(*arguments)
        except Exception as error:
            if self.is_whole or not (is_refusal(error) or isinstance(error, UnshownError)):
                raise
            lines = str(error).splitlines() or [type(error).__name__]
            said = f"{what}: {lines[0][:300]}"
            if said not in self.cursor.refused:
                self.cursor.refused = [*self.cursor.refused, said][-_KEPT_REFUSALS:]
            self.changed = True

    def recall(self) -> Run | None:
        """Adopt the runs that an earlier delivery made and did not live to note; returns the parent among them."""
        self.doubtful = False
        experiment = self.connection.experiment(self.story.plan.pipeline, self.story.plan.description)
        parent, children = recalled(self.client, experiment.experiment_id, self.story.run_id)
        if parent is not None:
            self.note_parent(parent)
        self.cursor.children |= children
        self.changed = True
        return parent

    def note_parent(self, run: Run) -> None:
        self.cursor.experiment, self.cursor.parent = run.info.experiment_id, run.info.run_id
        self.changed = True
