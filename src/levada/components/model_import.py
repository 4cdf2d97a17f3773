"""Adopt a model that was trained elsewhere, so that it is judged, pushed and compared as any other."""

from __future__ import annotations

from typing import Any

from levada.artifacts.examples import Examples
from levada.artifacts.model import Model, ModelDocument
from levada.component import component
from levada.context import Context
from levada.errors import DataError, ModelError, ParameterError
from levada.models.files import ModelFiles
from levada.signing import check_served

TRIED = 100


@component
def import_model(
    ctx: Context,
    examples: Examples | None = None,
    *,
    files: ModelFiles,
    split: str | None = None,
    columns: dict[str, list[str]] | None = None,
    classes: list[str | int] | None = None,
    output: str = "prediction",
    signature: str = "serving_default",
    trust: list[str] | None = None,
) -> Model:
    """Take a model of other hands into the store: a SavedModel, a `.keras`, `.onnx` or `.skops` file.

    It becomes what Levada's own are: a SavedModel or an ONNX graph with named inputs and outputs. With `examples` it is
    asked about their first 100 rows (of `split`, or of the first one), and must answer; scikit-learn's need them, to
    compare the ONNX graph with the estimator.

    `columns` says which columns an input that is a matrix is made of (`{"x": ["age", "fare"]}`; without it the column
    has its name and holds lists), `classes` which class each number of an output stands for. `output` names the only
    output of a Keras model, `signature` the signature of a SavedModel that is served. `trust` names types that a
    `.skops` file may hold beyond scikit-learn's, and operations that a SavedModel may have beyond those that compute.

    The model's properties say where it came from: `origin`, and the sha256 of its files, `origin_digest`. Its
    fingerprint is told from its files, whatever a `model.json` says. Raises ModelError if it cannot be adopted, or
    cannot answer.
    """
    path = files.found(ctx.root)
    format_ = files.format(ctx.root)
    matrices, labels = columns or {}, classes or []
    model = ctx.output(Model)
    if format_ == "levada":
        from levada.models.levada_import import import_levada

        check_served(path)
        import_levada(path, model, trust=trust or [])
    elif format_ == "keras":
        from levada.models.keras_import import import_keras

        import_keras(path, model, output=output, columns=matrices, classes=labels)
    elif format_ == "saved_model":
        from levada.models.saved_model_import import import_saved_model

        import_saved_model(path, model, signature=signature, columns=matrices, classes=labels, trust=trust or [])
    elif format_ == "onnx":
        from levada.models.onnx_import import import_onnx

        import_onnx(path, model, columns=matrices, classes=labels)
    else:
        from levada.models.sklearn_import import import_sklearn

        if len(matrices) > 1:
            raise ParameterError("import_model(columns=...): a scikit-learn estimator has one matrix of columns.")
        rows = _rows(examples, split, files)
        import_sklearn(path, model, rows, columns=next(iter(matrices.values()), None), trust=trust or [])
    model.properties["origin"] = files.path
    model.properties["origin_digest"] = files.digest_below(ctx.root)
    asked = f" · answers {_ask(model, _rows(examples, split, files)):,} rows" if examples is not None else ""
    ctx.summary(f"{format_.replace('_', ' ')} · {_shapes(model.document)}{asked}")
    return model


def _rows(examples: Examples | None, split: str | None, files: ModelFiles) -> Any:
    import pyarrow as pa

    if examples is None:
        raise DataError(
            f"import_model({files}): a scikit-learn estimator becomes ONNX, and is compared with it on real rows.",
            hint="Give it some: import_model(examples, files=...).",
        )
    chosen = split or next((name for name in examples.splits if examples.rows(name)), "")
    batch = next(iter(examples.batches(chosen, rows=TRIED)), None)
    if batch is None:
        raise DataError(f"import_model({files}): split '{chosen}' has no rows to ask about.")
    return pa.Table.from_batches([batch.slice(0, TRIED)])


def _ask(model: Model, rows: Any) -> int:
    for tensor in model.document.inputs:
        if len(tensor.shape) == 2 and not tensor.columns and tensor.name not in rows.schema.names:
            raise ModelError(
                f"input '{tensor.name}' of the model takes {tensor.row_size} numbers a row, and the examples have no "
                "column of that name.",
                hint=f"Say which columns it is made of: import_model(columns={{'{tensor.name}': [...]}}).",
            )
    try:
        model.load().predict(rows)
    except ModelError:
        raise
    except Exception as error:  # runtimes raise what they like
        raise ModelError(f"the model does not answer: {type(error).__name__}: {error}") from error
    return rows.num_rows


def _shapes(document: ModelDocument) -> str:
    takes, gives = len(document.inputs), ", ".join(tensor.name for tensor in document.outputs)
    return f"{takes} input{'s' * (takes != 1)} · gives {gives}"
