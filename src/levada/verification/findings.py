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
    def of(damage: Damage, versions: Iterable[str] = (), mend: str = "", instead: str = "") -> Finding:
        """Return the finding of a damaged artifact.

        `mend` is what puts it back from a copy, if there is one; `instead` the run that has made something else of
        the same inputs since.
        """
        maker = damage.maker
        command, remedy = maker.command, "" if maker.command else maker.remedy
        if mend:
            command, remedy = mend, ""
        elif damage.kind == "added":
            command, remedy = "", "Remove it, if nobody needs it."
        elif instead and versions:
            command = ""
            remedy = f"Run {instead} made it again, and not the same: put the file back from a copy of the store."
        elif instead:
            command = ""
            remedy = (
                f"Run {instead} made it again, and not the same, so no run takes this one any more; "
                f"levada gc --runs {maker.run} --delete removes it with its run."
            )
        where = (maker.run, maker.node, maker.pipeline)
        return Finding(damage.kind, damage.address, str(damage), *where, tuple(versions), command, remedy)


@dataclass
class Report:
    """What was looked at, and what was found: `size` is in bytes, `seconds` wall time.

    `mended` says which files were put back, and from where; `notes` what could not be looked at, and why.
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
    mended: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])

    @property
    def is_intact(self) -> bool:
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        return {"intact": self.is_intact, **asdict(self)}
