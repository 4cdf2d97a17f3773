"""The Chicago-taxi example as one plain script: the work of the pipeline beside it, and nothing else.

CSV to Parquet, hash split, statistics, schema, preprocessing set from the statistics, a wide-and-deep classifier
(200 steps of 40), evaluation by slices, SavedModel, an MLflow run with a registered version.

    LEVADA_DATA=... python benchmarks/taxi/by_hand.py OUT
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", MLFLOW_DISABLE_TELEMETRY="true")

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from tensorflow_metadata.proto.v0 import schema_pb2

DENSE = ["trip_miles", "fare", "trip_seconds"]
BUCKETS = ["pickup_latitude", "pickup_longitude", "dropoff_latitude", "dropoff_longitude"]
TEXT = ["payment_type", "company"]
NUMBERS = {"trip_start_hour": 24, "trip_start_day": 8, "trip_start_month": 13}
AREAS = {"pickup_community_area": 80, "dropoff_community_area": 80}
STEPS, BATCH = 200, 40


def ingest(path: Path, out: Path) -> dict[str, Path]:
    """Read the CSV, split it 2:1 by a hash of the row, write a Parquet file a split."""
    table = pa_csv.read_csv(path)
    frame = table.to_pandas()
    place = pd.util.hash_pandas_object(frame, index=False).to_numpy() % 3
    files = {}
    for split, chosen in {"train": place < 2, "eval": place == 2}.items():
        files[split] = out / f"{split}.parquet"
        pq.write_table(table.filter(pa.array(chosen)), files[split], compression="zstd")
    return files


def profile(files: dict[str, Path]) -> dict[str, dict[str, dict[str, object]]]:
    """Counts, missing values, moments, quantiles, top values of each column and split."""
    statistics: dict[str, dict[str, dict[str, object]]] = {}
    for split, file in files.items():
        table = pq.read_table(file)
        statistics[split] = {}
        for name in table.column_names:
            column = table[name]
            facts: dict[str, object] = {"count": len(column), "missing": column.null_count}
            if pa.types.is_string(column.type):
                counts = pc.value_counts(column.drop_null()).to_pylist()
                facts["vocabulary"] = [
                    one["values"] for one in sorted(counts, key=lambda one: (-one["counts"], one["values"]))
                ]
            elif column.null_count < len(column):
                values = column.drop_null().to_numpy().astype(float)
                facts |= {"mean": values.mean(), "variance": values.var(), "min": values.min(), "max": values.max()}
                facts["boundaries"] = sorted(set(np.quantile(values, np.arange(1, 10) / 10)))
            statistics[split][name] = facts
    return statistics


def infer_schema(statistics: dict[str, dict[str, object]], out: Path) -> schema_pb2.Schema:
    """A schema with types and presence, as text."""
    schema = schema_pb2.Schema()
    for name, facts in statistics.items():
        feature = schema.feature.add(name=name, type=1 if "vocabulary" in facts else 3)
        if not facts["missing"]:
            feature.presence.min_fraction = 1.0
    (out / "schema.pbtxt").write_text(str(schema))
    return schema


def check(statistics: dict[str, dict[str, object]], schema: schema_pb2.Schema) -> None:
    """Hold the statistics against the schema."""
    for feature in schema.feature:
        facts = statistics[feature.name]
        if feature.presence.min_fraction == 1.0 and facts["missing"]:
            raise SystemExit(f"{feature.name} has missing values")


def features(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """The raw features of the model, by name."""
    taken: dict[str, np.ndarray] = {name: frame[name].to_numpy(np.float32) for name in [*DENSE, *BUCKETS]}
    taken |= {name: frame[name].fillna("").to_numpy(object).astype(str) for name in TEXT}
    taken |= {name: frame[name].fillna(0).to_numpy(np.int64) for name in [*NUMBERS, *AREAS]}
    return taken


def train(file: Path, statistics: dict[str, dict[str, object]]):
    """Fit the classifier; preprocessing is layers of the model."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(7)
    inputs = {name: keras.Input((), name=name, dtype="float32") for name in [*DENSE, *BUCKETS]}
    inputs |= {name: keras.Input((), name=name, dtype="string") for name in TEXT}
    inputs |= {name: keras.Input((), name=name, dtype="int64") for name in [*NUMBERS, *AREAS]}
    dense, codes, offset = [], [], 0

    def column(name):
        return keras.ops.reshape(inputs[name], (-1, 1))

    for name in DENSE:
        facts = statistics[name]
        clean = keras.ops.where(keras.ops.isnan(column(name)), float(facts["mean"]), column(name))
        dense.append(keras.layers.Normalization(axis=None, mean=facts["mean"], variance=facts["variance"])(clean))

    def add(code, size):
        nonlocal offset
        codes.append(keras.ops.cast(code, "int32") + offset)
        offset += size

    for name in BUCKETS:
        bounds = list(map(float, statistics[name]["boundaries"]))
        clean = keras.ops.where(keras.ops.isnan(column(name)), -1e9, column(name))
        add(keras.layers.Discretization(bin_boundaries=bounds)(clean), len(bounds) + 1)
    for name in TEXT:
        vocabulary = statistics[name]["vocabulary"]
        add(keras.layers.StringLookup(vocabulary=vocabulary)(column(name)), len(vocabulary) + 1)
    for name, size in (NUMBERS | AREAS).items():
        add(keras.ops.clip(column(name), 0, size - 1), size)
    wide = keras.layers.Embedding(offset, 1)(keras.ops.concatenate(codes, axis=1))
    deep = keras.ops.concatenate(dense, axis=1)
    for width in (100, 70, 50, 25):
        deep = keras.layers.Dense(width, activation="relu")(deep)
    logit = keras.layers.Dense(1)(deep) + keras.ops.sum(wide, axis=1)
    output = keras.ops.reshape(keras.ops.sigmoid(logit), (-1,))
    model = keras.Model(inputs, output)
    model.compile(keras.optimizers.Adam(0.001), "binary_crossentropy")
    model.optimizer.build(model.trainable_variables)
    frame = pq.read_table(file).to_pandas()
    label = (frame["tips"] > 0.2 * frame["fare"]).to_numpy(np.float32)
    data = tf.data.Dataset.from_tensor_slices((features(frame), label)).shuffle(4096, seed=7).batch(BATCH).repeat()
    model.fit(data.prefetch(2), steps_per_epoch=STEPS, epochs=1, verbose=0)
    return model


def export(model, out: Path) -> None:
    """Write a SavedModel that takes raw features."""
    import keras
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = [{name: tf.TensorSpec((None,), tensor.dtype, name) for name, tensor in model.input.items()}]
    archive.add_endpoint("serve", lambda raw: {"probability": model(raw)}, signature)
    archive.write_out(str(out / "model"), verbose=False)


def evaluate(file: Path, out: Path) -> dict[str, float]:
    """Predict once with what was exported, then measure overall and by the hour the trip began."""
    import tensorflow as tf

    served = tf.saved_model.load(str(out / "model")).signatures["serve"]
    frame = pq.read_table(file).to_pandas()
    label = (frame["tips"] > 0.2 * frame["fare"]).to_numpy(int)
    predicted = served(**{name: tf.constant(values) for name, values in features(frame).items()})["probability"].numpy()
    metrics = {"auc": roc_auc_score(label, predicted), "accuracy": accuracy_score(label, predicted > 0.5)}
    metrics["log_loss"] = log_loss(label, predicted)
    slices = {}
    for hour in sorted(frame["trip_start_hour"].unique()):
        chosen = (frame["trip_start_hour"] == hour).to_numpy()
        if len(set(label[chosen])) == 2:
            slices[f"trip_start_hour={hour}"] = roc_auc_score(label[chosen], predicted[chosen])
    (out / "slices.json").write_text(json.dumps(slices))
    return metrics


def record(metrics: dict[str, float], out: Path) -> None:
    """Put the run, its metrics and a registered version into MLflow."""
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{out}/mlflow.db")
    client = mlflow.MlflowClient()
    experiment = client.create_experiment("taxi", artifact_location=str(out / "mlruns"))
    run = client.create_run(experiment, run_name="by hand")
    moment = [mlflow.entities.Metric(name, float(value), 0, 0) for name, value in metrics.items()]
    parameters = [mlflow.entities.Param("steps", str(STEPS)), mlflow.entities.Param("batch", str(BATCH))]
    client.log_batch(run.info.run_id, metrics=moment, params=parameters)
    client.log_artifacts(run.info.run_id, str(out / "model"), "model")
    client.create_registered_model("taxi")
    client.create_model_version("taxi", f"{run.info.artifact_uri}/model", run.info.run_id, await_creation_for=0)
    client.set_registered_model_alias("taxi", "champion", "1")
    client.set_terminated(run.info.run_id)


def main() -> None:
    out = Path(sys.argv[1]).absolute()
    out.mkdir(parents=True)
    files = ingest(Path(os.environ["LEVADA_DATA"]) / "chicago_taxi" / "data.csv", out)
    statistics = profile(files)
    schema = infer_schema(statistics["train"], out)
    check(statistics["train"], schema)
    model = train(files["train"], statistics["train"])
    export(model, out)
    metrics = evaluate(files["eval"], out)
    record(metrics, out)
    print(" · ".join(f"{name} {value:.3f}" for name, value in metrics.items()))


if __name__ == "__main__":
    main()
