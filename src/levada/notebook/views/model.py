"""Models in a notebook: what one takes and gives, how its training went, and where one was put."""

from __future__ import annotations

from collections.abc import Sequence

from levada import html
from levada.artifacts.model import Model, Tensor
from levada.artifacts.pushed import PushedModel
from levada.html import Html
from levada.notebook.views.curves import curves_html

_CLASSES = 8


def model_html(model: Model, said: Sequence[str]) -> Html:
    """Return the signature, named inputs and outputs with dtype and shape, and curves of the training."""
    document = model.document
    rows = [_tensor("takes", tensor) for tensor in document.inputs]
    rows += [_tensor("gives", tensor) for tensor in document.outputs]
    about = [document.framework, document.format, html.size_of(model.record.size)]
    return html.card(
        "Model",
        [*about, *said],
        html.table(("", "name", "dtype", "a row", "of"), rows, wide=(4,)),
        curves_html(model.curves),
        html.facts({"fingerprint": html.code(document.fingerprint[:12])}),
    )


def _tensor(verb: str, tensor: Tensor) -> list[object]:
    of = tensor.columns or tuple(str(item) for item in tensor.classes)
    listed = ", ".join(of[:_CLASSES]) + (f", … ({len(of)})" if len(of) > _CLASSES else "")
    shape = " × ".join(str(size) for size in tensor.shape[1:]) or "one value"
    return [html.note(verb), html.code(tensor.name), tensor.dtype, shape, listed]


def pushed_html(pushed: PushedModel, said: Sequence[str]) -> Html:
    """Return which version was put where."""
    badge = html.badge("pending", html.AMBER) if pushed.pending else html.badge("pushed", html.GREEN)
    return html.card(
        html.join([f"PushedModel {pushed.properties['model']} {_version(pushed)}", badge]),
        said,
        html.facts(
            {
                "destination": html.code(pushed.destination),
                "fingerprint": html.code(str(pushed.properties["fingerprint"])[:12]),
            }
        ),
    )


def _version(pushed: PushedModel) -> str:
    return "" if pushed.pending else f"version {pushed.version} "
