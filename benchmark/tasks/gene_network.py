"""Network: does a model know which gene regulates which?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scarena.metrics.info_networks import KEYS
from scarena.tasks.own_task import OwnTask

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.facts import Facts
    from scarena.tasks.network import Network


class NetworkTask(OwnTask["Network"]):
    """Edges ranked by a model from cells to which nothing was done, against perturbations or collected edges."""

    name = "network"
    title = "Gene network"
    question = "Does a model know which gene regulates which, beyond which genes are popular?"
    product = "network"
    headline = "network_auprc_ratio"
    controls = ("net-random",)
    keys = KEYS
    held_out = (
        "Nothing is learned from the truth. Perturbed cells are never shown to a model, and of the cells to which "
        "nothing was done it sees one half: effects are against the other. Replicates draw regulators, the same for "
        "all models. A gene's edge to itself is not asked about."
    )
    flaw = (
        "One ranking of all pairs, which knowing each regulator's number of targets alone wins; the ratio to the "
        "density, which a random ranking exceeds where a regulator has few true edges; collected edges as truth, of "
        "which popular genes have more; no ranking by the mean expression of the target beside it."
    )

    def unanswerable(self, facts: Facts) -> str:
        """Return why it cannot be asked."""
        return "" if "edges" in facts.targets else "the dataset does not say which gene regulates which"

    def measured(self, given: Network) -> Mapping[str, Measured | Undefined]:
        """Return how well its edges find the true ones."""
        return given.found
