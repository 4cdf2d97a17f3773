"""The project's code as one content-addressed zip, so that workers elsewhere need no copy of it."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from levada.draw import UNPACKED
from levada.process import this_process
from levada.store import private_folder

# The zip format cannot say "no time"; with a fixed one the same code gives the same bytes.
TIME = (1980, 1, 1, 0, 0, 0)


def _this() -> str:
    return json.dumps(this_process().to_json())


@dataclass(frozen=True)
class CodePackage:
    """A zip of importable packages. `origin` tells the process that made it, which needs no copy."""

    content: bytes
    digest: str
    origin: str

    @staticmethod
    def of(packages: Mapping[str, Path]) -> CodePackage:
        """Pack packages (name to folder, or to a single `.py` file): source files only, in sorted order."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, path in sorted(packages.items()):
                home = name.replace(".", "/")
                files = [path] if path.is_file() else sorted(path.rglob("*"))
                for file in files:
                    if file.is_file() and "__pycache__" not in file.parts:
                        inside = f"{home}.py" if path.is_file() else f"{home}/{file.relative_to(path).as_posix()}"
                        archive.writestr(zipfile.ZipInfo(inside, TIME), file.read_bytes())
        content = buffer.getvalue()
        return CodePackage(content, hashlib.sha256(content).hexdigest(), _this())

    @property
    def is_at_home(self) -> bool:
        """Whether this is the process that made it."""
        return self.origin == _this()

    def unpack(self) -> None:
        """Make the packages importable in this process, first on its path; nothing happens at the origin."""
        if self.is_at_home:
            return
        home = private_folder("code")
        folder = home / self.digest
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            if folder.is_dir() and not all((folder / name).is_file() for name in archive.namelist()):
                shutil.rmtree(folder, ignore_errors=True)  # a cleaner of old files was here
            if not folder.is_dir():
                partial = Path(tempfile.mkdtemp(dir=home))
                archive.extractall(partial)
                try:
                    partial.rename(folder)
                except OSError:
                    shutil.rmtree(partial, ignore_errors=True)
                    if not folder.is_dir():  # otherwise another worker was first
                        raise
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
            UNPACKED.append(folder)
