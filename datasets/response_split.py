"""One split of a dataset of perturbations, apart from the truth: those who read cells by it need no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Split:
    """Who learns from what.

    Parameters
    ----------
    name
        Of this split, the same for every model.
    kind
        ``fold``: every profile that is asked about is in one of them; ``reveal``: a point of the learning curve;
        ``published``: somebody else's split.
    training, asked
        Names of profiles.
    """

    name: str
    kind: Literal["fold", "reveal", "published"]
    training: tuple[str, ...]
    asked: tuple[str, ...]
