"""What a verification found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from levada.store.inspection import Damage


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was made.

    `kind` is missing, size, content, added, record, unreadable, document or served; `said` a sentence that names
    the file. `run`, `node` and `pipeline` say who made it, `versions` which registered versions it is part of,
    `command` what makes it again (all empty where that is not known).
    """

    kind: str
    address: str
    said: str
    run: str = ""
    node: str = ""
    pipeline: str = ""
    versions: tuple[str, ...] = ()
    command: str = ""
    remedy: str = ""

    @staticmethod
    def of(damage: Damage, versions: Iterable[str] = ()) -> Finding:
        """Return the finding of a damaged artifact."""
        maker = damage.maker
        remedy = "" if maker.command else maker.remedy
        return Finding(
            damage.kind,
            damage.address,
            str(damage),
            maker.run,
            maker.node,
            maker.pipeline,
            tuple(versions),
            maker.command,
            remedy,
        )


@dataclass
class Report:
    """What was looked at, and what was found: `size` is in bytes, `seconds` wall time.

    `notes` say what could not be looked at, and why.
    """

    store: str
    target: str = ""
    documents: int = 0
    artifacts: int = 0
    files: int = 0
    served: int = 0
    size: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list[Finding])
    notes: list[str] = field(default_factory=list[str])

    @property
    def is_intact(self) -> bool:
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        return {"intact": self.is_intact, **asdict(self)}
