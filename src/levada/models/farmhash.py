"""FarmHash Fingerprint64, the hash behind TensorFlow's `to_hash_bucket_fast`: the same number for the same bytes.

After G. Pike and J. Alakuijala, FarmHash (Google, 2014), `farmhashna::Hash64`. Only the standard library is used, so
that what serves a model needs nothing else; a text of some letters takes about a microsecond.
"""

from __future__ import annotations

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def fingerprint64(content: bytes) -> int:
    """Return the unsigned 64-bit fingerprint of some bytes."""
    size = len(content)
    if size <= 16:
        return _up_to_16(content, size)
    if size <= 32:
        return _up_to_32(content, size)
    if size <= 64:
        return _up_to_64(content, size)
    return _longer(content, size)


def _word(content: bytes, place: int) -> int:
    return int.from_bytes(content[place : place + 8], "little")


def _half(content: bytes, place: int) -> int:
    return int.from_bytes(content[place : place + 4], "little")


def _turned(value: int, shift: int) -> int:
    value &= _MASK
    return (value >> shift) | (value << (64 - shift)) & _MASK


def _mixed(value: int) -> int:
    value &= _MASK
    return value ^ (value >> 47)


def _joined(left: int, right: int, factor: int) -> int:
    first = _mixed((left ^ right) * factor)
    return _mixed((right ^ first) * factor) * factor & _MASK


def _up_to_16(content: bytes, size: int) -> int:
    factor = _K2 + size * 2
    if size >= 8:
        first, last = _word(content, 0) + _K2 & _MASK, _word(content, size - 8)
        left = _turned(last, 37) * factor + first & _MASK
        return _joined(left, (_turned(first, 25) + last) * factor & _MASK, factor)
    if size >= 4:
        return _joined(size + (_half(content, 0) << 3), _half(content, size - 4), factor)
    if size:
        low = content[0] + (content[size >> 1] << 8)
        high = size + (content[-1] << 2)
        return _mixed(low * _K2 ^ high * _K0) * _K2 & _MASK
    return _K2


def _up_to_32(content: bytes, size: int) -> int:
    factor = _K2 + size * 2
    a, b = _word(content, 0) * _K1, _word(content, 8)
    c, d = _word(content, size - 8) * factor, _word(content, size - 16) * _K2
    left = _turned(a + b, 43) + _turned(c, 30) + d & _MASK
    return _joined(left, a + _turned(b + _K2, 18) + c & _MASK, factor)


def _up_to_64(content: bytes, size: int) -> int:
    factor = _K2 + size * 2
    a, b = _word(content, 0) * _K2, _word(content, 8)
    c, d = _word(content, size - 8) * factor, _word(content, size - 16) * _K2
    y = _turned(a + b, 43) + _turned(c, 30) + d & _MASK
    z = _joined(y, a + _turned(b + _K2, 18) + c & _MASK, factor)
    e, f = _word(content, 16) * factor, _word(content, 24)
    g, h = (y + _word(content, size - 32)) * factor, (z + _word(content, size - 24)) * factor
    left = _turned(e + f, 43) + _turned(g, 30) + h & _MASK
    return _joined(left, e + _turned(f + a, 18) + g & _MASK, factor)


def _weak(content: bytes, place: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = (_word(content, place + step) for step in (0, 8, 16, 24))
    a = a + w & _MASK
    b = _turned(b + a + z, 21)
    c = a
    a = a + x + y & _MASK
    return a + z & _MASK, b + _turned(a, 44) + c & _MASK


def _longer(content: bytes, size: int) -> int:
    seed = 81
    x, y = seed, seed * _K1 + 113 & _MASK
    z = _mixed(y * _K2 + 113) * _K2 & _MASK
    v, w = (0, 0), (0, 0)
    x = x * _K2 + _word(content, 0) & _MASK
    end = (size - 1) // 64 * 64
    for place in range(0, end, 64):
        x, y, z, v, w = _round(content, place, x, y, z, v, w, _K1, 1)
    factor = _K1 + ((z & 0xFF) << 1) & _MASK
    place = end + ((size - 1) & 63) - 63
    w = (w[0] + ((size - 1) & 63) & _MASK, w[1])
    v = (v[0] + w[0] & _MASK, v[1])
    w = (w[0] + v[0] & _MASK, w[1])
    x, y, z, v, w = _round(content, place, x, y, z, v, w, factor, 9)
    left = _joined(v[0], w[0], factor) + _mixed(y) * _K0 + z & _MASK
    return _joined(left, _joined(v[1], w[1], factor) + x & _MASK, factor)


def _round(
    content: bytes,
    place: int,
    x: int,
    y: int,
    z: int,
    v: tuple[int, int],
    w: tuple[int, int],
    factor: int,
    weight: int,
) -> tuple[int, int, int, tuple[int, int], tuple[int, int]]:
    """Take in 64 bytes; the last ones, which may have been seen already, by another factor and weight."""
    x = _turned(x + y + v[0] + _word(content, place + 8), 37) * factor & _MASK
    y = _turned(y + v[1] + _word(content, place + 48), 42) * factor & _MASK
    x ^= w[1] * weight & _MASK
    y = y + v[0] * weight + _word(content, place + 40) & _MASK
    z = _turned(z + w[0], 33) * factor & _MASK
    v = _weak(content, place, v[1] * factor & _MASK, x + w[0] & _MASK)
    w = _weak(content, place + 32, z + w[1] & _MASK, y + _word(content, place + 16) & _MASK)
    return z, y, x, v, w
