"""How many versions a serving folder keeps."""

from __future__ import annotations

from levada.artifacts.pushed import ServingFolder
from levada.errors import ParameterError
from levada.pushing.placement import described_at, remove
from levada.pushing.way_back import way_back
from levada.registry import Registry


def check_keep(keep: int | None) -> None:
    """Raise ParameterError for a number of versions that leaves no way back."""
    if keep is not None and keep < 2:
        raise ParameterError(
            f"push(keep={keep}) would leave no version to go back to: wanted at least 2.",
            hint="The champion and the one before it always stay.",
        )


def remove_old(registry: Registry, folder: ServingFolder, model: str, keep: int) -> list[int]:
    """Leave the `keep` versions that were live last in a folder; return the numbers of those that were removed.

    What is live, what was before it, and what a rollback would go back to stay in any case, and so does what lies there
    without being a version of this model. To be called within `alone`. The models themselves stay in the store.
    """
    promotions = registry.promotions(model)
    pointer = folder.pointer()
    protected = {item.version for item in way_back(promotions)[-2:]}
    if pointer is not None:
        protected |= {pointer.version, *([pointer.before] if pointer.before is not None else [])}
    known = {version.version: version.fingerprint for version in registry.versions(model)}
    ours = [
        number
        for number in folder.versions()
        if (found := described_at(folder, number)) and found.get("fingerprint") == known.get(number, "")
    ]
    last_live = {move.version: move.number for move in registry.moves_to(model, folder.location)}
    newest_first = sorted(
        ours, key=lambda number: (number in protected, last_live.get(number, 0), number), reverse=True
    )
    removed = [number for number in newest_first[keep:] if number not in protected]
    for number in removed:
        remove(folder, number)
    return sorted(removed)
