"""What all sources of files share: their digest, and what is recorded of the spans that they read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, ClassVar

from levada.sources.files import File, files_digest, find_files
from levada.sources.locations import Location
from levada.sources.source import Source


class FileSource(Source):
    """A source of files; a subclass is a frozen dataclass with the field `path`, and says in `name` how it is made."""

    name: ClassVar[str]
    path: str | Location

    def files(self, root: Path) -> list[File]:
        """Return the files to read, in order. Raises DataError if there are none, or a span is not there."""
        return find_files(self.path, root, self.name)

    def digest(self) -> str:
        """Return a sha256 (hex) over the files' contents and the spans they were found under."""
        files = self.files(Path.cwd())
        content = files_digest(files)
        if not any(file.span for file in files):
            return content
        return hashlib.sha256("\n".join([content, *(file.span for file in files)]).encode()).hexdigest()

    def facts(self, root: Path) -> dict[str, Any]:
        """Return the spans that are read now, oldest first, and their versions where the path has them."""
        files = self.files(root)
        spans = {file.span: file.version for file in files if file.span}
        if not spans:
            return {}
        versions = [version for version in spans.values() if version is not None]
        return {"spans": list(spans)} | ({"versions": versions} if versions else {})

    def __str__(self) -> str:
        return f"{self.name}('{self.path}')"
