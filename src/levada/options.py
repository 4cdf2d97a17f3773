"""What a node is told beside its parameters: name, order, gates, what it needs, how it is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from levada.artifact import Gate
from levada.errors import Position, WiringError
from levada.parameters import Parameters
from levada.retry import Retry, retry_form
from levada.values import Json


@dataclass(frozen=True)
class Options:
    """What a node is told beside its parameters; see `Component.with_options`."""

    name: str | None = None
    after: tuple[str, ...] = ()
    requires: tuple[Gate, ...] = ()
    required_inputs: tuple[str, ...] = ()
    needs: tuple[tuple[str, Json], ...] = ()
    packages: tuple[str, ...] = ()
    cache: bool = True
    retry: tuple[tuple[str, Json], ...] = ()
    timeout: float | None = None
    process: str = ""
    at_once: int | None = None
    parameters: Parameters | None = None
    check: Callable[..., object] | None = None


def check_name(name: str, position: Position | None) -> str:
    """Return a node name; raises WiringError unless it is made of letters, digits, '_' and '-'."""
    if not name or not all(char.isalnum() or char in "_-" for char in name):
        raise WiringError(
            f"'{name}' cannot name a node.", where=position, hint="Use letters, digits, '_' and '-' (not '/')."
        )
    return name


def how_to_run(
    options: Options,
    retry: Retry | int | None,
    timeout: float | timedelta | None,
    process: str | None,
    at_once: int | None,
    position: Position | None,
) -> Options:
    """Return the options with what is said of retries, time and processes; raises WiringError for nonsense."""
    if retry is not None:
        options = replace(options, retry=tuple(retry_form(retry, position).items()))
    if timeout is not None:
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
        if not seconds > 0:
            raise WiringError(f"timeout={timeout!r}: wanted seconds above 0, or a timedelta.", where=position)
        options = replace(options, timeout=seconds)
    if process is not None:
        if process != "own":
            raise WiringError(f'process={process!r}: wanted "own", or to leave it out.', where=position)
        options = replace(options, process=process)
    if at_once is not None:
        if isinstance(at_once, bool) or at_once < 1:
            raise WiringError(f"at_once={at_once!r}: wanted the most items at once, 1 or more.", where=position)
        options = replace(options, at_once=at_once)
    return options


_NEEDS: dict[str, tuple[type, ...]] = {"cpus": (int, float), "memory": (str, int), "gpus": (int,)}


def check_needs(needs: Mapping[str, Json], position: Position | None) -> dict[str, Json]:
    """Return what a node asks of the machine; raises WiringError for an unknown or malformed need."""
    from levada.resources import parse_bytes

    for name, value in needs.items():
        if name not in _NEEDS:
            raise WiringError(f"needs={{'{name}': ...}}: a node can need {', '.join(_NEEDS)}.", where=position)
        if isinstance(value, bool) or not isinstance(value, _NEEDS[name]):
            wanted = " or ".join(kind.__name__ for kind in _NEEDS[name])
            raise WiringError(
                f"needs={{'{name}': {value!r}}}: wanted {wanted}, got {type(value).__name__}.", where=position
            )
        if name == "memory":
            try:
                parse_bytes(value)
            except ValueError as error:
                raise WiringError(f"needs={{'memory': {value!r}}}: {error}.", where=position) from None
    return dict(needs)
