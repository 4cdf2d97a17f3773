"""Will a taxi's passenger tip more than a fifth of the fare?"""

from __future__ import annotations

from pathlib import Path

from levada import pipeline
from levada.components import at_least, champion, check_data, csv, evaluate, infer_schema, ingest, profile, push
from taxi.components import mark_tippers, train_tippers


@pipeline
def taxi(*, data: Path, steps: int = 200) -> None:
    """TFX's Chicago-taxi example: CSV in, blessed and pushed model out.

    Args:
        data: the CSV file.
        steps: training steps of 40 rows.
    """
    trips = mark_tippers(ingest(csv(data), splits={"train": 2, "eval": 1}))
    statistics = profile(trips)
    sound = check_data(statistics, infer_schema(statistics), splits=["train"])
    model = train_tippers.with_options(requires=sound)(trips, statistics, steps=steps)
    verdict = evaluate(
        model,
        trips,
        champion=champion("taxi"),
        label="tipped",
        name="taxi",
        thresholds={"accuracy": at_least(0.6)},
        slices=["trip_start_hour"],
    )
    push(model, verdict.blessing, to="serving/taxi")
