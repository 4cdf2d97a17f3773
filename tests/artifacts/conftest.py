"""Artifacts being made, in a temporary folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from levada.artifact import Artifact, Making


@pytest.fixture
def making(tmp_path: Path) -> Callable[[type[Artifact]], Any]:
    """Return a function that begins an artifact of a type, as `ctx.output` does."""

    def begin(kind: type[Artifact]) -> Artifact:
        folder = tmp_path / kind.__name__
        folder.mkdir()
        return kind(Making(folder, str(folder), "output"))

    return begin
