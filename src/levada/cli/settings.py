"""`levada settings`: what is in force, and where each value comes from."""

from __future__ import annotations

import json
from typing import Any

import click

from levada.cli.session import Session
from levada.settings import FILE, shown


@click.command("settings")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show_settings(session: Session, as_json: bool) -> int:
    """Show what is set, and where. Secrets are shown as references, with whether they are there."""
    project = session.project
    rows = list(shown(project.settings))
    if as_json:
        values = {name: {"value": value, "from": origin} for name, value, origin in rows}
        document = {"root": str(project.root), "file": str(project.root / FILE), "settings": values}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return 0
    click.echo(f"{project.root / FILE}\n")
    texts = [(name, _text(value), origin) for name, value, origin in rows]
    widths = [max(len(row[place]) for row in texts) for place in (0, 1)]
    for name, text, origin in texts:
        click.echo(f"  {name:<{widths[0]}}  {text:<{min(widths[1], 60)}}  {origin}".rstrip())
    return 0


def _text(value: Any) -> str:
    match value:
        case {"is_there": bool(is_there), **reference}:
            ((scheme, name),) = reference.items()
            return f"secret {scheme}:{name} ({'there' if is_there else 'NOT there'})"
        case dict():
            return ", ".join(f"{name} = {_text(item)}" for name, item in value.items()) or "-"
        case list():
            return " ".join(_text(item) for item in value) or "-"
        case None | "":
            return "-"
        case _:
            return str(value)
