"""What is on a small photograph? CIFAR-10, 32x32 pixels in ten classes, and VGG16 with batch normalisation.

The network takes images as they are in files, so what is served does too. Change it in `vgg16`, and what is done to an
image in `FEATURES`.
"""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from levada import Context, component
from levada.artifacts import Examples, Model, Statistics
from levada.components import Source, files_digest, image_folder
from levada.errors import DataError
from levada.features import Features, Fitted, Image
from levada.training import fit_keras

if TYPE_CHECKING:
    import keras
    import pyarrow as pa

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
LABEL = "label"
SIDE = 32
HALVES: dict[str, Literal["train", "test"]] = {"train": "train", "eval": "test"}
"""Which part of the data each split is."""

FEATURES = Features({"image": Image(size=(SIDE, SIDE), rescale="signed", flip=True, shift=0.1)})

# The thirteen convolutions of VGG16 (Simonyan and Zisserman 2014, configuration D): filters and layers of each block.
BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
HIDDEN = 512  # of its two hidden layers: 4,096 for images of 224 pixels, and one pixel is left of 32


# -- sources --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KerasCifar10(Source):
    """One part of CIFAR-10 as Keras fetches and keeps it, as PNG images."""

    part: Literal["train", "test"]

    def __str__(self) -> str:
        return f"keras.datasets.cifar10, {self.part}"

    def digest(self) -> str:
        return "cifar-10-python"  # Keras checks the sha256 of what it fetches

    def table(self, root: Path) -> pa.Table:
        import keras
        import pyarrow as pa
        import tensorflow as tf

        try:
            parts: Any = keras.datasets.cifar10.load_data()
        except Exception as error:
            raise DataError(
                f"CIFAR-10 is not on this machine, and Keras could not fetch it: {error}",
                hint="With a network it is fetched once, into ~/.keras/datasets. Or name a folder that has it: "
                "--data FOLDER, with train/<class>/*.png and test/<class>/*.png, or with a Parquet file.",
            ) from error
        images, labels = parts[0 if self.part == "train" else 1]
        encoded = [tf.io.encode_png(image).numpy() for image in images]
        names = pa.array(CLASSES).take(pa.array(labels.ravel(), pa.int64()))
        return pa.table({"image": pa.array(encoded, pa.binary()), LABEL: names})


@dataclass(frozen=True)
class Cifar10File(Source):
    """One part of CIFAR-10 in a Parquet file: columns `image` (encoded), `label_name` and `split`."""

    path: str
    part: Literal["train", "test"]

    def __str__(self) -> str:
        return f"{self.path}, {self.part}"

    def digest(self) -> str:
        return files_digest([Path(self.path)])

    def table(self, root: Path) -> pa.Table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = ["image", "label_name"]
        table = pq.read_table(root / self.path, columns=columns, filters=[("split", "=", self.part)])
        return pa.table({"image": table["image"], LABEL: table["label_name"].cast(pa.string())})


def cifar10_images(data: str = "") -> dict[str, Source]:
    """Return the sources of the splits `train` and `eval`: rows of `image` (encoded) and `label` (a word).

    `data` is a folder: with a folder a class in `train` and in `test`, or with a Parquet file. Without it the data is
    what Keras fetches. Raises DataError for a folder that is neither.
    """
    if not data:
        return {split: KerasCifar10(part) for split, part in HALVES.items()}
    folder = Path(data)
    if all((folder / part).is_dir() for part in HALVES.values()):
        return {split: image_folder(folder / part) for split, part in HALVES.items()}
    files = sorted(folder.glob("*.parquet"))
    if len(files) != 1:
        raise DataError(
            f"{data} is not CIFAR-10: it has {len(files) or 'no'} Parquet files, and not both folders train and test.",
            hint="Wanted train/<class>/*.png and test/<class>/*.png, or one Parquet file with the columns image, "
            "label_name and split.",
        )
    return {split: Cifar10File(files[0].as_posix(), part) for split, part in HALVES.items()}


# -- model ----------------------------------------------------------------------------------------------


def vgg16(features: Fitted, *, width: float = 1.0, learning_rate: float = 0.001) -> keras.Model:
    """Return an untrained VGG16 with batch normalisation, for images of 32x32 pixels.

    `width` multiplies the filters of every layer: 1 has 15 million weights, 0.125 a quarter of a million. Batches are
    normalised over all replicas together, so several workers train as one does.
    """
    import keras

    def units(count: int) -> int:
        return max(4, round(count * width))

    def normalised(values: Any) -> Any:
        # What is served uses means over about the last ten batches: a training of a few hundred has no more to give.
        return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9, synchronized=True)(values))

    layers = features.layers()
    seen = layers["image"]
    for filters, count in BLOCKS:
        for _ in range(count):
            convolution = keras.layers.Conv2D(
                units(filters), 3, padding="same", use_bias=False, kernel_initializer="he_normal"
            )
            seen = normalised(convolution(seen))
        seen = keras.layers.MaxPooling2D(2)(seen)
    seen = keras.layers.Flatten()(seen)
    for _ in range(2):
        seen = normalised(keras.layers.Dense(units(HIDDEN), use_bias=False, kernel_initializer="he_normal")(seen))
    network = keras.Model(layers.inputs, keras.layers.Dense(len(CLASSES), activation="softmax")(seen))
    network.compile(
        keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return network


@component(packages=("tensorflow", "keras"))
def train_cifar10(
    ctx: Context,
    examples: Examples,
    statistics: Statistics,
    *,
    width: float = 1.0,
    epochs: int = 40,
    batch_size: int = 128,
    learning_rate: float = 0.001,
    workers: int = 1,
) -> Model:
    """Fit VGG16 on the split `train`, in `workers` processes that share every batch."""
    features = FEATURES.fitted(statistics)
    return fit_keras(
        ctx,
        partial(vgg16, features, width=width, learning_rate=learning_rate),
        examples,
        inputs=features.tensors,
        label=LABEL,
        classes=CLASSES,
        output="probabilities",
        batch_size=batch_size,
        epochs=epochs,
        workers=workers,
    )
