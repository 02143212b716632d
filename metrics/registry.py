"""What each metric key means: the one table that the command line, the board and the documentation read.

It describes and computes nothing, so it imports in no time.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

Group = Literal["bio", "batch", "total", "ontology", "transfer"]
Direction = Literal["higher", "lower", "none"]

SCIB = "Luecken et al. 2022, doi 10.1038/s41592-021-01336-8"
WU = "Wu et al. 2025, doi 10.1186/s13059-025-03781-6"
BRAS = "Rautenstrauch & Ohler 2025, doi 10.1038/s41587-025-02743-4"
SKLEARN = "scikit-learn KNeighborsClassifier; protocol of this package"


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


def _unit(key: str, title: str, group: Group, definition: str, failure: str, source: str = SCIB) -> MetricInfo:
    return MetricInfo(key, title, group, 0.0, 1.0, "higher", definition, failure, source)


def _edges(key: str, title: str, definition: str, failure: str) -> MetricInfo:
    return MetricInfo(key, title, "ontology", 0.0, inf, "lower", definition, failure, WU)


def _count(key: str, title: str, group: Group, high: float, definition: str, failure: str, source: str) -> MetricInfo:
    return MetricInfo(key, title, group, 0.0, high, "none", definition, failure, source)


def _correlation(key: str, title: str, definition: str, failure: str) -> MetricInfo:
    return MetricInfo(key, title, "ontology", -1.0, 1.0, "higher", definition, failure, WU)


_ALL = (
    _unit(
        "isolated_labels", "Isolated labels", "bio",
        "Silhouette of the labels that occur in the fewest batches",
        "Where every label is in every batch all count as isolated and it repeats the label silhouette",
    ),
    _unit(
        "kmeans_nmi", "k-means NMI", "bio",
        "Normalised mutual information of k-means clusters (k = number of labels) with the labels",
        "Rewards many clusters; one start with a fixed seed; assumes round clusters",
    ),
    MetricInfo(
        "kmeans_ari", "k-means ARI", "bio", -0.5, 1.0, "higher",
        "Adjusted Rand index of k-means clusters with the labels",
        "Dominated by the largest labels", SCIB,
    ),
    _unit(
        "leiden_nmi", "Leiden NMI", "bio",
        "NMI of the best of ten Leiden resolutions with the labels; beside the aggregate, not in it",
        "The resolution is chosen with the labels, hence optimistic",
    ),
    MetricInfo(
        "leiden_ari", "Leiden ARI", "bio", -0.5, 1.0, "higher",
        "ARI at the Leiden resolution of the best NMI; beside the aggregate, not in it",
        "The resolution is chosen by NMI, not ARI", SCIB,
    ),
    _unit(
        "silhouette_label", "Label silhouette", "bio",
        "Mean silhouette width of the labels, Euclidean, scaled to [0, 1]",
        "0.5 means no structure; prefers round, equally wide clusters",
    ),
    _unit(
        "clisi", "cLISI", "bio",
        "Median number of labels among 90 neighbours, scaled so that 1 is one label",
        "Saturates near 1 on easy data",
    ),
    _unit(
        "silhouette_batch", "Batch ASW", "batch",
        "1 − |silhouette of the batch| within each label, Euclidean, nearest other batch; beside the aggregate",
        "Nested batch effects and a collapsed embedding score high",
    ),
    _unit(
        "bras", "BRAS", "batch",
        "1 − |silhouette of the batch| within each label, cosine, against all other batches",
        "A random or collapsed embedding scores near 1",
        BRAS,
    ),
    MetricInfo(
        "ilisi", "iLISI", "batch", 0.0, 1.0, "higher",
        "Median number of batches among 90 neighbours, scaled by the number of batches",
        "Unequal batches cannot reach 1; rewards mixing types that occur in one batch only", SCIB,
    ),
    _unit(
        "kbet", "kBET", "batch",
        "Share of neighbourhoods whose batches look like their label's batches (χ², α = 0.05), mean over labels",
        "Labels that are small or in one batch are left out; very strict on large labels",
    ),
    _unit(
        "graph_connectivity", "Graph connectivity", "batch",
        "Share of each label's cells in its largest component of the 15-neighbour graph, mean over labels",
        "Saturates near 1; says nothing about batches that touch without mixing",
    ),
    _unit(
        "pcr", "PCR comparison", "batch",
        "Share of the variance explained by the batch before integration that is gone afterwards",
        "Clipped at 0; a random embedding scores 1",
    ),
    _unit("bio", "Bio conservation", "total", "Unweighted mean of the five bio metrics of scIB",
          "Not given when a part is missing"),
    _unit("batch", "Batch correction", "total", "Unweighted mean of the five batch metrics of scIB",
          "A random embedding scores high: read it beside bio"),
    _unit("total", "Total", "total", "0.6 bio + 0.4 batch, not scaled over methods",
          "Not comparable between versions of scib-metrics"),
    _correlation(
        "onto_rwr", "OntoRWR",
        "Mean correlation of a type's distances to the other types in the embedding and in the Cell Ontology",
        "With unequal numbers of cells a random embedding is not at 0: see the balanced form; noisy below 20 types",
    ),
    _correlation(
        "onto_rwr_balanced", "OntoRWR, balanced",
        "OntoRWR over draws of equally many cells of each type",
        "Noisier centroids: every type counts as many cells as the rarest; noisy below 20 types",
    ),
    _correlation(
        "onto_rwr_published", "OntoRWR, published",
        "OntoRWR with each type's zero distance to itself among the distances",
        "Rewards dimension: random embeddings of 512 dimensions reach 0.6 to 0.9",
    ),
    _edges(
        "lcad", "LCAD", "Edges from the true type up to the nearest lowest common ancestor, mean over wrong cells",
        "0 when the prediction is a descendant of the truth; few errors of a good model may be far ones",
    ),
    _edges("lcad_symmetric", "LCAD, symmetric", "Edges from truth and prediction to their ancestor, over wrong cells",
           "Depends on how finely the ontology divides a lineage"),
    _edges("lcad_all", "LCAD, all cells", "LCAD with 0 for right cells, mean over all cells",
           "0 when the prediction is a descendant of the truth"),
    _edges("lcad_symmetric_all", "LCAD, symmetric, all cells", "Symmetric LCAD, 0 for right cells, over all cells",
           "Depends on how finely the ontology divides a lineage"),
    _edges("lcad_published_max", "LCAD, published, upper end", "LCAD to the farthest lowest common ancestor",
           "The published number lies between lcad and this, wherever the hash seed puts it"),
    _count("lcad_errors", "Wrong cells", "ontology", inf, "Cells whose predicted term is not the true one",
           "A count: compare within a dataset only", WU),
    _count("lcad_multi_share", "Ambiguous pairs", "ontology", 1.0,
           "Share of the dataset's pairs of terms with several lowest common ancestors",
           "About the dataset, not the model", WU),
    _unit(
        "knn_accuracy", "Label transfer accuracy", "transfer",
        "Share of cells labelled right by 15 neighbours of the other batches, weighted by inverse distance",
        "Cells of labels that occur in one batch cannot be right (knn_unseen)", SKLEARN,
    ),
    _unit(
        "knn_macro_f1", "Label transfer macro F1", "transfer",
        "Unweighted mean over labels of the F1 of label transfer",
        "Labels that occur in one batch count 0 (knn_unseen)", SKLEARN,
    ),
    _count("knn_unseen", "Unseen cells", "transfer", inf, "Cells whose label occurs in no other batch",
           "About the dataset, not the model", SKLEARN),
)  # fmt: skip

METRICS: dict[str, MetricInfo] = {info.key: info for info in _ALL}


def keys_of(group: Group) -> tuple[str, ...]:
    """Return the metric keys of one group, in the order of the board."""
    return tuple(key for key, info in METRICS.items() if info.group == group)
