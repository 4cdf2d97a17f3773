"""The model's card: what it is, what it is for, how good it is and where it is weak, in Markdown.

After M. Mitchell and others, Model Cards for Model Reporting, FAT* 2019. What was measured is filled in; what only a
person can say comes from `About`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from levada.artifacts.evaluation import percent_interval
from levada.artifacts.measured import Estimate, Part, Results, short
from levada.artifacts.model import ModelDocument, Tensor
from levada.markdown import escaped, plain_table

INPUTS = 30
REASONS = 10
WEAKEST = 3
"""Slices of each kind that are named as the weakest."""


@dataclass(frozen=True)
class About:
    """What only a person can say of a model, for its card: a sentence or two each; what is empty is left out.

    `purpose` is what it is for, `not_for` what it must not be used for, `limits` what is known to go wrong, `data` what
    its data is and is not, `owner` whom to ask.
    """

    purpose: str = ""
    not_for: str = ""
    limits: str = ""
    data: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Origin:
    """Where a model and the data it was judged on come from, and what it was held against, in words."""

    name: str
    model: str
    examples: str
    digest: str
    run: str
    against: str = "champion"


def card_of(results: Results, document: ModelDocument, origin: Origin, about: About, made: Sequence[str] = ()) -> str:
    """Return the card: the verdict first, then what was said, measured and asked.

    `made` are lines on how the model was made, a section of their own; it follows on the metrics, since pages that have
    room for less leave out the last sections.
    """
    verdict = "Passed its gate" if results.is_open else "Did not pass its gate"
    lines = [f"# {escaped(origin.name)}", "", f"**{verdict}.** {_key_figures(results)}", ""]
    lines += _said(about)
    lines += ["## How good it is", "", *_metrics(results, origin.against), "", *made]
    lines += _weakest(results, origin.against)
    lines += ["## Why it passed" if results.is_open else "## Why it did not pass", ""]
    lines += [f"- {escaped(reason)}" for reason in results.reasons[:REASONS]]
    if len(results.reasons) > REASONS:
        lines.append(f"- and {len(results.reasons) - REASONS} more")
    lines += ["", "## What it takes and gives", ""]
    lines += plain_table(("", "name", "type", "a row"), _tensors(document))
    lines += ["", "## Where it is from", "", *_facts(results, document, origin), ""]
    return "\n".join(lines)


def _key_figures(results: Results) -> str:
    name = next(iter(results.whole.metrics), "")
    if not name:
        return ""
    said = f"{escaped(name)} {_estimate(results.whole.metrics[name])}"
    return f"{said} on {results.rows:,} rows of {escaped(results.split)}."


def _said(about: About) -> list[str]:
    sections = {
        "What it is for": about.purpose,
        "What it is not for": about.not_for,
        "Known limits": about.limits,
        "Data": about.data,
        "Owner": about.owner,
    }
    return [
        line for title, text in sections.items() if text for line in (f"## {title}", "", " ".join(text.split()), "")
    ]


def _metrics(results: Results, against: str) -> list[str]:
    beside = results.champion is not None
    interval = percent_interval(results.confidence)
    champion = f"{against} v{results.champion_version}" if results.champion_version else against
    titles = ["metric", "this model", interval, *([champion, "drop"] if beside else []), "interval by"]
    rows: list[list[str]] = []
    for measure in results.measures:
        found = results.whole.metrics.get(measure.name)
        if found is None:
            rows.append([escaped(measure.name), "cannot be measured", *[""] * (len(titles) - 2)])
            continue
        other = [_champion(results.whole, measure.name), _drop(results.whole, measure.name)] if beside else []
        better = " (lower is better)" if measure.lower_is_better else ""
        name = f"{escaped(measure.name)}{better}"
        rows.append([name, short(found.value), escaped(found.interval.strip()), *other, escaped(measure.method)])
    return plain_table(titles, rows)


def _champion(part: Part, name: str) -> str:
    return short(part.champion[name].value) if name in part.champion else ""


def _drop(part: Part, name: str) -> str:
    return _estimate(part.drops[name]) if name in part.drops else ""


def _estimate(estimate: Estimate) -> str:
    return escaped(str(estimate))


def _weakest(results: Results, against: str) -> list[str]:
    """Return the weakest slices of each kind in the first metric, and how far they are from the best."""
    name = next(iter(results.whole.metrics), "")
    ranked = results.worst_first(name) if name else []
    if not ranked:
        return []
    kept: list[Part] = []
    for by in dict.fromkeys(part.by for part in results.slices):
        kept += [part for part in ranked if part.by == by][:WEAKEST]
    rows = [
        [escaped(part.name), f"{part.rows:,}", _estimate(part.metrics[name]), _champion(part, name)] for part in kept
    ]
    count = len(results.slices)
    titles = ["slice", "rows", escaped(name), against]
    if results.champion is None:
        titles, rows = titles[:-1], [row[:-1] for row in rows]
    gaps = [
        f"- {escaped(gap.by)}: {escaped(name)} differs by {_estimate(gap.size)} between {escaped(gap.best)} and "
        f"{escaped(gap.worst)}"
        for gap in results.gaps
        if gap.metric == name
    ]
    said = f"The weakest of {count} slices with at least {results.min_slice:,} rows:"
    return ["## Where it is weakest", "", said, "", *plain_table(titles, rows), "", *gaps, *([""] if gaps else [])]


def _tensors(document: ModelDocument) -> Iterable[Sequence[str]]:
    for tensor in document.inputs[:INPUTS]:
        yield ["takes", *_tensor(tensor)]
    if len(document.inputs) > INPUTS:
        yield ["", f"and {len(document.inputs) - INPUTS} more", "", ""]
    for tensor in document.outputs:
        yield ["gives", *_tensor(tensor)]


def _tensor(tensor: Tensor) -> list[str]:
    of = tensor.columns or tuple(str(name) for name in tensor.classes)
    listed = f" ({escaped(', '.join(of[:8]))}{', ...' if len(of) > 8 else ''})" if of else ""
    size = " x ".join(str(size) for size in tensor.shape[1:]) or "one value"
    return [escaped(tensor.name), tensor.dtype, f"{size}{listed}"]


def _facts(results: Results, document: ModelDocument, origin: Origin) -> list[str]:
    facts = {
        "fingerprint": f"`{results.fingerprint[:16]}`",
        "made by": escaped(origin.model),
        "format": escaped(f"{document.format}, {document.framework}"),
        "task": escaped(f"{results.task}, label {results.label}, output {results.output}"),
        "judged on": escaped(f"{origin.examples}, split {results.split}, {results.rows:,} rows")
        + (f", sha256 `{origin.digest[:12]}`" if origin.digest else ""),
        "judged in": escaped(f"run {origin.run}") if origin.run else "",
    }
    return [f"- {name}: {fact}" for name, fact in facts.items() if fact]
