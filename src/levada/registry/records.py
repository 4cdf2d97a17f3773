"""What a registry keeps of a model: versions, what went live and what is about to, pushes and approvals that wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from levada.artifact import ArtifactRecord


@dataclass(frozen=True)
class Version:
    """A registered version: its number and where the registry knows it."""

    model: str
    fingerprint: str
    version: int
    registry: str


@dataclass(frozen=True)
class Release:
    """What is to go live, and on whose word: a run's push, or a person's (`actor`) push or rollback.

    `champion` is the model's record; `challenged` the champion that it was judged against, if there was one.
    `actor` says who moved it where it was not a run's push: "ana@laptop", or "MLflow" for an alias that a person moved
    there. `kind` is "push", "rollback" or "alias". `checked` is the serving check whose requests come along.
    """

    version: Version
    champion: ArtifactRecord
    challenged: ArtifactRecord | None
    reason: str
    run: str = ""
    actor: str = ""
    kind: str = "push"
    checked: ArtifactRecord | None = None

    def to_json(self) -> dict[str, Any]:
        return _with_records(self) | {"version": asdict(self.version)}

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> Self:
        read: dict[str, Any] = {**_read_records(form), "version": Version(**form["version"])}
        return cls(**read)


@dataclass(frozen=True)
class _Released:
    """An entry about a release at a `destination`."""

    number: int
    release: Release
    destination: str
    time: str

    @property
    def model(self) -> str:
        return self.release.version.model

    @property
    def version(self) -> int:
        return self.release.version.version

    @property
    def fingerprint(self) -> str:
        return self.release.version.fingerprint

    def is_of(self, version: Version) -> bool:
        """Whether it is about this very version."""
        return (self.fingerprint, self.version) == (version.fingerprint, version.version)

    def to_json(self) -> dict[str, Any]:
        return {**_fields(self), "release": self.release.to_json()}

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> Self:
        read: dict[str, Any] = {**form, "release": Release.from_json(form["release"])}
        return cls(**read)


@dataclass(frozen=True)
class Promotion(_Released):
    """One move of the `champion` alias: what is live from then on; `before` is the version that was."""

    before: int | None


@dataclass(frozen=True)
class Move(_Released):
    """That a folder's pointer is about to name a version. Whether it came to that, the pointer tells.

    `promotions` is how many there were before: if there are as many still, the move was not recorded as a promotion.
    """

    promotions: int


@dataclass(frozen=True)
class Order:
    """A push that waits for the registry: what is to go live where, once it has a number, and on whose word.

    `promotions` is how many promotions there were when it was given: it is void once another model has gone live.
    `keep` versions stay in the folder then, and the requests of `checked`, a serving check, come along.
    """

    number: int
    model: str
    champion: ArtifactRecord
    challenged: ArtifactRecord | None
    destination: str
    reason: str
    run: str
    node: str
    attempt: str
    time: str
    promotions: int
    keep: int | None = None
    checked: ArtifactRecord | None = None

    @property
    def fingerprint(self) -> str:
        return self.champion.identity

    def release(self, version: Version) -> Release:
        """Return what is to go live, now that it has a version."""
        return Release(version, self.champion, self.challenged, self.reason, self.run, checked=self.checked)

    def to_json(self) -> dict[str, Any]:
        return _with_records(self)

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> Self:
        return cls(**_read_records(form))


@dataclass(frozen=True)
class Request:
    """An approval that a model waits for: of whom (`by`, empty for anybody), and the question."""

    fingerprint: str
    by: str
    question: str
    run: str
    time: str


def _fields(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _with_records(record: Release | Order) -> dict[str, Any]:
    form = _fields(record)
    return {name: value.to_json() if isinstance(value, ArtifactRecord) else value for name, value in form.items()}


def _read_records(form: Mapping[str, Any]) -> dict[str, Any]:
    records = {name: form[name] for name in ("champion", "challenged", "checked") if form.get(name)}
    return {**form, **{name: ArtifactRecord.from_json(record) for name, record in records.items()}}
