"""What a project's settings say of signatures: whether they must be there, which key signs, whose are trusted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from levada.settings import FILE, Settings, find_table, read_settings
from levada.signing.keys import PublicKey, public_half, read_public


@dataclass(frozen=True)
class Policy:
    """Settings of one project, as signing needs them. `root` is the project's folder.

    `private` is the file of the key that signs, `trusted` those of the public keys whose signatures count; without
    any, the public half of the key that signs.
    """

    root: Path
    required: bool
    private: Path
    trusted: tuple[Path, ...] = ()
    store: Path | None = None

    @property
    def signs(self) -> bool:
        """Whether pushes are signed: always where signatures are required, else where the library is installed."""
        if self.required:
            return True
        import importlib.util

        return importlib.util.find_spec("model_signing") is not None

    def keys(self) -> tuple[PublicKey, ...]:
        """Return the public keys that are trusted; raises SignatureError for a file that holds none."""
        if self.trusted:
            return tuple(read_public(path) for path in self.trusted)
        return public_half(self.private)


def policy_of(start: Path | None = None, outside: Path | None = None) -> Policy:
    """Return what is set for the project of a folder (the working directory): the nearest one above it.

    What lies in the folder `outside`, free of links, says nothing, even if the working directory is there. Where there
    is no project, the defaults and environment variables hold. Raises ProjectError for wrong settings.
    """
    begin = (start or Path.cwd()).absolute()
    for folder in (begin, *begin.parents):
        if outside is not None and folder.resolve().is_relative_to(outside):
            continue
        path = folder / FILE
        table = find_table(path) if path.is_file() else None
        if table is not None:
            return _of(folder, read_settings(folder, table))
    return _of(begin, read_settings(begin, {}))


def _of(root: Path, settings: Settings) -> Policy:
    store = settings.store.removeprefix("file://")
    return Policy(
        root=root,
        required=settings.signatures == "required",
        private=Path(settings.sign_with).expanduser(),
        trusted=tuple(Path(path) for path in settings.trust),
        store=None if "://" in store else root / store,
    )
