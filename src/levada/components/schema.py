"""Schema: propose one from statistics, or take the one that the project keeps."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

from pathlib import Path

from levada.artifacts.schema import Schema
from levada.artifacts.statistics import Statistics
from levada.component import component
from levada.context import Context
from levada.externals import file_artifact
from levada.schemas.inference import infer


def schema_file(path: str | Path) -> Schema:
    """Return a schema that the project keeps, by the path of its `.pbtxt` file from the project's root.

    The file is read when a run starts; what depends on it runs again when its content changes.
    """
    return file_artifact(Schema, path)


@component
def infer_schema(ctx: Context, statistics: Statistics, *, max_domain: int = 50, ranges: bool = False) -> Schema:
    """Propose a schema, to be read, corrected and kept with the project; see `infer`."""
    proposal = infer(statistics, max_domain=max_domain, ranges=ranges)
    schema = ctx.output(Schema)
    schema.write(proposal)
    ctx.summary(f"{len(proposal.feature)} columns")
    return schema
