"""`levada.session("flights")`: from here on a component that is called outside a pipeline runs at once.

It runs as it would in `levada run`: same cache, same store, same journal and lineage. What it made is returned.
A pipeline that is called runs whole, as a run of its own, and its artifacts come back made.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from levada.errors import LevadaError
from levada.ipython import shell
from levada.notebook.kernel import notebook_name, quieten_libraries

if TYPE_CHECKING:
    from levada.component import Component
    from levada.mlflow.delivery import MlflowReader
    from levada.notebook.recorded import Recorded
    from levada.pipeline import Pipeline
    from levada.plan import Node, Plan
    from levada.project import Project
    from levada.resolved import Resolved
    from levada.result import Result
    from levada.run import Outcome, Reader
    from levada.store import Store


def session(
    name: str = "",
    *,
    project: str | Path | None = None,
    store: str | None = None,
    env: str | None = None,
    beam_options: Sequence[str] = (),
) -> Session:
    """Open a notebook session: component calls outside a pipeline run at once and return what they made.

    `name` is that of the pipeline which the notebook is about (where its runs are listed, in MLflow too); without one
    it is the notebook's. `project` is the project's folder, found from here upwards without it, `store` goes before
    the project's setting, `env` names the settings to use, and `beam_options` are Beam's own. The same session is
    returned as long as it is open and nothing else is asked; another ends it. It ends with the process, with
    `close()`, or with a `with` block.

    Raises ProjectError where there is no project.
    """
    from levada import draw
    from levada.options import check_name
    from levada.project import find_project

    chosen = check_name(name or notebook_name().rpartition(".")[0] or "notebook", draw.caller_position())
    found = find_project(Path(project) if project is not None else None, store, env)
    asked = (chosen, found.root, found.store.uri, (*found.settings.beam, *beam_options))
    if _current and _current[0].is_open:
        if _current[0].asked == asked:
            return _current[0]
        _current[0].close()
    _current[:] = [Session(chosen, found, (*found.settings.beam, *beam_options))]
    return _current[0]


_current: list[Session] = []


class Session:
    """An open notebook session; made by `levada.session`.

    `plan` is the graph of what was called so far, `run_id` the run that it is recorded as (`levada show` knows it).
    """

    def __init__(self, name: str, project: Project, beam_options: tuple[str, ...]) -> None:
        from levada import draw
        from levada.notebook.code import RunningCode, enter
        from levada.notebook.progress import say
        from levada.notebook.recorded import About

        quieten_libraries()
        self.name = name
        self.project = project
        self.asked = (name, project.root, project.store.uri, beam_options)
        self.is_open = True
        self._beam_options = beam_options
        self._lock = threading.Lock()
        self._ends = ExitStack()
        project.make_importable()
        project.store.check_writable()
        self._code = RunningCode(project, say)
        self._said: set[str] = set()
        notebook = notebook_name()
        command = f"notebook {notebook}" if notebook else "notebook"
        reference = f"session:{(notebook or 'notebook').replace(':', '-')}:{name}"
        self._about = About(name, reference, command, project.root, dict(project.packages))
        self._run = self._new_run()
        self._code.refresh()
        enter(self._code)
        draw.open_session(self)
        self._watch_cells()
        atexit.register(self.close)

    # -- what people ask ----------------------------------------------------------------------------

    @property
    def run_id(self) -> str:
        """The run that the session is recorded as now."""
        return self._run.run_id

    @property
    def plan(self) -> Plan:
        """The graph of what was called so far, in the run that goes on."""
        return self._run.plan

    @property
    def store(self) -> Store:
        """The store that the session's runs are kept in."""
        return self.project.store

    @property
    def root(self) -> Path:
        """The project's root folder."""
        return self.project.root

    def close(self) -> None:
        """End the session: a call of a component outside a pipeline is an error again."""
        if not self.is_open:
            return
        from levada import draw

        self.is_open = False
        draw.close_session(self)
        atexit.unregister(self.close)
        self._ends.close()
        self._end_run()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<session {self.name}, run {self.run_id}{'' if self.is_open else ', closed'}>"

    def _repr_html_(self) -> str:
        from levada.notebook.views.plan import session_html

        return session_html(self.name, self.run_id, self.plan, self._run.results)

    # -- calls --------------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether nothing is running: a component that calls another one does not get here."""
        return not self._lock.locked()

    def call(self, component: Component[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a component and return what it made, in the form that it returns it.

        Raises what the component raised; GateError if a closed gate stands before it.
        """
        __tracebackhide__ = True
        from levada.notebook.returned import error_of, outputs_of, showing_each

        with self._lock:
            try:
                node, resolved = self._drawn(component, args, kwargs)
                result = self._known(component.name, node) or self._ended(component.name, node, resolved)
            except LevadaError as error:
                raise error.with_traceback(None) from None
            self._say_of_mlflow(self._mlflow)
        error = error_of(result, self._run.raised(result.node))
        if error is not None:
            raise error
        made = outputs_of(component, result, self._run.run_id, self.project.store)
        return showing_each(component.signature.returned(made))

    def call_pipeline(self, pipeline: Pipeline[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a pipeline as a run of its own, show how it ended, and return its artifacts, made."""
        __tracebackhide__ = True
        from levada.notebook.returned import error_of, nodes_within, with_made

        with self._lock:
            try:
                self._code.refresh()
                plan, returned = pipeline.drawn(self.project.root, args, kwargs)
                outcome, raised = self._run_whole(plan)
            except LevadaError as error:
                raise error.with_traceback(None) from None
        _show(outcome)
        failed = [result for result in outcome.results.values() if result.status == "failed"]
        missing = [outcome.results[node] for node in nodes_within(returned) if node in outcome.results]
        for result in [*failed, *missing]:
            error = error_of(result, raised.get(result.node))
            if error is not None:
                raise error
        if outcome.error is not None:
            raise LevadaError(f"the run broke: {outcome.error.type}: {outcome.error.message}")
        if outcome.status == "killed":
            raise KeyboardInterrupt
        return with_made(returned, outcome.results, outcome.run_id, self.project.store)

    def _drawn(
        self, component: Component[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Node, Resolved]:
        """Return the node that a call is, and what it reads from outside.

        If that contradicts what the run so far has read, the next run begins, which draws it anew.
        """
        from levada.draw import continued

        self._code.refresh()
        while True:
            drawing = self._run.drawing
            with continued(drawing):
                component.draw(drawing, args, kwargs)
            node = drawing.nodes.pop()
            try:
                resolved = self._resolved(node)
            except LevadaError:
                drawing.taken.discard(node.id)
                raise
            if self._run.agrees(resolved):
                return node, resolved
            self._turn()

    def _resolved(self, node: Node) -> Resolved:
        from levada.notebook.calls import refuse_cells
        from levada.plan import External, Plan, leaves
        from levada.resolved import resolve_plan

        refuse_cells([node], (), self._code.stale)
        outside = [leaf for binding in node.inputs.values() for leaf in leaves(binding) if isinstance(leaf, External)]
        alone = replace(node, inputs={leaf.reference: leaf for leaf in outside}, requires=(), after=())
        return resolve_plan(
            Plan(self.name, "", {}, (alone,)),
            self.project.store,
            self.project.root,
            self._code.digest,
            beam_options=self._beam_options,
            use_cache=self.project.settings.cache != "off",
            write_cache=self.project.settings.cache == "read-write",
        )

    def _known(self, name: str, node: Node) -> Result | None:
        """Return the result of the same call earlier in this run, if it stands: a cell that is executed again."""
        from levada.notebook.calls import same_call

        result = self._run.results.get(self._calls.get(same_call(name, node), "")) if node.cache else None
        if result is None or not result.ok or not self._stands(result):
            return None
        self._run.drawing.taken.discard(node.id)
        return result

    def _stands(self, result: Result) -> bool:
        from levada.artifact import made

        store = self.project.store
        if not all(store.has(leaf) for record in result.outputs.values() for leaf in record.leaves()):
            return False
        return all(made(result.outputs[name], store).holds(self.project.root) for name in result.effects)

    def _ended(self, name: str, node: Node, resolved: Resolved) -> Result:
        """Take a node into the run, and bring it to its end."""
        from levada.beam.scheduler import alone
        from levada.notebook.calls import same_call, why_not_cached
        from levada.notebook.progress import ProgressLine, say

        said = why_not_cached(node)
        if said:
            say(said)
        self._run.drawing.nodes.append(node)
        self._run.add(node, resolved)
        self._keep_cells(node)
        self._calls[same_call(name, node)] = node.id
        with ProgressLine(self._run.plan) as line, self._followed(line), self._undisturbed(), alone(node):
            return self._run.run(node)

    def _keep_cells(self, node: Node) -> None:
        from levada.notebook.code import cell
        from levada.references import is_cell

        for reference in (node.component, *node.outputs.values()):
            if is_cell(reference):
                _, digest, name = reference.split(":")
                self._run.keep_source(f"{name}-{digest}", cell(reference).source)

    # -- runs ---------------------------------------------------------------------------------------

    def _new_run(self) -> Recorded:
        from levada.journal import Tail
        from levada.mlflow.delivery import MlflowReader
        from levada.notebook.recorded import Recorded

        run = Recorded(self._about, self.project.store)
        self._calls: dict[str, str] = {}
        self._tail = Tail(self.project.store, run.run_id)
        self._mlflow = MlflowReader(self.project.store, self.project.tracking_uri, self.project.root)
        return run

    def _turn(self) -> None:
        """End the run and begin the next one."""
        self._end_run()
        self._run = self._new_run()

    def _end_run(self) -> None:
        self._run.end()
        for event in self._tail.poll():
            self._mlflow.see(event)
        self._say_of_mlflow(self._mlflow)

    def _say_of_mlflow(self, reader: MlflowReader) -> None:
        """Say what MLflow was not told, and what else `levada run` would note; the same thing once in a session."""
        from levada.notebook.progress import say

        for note in reader.notes:
            if note not in self._said:
                self._said.add(note)
                say(f"note: {note}")

    def _run_whole(self, plan: Plan) -> tuple[Outcome, dict[str, BaseException]]:
        from levada.mlflow.delivery import MlflowReader
        from levada.node.view import IN_SIGHT, view_of
        from levada.notebook.calls import refuse_cells
        from levada.notebook.progress import ProgressLine
        from levada.run import Request, run

        refuse_cells(plan.nodes, self._beam_options, self._code.stale)
        project = self.project
        mlflow = MlflowReader(project.store, project.tracking_uri, project.root)
        with ProgressLine(plan) as line:
            request = Request(
                plan=plan,
                store=project.store,
                root=project.root,
                code_digest=self._code.digest,
                packages=project.packages,
                jobs=project.settings.jobs,
                beam_options=self._beam_options,
                use_cache=project.settings.cache != "off",
                write_cache=project.settings.cache == "read-write",
                command=self._about.command,
                readers=[line, mlflow],
            )
            IN_SIGHT.add(request.run_id)
            outcome = run(request)
        self._say_of_mlflow(mlflow)
        return outcome, view_of(request.run_id, project.store).raised

    @contextmanager
    def _followed(self, line: Reader) -> Iterator[None]:
        """Let the progress line and MLflow see the journal while a node runs; they have all of it afterwards."""
        from levada.journal import Event, follow

        over = threading.Event()

        def see(event: Event) -> None:
            line.see(event)
            self._mlflow.see(event)

        thread = threading.Thread(target=follow, args=(self._tail, see, over, line.seconds), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _undisturbed(self) -> AbstractContextManager[object]:
        """Let what compiled libraries write to standard error go to a file of the run."""
        from levada.terminal.quiet import stderr_into

        local = self.project.store.local
        return nullcontext() if local is None else stderr_into(local / "runs" / self.run_id / "stderr.log")

    def _watch_cells(self) -> None:
        """Look at what was imported after every cell, while it still is what its file says."""
        found = shell()
        if found is None:
            return

        def after(*_: Any) -> None:
            with suppress(LevadaError):  # said when something is called
                self._code.refresh()

        found.events.register("post_run_cell", after)
        self._ends.callback(found.events.unregister, "post_run_cell", after)


def _show(outcome: Outcome) -> None:
    """Show how a run ended, in a notebook."""
    if shell() is not None:
        from IPython.display import display

        from levada.notebook.views.plan import OutcomeView

        display(OutcomeView(outcome))
