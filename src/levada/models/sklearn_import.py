"""Adopt a scikit-learn estimator that was saved with skops elsewhere: only types that are known are built."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifacts.model import Model
from levada.errors import ModelError
from levada.models.sklearn_export import save_sklearn

if TYPE_CHECKING:
    import pyarrow as pa


def import_sklearn(
    path: Path, out: Model, rows: pa.Table, *, columns: Sequence[str] | None, trust: Sequence[str]
) -> Model:
    """Convert the estimator of a `.skops` file to ONNX in `out`, as `save_sklearn` does, and return `out`.

    `trust` names types beyond scikit-learn's own that may be built ("mypackage.Scaler"). Raises ModelError for a file
    that is damaged or has other types.
    """
    import skops.io as skops

    try:
        unknown: list[str] = [name for name in skops.get_untrusted_types(file=path) if name not in trust]
        if unknown:
            raise ModelError(
                f"{path} has types that are not scikit-learn's: {', '.join(unknown[:8])}.",
                hint=f"If you trust them: import_model(trust={unknown[:8]!r}).",
            )
        estimator: Any = skops.load(path, trusted=list(trust))
    except (zipfile.BadZipFile, OSError, KeyError, ValueError, ImportError) as error:
        raise ModelError(f"{path} cannot be loaded: {str(error).strip().splitlines()[0]}") from None
    return save_sklearn(estimator, out, rows, columns=columns)
