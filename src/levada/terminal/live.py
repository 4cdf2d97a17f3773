"""One line a node, redrawn in place while the run goes on."""

from __future__ import annotations

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from levada.journal import Event
from levada.plan import Plan
from levada.terminal.progress import NodeView, Progress, said_of_resumption

MARKS = {
    "waiting": ("·", "dim"),
    "done": ("✓", "green"),
    "cached": ("✓", "cyan"),
    "failed": ("✗", "bold red"),
    "closed": ("✗", "bold yellow"),
    "skipped": ("−", "dim"),
    "killed": ("✗", "red"),
}

BAR = 16
BESIDE = 2 + 12 + 4
"""How wide the mark, the time and the gaps between the columns are."""


class LiveReader:
    """A reader of the journal that keeps a table of nodes up to date, under a heading. Use it as a context manager.

    The table is there from the run's first event to its last: a run that does not begin shows none, and nothing is
    drawn over what is said after it has ended.
    """

    seconds = 0.1

    def __init__(self, plan: Plan, console: Console, heading: str = "") -> None:
        self._heading = heading
        self._console = console
        self._progress = Progress(plan)
        self._spinner = Spinner("dots", style="yellow")
        self._live = Live(
            get_renderable=self._draw,
            console=console,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> LiveReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()  # draws once more, if it was started

    def see(self, event: Event) -> None:
        if event["kind"] == "run_started":
            self._live.console.print(self._heading, highlight=False)
            self._live.start()
        self._progress.see(event)
        if event["kind"] == "run_finished":
            self._live.stop()
        if event["kind"] == "resumed":
            self._live.console.print(Text(said_of_resumption(event), "dim"))

    def _draw(self) -> Group:
        table = Table.grid(padding=(0, 1))
        for _ in range(2):
            table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True, min_width=8)
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(no_wrap=True)
        rows = [self._row(view) for view in self._progress.nodes.values()]
        # What is said is cut, and nothing else: a table that is too wide would shorten the names.
        names = max((name.cell_len for _, name, _, _, _ in rows), default=0)
        room = self._console.width - names - BESIDE
        for mark, name, when, said, bar in rows:
            said.truncate(max(room - (BAR + 1 if isinstance(bar, ProgressBar) else 0), 10), overflow="ellipsis")
            table.add_row(mark, name, when, said, bar)
        return Group(table)

    def _row(self, view: NodeView) -> tuple[Spinner | Text, Text, Text, Text, ProgressBar | Text]:
        if view.status == "running":
            bar = ProgressBar(total=1.0, completed=view.fraction, width=BAR) if view.fraction is not None else Text("")
            return self._spinner, Text(view.id, "bold"), Text(_time(view.elapsed)), Text(view.said), bar
        mark, style = MARKS[view.status]
        said = Text(view.said, style if view.status in ("failed", "closed", "skipped") else "")
        if view.status == "waiting":
            names = self._progress.waits_for(view.id)
            said = Text(f"waits for {', '.join(names)}" if names else "", "dim")
        return (
            Text(f" {mark}", style),
            Text(view.id, "dim" if view.status == "waiting" else ""),
            _when(view),
            said,
            Text(""),
        )


def _when(view: NodeView) -> Text:
    match view.status:
        case "cached":
            return Text("cached", "cyan")
        case "done" | "failed" | "closed":
            return Text("cached", "cyan") if view.cached else Text(_time(view.seconds))
        case "skipped" | "killed":
            return Text(view.status, MARKS[view.status][1])
        case _:
            return Text("")


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"
