"""TfRecords: rows in splits, as TFX keeps them.

<path>/Split-<split>/data_tfrecord-00000-of-00001.gz
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from levada.artifact import Artifact
from levada.errors import DataError, did_you_mean


class TfRecords(Artifact):
    """Rows in named splits, each as gzipped TFRecord files of tf.Example, in the folders of a TFX `Examples` artifact.

    Properties: `splits` (rows by split).
    """

    bulky = True

    @property
    def splits(self) -> list[str]:
        """The names of the splits."""
        return list(self._rows)

    def rows(self, split: str | None = None) -> int:
        """The number of rows of one split, or of all. Raises DataError if there is no such split."""
        return sum(self._rows.values()) if split is None else self._rows[self._known(split)]

    def files(self, split: str) -> list[Path]:
        """The TFRecord files of a split, in order. Raises DataError if there is no such split."""
        return sorted((self.path / f"Split-{self._known(split)}").iterdir())

    @property
    def _rows(self) -> dict[str, int]:
        splits: Any = self.properties.get("splits", {})
        return splits

    def _known(self, split: str) -> str:
        if split not in self._rows:
            hint = did_you_mean(split, self.splits) or f"They have {', '.join(self.splits) or 'none'}."
            raise DataError(f"these records have no split '{split}'.", hint=hint)
        return split
