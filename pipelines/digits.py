"""Handwritten digits with scikit-learn: a small pipeline from a data set to a served ONNX model."""

from __future__ import annotations

from components.digits import LABEL, Digits, train_digits
from levada import pipeline
from levada.components import at_least, champion, evaluate, ingest, push


@pipeline
def digits(*, strength: float = 0.1) -> None:
    """Which digit is it? From 8x8 pixels to a served model.

    Args:
        strength: the inverse of the classifier's regularisation; larger fits closer.
    """
    data = ingest(Digits(), splits={"train": 8, "eval": 2})
    model = train_digits.with_options(name="train")(data, strength=strength)
    verdict = evaluate(
        model,
        data,
        champion=champion("digits"),
        label=LABEL,
        name="digits",
        thresholds={"accuracy": at_least(0.95)},
        max_drop={"accuracy": 0.03},  # what 360 digits can show of a model that is as good
    )
    push(model, verdict.blessing, to="serving/digits")
