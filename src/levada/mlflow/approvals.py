"""Approvals by people: what waits for one is said on the version's page, and read from it."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING

from levada.artifacts.decisions import Decision
from levada.journal import now
from levada.mlflow.connection import Connection
from levada.mlflow.limits import VERSION_TAG, cut
from levada.mlflow.versions import Versions
from levada.registry import Registry, Request
from levada.store import Store

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

ALIAS = "approved"
TAG = "approval"
ASKED = "levada.approval"
_SAID = re.compile(
    r"(?P<state>approved|refused)\s*[.!]?(?:\s+by\s+(?P<by>[^,:;\n]+))?(?:\s*[,:;\n]\s*(?P<why>.*))?",
    re.IGNORECASE | re.DOTALL,
)
"""One of two words, then nothing, a name, or a mark and the reason: what goes on in another way is not understood.

`approved pending a review` approves nothing.
"""
_DOUBT = re.compile(r"\b(refus|reject|not approv)", re.IGNORECASE)
"""What nobody approves with: then the tag says both, and opens nothing."""


class Approvals:
    """The approvals that versions of one MLflow wait for. `said` gathers what the user should know, a line each."""

    def __init__(self, connection: Connection, store: Store, versions: Versions) -> None:
        self._client = connection.client
        self._registry = Registry(store)
        self._versions = versions
        self.said: list[str] = []

    def follow(self, model: str) -> None:
        """Take over what people decided on a model's versions, and say on those that wait that they do."""
        for request in self._registry.approvals_asked(model):
            version = self._versions.find(model, request.fingerprint)
            if version is None:
                continue  # its run is told later
            state, by, why, where = self._read(model, version)
            if state:
                said = f"{state} by {by}" if by else state
                self._registry.decide(model, request.fingerprint, asdict(Decision(state, by, why, where, now())))
                self._note(version, said)
                self.said.append(f"{model}: version {version.version} was {said} in MLflow.")
            else:
                self._note(version, _wish(request))
                unclear = version.tags.get(TAG)
                if unclear:
                    self.said.append(
                        f"{model}: the tag {TAG} of version {version.version} is '{unclear[:40]}': "
                        "wanted approved or refused, alone or as in 'approved by Ana, after a look'."
                    )

    def _read(self, model: str, version: ModelVersion) -> tuple[str, str, str, str]:
        """Return the state that a person gave a version, empty if none did; who, why, and where it stands."""
        number = str(version.version)
        text = str(version.tags.get(TAG, "")).strip()
        if text:  # a tag that is not understood is asked about, whatever an alias says
            state, by, why = decision_in(text)
            return state, by, why, f"tag {TAG} of version {number}" if state else ""
        if self._versions.alias(model, ALIAS) == number:
            return "approved", "", "", f"alias {ALIAS} on version {number}"
        return "", "", "", ""

    def _note(self, version: ModelVersion, text: str) -> None:
        text = cut(text, VERSION_TAG)
        if version.tags.get(ASKED) != text:
            self._client.set_model_version_tag(version.name, version.version, ASKED, text)


def decision_in(text: str) -> tuple[str, str, str]:
    """Return the decision that a tag's text is, empty if it is none; by whom, and why."""
    said = _SAID.fullmatch(text.strip())
    if said is None:
        return "", "", ""
    state, why = said["state"].lower(), (said["why"] or "").strip()
    if state == "approved" and _DOUBT.search(why):
        return "", "", ""
    return state, (said["by"] or "").strip(" .!"), why


def _wish(request: Request) -> str:
    whom = f"waits for {request.by}" if request.by else "waits for approval"
    said = f"{whom}: {request.question}" if request.question else whom
    return f"{said} (alias {ALIAS}, or tag {TAG} = approved or refused)"
