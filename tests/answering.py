"""A small project with real runs behind it, to ask about; and the questions, asked as a user types them."""

from __future__ import annotations

import getpass
import platform
import re
import subprocess
import sys
from pathlib import Path

from levada.history import History
from levada.store import Store

FEATURES = '''
BUCKETS = 5
UNUSED = 1


def bucketize(value: int) -> int:
    """Put a value into a bucket."""
    return value // 5


def scaled(value: int, factor: int = 2) -> int:
    return value * factor
'''

PIPELINES = '''
from __future__ import annotations

from levada import Artifact, Context, Gate, Many, component, each, gather, pipeline
from levada.components import schema_file
from levada.artifacts import Schema

from PACKAGE.features import BUCKETS, bucketize, scaled


class Number(Artifact):
    """A number."""


class Verdict(Gate):
    """A gate."""


def value_of(number: Number) -> int:
    return int(str(number.properties["value"]))


@component
def start(ctx: Context, *, value: int = 1) -> Number:
    out = ctx.output(Number)
    out.properties["value"] = value
    (out.path / "number.txt").write_text(str(value))
    print("starting with", value)
    ctx.summary(f"value {value}")
    return out


@component
def train(ctx: Context, number: Number, *, epochs: int = 4) -> Number:
    out = ctx.output(Number)
    out.properties["value"] = bucketize(value_of(number)) + BUCKETS + scaled(epochs)
    ctx.metric("auc", 0.6 + epochs / 100)
    ctx.log.warning("training for %s epochs", epochs)
    return out


@component
def judge(ctx: Context, number: Number, schema: Schema, *, limit: int) -> Verdict:
    out = ctx.output(Verdict)
    value = value_of(number)
    out.set_verdict(value <= limit, [f"{value} against a limit of {limit}"])
    return out


@component
def broken(ctx: Context, number: Number) -> Number:
    row = {"dep_delay": 1}
    return row["dep_dealy"]


@component
def square(ctx: Context, *, n: int) -> Number:
    if n == 3:
        raise ValueError("three is not squared here")
    out = ctx.output(Number)
    out.properties["value"] = n * n
    print("the square of", n)
    return out


@component
def total(ctx: Context, numbers: Many[Number]) -> Number:
    out = ctx.output(Number)
    out.properties["value"] = sum(value_of(number) for number in numbers)
    return out


@pipeline
def numbers(*, value: int = 1, limit: int = 100, epochs: int = 4) -> None:
    """Numbers, judged."""
    first = start(value=value)
    model = train(first, epochs=epochs)
    gate = judge(model, schema_file("limits.pbtxt"), limit=limit)
    train.with_options(name="final", requires=gate)(model)


@pipeline
def failing() -> None:
    """A node that fails."""
    train(broken(start()))


@pipeline
def squares(*, upto: int = 4) -> None:
    """One node an item."""
    total(gather(square(n=each(list(range(upto))))))
'''

WITHOUT_MLFLOW = 'mlflow = ""\n'
"""A line of `[tool.levada]`, for projects whose tests look at the store: half of a small run's time is MLflow's."""

RUNS = (
    ("run", "numbers"),
    ("run", "numbers", "--limit", "7"),
    ("run", "failing"),
    ("run", "squares"),
)


def make_project(folder: Path, package: str) -> Path:
    """Write the project; `package` is its own name for its code, so that two never meet in one process."""
    (folder / package).mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f'[tool.levada]\ncode = ["{package}"]\n{WITHOUT_MLFLOW}')
    (folder / "limits.pbtxt").write_text("")
    (folder / package / "__init__.py").write_text("")
    (folder / package / "features.py").write_text(FEATURES)
    (folder / package / "pipelines.py").write_text(PIPELINES.replace("PACKAGE", package))
    return folder


def type_commands(folder: Path, *lines: tuple[str, ...]) -> None:
    """Type commands in a project's folder, one after the other, in a process of their own."""
    script = (
        "import sys\n"
        "from levada.cli.commands import execute\n"
        f"for words in {lines!r}:\n"
        "    sys.argv = ['levada', *words]\n"
        "    execute(list(words))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def runs_of(folder: Path) -> list[str]:
    """Return the ids of a project's runs, oldest first."""
    return History(Store(folder / ".levada")).ids


def masked(text: str, folder: Path) -> str:
    """Replace what differs from run to run by something of the same width, where columns depend on it."""
    endings: dict[str, str] = {}
    for run in runs_of(folder):
        endings[run.rpartition("-")[2]] = "abcdefgh"[len(endings)] * 4
    text = text.replace(str(folder), "<project>")
    text = re.sub(r"\b\d{8}-\d{6}-([0-9a-f]{4})", lambda match: f"20000101-000000-{endings[match[1]]}", text)
    for ending, name in endings.items():
        text = re.sub(rf"(?<![\w]){ending}(?![\w])", name, text)
    text = re.sub(r"-([a-h])\1{3}-[0-9a-f]{6}", lambda match: f"-{match[1] * 4}-000000", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "2000-01-01 00:00:00,000", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "2000-01-01 00:00 UTC", text)
    text = re.sub(r"\b\d+\.\d s\b", "0.0 s", re.sub(r"\b\d\d s\b", "0.0 s", text))
    text = re.sub(r"\d+ (second|minute)s? ago", "just now", text)
    text = re.sub(r"\b[0-9a-f]{8,}\b(?!-000000)", lambda match: "0" * len(match[0]), text)
    text = re.sub(r"sha256 [0-9a-f]{4}\.\.\.", "sha256 0000...", text)
    text = re.sub(r"plan +[0-9a-f]{6}", lambda match: match[0][:-6] + "0" * 6, text)
    text = text.replace(f"{getpass.getuser()} on {platform.node()}", "somebody on a host")
    text = re.sub(r"python [\d.]+", "python 3.x", text)
    return re.sub(r"(?<=\S) {2,}", "  ", text)  # columns are as wide as times are long
