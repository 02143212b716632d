"""What the board says of the metrics that compare an embedding with the space it came from, or look at it alone."""

from __future__ import annotations

from math import inf

from scarena.metrics.info import MetricInfo, unit

SCGRAPH = "Wang, Leskovec & Regev 2025, doi 10.1038/s41587-025-02702-z; PyPI scgraph-eval 0.1.2"
HEISER = "Heiser & Lau 2020, doi 10.1016/j.celrep.2020.107576"

_CENTROIDS = "O(n·log n·d), once the PCA of every batch is there"
_UNEQUAL = "; types of few cells have far centroids in both, so with unequal types a random embedding is above 0"
_NO_DIAGONAL = "Batches without a pair of types say nothing of it: see the coverage" + _UNEQUAL
_DIAGONAL = "Rewards dimension: a random embedding of 64 dimensions reaches 0.7 to 0.85, and 0.1 to 0.2 by rank"
_SUBSAMPLE = "O(m²·d) on a subsample of m = 1,000 cells"
_DENDROGRAM = "O(m²·d) on a subsample of m = 2,000 cells"


def _scgraph(key: str, title: str, definition: str, failure: str) -> MetricInfo:
    return MetricInfo(
        key, title, "structure", -1.0, 1.0, "higher", definition, failure, SCGRAPH, _CENTROIDS, "distances"
    )  # fmt: skip


INFO: tuple[MetricInfo, ...] = (
    _scgraph(
        "scgraph_rank", "scGraph, rank",
        "Mean Spearman correlation of a type's distances to the other types in the embedding and within batches",
        _NO_DIAGONAL),
    _scgraph(
        "scgraph_corr", "scGraph, Pearson",
        "Mean Pearson correlation of a type's distances to the other types in the embedding and within batches",
        _NO_DIAGONAL),
    _scgraph(
        "scgraph_weighted", "scGraph, weighted",
        "As scgraph_corr, each distance weighted by the inverse of the distance within batches",
        _NO_DIAGONAL + "; one very near pair can take all the weight"),
    _scgraph(
        "scgraph_rank_published", "scGraph, rank, published",
        "scgraph_rank with each type's zero distance to itself among the distances", _DIAGONAL),
    _scgraph(
        "scgraph_corr_published", "scGraph, Pearson, published",
        "scgraph_corr with each type's zero distance to itself among the distances", _DIAGONAL),
    unit(
        "knn_preservation", "Neighbours kept", "structure",
        "Share of a cell's nearest neighbours before integration that are its neighbours in the embedding",
        "Falls where a batch effect is removed; among duplicates neighbours are arbitrary", HEISER,
        cost="O(n·k²), once both spaces have their neighbours", asks="data"),
    MetricInfo(
        "distance_correlation", "Distances kept", "structure", -1.0, 1.0, "higher",
        "Pearson correlation of the distances of all pairs of cells before integration and in the embedding",
        "Ruled by the largest distances, between batches too; about 1,000 cells", HEISER, _SUBSAMPLE, "data"),
    MetricInfo(
        "distance_emd", "Distances spread", "structure", 0.0, 1.0, "lower",
        "Earth mover's distance of the distributions of distances before and after, each scaled to [0, 1]",
        "Which pair has which distance does not matter; one outlier sets the scale", HEISER, _SUBSAMPLE, "data"),
    MetricInfo(
        "rogi", "ROGI", "structure", 0.0, 1.0, "lower",
        "Dispersion of the labels that is lost as cells are merged at growing distance, each type against the rest",
        "Rewards dimension: 0.09 for a random embedding of 512 dimensions, 0.35 for one-hot labels: see ROGI-XD; grows "
        "with how even the types are", "Aldeghi et al. 2022, doi 10.1021/acs.jcim.2c00903", _DENDROGRAM),
    MetricInfo(
        "rogi_xd", "ROGI-XD", "structure", 0.0, 1.0, "lower",
        "As ROGI, over the logarithm of the number of clusters in the place of the distance",
        "Grows with how even the types are: compare within a dataset; a collapsed embedding beats a random one",
        "Graff et al. 2023, doi 10.1039/D3DD00088E", _DENDROGRAM),
    MetricInfo(
        "effective_rank", "Effective rank", "structure", 0.0, inf, "none",
        "Exponential of the entropy of the singular values of the centred embedding: dimensions that it varies in",
        "Depends on the scale of the columns; noise in every dimension raises it to d",
        "Roy & Vetterli 2007, EUSIPCO, pages 606–610", "O(n·d²)"),
)  # fmt: skip
