"""Schema: propose one from statistics, or take the one that the project keeps."""

from __future__ import annotations

from pathlib import Path

from levada.artifacts.schema import Schema
from levada.artifacts.statistics import Statistics
from levada.component import component
from levada.context import Context
from levada.externals import file_artifact
from levada.schemas.difference import counted, difference
from levada.schemas.inference import infer
from levada.schemas.widening import widen


def schema_file(path: str | Path) -> Schema:
    """Return a schema that the project keeps, by the path of its `.pbtxt` file from the project's root.

    The file is read when a run starts; what depends on it runs again when its content changes.
    """
    return file_artifact(Schema, path)


@component
def infer_schema(
    ctx: Context, statistics: Statistics, schema: Schema | None = None, *, max_domain: int = 50, ranges: bool = False
) -> Schema:
    """Propose a schema, to be read, corrected and kept with the project.

    Without `schema` the proposal is what the statistics show: types, which columns are required, how many values a row
    has, domains of at most `max_domain` values, and with `ranges` bounds. With the `schema` that the project keeps, the
    proposal is that one, widened as little as lets the data through, and the summary says whether it differs;
    `levada schema diff` shows where, `levada schema accept` writes it. Raises DataError if there are no columns.
    """
    if schema is None:
        proposal = infer(statistics, max_domain=max_domain, ranges=ranges)
        said = f"{len(proposal.feature)} columns"
    else:
        kept = schema.proto()
        proposal = widen(kept, statistics, max_domain=max_domain, ranges=ranges)
        changes = difference(kept, proposal)
        name = str(schema.properties.get("source") or schema.file.name)
        said = f"{counted(changes) or 'no change'} against {name}"
    proposed = ctx.output(Schema)
    proposed.write(proposal)
    ctx.summary(said)
    return proposed
