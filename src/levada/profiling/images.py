"""Images in a column of bytes: sizes, formats, channels, and those that cannot be read."""

from __future__ import annotations

import io
import math
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levada.artifacts.summaries import ImageProfile, Lengths
from levada.profiling.accumulators import Extent
from levada.profiling.order import Ordered, lengths_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SAMPLED_IMAGES = 256
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")
GREY = ("1", "L", "LA", "I", "I;16", "F")
MOST_PIXELS = 1 << 26
"""Larger images are not decoded: their size and format are counted, their pixels are not."""
SHORT_SIDE = 256
"""JPEG decoders may halve an image, cheaply, as long as its sides stay at least this long: means hardly change."""


@dataclass
class Pixels:
    """Count, sum and sum of squares of each channel, as whole numbers, so that no order matters."""

    count: int = 0
    sums: list[int] = field(default_factory=list[int])
    squares: list[int] = field(default_factory=list[int])

    def add(self, pixels: np.ndarray[Any, Any]) -> None:
        """Take in an image: uint8, of shape (height, width, channels)."""
        import numpy as np

        flat = pixels.reshape(-1, pixels.shape[-1])
        wide = flat.astype(np.uint64)
        self.merge(Pixels(len(flat), wide.sum(axis=0).tolist(), np.square(wide).sum(axis=0).tolist()))

    def merge(self, other: Pixels) -> None:
        if not other.count:
            return
        if not self.count:
            self.sums, self.squares = [0] * len(other.sums), [0] * len(other.sums)
        self.count += other.count
        self.sums = [mine + its for mine, its in zip(self.sums, other.sums, strict=True)]
        self.squares = [mine + its for mine, its in zip(self.squares, other.squares, strict=True)]


@dataclass
class Images:
    """What a sample of a column's values says if they are images."""

    sampled: int = 0
    likely: int = 0  # begin as an image does
    seen: Counter[tuple[str, str, int, int]] = field(default_factory=Counter[tuple[str, str, int, int]])
    grey: Pixels = field(default_factory=Pixels)
    colour: Pixels = field(default_factory=Pixels)

    def add(self, values: pa.Array) -> None:
        """Take in the sampled values of a piece, none of them null."""
        for value in _bytes_of(values):
            self.sampled += 1
            if value.startswith(STARTS):
                self.likely += 1
                self._look(value)

    def _look(self, value: bytes) -> None:
        import numpy as np
        from PIL import Image

        try:
            with Image.open(io.BytesIO(value), formats=FORMATS) as image:
                described = (str(image.format), image.mode, image.width, image.height)
                is_grey = image.mode in GREY
                if image.width * image.height <= MOST_PIXELS:
                    image.draft("L" if is_grey else "RGB", (SHORT_SIDE, SHORT_SIDE))
                    pixels = np.asarray(image.convert("L" if is_grey else "RGB"), np.uint8)
                    (self.grey if is_grey else self.colour).add(pixels[..., None] if is_grey else pixels)
        except (OSError, SyntaxError, ValueError, EOFError, ArithmeticError, LookupError, TypeError, struct.error):
            return
        except Image.DecompressionBombError:
            return
        self.seen[described] += 1

    def merge(self, other: Images) -> None:
        self.sampled += other.sampled
        self.likely += other.likely
        self.seen.update(other.seen)
        self.grey.merge(other.grey)
        self.colour.merge(other.colour)

    def finish(self) -> ImageProfile | None:
        """Return the profile, None if most of the values do not even begin as images do."""
        if self.likely * 2 <= self.sampled:
            return None
        means, stds = self._channels()
        return ImageProfile(
            self.sampled,
            self.sampled - self.seen.total(),
            _counted((format_, count) for (format_, _, _, _), count in self.seen.items()),
            _counted((mode, count) for (_, mode, _, _), count in self.seen.items()),
            _sizes((width, count) for (_, _, width, _), count in self.seen.items()),
            _sizes((height, count) for (_, _, _, height), count in self.seen.items()),
            means,
            stds,
        )

    def _channels(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        pixels = self.colour if self.colour.count else self.grey
        if self.colour.count and self.grey.count:  # grey is the same in all three channels
            pixels = Pixels()
            pixels.merge(self.colour)
            pixels.merge(Pixels(self.grey.count, self.grey.sums * 3, self.grey.squares * 3))
        if not pixels.count:
            return (), ()
        count = pixels.count
        variances = [
            (count * square - total * total) / (count * count)
            for total, square in zip(pixels.sums, pixels.squares, strict=True)
        ]
        return tuple(total / count for total in pixels.sums), tuple(math.sqrt(variance) for variance in variances)


def _bytes_of(values: pa.Array) -> Iterable[bytes]:
    return (scalar.as_buffer().to_pybytes() for scalar in values)


def _counted(pairs: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Return names with the sums of their counts, by falling count."""
    sums: Counter[str] = Counter()
    for name, count in pairs:
        sums[name] += count
    return tuple(sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])))


def _sizes(pairs: Iterable[tuple[int, int]]) -> Lengths | None:
    import numpy as np

    sums: Counter[int] = Counter()
    for size, count in pairs:
        sums[size] += count
    if not sums:
        return None
    values = np.array(sorted(sums))
    counts = np.array([sums[size] for size in sorted(sums)])
    extent = Extent(sums.total(), int(values[0]), int(values[-1]), int((values * counts).sum()))
    return lengths_of(Ordered(values, counts), extent)
