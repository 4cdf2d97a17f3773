"""Commands as a reader types them: in a shell, on a terminal, one after the other."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from levada.settings import SETTINGS

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LOOSE = (
    (re.compile(r"\.venv/bin/levada"), "levada"),
    (re.compile(r"(?<=levada show )[0-9a-f]{4}\b"), "RUN"),
    (re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}|(?<=\brun )[0-9a-f]{4}\b"), "RUN"),
    (re.compile(r"\b(plan|code) [0-9a-f]{6,}"), r"\1 DIGEST"),
    (re.compile(r"\d+ min \d\d s|\d[\d.]* (?:us|ms|s|min)\b"), "TIME"),
    (re.compile(r"\d+(?:[.,]\d+)*"), "0"),
    (re.compile(r"\s+"), " "),
)


@dataclass
class Command:
    """A command of a page, the lines that the page shows below it, and whether it says that the command fails."""

    where: str
    words: str
    shown: list[str] = field(default_factory=list[str])

    @property
    def code(self) -> int:
        """The exit code that the page announces: `# exits with 1`; else 0."""
        said = re.search(r"# exits with (\d+)$", self.words)
        return int(said[1]) if said else 0


def commands_of(text: str, where: str, line: int) -> Iterator[Command]:
    """Yield what stands behind each `$ `, with what is shown below it."""
    command: Command | None = None
    for number, content in enumerate(text.splitlines(), line):
        if content.startswith("$ "):
            if command:
                yield command
            command = Command(f"{where}:{number}", content[2:])
        elif command and content.strip():
            command.shown.append(content)
    if command:
        yield command


def run_on_terminal(words: str, folder: Path, path: str) -> tuple[int, str]:
    """Run a command line in a shell whose terminal has 120 columns; return the exit code and what was to be read."""
    ours = {"LEVADA_ENV", "COLUMNS", "LINES", *(setting.variable for setting in SETTINGS.values())}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"PATH": f"{path}{os.pathsep}{environment['PATH']}", "TERM": "xterm", "NO_COLOR": "1"}
    ours_end, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 120, 0, 0))
    process = subprocess.Popen(
        ["bash", "-c", words], cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    read = bytearray()
    try:
        while part := os.read(ours_end, 65536):
            read += part
    except OSError:  # the last process that had the terminal has ended
        pass
    os.close(ours_end)
    return process.wait(), _ESCAPE.sub("", read.decode(errors="replace")).replace("\r", "\n")


def loosely(line: str) -> str:
    """A line without what differs from run to run: numbers, times, identifiers, the width of columns."""
    for pattern, instead in _LOOSE:
        line = pattern.sub(instead, line)
    return line.strip()


def missing(shown: list[str], output: str) -> list[str]:
    """Return the shown lines that the output does not have, in this order; `...` in a line is anything."""
    lines = [loosely(line) for line in output.splitlines()]
    absent: list[str] = []
    begin = 0
    for line in shown:
        pattern = re.compile(".*".join(re.escape(loosely(part)) for part in line.split("...")))
        found = next((index for index in range(begin, len(lines)) if pattern.fullmatch(lines[index])), None)
        if found is None:
            absent.append(line)
        else:
            begin = found + 1
    return absent
