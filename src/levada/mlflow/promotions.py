"""Promotions, told to MLflow in the order that they have in the store; what a person changed there is taken over.

The store's promotions are a chain, so the alias `champion` is what the last of them says, in whatever order the runs
are delivered. MLflow keeps no history of aliases: where its alias stood when the chain was last told is kept in the
store, and another place than that is a person's doing.
"""

from __future__ import annotations

from pathlib import Path

from levada.artifact import ArtifactRecord
from levada.errors import LevadaError
from levada.history.live import stretches
from levada.journal import Tail
from levada.mlflow.connection import Connection, is_refusal, without_secrets
from levada.mlflow.cursor import Cursors, Told
from levada.mlflow.description import model_description
from levada.mlflow.limits import VERSION_TAG, cut
from levada.mlflow.versions import CHALLENGER, Versions
from levada.registry import Promotion, Registry, Release, Version
from levada.store import Store

CHAMPION = "champion"
MLFLOW = "MLflow"
"""The actor of a promotion that was made there; MLflow does not tell who it was, nor when."""


class Promotions:
    """The alias `champion` of one MLflow's models. `said` gathers what the user should know, a line each."""

    def __init__(
        self, connection: Connection, store: Store, cursors: Cursors, versions: Versions, root: Path | None = None
    ) -> None:
        self._connection = connection
        self._client = connection.client
        self._store = store
        self._cursors = cursors
        self._versions = versions
        self._root = root
        self._registry = Registry(store)
        self.said: list[str] = []

    def follow(self, model: str) -> None:
        """Bring a model's alias, and what its versions say of promotions, to where the store's chain is.

        If a person moved the alias meanwhile, and nothing was promoted here, that becomes a promotion of the store's.
        """
        told = self._cursors.told(model)
        there = self._versions.alias(model, CHAMPION)
        # Looked at after the alias: whoever moves the alias for a promotion has recorded that before.
        made = self._registry.promotions_made(model)
        if made == told.promotions and there != told.alias:
            self._take_over(model, there)
            made = self._registry.promotions_made(model)
        if made > told.promotions:
            self._tell(model, told, there)
        elif there != told.alias:
            self._cursors.save_told(model, Told(told.promotions, there, told.orders))

    # -- what the store knows -----------------------------------------------------------------------

    def _tell(self, model: str, told: Told, there: str) -> None:
        number = ""
        done = told.promotions
        for promotion in self._registry.promotions(model)[told.promotions :]:
            found = self._versions.find(model, promotion.fingerprint)
            if found is None and self._is_to_come(promotion):
                break  # its run is told later; so is what came after it
            done += 1
            number = str(found.version) if found is not None else ""
            if number:
                self._note(promotion, number)
        if there not in (told.alias, number):
            self.said.append(
                f"{model}: the alias {CHAMPION} was moved to {f'version {there}' if there else 'nothing'} in MLflow, "
                "and a model was pushed meanwhile: the push counts."
            )
        if number:
            self._client.set_registered_model_alias(model, CHAMPION, number)
            if self._versions.alias(model, CHALLENGER) == number:
                self._client.delete_registered_model_alias(model, CHALLENGER)
        if done > told.promotions:
            self._describe(model)
            self._cursors.save_told(model, Told(done, number or told.alias, told.orders))

    def _describe(self, model: str) -> None:
        """Write on the model's page what was live when, as the store's chain has it."""
        try:
            tags = self._client.get_registered_model(model).tags
        except Exception as error:
            if is_refusal(error):
                return  # somebody removed it in MLflow
            raise
        text = model_description(str(tags.get("levada.pipeline", model)), model, stretches(self._store, model))
        self._client.update_registered_model(model, text)

    def _is_to_come(self, promotion: Promotion) -> bool:
        """Whether this MLflow may still get a promoted version: not if it, or its record here, was deleted."""
        version = self._registry.version(promotion.model, promotion.fingerprint)
        return version is not None and version.registry != without_secrets(self._connection.uri)

    def _note(self, promotion: Promotion, number: str) -> None:
        """Write on a version who made it live, when and why."""
        release = promotion.release
        before = f"v{promotion.before}" if promotion.before else "nothing"
        by = release.actor or self._actor(release.run)
        said = [
            f"{CHAMPION} since {promotion.time[:16].replace('T', ' ')} UTC",
            f"by {by} in run {release.run}" if release.run else f"by {by}",
            f"before: {before}",
            *([f"served from {promotion.destination}"] if promotion.destination else []),
            *([release.reason] if release.reason else []),
        ]
        text = cut(" · ".join(said), VERSION_TAG)
        self._client.set_model_version_tag(promotion.model, number, "levada.promoted", text)

    def _actor(self, run: str) -> str:
        started = next((event for event in Tail(self._store, run).poll() if event["kind"] == "run_started"), {})
        return f"{started.get('user', '?')}@{started.get('host', '?')}"

    # -- what a person did --------------------------------------------------------------------------

    def _take_over(self, model: str, number: str) -> None:
        """Record that a person moved the alias, and let the folder follow that served the champion, if it can."""
        champion = self._registry.champion(model)
        live = f"version {champion.version}" if champion else "no version"
        if not number:
            self.said.append(f"{model}: the alias {CHAMPION} was removed in MLflow; {live} stays the champion here.")
            return
        fingerprint = self._client.get_model_version(model, number).tags.get("levada.fingerprint", "")
        candidate = self._registry.candidate(model, fingerprint) if fingerprint else None
        if candidate is None:
            self.said.append(
                f"{model}: the alias {CHAMPION} was moved to version {number} in MLflow, which this store "
                f"knows nothing of; {live} stays the champion here."
            )
            return
        version = Version(model, fingerprint, int(number), without_secrets(self._connection.uri))
        record = ArtifactRecord.from_json(candidate["record"])
        challenged = self._challenged(model, fingerprint, candidate)
        release = Release(version, record, challenged, _WHY, actor=MLFLOW, kind="alias")
        served, where = self._serve(release)
        self._registry.promote(release, where)  # unless the folder's move has done that
        now = self._registry.champion(model)
        if now is not None and now != champion:
            self.said.append(
                f"{model}: version {number} is the champion, by the alias that was moved in MLflow (before: {live}). "
                f"{served}".rstrip()
            )

    def _serve(self, release: Release) -> tuple[str, str]:
        """Point the serving folder at a version that was live there before; return a sentence, and the folder.

        Anybody who can open MLflow's pages can move an alias, so this never brings a model there that no push
        brought through its gate.
        """
        from levada.artifacts.pushed import ServingFolder
        from levada.pushing.moves import go_live
        from levada.pushing.placement import alone, standing
        from levada.signing import policy_of

        version = release.version
        history = self._registry.promotions(version.model)
        where = next((item.destination for item in reversed(history) if item.destination), "")
        if not where:
            return "", ""
        known = [item for item in history if (item.fingerprint, item.destination) == (version.fingerprint, where)]
        if known:
            folder, policy = ServingFolder(where), policy_of(self._root)
            try:
                if standing(folder, version, policy, thorough=True) is not None:
                    with alone(folder):
                        go_live(self._store, folder, release, policy)
                    return f"{where} serves it now.", where
            except (LevadaError, OSError) as error:
                return f"{where} could not be changed: {error}", ""
        return f"{where} is unchanged: that version does not lie there. Push it to serve it.", ""

    def _challenged(self, model: str, fingerprint: str, candidate: dict[str, object]) -> ArtifactRecord | None:
        """Return the champion that a model was judged against, as far as the store knows it."""
        for promotion in reversed(self._registry.promotions(model)):
            if promotion.fingerprint == fingerprint:
                return promotion.release.challenged
        baseline = candidate.get("baseline")
        against = baseline.get("fingerprint") if isinstance(baseline, dict) else None
        known = self._registry.candidate(model, str(against)) if against else None
        return ArtifactRecord.from_json(known["record"]) if known else None


_WHY = "the alias was moved in MLflow"
