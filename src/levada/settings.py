"""A project's settings: the table `[tool.levada]` of its `pyproject.toml`.

[tool.levada]
code = ["components", "pipelines"]     # packages with this project's code
store = ".levada"                      # where artifacts and journals go; an fsspec URI or a folder
mlflow = "sqlite:///.levada/mlflow.db" # the tracking server; MLFLOW_TRACKING_URI goes before it
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from levada.errors import ProjectError, did_you_mean

SETTINGS = ("code", "store", "mlflow")


def read_settings(path: Path) -> dict[str, Any] | None:
    """Return the table of a `pyproject.toml`, None if it has none; raises ProjectError if it is not TOML."""
    try:
        return tomllib.loads(path.read_text()).get("tool", {}).get("levada")
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{path} is not TOML: {error}.") from None


def check_settings(path: Path, settings: dict[str, Any]) -> None:
    """Raise ProjectError for a setting that is unknown or of the wrong type."""
    for name in settings:
        if name not in SETTINGS:
            hint = did_you_mean(name, SETTINGS) or f"Settings are {', '.join(SETTINGS)}."
            raise ProjectError(f"{path}: [tool.levada] has no setting '{name}'.", hint=hint)
    code = settings.get("code", [])
    if not isinstance(code, list) or not all(isinstance(name, str) for name in code):
        raise ProjectError(f"{path}: [tool.levada] code must be a list of package names.")
    for name in ("store", "mlflow"):
        if not isinstance(settings.get(name, ""), str):
            raise ProjectError(f"{path}: [tool.levada] {name} must be text.")
