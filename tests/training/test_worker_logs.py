"""What the processes of a component write lies beside the node's own log, in a folder or in an object store."""

from __future__ import annotations

from pathlib import Path

import pytest

from levada.context import Context
from levada.secret import Secret
from levada.store import Store


def context(store: Store) -> Context:
    return Context("run-1", "train", "p", "attempt-1", store, Path(), {}, emit=lambda *args, **fields: None)


@pytest.mark.parametrize("where", ["folder", "memory"])
def test_logs_are_kept_also_of_a_component_that_fails(where: str, tmp_path: Path) -> None:
    store = Store(tmp_path if where == "folder" else f"memory://{tmp_path}")

    def train() -> None:
        with context(store).log_folder() as folder:
            (folder / "worker-0.log").write_text("a word")
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        train()
    assert store.read("runs/run-1/logs/train/attempt-1/worker-0.log") == b"a word"


def test_the_value_of_a_secret_is_taken_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKERS_PASSWORD", "correct-horse-battery")
    Secret.env("WORKERS_PASSWORD").reveal()
    store = Store(tmp_path)
    with context(store).log_folder() as folder:
        (folder / "worker-0.log").write_text("it is correct-horse-battery")
    kept = store.read("runs/run-1/logs/train/attempt-1/worker-0.log") or b""
    assert kept.startswith(b"it is ") and b"correct" not in kept
