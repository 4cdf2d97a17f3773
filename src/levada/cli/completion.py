"""`levada completion`: the script that makes a shell complete `levada` commands."""

from __future__ import annotations

import os
import sys

import click
from click.shell_completion import get_completion_class, shell_complete

PROGRAM = "levada"
VARIABLE = "_LEVADA_COMPLETE"
"""The shell sets it when it asks for completions."""

WHERE = {
    "bash": "echo 'eval \"$(levada completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(levada completion zsh)\"' >> ~/.zshrc   (below compinit)",
    "fish": "levada completion fish > ~/.config/fish/completions/levada.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(tuple(WHERE)))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    r"""Print the script that lets a shell complete words.

    Commands, pipelines, runs and nodes, that is.

    \b
    bash   echo 'eval "$(levada completion bash)"' >> ~/.bashrc
    zsh    echo 'eval "$(levada completion zsh)"' >> ~/.zshrc     (below compinit)
    fish   levada completion fish > ~/.config/fish/completions/levada.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    command = context.find_root().command
    click.echo(kind(command, {}, PROGRAM, VARIABLE).source())
    if sys.stdout.isatty():
        click.echo(f"To have it in every new shell:\n  {WHERE[shell]}", err=True)
    return 0


def answer_shell(command: click.Command) -> int:
    """Print the completions that a shell asks for by setting the variable, and return the exit code."""
    return shell_complete(command, {}, PROGRAM, VARIABLE, os.environ[VARIABLE])
