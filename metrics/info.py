"""What the board says of a metric. Describes and computes nothing, so it imports in no time."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

Group = Literal["bio", "batch", "total", "ontology", "transfer", "structure", "task", "published"]
Direction = Literal["higher", "lower", "none"]
Asks = Literal["types", "distances", "data", "target"]

SCIB = "Luecken et al. 2022, doi 10.1038/s41592-021-01336-8"
WU = "Wu et al. 2025, doi 10.1186/s13059-025-03781-6"
BRAS = "Rautenstrauch & Ohler 2025, doi 10.1038/s41587-025-02743-4"
SCIB_METRICS = f"scib-metrics 0.5.10, after {SCIB}"
SKLEARN = "scikit-learn KNeighborsClassifier; protocol of this package"
OWN = "definition of this package"

PAIRS = "all pairs of cells, O(n²·d), in one pass that neighbours and silhouettes share"
NEIGHBOURS = "O(n·k), once the neighbours are there"
LABELS = "labels only"


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """One metric.

    Parameters
    ----------
    key, title
        Name in files and on the page.
    group
        Which question it belongs to.
    low, high
        Theoretical range.
    better
        Which direction is better; ``none`` for counts that describe the dataset or the run.
    definition
        One line.
    failure
        Where it is known to mislead.
    source
        Where it is defined.
    cost
        What the time goes to, for n cells in d dimensions.
    asks
        What of the truth it asks an embedding for: which cells are of one type and whether batches mix within it
        (``types``), how far the types lie from each other (``distances``), what each cell was like before
        integration (``data``), or another truth than its type (``target``). A positive control counts for a metric if
        it holds that.
    """

    key: str
    title: str
    group: Group
    low: float
    high: float
    better: Direction
    definition: str
    failure: str
    source: str
    cost: str
    asks: Asks = "types"


def unit(
    key: str, title: str, group: Group, definition: str, failure: str, source: str = SCIB, *, cost: str,
    asks: Asks = "types",
) -> MetricInfo:  # fmt: skip
    """Return a metric in [0, 1], higher is better."""
    return MetricInfo(key, title, group, 0.0, 1.0, "higher", definition, failure, source, cost, asks)


def edges(key: str, title: str, definition: str, failure: str, source: str = WU, *, cost: str) -> MetricInfo:
    """Return a metric in edges of the ontology, lower is better."""
    return MetricInfo(key, title, "ontology", 0.0, inf, "lower", definition, failure, source, cost)


def count(
    key: str, title: str, group: Group, high: float, definition: str, failure: str, source: str, *, cost: str
) -> MetricInfo:
    """Return a number that describes the dataset or the run and ranks nothing."""
    return MetricInfo(key, title, group, 0.0, high, "none", definition, failure, source, cost)


def correlation(key: str, title: str, definition: str, failure: str, source: str = WU, *, cost: str) -> MetricInfo:
    """Return a correlation with the ontology's distances between types, in [−1, 1], higher is better."""
    return MetricInfo(key, title, "ontology", -1.0, 1.0, "higher", definition, failure, source, cost, "distances")
