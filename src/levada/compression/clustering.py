"""Weight clustering: the weights of a kernel share a few values.

The values are found by k-means over the weights of each kernel (S. Han, H. Mao, W. Dally, Deep Compression, 2016) and
trained further: all weights of a cluster move together. Zeros stay zeros, so a pruned network stays pruned. A file of
few different values compresses well; in memory they take what other weights take.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.compression import recipe
from levada.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np

    from levada.compression.bench import Bench, Live

    Array = np.ndarray[Any, Any]

LEAST, MOST = 2, 256
_ROUNDS = 50


@dataclass(frozen=True)
class Cluster(recipe.NetworkStep):
    """Weights that share values; made by `cluster`."""

    clusters: int
    epochs: int = 5
    rate: float | None = None

    def apply(self, live: Live, bench: Bench) -> Live:
        from levada.compression.callbacks import Clusterer

        network = live.network()
        kernels = bench.kernels(network, self)
        bench.train(network, self.epochs, self.rate, [Clusterer(kernels, self.clusters)], str(self))
        return live.now(network)

    def __str__(self) -> str:
        return f"cluster {self.clusters}"


def cluster(clusters: int = 16, *, epochs: int = 5, rate: float | None = None) -> Cluster:
    """Let the weights of every dense and convolution kernel share `clusters` values, and train those `epochs` more.

    `rate` as for `prune`. Raises ParameterError for fewer than 2 clusters, or more than 256.
    """
    call = f"cluster({clusters!r})"
    if isinstance(clusters, bool) or not isinstance(clusters, int) or not LEAST <= clusters <= MOST:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ParameterError(f"{call}: wanted {LEAST} to {MOST} values for the weights of a kernel.")
    return Cluster(clusters, recipe.epochs(call, epochs), recipe.rate(call, rate))


def centres_of(values: Array, clusters: int) -> Array:
    """Return the sorted centres of at most so many clusters of numbers: k-means, begun evenly from least to greatest.

    An even start keeps the few large weights, which matter most, from being drawn to the many small ones.
    """
    import numpy as np

    distinct = np.unique(values)
    if len(distinct) <= clusters:
        return distinct
    centres = np.linspace(distinct[0], distinct[-1], clusters).astype(values.dtype)
    ordered = np.sort(values)
    sums = np.concatenate([[0.0], np.cumsum(ordered, dtype=np.float64)])
    for _ in range(_ROUNDS):
        ends = np.searchsorted(ordered, (centres[1:] + centres[:-1]) / 2)
        begins, ends = np.concatenate([[0], ends]), np.concatenate([ends, [len(ordered)]])
        counts = ends - begins
        means = np.where(counts > 0, (sums[ends] - sums[begins]) / np.maximum(counts, 1), centres)
        moved = np.sort(means).astype(values.dtype)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres
