"""The two components that are the taxi pipeline's own: the label, and the classifier."""

from __future__ import annotations

from typing import Any

from levada import Context, component
from levada.artifacts import Examples, Model, Statistics
from levada.features import Buckets, Features, Number, Words, linear

DENSE = ("trip_miles", "fare", "trip_seconds")
BUCKETS = ("pickup_latitude", "pickup_longitude", "dropoff_latitude", "dropoff_longitude")
TEXT = ("payment_type", "company")
CODES = ("trip_start_hour", "trip_start_day", "trip_start_month", "pickup_community_area", "dropoff_community_area")
FEATURES = Features(
    {
        **{name: Number() for name in DENSE},
        **{name: Buckets(encode="index") for name in BUCKETS},
        **{name: Words(encode="index") for name in (*TEXT, *CODES)},
    }
)


@component
def mark_tippers(ctx: Context, examples: Examples) -> Examples:
    """Add the label `tipped`: 1 where the tip is more than a fifth of the fare."""
    import pyarrow as pa
    import pyarrow.compute as pc

    out = ctx.output(Examples)
    for split in examples.splits:
        table = examples.table(split)
        tipped = pc.greater(table["tips"], pc.multiply(table["fare"], pa.scalar(0.2)))
        out.write(split, table.append_column("tipped", pc.cast(pc.fill_null(tipped, False), pa.int64())))
    return out


@component(packages=("tensorflow", "keras"))
def train_tippers(
    ctx: Context, examples: Examples, statistics: Statistics, *, steps: int = 200, batch: int = 40
) -> Model:
    """Fit a wide-and-deep classifier; its preprocessing is layers whose state comes from the statistics."""
    import keras

    from levada.models import batches, save_keras

    keras.utils.set_random_seed(ctx.seed)
    layers = FEATURES.fitted(statistics).layers()
    deep: Any = layers.matrix()
    for width in (100, 70, 50, 25):
        deep = keras.layers.Dense(width, activation="relu")(deep)
    logit: Any = keras.layers.Dense(1)(deep) + linear(layers.indices)
    model = keras.Model(layers.inputs, keras.ops.reshape(keras.ops.sigmoid(logit), (-1,)))
    model.compile(keras.optimizers.Adam(0.001), "binary_crossentropy")
    optimizer: Any = model.optimizer
    optimizer.build(model.trainable_variables)
    data: Any = batches(examples, "train", layers.tensors, label="tipped", size=batch, seed=ctx.seed).repeat()
    model.fit(data, steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False)
    return save_keras(model, ctx.output(Model), output="probability")
