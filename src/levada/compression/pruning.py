"""Magnitude pruning: the smallest weights become zero, step by step while the network is trained further.

The share of zeros grows as s (1 - (1 - t)^3) with the time t (M. Zhu, S. Gupta, To prune, or not to prune, 2017), so
that many go while the network can still make up for them, and few at the end. Zeros are what makes the file small when
it is compressed; they take as much memory as other weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada.compression import recipe

if TYPE_CHECKING:
    from levada.compression.bench import Bench, Live

RAMP = 0.7
"""The part of the training in which weights go; in the rest those that are left get used to it."""


@dataclass(frozen=True)
class Prune(recipe.NetworkStep):
    """Weights that become zero; made by `prune`."""

    share: float
    epochs: int = 10
    rate: float | None = None

    def apply(self, live: Live, bench: Bench) -> Live:
        from levada.compression.callbacks import Pruner

        network = live.network()
        kernels = bench.kernels(network, self)
        bench.train(network, self.epochs, self.rate, [Pruner(kernels, self.share, RAMP)], str(self))
        return live.now(network)

    def __str__(self) -> str:
        return f"prune {100 * self.share:.4g} %"


def prune(share: float, *, epochs: int = 10, rate: float | None = None) -> Prune:
    """Set `share` of the weights of every dense and convolution kernel to zero, while training `epochs` more.

    The smallest go first. `rate` is the learning rate at the start, from which it falls to 0 (without it, the one that
    the network is compiled with). Raises ParameterError for a share that is not between 0 and 1.
    """
    call = f"prune({share!r})"
    return Prune(recipe.share(call, share), recipe.epochs(call, epochs), recipe.rate(call, rate))
