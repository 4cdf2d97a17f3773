"""What a trial costs above plain Optuna, in CPU seconds of the whole process tree, its run in MLflow included.

    .venv/bin/python benchmarks/models/tune.py [--rounds 3]

Both sides minimise the same parabola over two numbers, with TPE, three values reported on the way and the median rule.
Studies of 20 and of 120 trials are run, each in a process of its own: the difference, over 100 trials, is the cost of
one. What is paid once (interpreters, imports, the database) is in the studies of 20, which are shown as well. MLflow's
own share is measured beside them, as the same calls by hand: on a busy machine everything is dearer.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.measure import BIN, once

FEW, MANY = 20, 120

PLAIN = """
import sys
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def bowl(trial):
    x, y = trial.suggest_float("x", -3.0, 3.0), trial.suggest_float("y", 0.001, 10.0, log=True)
    for step in (1, 2, 3):
        trial.report((x - 1) ** 2 + y - step, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return (x - 1) ** 2 + y


sampler, pruner = optuna.samplers.TPESampler(seed=1), optuna.pruners.MedianPruner()
study = optuna.create_study(direction="minimize", sampler=sampler, pruner=pruner)
study.optimize(bowl, n_trials=int(sys.argv[1]))
optuna.importance.get_param_importances(study)
"""

BY_HAND = """
import os, sys, tempfile, time
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

with tempfile.TemporaryDirectory() as folder:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.create_experiment("bowls")
    for number in range(int(sys.argv[1])):
        now = int(time.time() * 1000)
        tags = {f"tag{place}": "some words" for place in range(7)}
        run = client.create_run(experiment, start_time=now, run_name=str(number), tags=tags).info.run_id
        metrics = [Metric("loss", 0.1 * step, now, step) for step in (1, 2, 3)]
        metrics += [Metric(name, 0.5, now, 0) for name in ("size", "seconds")]
        client.log_batch(run, metrics=metrics, params=[Param("x", "0.5"), Param("y", "0.25")])
        client.set_terminated(run, "FINISHED", now)
"""

COMPONENT = '''
from levada import Artifact, Context, component


class Bowl(Artifact):
    """Nothing."""


@component
def bowl(ctx: Context, *, x: float = 0.0, y: float = 1.0) -> Bowl:
    """Report a parabola."""
    for step in (1, 2, 3):
        ctx.metric("loss", (x - 1) ** 2 + y - step, step=step)
    ctx.metric("loss", (x - 1) ** 2 + y)
    return ctx.output(Bowl)
'''

PIPELINE = '''
from components.bowl import bowl
from levada import pipeline
from levada.components import between, minimize, tune


@pipeline
def bowls(*, trials: int = 20) -> None:
    """Find the lowest point."""
    space = {"x": between(-3.0, 3.0), "y": between(0.001, 10.0, log=True)}
    tune(bowl, space=space, goal=minimize("loss"), trials=trials)()
'''


def project(folder: Path) -> Path:
    """Write a project with one component and one pipeline."""
    for package, name, text in (("components", "bowl", COMPONENT), ("pipelines", "bowls", PIPELINE)):
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()
        (folder / package / f"{name}.py").write_text(text)
    (folder / "pyproject.toml").write_text('[project]\nname = "x"\n[tool.levada]\ncode = ["components", "pipelines"]\n')
    return folder


def plain(trials: int) -> float:
    return once([sys.executable, "-c", PLAIN, str(trials)]).cpu


def by_hand(trials: int) -> float:
    return once([sys.executable, "-c", BY_HAND, str(trials)]).cpu


def tuned(trials: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        found = once([BIN / "levada", "run", "bowls", "--trials", str(trials)], folder=project(Path(folder)))
        assert f"{trials} trials" in found.output, found.output
        return found.cpu


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("--rounds", type=int, default=3)
    rounds = words.parse_args().rounds
    kinds = {
        "plain Optuna, in one process": plain,
        "MLflow's three calls, by hand": by_hand,
        "tune(), MLflow's runs included": tuned,
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for number in range(rounds + 1):  # alternately, and the first is to warm up
        for name, run in kinds.items():
            pair = run(FEW), run(MANY)
            if number:
                found[name].append(pair)
    print(f"{'CPU seconds':<34}{FEW} trials  {MANY} trials   a trial")
    slopes: dict[str, float] = {}
    for name, pairs in found.items():
        few, many = (statistics.median(pair[place] for pair in pairs) for place in (0, 1))
        slopes[name] = statistics.median((pair[1] - pair[0]) / (MANY - FEW) for pair in pairs)
        print(f"{name:<34}{few:>8.2f}  {many:>10.2f}  {slopes[name] * 1000:>6.1f} ms")
    names = list(kinds)
    above = (slopes[names[2]] - slopes[names[0]]) * 1000
    own = above - slopes[names[1]] * 1000
    print(
        f"a trial costs {above:.1f} ms above plain Optuna, MLflow's run included; {own:.1f} of it are not MLflow's own"
    )


if __name__ == "__main__":
    main()
