"""Secrets are references: where a password is kept, never what it is.

    @component
    def extract(ctx: Context, *, password: Secret = Secret.env("DB_PASSWORD")) -> Examples:
        connection = connect(user="levada", password=password.reveal())

Plans, cache keys, journals and MLflow hold the reference. The value is read where it is used, by `reveal`. Each
process remembers what it has revealed, and `redact` takes that out of whatever it is about to write down.
"""

from __future__ import annotations

import json
import os
import re
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from levada.errors import ParameterError, SecretError

SHORTEST = 4
"""Characters. Shorter values are not looked for in text: they would be found everywhere."""

_LONG_LINE = 16  # of a key of several lines, which logs show a line at a time


@dataclass(frozen=True, repr=False)
class Secret:
    """A reference to a secret: `scheme` is `env` (an environment variable) or `file` (an absolute path).

    Two are equal if they refer to the same place. `reveal()` is called where the value is used: in a component.
    """

    scheme: str
    name: str

    def __post_init__(self) -> None:
        if self.scheme not in ("env", "file"):
            raise ParameterError(_wanted("a secret's reference has another beginning"))
        if not self.name or (self.scheme == "env" and not re.fullmatch(r"\w+", self.name)):
            raise ParameterError(_wanted("a secret's reference does not name a place"))
        if self.scheme == "file" and not Path(self.name).expanduser().is_absolute():
            raise ParameterError(
                f"the secret's file {self.name} is not an absolute path.",
                hint="Keep secrets outside the project: /run/secrets/..., or below ~.",
            )

    @staticmethod
    def env(name: str) -> Secret:
        """Refer to the environment variable `name` of the process that runs the component."""
        return Secret("env", name)

    @staticmethod
    def file(path: str | Path) -> Secret:
        """Refer to the content of a file, by an absolute path (or one below `~`); a last line break does not count."""
        return Secret("file", str(path))

    @staticmethod
    def parse(reference: str) -> Secret:
        """Return the secret of a reference as `reference` gives it; the text of a wrong one is never repeated."""
        scheme, _, name = reference.partition(":")
        return Secret(scheme, name)

    @property
    def reference(self) -> str:
        """`env:DB_PASSWORD` or `file:/run/secrets/db`."""
        return f"{self.scheme}:{self.name}"

    def reveal(self) -> str:
        """Return the value, which `redact` knows from then on; raises SecretError if it is not there."""
        value = self._value()
        if not value:
            raise self.missing()
        _remember(value, self.reference)
        return value

    def missing(self, who: str = "") -> SecretError:
        """Return the error of a secret that is not there: who wants it, what it refers to, what to do."""
        wanted = f"{who} wants the secret {self.reference}, which" if who else f"the secret {self.reference}"
        return SecretError(f"{wanted} {self._lack()}.", hint=self._remedy())

    def is_there(self) -> bool:
        """Whether `reveal` would give something, on this machine, now."""
        return bool(self._value())

    def guard(self) -> None:
        """Let `redact` know the value, if it is there, without anybody seeing it."""
        value = self._value()
        if value:
            _remember(value, self.reference)

    def _value(self) -> str:
        if self.scheme == "env":
            return os.environ.get(self.name, "")
        try:
            text = Path(self.name).expanduser().read_text()
        except (OSError, UnicodeDecodeError):
            return ""
        return text.removesuffix("\n").removesuffix("\r")

    def _lack(self) -> str:
        if self.scheme == "env":
            return "is empty" if self.name in os.environ else "is not set"
        path = Path(self.name).expanduser()
        return "is empty or cannot be read" if path.exists() else "is not there"

    def _remedy(self) -> str:
        if self.scheme == "env":
            return f"Set the environment variable {self.name} where this runs: export {self.name}=..."
        return f"Put the value into {self.name}, readable by the user who runs this."

    def __str__(self) -> str:
        return self.reference

    def __repr__(self) -> str:
        return f"Secret.{self.scheme}({self.name!r})"


def _wanted(what: str) -> str:
    return f"{what}: wanted env:NAME or file:/path."


def revealed(form: Any) -> Any:
    """Return a structure of dicts and lists with every `Secret` in it revealed."""
    if isinstance(form, Secret):
        return form.reveal()
    if isinstance(form, dict):
        return {key: revealed(item) for key, item in cast("dict[Any, Any]", form).items()}
    if isinstance(form, list | tuple):
        return [revealed(item) for item in cast("list[Any]", form)]
    return form


# -- what this process has revealed ---------------------------------------------------------------------

_lock = threading.Lock()
_known: dict[str, str] = {}
_pattern: re.Pattern[str] | None = None


def _remember(value: str, reference: str) -> None:
    global _pattern  # noqa: PLW0603  one memory a process
    shapes = [shape for shape in _shapes(value) if len(shape) >= SHORTEST]
    if all(shape in _known for shape in shapes):
        return
    with _lock:
        for shape in shapes:
            _known.setdefault(shape, reference)
        longest_first = sorted(_known, key=len, reverse=True)
        _pattern = re.compile("|".join(re.escape(shape) for shape in longest_first))


def _shapes(value: str) -> Iterator[str]:
    """Yield a value as it may stand in a text: itself, quoted for an address, escaped, a line at a time."""
    yield value
    yield urllib.parse.quote(value, safe="")
    yield urllib.parse.quote_plus(value)
    yield repr(value)[1:-1]
    yield json.dumps(value)[1:-1]
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _LONG_LINE)


def redact(text: str) -> str:
    """Return a text without the values of secrets that this process has revealed: their references stand there."""
    if _pattern is None:
        return text
    return _pattern.sub(lambda match: f"<secret {_known[match[0]]}>", text)


def knows_secrets() -> bool:
    """Whether this process knows the value of any secret."""
    return _pattern is not None


def redact_bytes(content: bytes) -> bytes:
    """Return what a process wrote, in UTF-8 or not, without the values of secrets."""
    if _pattern is None:
        return content
    return redact(content.decode(errors="surrogateescape")).encode(errors="surrogateescape")


def redacted(form: Any) -> Any:
    """Return a JSON form with every text in it redacted; keys stay as they are."""
    if _pattern is None:
        return form
    if isinstance(form, str):
        return redact(form)
    if isinstance(form, dict):
        return {key: redacted(item) for key, item in cast("dict[Any, Any]", form).items()}
    if isinstance(form, list | tuple):
        return [redacted(item) for item in cast("list[Any]", form)]
    return form


def secret_within(text: str) -> str:
    """Return the reference of a revealed secret whose value a text holds, or an empty string."""
    found = _pattern.search(text) if _pattern is not None else None
    return _known[found[0]] if found else ""
