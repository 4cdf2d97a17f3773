"""`levada extensions`: what other packages add."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command("extensions")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object an extension.")
def list_extensions(as_json: bool) -> int:
    """List what installed packages add to Levada.

    And where they could. Ends with 1 if one does not load.
    """
    from levada.errors import ProjectError
    from levada.extensions import POINTS, installed

    broken = False
    for group, about in POINTS.items():
        if not as_json:
            click.echo(f"{group}\n  {about.replace('`', '')}")
        for extension in installed(group).values():
            trouble = ""
            try:
                extension.load()
            except ProjectError as error:
                trouble, broken = error.message, True
            facts: dict[str, Any] = {
                "group": group,
                "name": extension.name,
                "value": extension.value,
                "distribution": extension.distribution,
                "version": extension.version,
                "trouble": trouble,
            }
            mark = "✗" if trouble else "✓"
            line = f"    {mark} {extension.name}   {extension}   {trouble or extension.value}"
            click.echo(json.dumps(facts, ensure_ascii=False) if as_json else line)
        if not as_json:
            click.echo()
    return 1 if broken else 0
