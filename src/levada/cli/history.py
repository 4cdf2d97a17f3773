"""What the commands that answer from the store share: the runs, and how a word names one."""

from __future__ import annotations

import json
from typing import Any

import click

from levada.cli.session import Session
from levada.history import History


def history_of(session: Session) -> History:
    """Return the store's runs, those whose process has died closed as killed."""
    session.notice_killed()
    return History(session.project.store)


def print_json(form: Any) -> None:
    """Print a document for scripts."""
    click.echo(json.dumps(form, ensure_ascii=False, indent=2))
