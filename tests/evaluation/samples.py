"""Rows of every task with answers that know something, and groups of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from levada.artifacts.measured import Task
from levada.evaluation.groups import Groups
from levada.evaluation.rows import Rows

Z = 1.959964


def binary(count: int, signals: tuple[float, ...] = (1.5,), seed: int = 0, cut: float = 0.5) -> Rows:
    """Labels, and probabilities that know something of them: more with a larger signal."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count)
    noise = random.normal(size=count)
    chances = [1 / (1 + np.exp(-(signal * (labels - 0.5) + noise))) for signal in signals]
    return rows("binary", labels, *chances, classes=("0", "1"), cut=cut)


def multiclass(count: int, number: int = 3, seed: int = 0) -> Rows:
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(number), random.integers(0, number, count - number)])
    scores = random.normal(size=(count, number)) + 1.2 * (labels[:, None] == np.arange(number))
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return rows("multiclass", labels, chances, classes=tuple(map(str, range(number))))


def multilabel(count: int, number: int = 3, seed: int = 0) -> Rows:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, (count, number))
    chances = 1 / (1 + np.exp(-(1.5 * (labels - 0.5) + random.normal(size=labels.shape))))
    return rows("multilabel", labels, chances, classes=tuple(map(str, range(number))))


def regression(count: int, seed: int = 0) -> Rows:
    random = np.random.default_rng(seed)
    labels = random.normal(10, 3, count)
    return rows("regression", labels, labels + random.normal(0.2, 1, count))


def rows(task: Task, labels: Any, *answers: Any, classes: tuple[str, ...] = (), cut: float = 0.5) -> Rows:
    columns = pa.table({"row": np.arange(len(labels))})
    return Rows(task, classes, np.asarray(labels), tuple(np.asarray(each, float) for each in answers), columns, cut)


def thirds(count: int) -> Groups:
    """Rows in three groups, one of them small, and a few in none."""
    codes = np.random.default_rng(1).choice([0, 1, 2, -1], count, p=[0.5, 0.35, 0.1, 0.05])
    return Groups(codes, 3)
