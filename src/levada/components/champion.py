"""The champion: the model that is live now under a registered name."""

from __future__ import annotations

from levada.artifacts.model import Model
from levada.externals import external


def champion(name: str) -> Model:
    """Return the live model registered as `name`, for the `champion` of `evaluate`.

    It is looked up when a run starts, in the store's promotions. It stands for nothing while none was ever pushed;
    and where the candidate *is* the champion, for the model that the champion was judged against.
    """
    return external(Model, f"champion:{name}")
