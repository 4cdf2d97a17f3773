"""Encoded images as pixels, where no graph decodes them: what the layer of `levada.features.Image` gives.

Pillow decodes and resizes. PNG, BMP, GIF (its first image) and JPEG; a part that is transparent is as if it were not.
Nothing else of Levada is needed.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Pixels = np.ndarray[Any, Any]

GREY = (19595, 38470, 7471)
"""How much red, green and blue count for grey, in parts of 65,536: ITU-R BT.601's luma, as Pillow rounds it."""
FORMATS = ("PNG", "JPEG", "GIF", "BMP")
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, ArithmeticError, LookupError, TypeError, struct.error)
"""What Pillow raises for bytes that are no image, or a part of one."""


def pixels_of(encoded: bytes | str, size: tuple[int, int], channels: int) -> Pixels:
    """Return an image of `size` (height, width), 0 to 255, float32 (height, width, channels); black for no bytes.

    Another size is made the one that is wanted by a triangle filter (bilinear, with anti-aliasing). Raises ValueError
    for bytes that are no image, or one of more pixels than Pillow takes for safe.
    """
    import numpy as np

    height, width = size
    if not encoded:
        return np.zeros((height, width, channels), np.float32)
    pixels = _decoded(encoded if isinstance(encoded, bytes) else encoded.encode(), channels).astype(np.float32)
    return pixels if pixels.shape[:2] == (height, width) else _resized(pixels, height, width)


def _decoded(encoded: bytes, channels: int) -> Pixels:
    """Return an image as it is in its file: uint8 (height, width, channels)."""
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            if image.mode.startswith("I"):  # grey of 16 bits, of which the upper eight are taken
                grey = (np.asarray(image).astype(np.int64) >> 8).astype(np.uint8)
                return np.repeat(grey[..., None], channels, axis=2)
            pixels = np.asarray(image.convert("RGB"), np.uint8)
            return pixels if channels == 3 else _grey(pixels)
    except UnidentifiedImageError:
        raise ValueError(f"no image: wanted {', '.join(FORMATS)}") from None
    except (*_UNREADABLE, Image.DecompressionBombError) as error:
        raise ValueError(f"no image that can be read: {error}") from None


def _grey(pixels: Pixels) -> Pixels:
    import numpy as np

    return ((pixels.astype(np.int32) @ np.array(GREY, np.int32) + (1 << 15)) >> 16).astype(np.uint8)[..., None]


def _resized(pixels: Pixels, height: int, width: int) -> Pixels:
    import numpy as np
    from PIL import Image

    # Channel by channel, as floats: Pillow would round what it makes of bytes.
    planes = [Image.fromarray(np.ascontiguousarray(pixels[..., place])) for place in range(pixels.shape[2])]
    return np.stack([np.asarray(each.resize((width, height), Image.Resampling.BILINEAR)) for each in planes], axis=2)
