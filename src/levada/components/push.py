"""Bring a blessed model to where it is served, under the number that the registry gave it."""

from __future__ import annotations

import time
from collections.abc import Callable

from levada import Context, component
from levada.artifacts.evaluation import Blessing
from levada.artifacts.model import Model
from levada.artifacts.pushed import PushedModel, ServingFolder
from levada.artifacts.serving_check import ServingCheck
from levada.errors import ComponentError
from levada.pushing.moves import go_live
from levada.pushing.placement import alone
from levada.pushing.retention import check_keep
from levada.pushing.way_back import taken_back
from levada.registry import Promotion, Release, Version
from levada.signing import policy_of

SECONDS_BETWEEN_WORDS = 5
PENDING = "pending: the registry is away; the next command completes it"


@component(requires=("blessing", "checked"), check=check_keep)
def push(
    ctx: Context,
    model: Model,
    blessing: Blessing,
    *,
    to: str,
    keep: int | None = None,
    checked: ServingCheck | None = None,
) -> PushedModel:
    """Copy a blessed model to `<to>/<version>/`, sign it, make it the live one, and promote it to champion.

    `to` is a folder, from the project's root if it is relative, or an fsspec URI. The version is the registry's;
    it is waited for. A destination that already serves this fingerprint is left as it is. Of the versions that lie
    there the `keep` that were live last stay (all of them without it); the champion and the one before always do.
    While the registry is away nothing is written there: the push is ordered, and the next command that reaches the
    registry carries the order out.

    With `checked`, what `validate_serving` says of this model, a model that cannot be served is not pushed, and the
    requests that were asked come along to warm the version up.

    Raises ComponentError for a model that the blessing does not cover or that is not safe to load, for a closed check,
    for a version that a rollback took back, and for a folder that holds another model or other things; ParameterError
    for `keep` below 2; StoreError where the folder cannot be written, and for a model whose files were changed;
    SignatureError if it cannot be signed; RegistryError if the registry refuses it.
    """
    check_keep(keep)
    name = _covered(model, blessing)
    if checked is not None and checked.model != model.fingerprint:
        raise ComponentError(
            f"push() was given the model {model.fingerprint[:12]}, and checked= is on {checked.model[:12]}.",
            hint="Give validate_serving the very model that is pushed.",
        )
    if checked is not None and not checked.open:
        why = f": {checked.reasons[0]}" if checked.reasons else ""
        raise ComponentError(f"push() was given a serving check that is closed{why}.")
    folder = ServingFolder.of(to, ctx.root)
    reason = "; ".join(blessing.reasons)
    version = ctx.registry.await_version(name, model.fingerprint, waiting=_patience(ctx, name))
    pushed = ctx.output(PushedModel)
    if version is None:
        made_by = (ctx.run_id, ctx.node_id, ctx.attempt)
        ctx.registry.order(
            name,
            model.record,
            blessing.challenged,
            folder.location,
            reason,
            made_by,
            keep,
            checked.record if checked is not None else None,
        )
        pushed.write_pending(name, model.fingerprint, to)
        ctx.summary(PENDING)
        return pushed
    _refuse_taken_back(ctx, version)
    asked = checked.record if checked is not None else None
    release = Release(version, model.record, blessing.challenged, reason, ctx.run_id, checked=asked)
    with alone(folder):
        moved = go_live(ctx.store, folder, release, policy_of(ctx.root), keep=keep)
    if moved.stayed:
        ctx.log.warning("old versions stay in %s: %s", folder.location, moved.stayed)
    if moved.promotion is not None:
        _announce(ctx, moved.promotion)
    pushed.write(
        model=name,
        version=version.version,
        fingerprint=model.fingerprint,
        destination=to,
        files=moved.files,
    )
    gone = f" · removed {', '.join(str(number) for number in moved.removed)}" if moved.removed else ""
    ctx.summary(f"{to}/{version.version}" + (gone if moved.pointed else " serves this model already"))
    return pushed


def _refuse_taken_back(ctx: Context, version: Version) -> None:
    """Raise ComponentError for a version that a person took back: the next scheduled run must not bring it back."""
    taken = taken_back(ctx.registry.promotions(version.model), version)
    if taken is not None:
        by, name, when = taken.release, version.model, taken.time[:16].replace("T", " ")
        raise ComponentError(
            f"version {version.version} of {name} was taken back by {by.actor} on {when} UTC: {by.reason}.",
            hint=f"A run does not bring it back: levada rollback {name} --to {version.version} does. Or train another.",
        )


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


def _announce(ctx: Context, promotion: Promotion) -> None:
    ctx.emit(
        "promoted",
        model=promotion.model,
        version=promotion.version,
        fingerprint=promotion.fingerprint,
        alias="champion",
        destination=promotion.destination,
        before=promotion.before,
        reason=promotion.release.reason,
    )
