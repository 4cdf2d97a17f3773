"""Where Keras's own sequence of random numbers has come to, which layers draw from that were given no seed.

A layer with a `SeedGenerator` of its own has that among its variables. This one belongs to the process.
"""

from __future__ import annotations

from typing import Any


def place() -> list[int] | None:
    """Return where the sequence is, None if nobody has drawn from it since it was seeded."""
    from keras.src.backend.common import global_state
    from keras.src.random import seed_generator

    generator: Any = global_state.get_global_attribute(seed_generator.GLOBAL_SEED_GENERATOR)
    return None if generator is None else [int(number) for number in generator.state.numpy()]


def go_to(place: list[int] | None) -> None:
    """Let the sequence go on from a place where it was."""
    from keras.src.random import seed_generator

    if place is not None:
        generator: Any = seed_generator.global_seed_generator()
        generator.state.assign(place)
