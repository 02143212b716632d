"""What the board says of networks: how well a model ranks which gene regulates which."""

from __future__ import annotations

from math import inf

from scarena.metrics.info import OWN, Direction, MetricInfo

_BEELINE = "BEELINE, Pratapa et al. 2020, doi 10.1038/s41592-019-0690-6"
_CAUSAL = "CausalBench, Chevalley et al. 2025, doi 10.1038/s42003-025-07764-y; no sampling"
_TIES = "ties after McSherry & Najork 2008, doi 10.1007/978-3-540-78646-7_38"
_SORTED = "a sort of each regulator's pairs"
_ALL = "a sort of all pairs"
_KNOWS = "It is about the truth and no score of a model"


def _info(
    key: str, title: str, low: float, high: float, better: Direction, definition: str, failure: str, source: str = OWN,
    cost: str = _SORTED,
) -> MetricInfo:  # fmt: skip
    return MetricInfo(f"network_{key}", title, "task", low, high, better, definition, failure, source, cost, "target")


INFO = (
    _info(
        "auprc_ratio", "Network AUPRC ratio", 0.0, inf, "higher",
        "Average precision of each regulator's genes, ranked by the absolute score, mean over measured regulators with "
        "ten true edges or more (five are needed); over the same mean for random orders, so that 1 is chance",
        "Genes that many regulators have are found without knowing any: read network_popularity",
        f"after {_BEELINE}; within rows, {_TIES}"),
    _info(
        "epr", "Network early precision ratio", 0.0, inf, "higher",
        "Share of true edges among each regulator's k strongest, k being the number of its true ones, equal ones at "
        "rank k included and zeros never taken; mean over regulators, over their mean density",
        "Says nothing below rank k; a model that says nothing has 0", f"{_BEELINE}; within rows"),
    _info(
        "auroc", "Network AUROC", 0.0, 1.0, "higher",
        "Chance that a true edge is stronger than another pair of the same regulator, mean over regulators; 0.5 is "
        "chance",
        "Few edges are true: most of it is about the ranks of what nobody would look at"),
    _info(
        "auprc_ratio_pooled", "Network AUPRC ratio, pooled", 0.0, inf, "higher",
        "The same of all pairs of all measured regulators in one ranking",
        "Won by knowing how many targets each regulator has: read network_degree", f"after {_BEELINE}; {_TIES}", _ALL),
    _info(
        "epr_pooled", "Network early precision ratio, pooled", 0.0, inf, "higher",
        "Early precision ratio of all pairs in one ranking, as published",
        "Won by knowing how many targets each regulator has", _BEELINE, _ALL),
    _info(
        "wasserstein", "Effect of predicted edges", 0.0, inf, "higher",
        "Mean Wasserstein-1 distance of log expression in perturbed cells from that in controls, over the k strongest "
        "pairs, k being the number of significant ones; equal ones at rank k taken in part",
        "Distances grow with a gene's variance: a ranking by mean expression does well", _CAUSAL, _ALL),
    _info(
        "wasserstein_1000", "Effect of 1,000 predicted edges", 0.0, inf, "higher",
        "The same over the 1,000 strongest pairs", "As for network_wasserstein", _CAUSAL, _ALL),
    _info(
        "omission", "False omission rate", 0.0, 1.0, "lower",
        "Share of significant effects among all pairs but the k strongest",
        "Near the share of all where few are significant, whatever the model", _CAUSAL, _ALL),
    _info(
        "unmeasured", "Network AUPRC ratio, unmeasured regulators", 0.0, inf, "higher",
        "The AUPRC ratio of regulators that the cells do not measure, which prior knowledge alone can speak of",
        "Few regulators"),
    _info(
        "coverage", "Network coverage", 0.0, 1.0, "none",
        "Share of pairs of measured regulators that the model says something of; the others rank last, together",
        "A model may say something of every pair and know nothing"),
    _info(
        "popularity", "Network AUPRC ratio of popular targets", 0.0, inf, "none",
        "The AUPRC ratio of ranking genes by how many other regulators they are true targets of", _KNOWS),
    _info(
        "degree", "Network AUPRC ratio of out-degrees, pooled", 0.0, inf, "none",
        "The pooled AUPRC ratio of ranking pairs by their regulator's number of true edges", _KNOWS, OWN, _ALL),
    _info(
        "wasserstein_all", "Effect of all pairs", 0.0, inf, "none",
        "Mean Wasserstein-1 distance over all pairs of measured regulators, which a random ranking has", _KNOWS, OWN,
        "a mean"),
)  # fmt: skip
KEYS = tuple(info.key for info in INFO)
