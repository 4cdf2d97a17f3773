"""A training on one device and the same on two: `python -m tests.training.mirrored FOLDER` prints both curves."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

from tests.models.workshop import Workshop
from tests.training.conftest import fitting
from tests.training.networks import rows, small


def main(folder: Path) -> None:
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    workshop = Workshop(folder)
    fit = fitting(workshop)
    # 203 rows: two devices cannot share the last batch, of 11, evenly.
    examples = workshop.examples(rows(203), "train")
    network = partial(small, dropout=0.0, norm=False)
    said = {devices: fit(examples, network, devices=devices).curves for devices in ("one", "all")}
    print(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
