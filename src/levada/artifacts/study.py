"""What a study found: its trials, and what they say of the parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

from levada.artifact import Artifact
from levada.values import Json, decode, float_or_object, json_text

if TYPE_CHECKING:
    import pandas as pd

DOCUMENT = "study.json"
SHOWN = 5
"""How many of the best trials a terminal shows."""


@dataclass(frozen=True)
class StudyDocument:
    """The content of `study.json`.

    `component` is what was tuned; `space` says by parameter which values were tried, in words, `forms` the same as JSON
    forms. `goals` are what a trial was judged by: `{"metric", "higher", "within"}`. Of `trials` each has `number`,
    `state` ("done", "pruned", "failed"), `searched` (its values, as JSON forms), `metrics`, `curves` (`[step, value,
    milliseconds]`), `began` (milliseconds since 1970), `seconds`, `made_in` (a run), and `why` it failed. `chosen` is
    the number of the best trial, `front` are those that none beats, `importance`
    the share that each parameter has in a goal, by the goal's metric.
    """

    component: str
    space: dict[str, str]
    goals: list[dict[str, Any]]
    trials: list[dict[str, Any]]
    chosen: int
    front: list[int]
    importance: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])
    notes: list[str] = field(default_factory=list[str])
    forms: dict[str, Json] = field(default_factory=dict[str, Json])

    @property
    def metrics(self) -> list[str]:
        """The metrics of the goals, in their order."""
        return [goal["metric"] for goal in self.goals]

    @property
    def best(self) -> dict[str, Any]:
        """The trial that was chosen."""
        return next(trial for trial in self.trials if trial["number"] == self.chosen)

    def ranked(self) -> list[dict[str, Any]]:
        """Return the trials that came to their end, the chosen one first, then by the first goal."""
        first = self.goals[0]
        sign = -1 if first["higher"] else 1
        done = [trial for trial in self.trials if trial["state"] == "done"]
        return sorted(
            done, key=lambda trial: (trial["number"] != self.chosen, sign * trial["metrics"][first["metric"]])
        )


class Study(Artifact):
    """The trials of a `tune`, as `study.json`.

    Properties: `component`, `trials` (how many), `best` (its number), `metrics` (of the best), `table` (what a terminal
    shows).
    """

    def write(
        self,
        *,
        component: str,
        space: Mapping[str, str],
        goals: Sequence[Mapping[str, Any]],
        trials: Sequence[Mapping[str, Any]],
        chosen: int,
        front: Sequence[int],
        importance: Mapping[str, Mapping[str, float]],
        notes: Sequence[str],
        forms: Mapping[str, Json],
    ) -> None:
        """Write what was found, and take its key facts over into the properties."""
        document = StudyDocument(
            component,
            dict(space),
            [dict(goal) for goal in goals],
            [dict(trial) for trial in trials],
            chosen,
            list(front),
            {metric: dict(shares) for metric, shares in importance.items()},
            list(notes),
            dict(forms),
        )
        (self.path / DOCUMENT).write_text(json_text(asdict(document)) + "\n", encoding="utf-8")
        best = document.best
        self.properties["component"] = component
        self.properties["trials"] = len(document.trials)
        self.properties["best"] = chosen
        self.properties["metrics"] = {name: best["metrics"][name] for name in document.metrics}
        self.properties["table"] = _table(document)

    @property
    def document(self) -> StudyDocument:
        """All that is known of the study."""
        text = (self.path / DOCUMENT).read_text(encoding="utf-8")
        return StudyDocument(**json.loads(text, object_hook=float_or_object))

    def to_pandas(self) -> pd.DataFrame:
        """Return a row a trial: `number`, `state`, `seconds`, its parameters, its metrics, and `why` it failed."""
        import pandas as pd

        rows = [
            {
                "number": trial["number"],
                "state": trial["state"],
                "seconds": trial.get("seconds"),
                **{name: decode(form) for name, form in trial["searched"].items()},
                **trial.get("metrics", {}),
                "why": trial.get("why", ""),
            }
            for trial in self.document.trials
        ]
        return pd.DataFrame(rows)


def _table(document: StudyDocument) -> dict[str, Json]:
    """Return the best trials: their number, the goals' metrics, their values."""
    names = list(document.space)
    shown = document.ranked()[:SHOWN]
    data: list[list[Any]] = [
        [
            f"trial {trial['number']}" + (" (chosen)" if trial["number"] == document.chosen else ""),
            *(_short(trial["metrics"][metric]) for metric in document.metrics),
            *(_short(decode(trial["searched"][name])) for name in names),
        ]
        for trial in shown
    ]
    done = sum(trial["state"] == "done" for trial in document.trials)
    title = f"{document.component}, the best of {done} trials" + (
        f" ({len(document.trials) - done} did not come to their end)" if done < len(document.trials) else ""
    )
    columns: list[Any] = ["", *document.metrics, *names]
    return cast("dict[str, Json]", {"title": title, "columns": columns, "data": data})


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"
    return str(getattr(value, "name", value))
