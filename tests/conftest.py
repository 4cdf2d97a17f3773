"""Components called as plain functions, with a context made by hand."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from levada.component import Component
from levada.context import Context
from levada.store import Store

# The first example of a test may import a library: how long one takes says nothing.
settings.register_profile("levada", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "levada"))

Call = Callable[..., Any]


@pytest.fixture(scope="session", autouse=True)
def _signing_key(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let pushes sign with a key of the tests' own, made on first use; processes that tests start inherit it."""
    os.environ["LEVADA_SIGN_WITH"] = str(tmp_path_factory.mktemp("keys") / "signing.pem")


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Return a function that runs a component in a project at `tmp_path` and returns what it made.

    What the component said (`line`, `metrics`) is in the contexts, newest last: `call.contexts[-1]`.
    """
    return Caller(tmp_path)


class Caller:
    def __init__(self, root: Path) -> None:
        self.contexts: list[Context] = []
        self._root = root
        self._numbers = itertools.count()

    def __call__(self, component: Component[..., Any], *args: Any, **kwargs: Any) -> Any:
        context = Context(
            run_id="run",
            node_id=f"{component.name}-{next(self._numbers)}",
            pipeline="test",
            attempt="attempt",
            store=Store(self._root / "store"),
            root=self._root,
            output_types=component.signature.outputs,
            emit=lambda *args, **fields: None,
        )
        self.contexts.append(context)
        return component.function(context, *args, **kwargs)

    @property
    def line(self) -> str:
        """What the last component said came out."""
        return self.contexts[-1].line
