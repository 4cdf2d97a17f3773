"""A gate that a person opens, in MLflow: what waits for it needs no running process."""

from __future__ import annotations

from levada.artifacts.decisions import Decisions
from levada.artifacts.evaluation import Blessing
from levada.component import component
from levada.context import Context
from levada.errors import ComponentError
from levada.externals import external


def decisions(name: str) -> Decisions:
    """Return what people decided on versions of the model registered as `name`, for `approval`.

    It is looked up when a run starts. While an approval is waited for, MLflow is asked first.
    """
    return external(Decisions, f"decisions:{name}")


@component(requires="blessing")
def approval(
    ctx: Context, blessing: Blessing, *, decided: Decisions | None = None, by: str = "", question: str = ""
) -> Blessing:
    """Let a blessing through once a person has approved its version in MLflow; until then the gate is closed.

        ok = approval(verdict.blessing, decided=decisions("flights"), by="Ana", question="Is JFK good enough?")
        push(model, ok, to="serving/flights")

    `by` says who is to look, `question` at what: both stand on the run's page and on the version's. A person approves
    with the alias `approved`, or with a tag `approval` whose value begins with `approved` (`approved by Ana`), and
    refuses with one that begins with `refused`. The next run of the pipeline, scheduled or by hand, reads that and
    goes on from here. A model is approved once: the same fingerprint needs no second word.

    Raises ComponentError for a blessing without a registered name.
    """
    if blessing.model is None or not blessing.fingerprints:
        raise ComponentError(
            "approval() was given a blessing of no registered model, so no version can be approved.",
            hint='Give evaluate() a name: evaluate(..., name="flights").',
        )
    name, fingerprint = blessing.model, blessing.fingerprints[0]
    decision = decided.on(fingerprint) if decided is not None else None
    if decision is None:
        asked = f"{name} waits for {f'approval by {by}' if by else 'approval'}{f': {question}' if question else ''}"
        end = "" if asked[-1] in ".?!" else "."
        ctx.registry.ask_approval(name, fingerprint, by, question, ctx.run_id)
        return _closed(
            ctx,
            blessing,
            f"{asked}{end} In MLflow give its version the alias approved, or a tag approval = approved; then run again",
            f"waits for {by or 'approval'}",
        )
    who = f" by {decision.by}" if decision.by else ""
    why = f": {decision.why}" if decision.why else ""
    read = f"read {decision.time[:16].replace('T', ' ')} UTC"
    ctx.emit(
        "decided",
        model=name,
        fingerprint=fingerprint,
        state=decision.state,
        by=decision.by,
        why=decision.why,
        where=decision.where,
        read=decision.time,
    )
    if decision.state != "approved":
        return _closed(ctx, blessing, f"{name} was refused{who}{why} ({decision.where}, {read})", f"refused{who}")
    reason = f"approved{who}{why} ({decision.where}, {read})"
    ctx.summary(f"approved{who}")
    return _written(ctx, blessing, True, [reason, *blessing.reasons])


def _closed(ctx: Context, blessing: Blessing, reason: str, line: str) -> Blessing:
    ctx.summary(line)
    return _written(ctx, blessing, False, [reason])


def _written(ctx: Context, blessing: Blessing, is_open: bool, reasons: list[str]) -> Blessing:
    given = ctx.output(Blessing)
    given.write(
        is_open,
        reasons,
        model=blessing.model,
        fingerprints=blessing.fingerprints,
        baseline=blessing.baseline,
        challenged=blessing.challenged,
    )
    return given
