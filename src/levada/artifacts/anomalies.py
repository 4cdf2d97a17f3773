"""Anomalies: where data departs from what it should be, and the gate that closes on it."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from levada.artifact import Gate

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

FILE = "anomalies.json"
SHOWN_COLUMNS = 7
SHOWN_CHARACTERS = 24

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Anomaly:
    """One departure from a schema or a rule.

    `column` is empty where no single one is meant, `split` where there is only one, or all are. `kind` is a word for
    people (`domain`, `range`, `missing values`, `rule`, ...), `type` the name that TensorFlow Metadata has for it
    (`ENUM_TYPE_UNEXPECTED_STRING_VALUES`). `count` is how many rows it is about, if that is known, and `rows` up to ten
    of them, each a dict of JSON values in which sensitive ones are masked.
    """

    column: str
    kind: str
    severity: Severity
    description: str
    split: str = ""
    type: str = ""
    count: int | None = None
    rows: tuple[dict[str, Any], ...] = ()


class Anomalies(Gate):
    """A list of anomalies, as `anomalies.json`; a gate that an error closes and a warning does not.

    Properties: `errors`, `warnings` (their numbers), `table` (rows that the first error is about, for people).
    """

    def write(self, anomalies: list[Anomaly]) -> None:
        """Write the list and set the verdict: open unless an anomaly is an error."""
        text = json.dumps([asdict(anomaly) for anomaly in anomalies], ensure_ascii=False, indent=1)
        (self.path / FILE).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        errors = [anomaly.description for anomaly in anomalies if anomaly.severity == "error"]
        self.properties["errors"] = len(errors)
        self.properties["warnings"] = len(anomalies) - len(errors)
        shown = next((item for item in anomalies if item.severity == "error" and item.rows), None)
        if shown is not None:
            self.properties["table"] = _table(shown)
        self.set_verdict(not errors, errors or [anomaly.description for anomaly in anomalies])

    def all(self) -> list[Anomaly]:
        """Every anomaly, errors first."""
        forms = json.loads((self.path / FILE).read_text(encoding="utf-8"))
        return [_anomaly(form) for form in forms]

    @property
    def errors(self) -> list[Anomaly]:
        """Those that close the gate."""
        return [anomaly for anomaly in self.all() if anomaly.severity == "error"]

    @property
    def warnings(self) -> list[Anomaly]:
        """Those that do not."""
        return [anomaly for anomaly in self.all() if anomaly.severity == "warning"]

    def proto(self, schema: schema_pb2.Schema | None = None) -> anomalies_pb2.Anomalies:
        """The anomalies as TFX has them: by column, those of the whole data set apart; `schema` is the baseline."""
        from tensorflow_metadata.proto.v0 import anomalies_pb2

        message: Any = anomalies_pb2.Anomalies()
        if schema is not None:
            message.baseline.CopyFrom(schema)
        by_column: defaultdict[str, list[Anomaly]] = defaultdict(list)
        for anomaly in self.all():
            by_column[anomaly.column].append(anomaly)
        for column, anomalies in by_column.items():
            info = message.anomaly_info[column] if column else message.dataset_anomaly_info
            if column:
                info.path.step.append(column)
            _fill(info, anomalies)
        message.data_missing = any(anomaly.type == "NO_DATA_IN_SPAN" for anomaly in self.all())
        return message


def _anomaly(form: dict[str, Any]) -> Anomaly:
    fields: dict[str, Any] = {**form, "rows": tuple(form.get("rows", ()))}
    return Anomaly(**fields)


def _fill(info: Any, anomalies: list[Anomaly]) -> None:
    """Write one column's anomalies as one, with a reason each, as TensorFlow Data Validation does."""
    info.severity = info.ERROR if any(anomaly.severity == "error" for anomaly in anomalies) else info.WARNING
    info.description = " ".join(anomaly.description for anomaly in anomalies)
    info.short_description = anomalies[0].kind if len(anomalies) == 1 else "Multiple errors"
    for anomaly in anomalies:
        name = anomaly.type or "UNKNOWN_TYPE"
        info.reason.add(type=name, short_description=anomaly.kind, description=anomaly.description)


def _table(anomaly: Anomaly) -> dict[str, Any]:
    """Return the rows of an anomaly as a table for people: the first columns, cut to fit a line."""
    columns = list(anomaly.rows[0])[:SHOWN_COLUMNS]
    shown, count = len(anomaly.rows), anomaly.count or 0
    cut = f" · {shown} of {count:,} rows" if count > shown else f" · {shown} row{'s' * (shown != 1)}"
    return {
        "title": anomaly.description + cut,
        "columns": columns,
        "data": [[_cell(row.get(name)) for name in columns] for row in anomaly.rows],
    }


def _cell(value: Any) -> Any:
    """Return a value as a table shows it; numbers as text, so that each keeps its digits."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
