"""Schema: what data should look like, in TensorFlow Metadata's text format (`schema.pbtxt`)."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifact import Artifact
from levada.artifacts.annotations import description_of, sensitive_columns, unit_of
from levada.errors import DataError, Position

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

FILE = "schema.pbtxt"


class Schema(Artifact):
    """The expected columns: types, presence, domains. One `*.pbtxt` file, which TFX reads and writes too.

    A schema that a component makes is `schema.pbtxt`; a file of the project keeps its own name.
    """

    @property
    def file(self) -> Path:
        """The schema's file. Raises DataError unless there is exactly one `*.pbtxt`."""
        found = sorted(self.path.glob("*.pbtxt"))
        if len(found) != 1:
            names = ", ".join(sorted(path.name for path in self.path.glob("*"))) or "nothing"
            raise DataError(f"a schema is a single *.pbtxt file, and {self.path} has {names}.")
        return found[0]

    def proto(self) -> schema_pb2.Schema:
        """The schema as a message. Raises DataError, with the line, if the file is not one."""
        source = str(self.properties.get("source") or self.file.name)
        return parse_schema(self.file.read_text(encoding="utf-8"), source)

    @property
    def sensitive(self) -> frozenset[str]:
        """The columns whose values are for no person's eyes: those with the tag `sensitive`."""
        return sensitive_columns(self._parsed)

    def unit(self, column: str) -> str:
        """The unit of a column's values, from its tag `unit: ...`; empty if the schema names none."""
        feature = self._feature(column)
        return "" if feature is None else unit_of(feature)

    def description(self, column: str) -> str:
        """What the schema says of a column for people; empty if nothing."""
        feature = self._feature(column)
        return "" if feature is None else description_of(feature)

    def _feature(self, column: str) -> Any:
        return next((feature for feature in self._parsed.feature if feature.name == column), None)

    @cached_property
    def _parsed(self) -> schema_pb2.Schema:
        return self.proto()

    def write(self, schema: schema_pb2.Schema) -> None:
        """Write the schema as `schema.pbtxt`."""
        (self.path / FILE).write_text(schema_text(schema), encoding="utf-8")


def parse_schema(text: str, source: str) -> schema_pb2.Schema:
    """Return the message that a text stands for; raises DataError, naming `source` and the line, if it is none."""
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        return text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        number = error.GetLine() or 1
        lines = text.splitlines()
        line = lines[number - 1].strip() if number <= len(lines) else ""
        what = str(error).split(" : ", 1)[-1].strip().rstrip(".")
        raise DataError(
            f"this is not a schema: {what}.",
            where=Position(source, number, line),
            hint="Wanted the text form of tensorflow.metadata.v0.Schema; infer_schema makes one to start from.",
        ) from None


def schema_text(schema: schema_pb2.Schema) -> str:
    """Return the text form of a schema, the same for equal schemas."""
    from google.protobuf import text_format

    return text_format.MessageToString(schema, use_index_order=False)
