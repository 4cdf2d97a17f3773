"""A model at the place it is served from, laid out as TensorFlow Serving reads it.

    <to>/levada.json          which version is live: model, version, fingerprint, time, before
    <to>/models.config        the same for TensorFlow Serving, where the live version is a SavedModel
    <to>/4/model.json         whose version it is, what it takes and gives, and the size of each of its files
    <to>/4/model.sig          the signature over all other files of the version
    <to>/4/variables/...
    <to>/4/saved_model.pb     written last; `model.onnx` for ONNX

The directory's number is the version in the registry. TensorFlow Serving by itself serves the highest number and
ignores everything whose name is not a number; `models.config` names the version that is live, and Levada's server
follows `levada.json`, so that going back is a change of one small file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from levada.artifact import Artifact
from levada.artifacts.model import DOCUMENT
from levada.errors import RegistryError, StoreError
from levada.store import Store
from levada.values import Json

POINTER = "levada.json"
TF_SERVING = "models.config"
SIGNATURE = "model.sig"
WRITTEN = "# Written by Levada"
"""Begins `models.config`, so that nobody else's is taken for it."""

Files = dict[str, int]

_KINDS = [
    {"model": str, "version": int, "fingerprint": str, "time": str, "before": before} for before in (int, type(None))
]
"""What `levada.json` holds: whoever reads it makes a path of it."""


@dataclass(frozen=True)
class Pointer:
    """What `levada.json` says: the live version, and the one before (None if there was none)."""

    model: str
    version: int
    fingerprint: str
    time: str
    before: int | None


class ServingFolder:
    """A destination of pushes: a local folder or an fsspec URI."""

    def __init__(self, location: str) -> None:
        self.location = location
        self.store = Store(location)

    @staticmethod
    def of(destination: str, root: Path) -> ServingFolder:
        """Return the folder that a destination means for the project at `root`; `~` is the user's home."""
        return ServingFolder(destination if "://" in destination else str(root / Path(destination).expanduser()))

    def pointer(self) -> Pointer | None:
        """Return what is live, None if nothing was ever pushed here; raises StoreError for a damaged file."""
        form = self.store.read_json(POINTER)
        if form is None:
            return None
        kinds = {name: type(value) for name, value in form.items()} if isinstance(form, dict) else None
        if kinds not in _KINDS or form["version"] < 1:
            raise StoreError(
                f"{self.store.uri_of(POINTER)} does not say which version is live.",
                hint="It was changed from outside: restore it, or remove it and push again.",
            )
        return Pointer(**form)

    def point(self, pointer: Pointer) -> None:
        """Make a version the live one: readers see the old file or the new.

        `levada.json` is what counts, and is written first; `tell_tf_serving` repeats it for TensorFlow Serving.
        """
        self.store.write(POINTER, (json.dumps(asdict(pointer), indent=2) + "\n").encode())
        self.tell_tf_serving(pointer)

    def tell_tf_serving(self, pointer: Pointer) -> None:
        """Let `models.config` name the version that the pointer names; there is none where that is no SavedModel."""
        try:
            described = self.described(pointer.version) or {}
        except StoreError:  # found by whoever loads the version, and by `levada verify`
            return
        there = self.store.read(TF_SERVING)
        if described.get("format") == "saved_model":
            wanted = models_config(pointer.model, self.location, pointer.version).encode()
            if there != wanted:
                self.store.write(TF_SERVING, wanted)
        elif there is not None:
            self.store.delete(TF_SERVING)

    def versions(self) -> list[int]:
        """Return the numbers of the folders that look like versions, ascending, whoever made them."""
        names = (key.rsplit("/", 1)[-1] for key in self.store.list("") if key)
        return sorted(int(name) for name in names if name.isascii() and name.isdigit() and name == str(int(name)))

    def described(self, version: int) -> dict[str, Any] | None:
        """Return the `model.json` of a version, None if there is none; raises StoreError for a damaged one."""
        form = self.store.read_json(f"{version}/{DOCUMENT}")
        try:
            files_of(form if form is None else {**form})
        except (TypeError, ValueError):
            raise StoreError(
                f"{self.store.uri_of(f'{version}/{DOCUMENT}')} does not describe a version.",
                hint="It was changed from outside: remove the version's folder and push it again.",
            ) from None
        return form

    def is_whole(self, version: int, files: Files) -> bool:
        """Whether all these files of a version are there with their sizes in bytes."""
        return bool(files) and all(self.size(f"{version}/{path}") == size for path, size in files.items())

    def size(self, key: str) -> int | None:
        """Return the size of a file in bytes, None if it is not there."""
        try:
            if self.store.local is not None:
                path = self.store.local / key
                return path.stat().st_size if path.is_file() else None
            import fsspec

            system, path = fsspec.url_to_fs(self.store.uri_of(key))
            return cast("int", system.size(path))
        except (FileNotFoundError, NotADirectoryError):
            return None


def models_config(model: str, location: str, version: int) -> str:
    """Return the text of a `ModelServerConfig` by which TensorFlow Serving serves one version, whatever lies beside it.

    `location` is the folder of the versions as the server sees it.
    """
    quoted = json.dumps(location, ensure_ascii=False)
    return (
        f"{WRITTEN} with every push and rollback. tensorflow_model_server --model_config_file={TF_SERVING}\n"
        "model_config_list {\n"
        "  config {\n"
        f"    name: {json.dumps(model)}\n"
        f"    base_path: {quoted}\n"
        '    model_platform: "tensorflow"\n'
        f"    model_version_policy {{ specific {{ versions: {version} }} }}\n"
        "  }\n"
        "}\n"
    )


def files_of(described: dict[str, Any] | None) -> Files:
    """Return path and size in bytes of the files that a version's `model.json` lists."""
    return {str(path): int(size) for path, size in (described or {}).get("files", [])}


class PushedModel(Artifact):
    """That a model is live at a destination.

    Properties: `model`, `version`, `fingerprint`, `destination` (a URI or a folder, from the project's root if it is
    relative), `files` ([path, bytes] pairs below the version's folder). It holds as long as the destination, that of
    the project that asks, still serves that model.

    A push that waits for the registry has `pending` instead of `version` and `files`, and never holds: a later run
    pushes again, and finds the model served where the order was carried out meanwhile.
    """

    def write(self, *, model: str, version: int, fingerprint: str, destination: str, files: Files) -> None:
        """Take down what is live where."""
        self.properties["model"] = model
        self.properties["version"] = version
        self.properties["fingerprint"] = fingerprint
        self.properties["destination"] = destination
        self.properties["files"] = cast("Json", [[path, size] for path, size in files.items()])
        (self.path / "pushed.json").write_text(json.dumps(self.properties, indent=1) + "\n", encoding="utf-8")

    def write_pending(self, model: str, fingerprint: str, destination: str) -> None:
        """Take down what is to go live where, when the registry is back."""
        self.properties["model"] = model
        self.properties["fingerprint"] = fingerprint
        self.properties["destination"] = destination
        self.properties["pending"] = True
        (self.path / "pushed.json").write_text(json.dumps(self.properties, indent=1) + "\n", encoding="utf-8")

    @property
    def pending(self) -> bool:
        """Whether it waits for the registry; nothing was written to the destination."""
        return bool(self.properties.get("pending"))

    @property
    def version(self) -> int:
        """The version in the registry, which is the directory's name; raises RegistryError while it is pending."""
        if self.pending:
            raise RegistryError(
                f"the push of {self.properties['model']} waits for the registry, so it has no version yet.",
                hint="`levada sync` completes it when the registry is back.",
            )
        return cast("int", self.properties["version"])

    @property
    def destination(self) -> str:
        """Where the versions are: a URI or a folder, from the project's root if it is relative."""
        return cast("str", self.properties["destination"])

    def holds(self, root: Path) -> bool:
        """Whether the destination's pointer still names this model, and its files are there with their sizes."""
        if self.pending:
            return False
        try:
            folder = ServingFolder.of(self.destination, root)
            pointer = folder.pointer()
            return (
                pointer is not None
                and (pointer.fingerprint, pointer.version) == (self.properties["fingerprint"], self.version)
                and folder.is_whole(self.version, files_of(cast("dict[str, Any]", self.properties)))
            )
        except StoreError:
            return False
