"""Artifacts: typed references to what a component made.

The same object type stands for an artifact while a pipeline is drawn (it knows only which node will
make it), while its component runs (it knows where to write), and once it is made (it knows what the
manifest says). A new type is a few lines:

    class Embeddings(Artifact):
        \"\"\"One vector per item, as `embeddings.npy`.\"\"\"

        def array(self) -> np.ndarray:
            return np.load(self.path / "embeddings.npy")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Protocol, TypeVar

from levada.errors import ComponentError, StoreError, WiringError
from levada.html import VIEWS
from levada.references import load, reference_of
from levada.values import Json, digest_of

VERDICT = "verdict"
"""The property that holds what a gate says."""


@dataclass(frozen=True)
class FileEntry:
    """One file of an artifact: its path below the artifact's folder, size in bytes, sha256 in hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Verdict:
    """What a gate says: whether later nodes may run, and why, a line each; what closed it comes first."""

    open: bool
    reasons: list[str]

    @staticmethod
    def of(properties: Mapping[str, Json]) -> Verdict | None:
        """Return the verdict that is among the properties of an artifact, None where there is none."""
        form = properties.get(VERDICT)
        if not isinstance(form, dict):
            return None
        reasons = form.get("reasons")
        return Verdict(bool(form.get("open")), [str(each) for each in reasons] if isinstance(reasons, list) else [])


@dataclass(frozen=True)
class ArtifactRecord:
    """What a manifest says of one made artifact.

    `type` is a code reference, `uri` the folder that holds its files (`store:` and a key for one in the store, so that
    the record means the same wherever the store is mounted or moved to), `digest` the sha256 over its files and
    properties, `producer` the run and node that made it (empty for a file of the project).

    A list of artifacts is a record too: its `items` are theirs, it has no files of its own, and its digest is over
    what counts as the same of each. An item knows the list item it was made for: `item` names it by content, `label`
    for people.
    """

    type: str
    uri: str
    digest: str
    properties: dict[str, Json]
    files: tuple[FileEntry, ...]
    producer: str = ""
    items: tuple[ArtifactRecord, ...] | None = None
    item: str = ""
    label: str = ""

    @staticmethod
    def of_items(type_: str, items: Iterable[ArtifactRecord], producer: str = "") -> ArtifactRecord:
        """Return the record of a list of artifacts."""
        listed = tuple(items)
        digest = digest_of([record.identity for record in listed])
        return ArtifactRecord(type_, "", digest, {}, (), producer, listed)

    def leaves(self) -> Iterator[ArtifactRecord]:
        """Yield the records that have files: this one, or those of a list's items."""
        if self.items is None:
            yield self
        else:
            for item in self.items:
                yield from item.leaves()

    def to_json(self) -> dict[str, Any]:
        form: dict[str, Any] = {
            "type": self.type,
            "uri": self.uri,
            "digest": self.digest,
            "properties": self.properties,
            "files": [[file.path, file.size, file.sha256] for file in self.files],
            "producer": self.producer,
        }
        if self.items is not None:
            form["items"] = [item.to_json() for item in self.items]
        if self.item:
            form |= {"item": self.item, "label": self.label}
        return form

    @staticmethod
    def from_json(form: Mapping[str, Any]) -> ArtifactRecord:
        items = form.get("items")
        return ArtifactRecord(
            form["type"],
            form["uri"],
            form["digest"],
            form["properties"],
            tuple(FileEntry(path, size, sha256) for path, size, sha256 in form["files"]),
            form.get("producer", ""),
            None if items is None else tuple(ArtifactRecord.from_json(item) for item in items),
            form.get("item", ""),
            form.get("label", ""),
        )

    @property
    def identity(self) -> str:
        """What counts as "the same" downstream: a model's fingerprint where there is one, else the digest."""
        fingerprint = self.properties.get("fingerprint")
        return fingerprint if isinstance(fingerprint, str) else self.digest

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for record in self.leaves() for file in record.files)

    @property
    def verdict(self) -> Verdict | None:
        """What the gate says that this is; None for what is no gate, and for a list, whose items say it."""
        return Verdict.of(self.properties)

    @property
    def open(self) -> bool:
        """Whether the gate is open; an artifact without a verdict is always open, a list if all its items are."""
        if self.items is not None:
            return all(item.open for item in self.items)
        return self.verdict is None or self.verdict.open

    @property
    def reasons(self) -> list[str]:
        """Why the gate is open or closed, a line each; of a list, what its closed items say."""
        if self.items is not None:
            return [f"{item.label}: {reason}" for item in self.items if not item.open for reason in item.reasons]
        return self.verdict.reasons if self.verdict is not None else []


@dataclass(frozen=True)
class Drawn:
    """An artifact of a pipeline that is being drawn: which node will make it, or where it comes from."""

    binding: Any  # a levada.plan.Binding
    label: str
    mapped: str = ""  # the node whose `each` this artifact is one item of


@dataclass
class Making:
    """An artifact whose component is running: the local folder to write into, and its home in the store."""

    path: Path
    uri: str
    name: str
    properties: dict[str, Json] = field(default_factory=dict[str, Json])


class Home(Protocol):
    """Where the files of made artifacts are: a `levada.store.Store`."""

    def fetch(self, record: ArtifactRecord) -> Path: ...

    def address(self, uri: str) -> str: ...


@dataclass
class Made:
    """An artifact that is committed: its record, and what brings its files to this machine.

    `place` names the output of a run that it is (`RUN/NODE:OUTPUT`), where it was asked for as that; `told` is
    what a notebook says beside it.
    """

    record: ArtifactRecord
    home: Home
    local: Path | None = None
    place: str = ""
    told: tuple[str, ...] = ()


class Artifact:
    """A typed reference to something a component makes. Subclass it to add a type.

    `path` is a local folder with the files, `uri` their place in the store, `properties` small facts
    that JSON can carry. Components get artifacts from the engine and make new ones with `ctx.output`.
    """

    bulky: ClassVar[bool] = False
    """Whether artifacts of this type can be so large that a project may settle for comparing their sizes before use."""

    def __init__(self, state: Drawn | Making | Made) -> None:
        self._state = state

    @classmethod
    def type_reference(cls) -> str:
        return reference_of(cls)

    # -- what a made (or being made) artifact tells -------------------------------------------------

    @property
    def path(self) -> Path:
        """The local folder with this artifact's files; fetched first if the store is elsewhere."""
        state = self._tangible("path")
        if isinstance(state, Making):
            return state.path
        if state.local is None:
            state.local = state.home.fetch(state.record)
        return state.local

    @property
    def uri(self) -> str:
        """The folder that holds, or will hold, the files: an absolute path, or an fsspec URI."""
        state = self._tangible("uri")
        return state.uri if isinstance(state, Making) else state.home.address(state.record.uri)

    @property
    def properties(self) -> dict[str, Json]:
        """Small facts about the artifact; writable until the component returns."""
        state = self._tangible("properties")
        return state.properties if isinstance(state, Making) else state.record.properties

    @property
    def record(self) -> ArtifactRecord:
        """What the manifest says; only a committed artifact has one."""
        state = self._tangible("record")
        if isinstance(state, Making):
            raise ComponentError(f"{type(self).__name__} '{state.name}' has no record yet: it is still being made.")
        return state.record

    @property
    def digest(self) -> str:
        """sha256 (hex) over the files and properties."""
        self._tangible("digest")
        return self.record.digest

    @property
    def identity(self) -> str:
        """What counts as "the same": a model's fingerprint where there is one, else the digest."""
        return self.record.identity

    def holds(self, root: Path) -> bool:
        """Whether a cached artifact of this type still stands for the project at `root`, its files being there.

        A type with an effect outside the store (a pushed model) overrides this.
        """
        return True

    # -- what an artifact that is only drawn refuses ------------------------------------------------

    @property
    def drawn(self) -> Drawn | None:
        """Where the artifact will come from, while a pipeline is drawn; None once it is made."""
        return self._state if isinstance(self._state, Drawn) else None

    def _tangible(self, wish: str) -> Making | Made:
        if isinstance(self._state, Drawn):
            self._refuse(f"its {wish} cannot be read")
        return self._state

    def _refuse(self, why: str) -> NoReturn:
        assert isinstance(self._state, Drawn)
        from levada.draw import caller_position

        raise WiringError(
            f"{self._state.label} gives {type(self).__name__}, which is not made yet while the pipeline is drawn: "
            f"{why}.",
            where=caller_position(),
            hint="Do it inside a component, which runs when the artifact is there.",
        )

    if not TYPE_CHECKING:
        # Hidden from type checkers, so that they go on reporting iteration over an artifact.
        def __iter__(self):
            self._not_made("it cannot be iterated or unpacked")
            raise TypeError(f"{type(self).__name__} is not iterable")

        def __len__(self):
            self._not_made("it has no length")
            raise TypeError(f"{type(self).__name__} has no len()")

        def __bool__(self):
            self._not_made("it is neither true nor false")
            return True

        def __getitem__(self, key):
            self._not_made("it cannot be indexed")
            raise TypeError(f"{type(self).__name__} cannot be indexed")

    def _not_made(self, why: str) -> None:
        if isinstance(self._state, Drawn):
            self._refuse(why)

    def _repr_html_(self) -> str | None:
        """What a notebook shows; nothing of its own before the artifact is made."""
        return VIEWS["artifact"](self, self._state.told) if isinstance(self._state, Made) else None

    def __repr__(self) -> str:
        name = type(self).__name__
        match self._state:
            case Drawn(label=label):
                return f"<{name} of {label}, not made yet>"
            case Making(name=output):
                return f"<{name} '{output}', being made>"
            case Made(record=record):
                return f"<{name} {record.digest[:12]} at {self.uri}>"


class Gate(Artifact):
    """An artifact with a verdict, which lets later nodes run or not. Subclass it to add a type.

    It is closed until a verdict is set.
    """

    def __init__(self, state: Drawn | Making | Made) -> None:
        super().__init__(state)
        if isinstance(state, Making):
            self.set_verdict(False, ["no verdict was set"])

    def set_verdict(self, is_open: bool, reasons: list[str]) -> None:
        """Open or close the gate, with the reasons for people, a sentence each; what closed it comes first."""
        self.properties[VERDICT] = {"open": is_open, "reasons": list(reasons)}

    @property
    def open(self) -> bool:
        """Whether the gate is open."""
        return self._said.open

    @property
    def reasons(self) -> list[str]:
        """Why the gate is open or closed, a sentence each; what closed it comes first."""
        return self._said.reasons

    @property
    def _said(self) -> Verdict | ArtifactRecord:
        state = self._tangible("verdict")
        return state.record if isinstance(state, Made) else Verdict.of(state.properties) or Verdict(False, [])


A = TypeVar("A", bound=Artifact)


def place_of(artifact: Artifact) -> str:
    """Return the output of a run that a made artifact is, `RUN/NODE:OUTPUT`; empty if it was not asked for as that."""
    state = artifact._state  # pyright: ignore[reportPrivateUsage]
    return state.place if isinstance(state, Made) else ""


def items_of(artifact: A) -> list[A] | None:
    """Return what a mapped node made, where an artifact stands for all of it in a notebook; else None."""
    state = artifact._state  # pyright: ignore[reportPrivateUsage]
    if not isinstance(state, Made) or state.record.items is None:
        return None
    return [
        type(artifact)(Made(record, state.home, place=f"{state.place}#{index}", told=(record.label,)))
        for index, record in enumerate(state.record.items)
    ]


def origin_of(artifact: Artifact) -> tuple[Home, str] | None:
    """Return where the files of a made artifact are, and the run it belongs to ("" where it is of none)."""
    state = artifact._state  # pyright: ignore[reportPrivateUsage]
    return (state.home, state.place.partition("/")[0]) if isinstance(state, Made) else None


def made(record: ArtifactRecord, home: Home) -> Artifact:
    """Return the artifact object of a record whose files are in `home`, of the class that its type reference names."""
    kind = load(record.type)
    if not (isinstance(kind, type) and issubclass(kind, Artifact)):
        raise StoreError(f"{record.type} is not an artifact type.")
    return kind(Made(record, home))
