"""Bring a blessed model to where it is served, under the number that the registry gave it."""

from __future__ import annotations

import time
from collections.abc import Callable

from levada import Context, component
from levada.artifacts.evaluation import Blessing
from levada.artifacts.model import Model
from levada.artifacts.pushed import PushedModel, ServingFolder
from levada.components.placement import alone, go_live
from levada.errors import ComponentError
from levada.registry import Version

SECONDS_BETWEEN_WORDS = 5
PENDING = "pending: the registry is away; the next command completes it"


@component(requires="blessing")
def push(ctx: Context, model: Model, blessing: Blessing, *, to: str) -> PushedModel:
    """Copy a blessed model to `<to>/<version>/`, make it the live one, and promote it to champion.

    `to` is a folder, from the project's root if it is relative, or an fsspec URI. The version is the registry's;
    it is waited for. A destination that already serves this fingerprint is left as it is. While the registry is
    away nothing is written there: the push is ordered, and the next command that reaches the registry carries the
    order out. Raises ComponentError for a model that the blessing does not cover, and where another model has the
    version's folder; RegistryError if the registry refuses the model.
    """
    name = _covered(model, blessing)
    folder = ServingFolder.of(to, ctx.root)
    reason = "; ".join(blessing.reasons)
    version = ctx.registry.await_version(name, model.fingerprint, waiting=_patience(ctx, name))
    pushed = ctx.output(PushedModel)
    if version is None:
        made_by = (ctx.run_id, ctx.node_id, ctx.attempt)
        ctx.registry.order(name, model.record, blessing.challenged, folder.location, reason, made_by)
        pushed.write_pending(name, model.fingerprint, to)
        ctx.summary(PENDING)
        return pushed
    with alone(folder):
        files, is_new = go_live(folder, name, version.version, model.fingerprint, model.path)
        _promote(ctx, name, version, model, blessing, folder.location, reason)
    pushed.write(
        model=name,
        version=version.version,
        fingerprint=model.fingerprint,
        destination=to,
        files=files,
    )
    ctx.summary(f"{to}/{version.version}" + ("" if is_new else " serves this model already"))
    return pushed


def _covered(model: Model, blessing: Blessing) -> str:
    """Return the name to push under; raises ComponentError unless the blessing lets this model through."""
    if not blessing.open:
        why = f": {blessing.reasons[0]}" if blessing.reasons else ""
        raise ComponentError(f"push() was given a blessing that is closed{why}.")
    if model.fingerprint not in blessing.fingerprints:
        covered = ", ".join(fingerprint[:12] for fingerprint in blessing.fingerprints) or "no model"
        raise ComponentError(
            f"push() was given the model {model.fingerprint[:12]}, and a blessing that covers {covered}.",
            hint="Evaluate the very model that is pushed: a model changed after its evaluation is another one.",
        )
    if blessing.model is None:
        raise ComponentError(
            "push() was given a blessing that names no registered model, so there is no version to push.",
            hint='Name it where it is evaluated: evaluate(..., name="flights").',
        )
    return blessing.model


def _patience(ctx: Context, name: str) -> Callable[[], None]:
    """Return what is called while the version is awaited, often: it says so now and then."""
    said = [0.0]

    def waiting() -> None:
        if time.monotonic() - said[0] >= SECONDS_BETWEEN_WORDS:
            said[0] = time.monotonic()
            ctx.progress(0, None, f"waiting for the registry to number {name}")

    return waiting


def _promote(
    ctx: Context, name: str, version: Version, model: Model, blessing: Blessing, destination: str, reason: str
) -> None:
    promotion = ctx.registry.promote(name, version, destination, model.record, blessing.challenged, ctx.run_id, reason)
    if promotion is not None:
        ctx.emit(
            "promoted",
            model=name,
            version=version.version,
            fingerprint=model.fingerprint,
            alias="champion",
            destination=destination,
            before=promotion.before,
            reason=reason,
        )
