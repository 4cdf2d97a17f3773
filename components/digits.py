"""Handwritten digits, 8x8 pixels: scikit-learn's data set, and a classifier that becomes ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada import Context, component
from levada.artifacts import Examples, Model
from levada.components import Source
from levada.models import save_sklearn

if TYPE_CHECKING:
    import pyarrow as pa

LABEL = "digit"
PIXELS = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]


@dataclass(frozen=True)
class Digits(Source):
    """The 1,797 digits that come with scikit-learn: 64 columns of grey values (0 to 16) and `digit`."""

    def __str__(self) -> str:
        return "scikit-learn digits"

    def digest(self) -> str:
        return "1"  # these 1,797 digits are what they are since 1998

    def table(self, root: Path) -> pa.Table:
        import pyarrow as pa
        from sklearn.datasets import load_digits

        data: Any = load_digits()
        columns = {name: data.data[:, place].astype("float32") for place, name in enumerate(PIXELS)}
        return pa.table({**columns, LABEL: data.target.astype("int64")})


@component(packages=("scikit-learn", "skl2onnx"))
def train_digits(ctx: Context, examples: Examples, *, strength: float = 0.1) -> Model:
    """Fit a logistic regression on the split `train`; `strength` is the inverse of its regularisation.

    The model is kept as ONNX, which answers the training rows exactly as scikit-learn does.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    table = examples.table("train")
    pixels = np.column_stack([table[name].to_numpy() for name in PIXELS])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000, random_state=ctx.seed))
    classifier.fit(pixels, table[LABEL].to_numpy())
    model = save_sklearn(classifier, ctx.output(Model), table, columns=PIXELS, name="pixels")
    difference = model.properties["largest_difference"]
    ctx.summary(f"{table.num_rows:,} rows · ONNX differs by at most {difference:.0e}")
    return model
