"""What a worker is fed: its pieces of every global batch, epoch after epoch, from memory or from Parquet.

The order of rows follows from the seed and the number of the epoch, so a training that goes on later sees what it
would have seen, and every worker knows the batches of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from levada.artifacts.examples import Examples
from levada.models.tensors import Group, columns_of, groups_of
from levada.models.windows import WINDOW, whole, windows
from levada.training.description import Training
from levada.training.labels import Target
from levada.training.sharing import Share

if TYPE_CHECKING:
    import pyarrow as pa

READY = 4
"""Batches that are made before they are asked for."""


@dataclass(frozen=True)
class _Learnt:
    """The label and weight of each row, as a group of inputs."""

    target: Target

    @property
    def by_row(self) -> tuple[bool, ...]:
        return (True,) * len(self.specs())

    def specs(self) -> list[Any]:
        import tensorflow as tf

        label = self.target.label
        if label is None:
            return []
        specs = [tf.TensorSpec((None, *label.shape[1:]), tf.as_dtype(label.dtype))]
        return [*specs, tf.TensorSpec((None,), tf.float32)] if self.target.is_weighted else specs

    def parts(self, batch: pa.RecordBatch) -> list[Any]:
        return self.target.arrays(batch)

    def named(self, waiting: list[Any]) -> dict[str, Any]:
        names = [name for name, _ in zip(("label", "weight"), self.specs(), strict=False)]
        return {f"/{name}": waiting.pop(0) for name in names}


@dataclass(frozen=True)
class Feed:
    """The batches of one split for one worker. `bare` gives the one input as it is, not in a dict by name."""

    training: Training
    target: Target
    share: Share
    split: str
    bare: bool = False

    @cached_property
    def rows(self) -> int:
        return self.training.rows.splits[self.split]

    @property
    def steps(self) -> int:
        """Global batches an epoch. A last one with fewer rows than there are pieces is left out."""
        size = self.training.batch_size
        return self.rows // size + (self.rows % size >= self.share.parts)

    @cached_property
    def examples(self) -> Examples:
        return self.training.rows.examples()

    @cached_property
    def _groups(self) -> list[Group]:
        return [*groups_of(self.training.inputs), _Learnt(self.target)]

    @cached_property
    def _names(self) -> list[str]:
        return list(dict.fromkeys([*columns_of(self.training.inputs), *self.target.columns]))

    @cached_property
    def is_held(self) -> bool:
        """Whether the split is kept in memory."""
        return held_bytes(self.examples, self.split, self.training) <= self.training.memory

    def batches(self, epoch: int = 0, *, mixed: bool = True) -> Any:
        """Return an endless `tf.data.Dataset` of this worker's pieces, from the first of an epoch (from 0) on.

        An element is (inputs, label) or (inputs, label, weight). A worker with several devices gets the pieces for
        them one after the other, `devices` for each step.
        """
        import tensorflow as tf

        data = self._from_memory(epoch, mixed) if self.is_held else self._from_files(epoch, mixed)
        options: Any = tf.data.Options()
        options.autotune.enabled = False  # there is nothing to tune, and it has a thread of its own
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        return data.prefetch(READY).with_options(options)

    # -- from memory ----------------------------------------------------------------------------------

    def _from_memory(self, first: int, mixed: bool) -> Any:
        import numpy as np
        import tensorflow as tf

        parts, by_row = self._held
        rows, size, share = self.rows, self.training.batch_size, self.share

        def orders() -> Iterator[Any]:
            epoch = first
            while True:
                random = np.random.default_rng([self.training.seed, epoch])
                yield random.permutation(rows) if mixed else np.arange(rows)
                epoch += 1

        def piece(order: Any, number: Any) -> Any:
            step, device = number // share.devices, number % share.devices
            here = tf.minimum(tf.constant(size, tf.int64), rows - step * size)
            place = share.worker * share.devices + device
            begin, end = here * place // share.parts, here * (place + 1) // share.parts
            chosen = order[step * size + begin : step * size + end]
            taken = [tf.gather(part, chosen) if each else part for part, each in zip(parts, by_row, strict=True)]
            return self._named(self._whole(*taken))

        spec = tf.TensorSpec((rows,), tf.int64)
        numbers: Any = tf.data.Dataset.range(self.steps * share.devices)
        epochs: Any = tf.data.Dataset.from_generator(orders, output_signature=spec)
        return epochs.flat_map(_plain(lambda order: numbers.map(_plain(lambda number: piece(order, number)))))

    @cached_property
    def _held(self) -> tuple[list[Any], list[bool]]:
        import tensorflow as tf

        batch = whole(self.examples, self.split, self._names)
        parts: list[Any] = []
        with tf.device("/CPU:0"):
            for group in self._groups:
                parts += [tf.constant(part) for part in group.parts(batch)]
        return parts, [each for group in self._groups for each in group.by_row]

    # -- from files -----------------------------------------------------------------------------------

    def _from_files(self, first: int, mixed: bool) -> Any:
        import numpy as np
        import tensorflow as tf

        signature = tuple(spec for group in self._groups for spec in group.specs())

        def read(epoch: Any) -> Iterator[tuple[Any, ...]]:
            random = np.random.default_rng([self.training.seed, int(epoch)]) if mixed else None
            for batch in windows(self.examples, self.split, self._names, random, WINDOW):
                yield tuple(part for group in self._groups for part in group.parts(batch))

        def of_epoch(epoch: Any) -> Any:
            data: Any = tf.data.Dataset.from_generator(read, output_signature=signature, args=(epoch,))
            data = data.map(_plain(self._whole)).rebatch(self.training.batch_size).take(self.steps)
            return data.flat_map(_plain(self._pieces))

        epochs: Any = tf.data.Dataset.range(first, np.iinfo(np.int64).max)
        return epochs.flat_map(_plain(of_epoch))

    def _whole(self, *parts: Any) -> dict[str, Any]:
        """Return all tensors of some rows by name."""
        waiting = list(parts)
        found: dict[str, Any] = {}
        for group in self._groups:
            found |= group.named(waiting)
        return found

    def _pieces(self, found: dict[str, Any]) -> Any:
        import tensorflow as tf

        share = self.share
        here: Any = tf.shape(next(iter(found.values())), tf.int64)[0]

        def piece(device: Any) -> Any:
            place = share.worker * share.devices + device
            begin, end = here * place // share.parts, here * (place + 1) // share.parts
            cut = {name: tensor[begin:end] for name, tensor in found.items()}
            return self._named(cut)

        devices: Any = tf.data.Dataset.range(share.devices)
        return devices.map(_plain(piece))

    # -- both -----------------------------------------------------------------------------------------

    def _named(self, found: dict[str, Any]) -> Any:
        """Return what Keras takes of a piece of a batch."""
        given = {tensor.name: found[tensor.name] for tensor in self.training.inputs}
        x = next(iter(given.values())) if self.bare else given
        if self.target.label is None:
            return (x,)
        weight = found.get("/weight")
        return (x, found["/label"]) if weight is None else (x, found["/label"], weight)


def _plain(function: Any) -> Any:
    """Keep a function from being rewritten by AutoGraph: it has no Python `if` of tensors, and rewriting takes long."""
    import tensorflow as tf

    return tf.autograph.experimental.do_not_convert(function)


def held_bytes(examples: Examples, split: str, training: Training) -> int:
    """Return about how many bytes the batches of a split take in memory, from what its files say of their columns."""
    import pyarrow.parquet as pq

    sizes = {"float32": 4, "float64": 8, "int64": 8, "bool": 1}
    rows = examples.rows(split)
    total = sum(rows * tensor.row_size * sizes.get(tensor.dtype, 4) for tensor in training.inputs)
    texts = {name for tensor in training.inputs if tensor.dtype == "string" for name in tensor.takes}
    for file in examples.files(split) if texts else []:
        metadata = pq.read_metadata(file)
        for group in range(metadata.num_row_groups):
            columns = (metadata.row_group(group).column(place) for place in range(metadata.num_columns))
            total += sum(
                column.total_uncompressed_size for column in columns if column.path_in_schema.split(".")[0] in texts
            )
    return total
