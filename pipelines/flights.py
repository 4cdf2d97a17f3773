"""The flagship: will a flight from New York arrive late? From CSV files to a served model, through two gates."""

from __future__ import annotations

from components.flights import LABEL, Weather, join_weather, nycflights, train_flights
from levada import pipeline
from levada.components import (
    at_least,
    at_most,
    champion,
    check_data,
    evaluate,
    infer_schema,
    ingest,
    profile,
    push,
    schema_file,
)


@pipeline
def flights(*, months: int = 3, eval_month: int = 4, epochs: int = 4) -> None:
    """Will a flight from New York arrive more than 15 minutes late?

    Trains on the first months of 2013, judges on a later one, and serves what is good enough.

    Args:
        months: train on the flights of this many months, from January on.
        eval_month: the month of 2013 (1 to 12) to judge on; later than those trained on.
        epochs: how often training sees every flight.
    """
    weather = ingest.with_options(name="weather")(Weather())
    past = ingest.with_options(name="ingest")(nycflights(range(1, months + 1)), splits={"train": 1})
    later = ingest.with_options(name="ingest_later")(nycflights([eval_month]), splits={"eval": 1})
    train_set = join_weather.with_options(name="join")(past, weather)
    eval_set = join_weather.with_options(name="join_later")(later, weather)

    statistics = profile(train_set)
    infer_schema(statistics, ranges=True)  # a proposal, to hold against the one the project keeps
    ok = check_data(statistics, schema_file("schemas/flights.pbtxt"))
    model = train_flights.with_options(name="train", requires=ok)(train_set, statistics, epochs=epochs)

    # On April, trained on January to March: AUC 0.67, where the timetable without the weather reaches 0.66 and the
    # error of the estimate is 0.004; the mean probability is 0.06 below the share of late flights.
    verdict = evaluate(
        model,
        eval_set,
        champion=champion("flights"),
        label=LABEL,
        name="flights",
        thresholds={"auc": at_least(0.64), "calibration_gap": at_most(0.12)},
        max_drop={"auc": 0.01},
        slices=["origin", "carrier"],
    )
    push(model, verdict.blessing, to="serving/flights")
