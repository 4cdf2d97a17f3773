"""The two components that are the taxi pipeline's own: the label, and the classifier."""

from __future__ import annotations

from typing import Any

from levada import Context, component
from levada.artifacts import Examples, Model, Statistics

DENSE = ("trip_miles", "fare", "trip_seconds")
BUCKETS = ("pickup_latitude", "pickup_longitude", "dropoff_latitude", "dropoff_longitude")
TEXT = ("payment_type", "company")
CODES = {
    "trip_start_hour": 24,
    "trip_start_day": 8,
    "trip_start_month": 13,
    "pickup_community_area": 80,
    "dropoff_community_area": 80,
}


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
    import tensorflow as tf

    from levada.models import save_keras
    from levada.models.preprocessing import Indices, bucketized, linear, looked_up, normalized

    keras.utils.set_random_seed(ctx.seed)
    inputs: dict[str, Any] = {name: keras.Input((), name=name, dtype="float32") for name in (*DENSE, *BUCKETS)}
    inputs |= {name: keras.Input((), name=name, dtype="string") for name in TEXT}
    inputs |= {name: keras.Input((), name=name, dtype="float32") for name in CODES}
    wide = [bucketized(inputs[name], statistics.column(name)) for name in BUCKETS]
    wide += [looked_up(inputs[name], statistics.column(name)) for name in TEXT]
    wide += [Indices(_code(inputs[name], size), size) for name, size in CODES.items()]
    deep: Any = keras.ops.stack([normalized(inputs[name], statistics.column(name)) for name in DENSE], axis=1)
    for width in (100, 70, 50, 25):
        deep = keras.layers.Dense(width, activation="relu")(deep)
    logit = keras.layers.Dense(1)(deep) + linear(wide)
    model = keras.Model(inputs, keras.ops.reshape(keras.ops.sigmoid(logit), (-1,)))
    model.compile(keras.optimizers.Adam(0.001), "binary_crossentropy")
    optimizer: Any = model.optimizer
    optimizer.build(model.trainable_variables)

    frame = examples.to_pandas("train")
    features: dict[str, Any] = {name: frame[name].to_numpy("float32") for name in (*DENSE, *BUCKETS)}
    features |= {name: frame[name].fillna("").to_numpy(object).astype(str) for name in TEXT}
    features |= {name: frame[name].to_numpy("float32") for name in CODES}
    label = frame["tipped"].to_numpy("float32")
    data: Any = tf.data.Dataset.from_tensor_slices((features, label)).shuffle(4096, seed=ctx.seed).batch(batch).repeat()
    model.fit(data.prefetch(2), steps_per_epoch=steps, epochs=1, verbose=0)
    return save_keras(model, ctx.output(Model), output="probability")


def _code(values: Any, size: int) -> Any:
    """Whole numbers below `size`; a missing one is 0."""
    import keras

    known = keras.ops.where(keras.ops.isnan(values), 0.0, values)
    return keras.ops.clip(keras.ops.cast(known, "int32"), 0, size - 1)
