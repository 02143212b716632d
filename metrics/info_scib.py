"""What the board says of the scIB metrics."""

from __future__ import annotations

from scarena.metrics.info import BRAS, NEIGHBOURS, PAIRS, SCIB, MetricInfo, unit

INFO = (
    unit(
        "isolated_labels", "Isolated labels", "bio",
        "Silhouette of the labels that occur in the fewest batches",
        "Where every label is in every batch all count as isolated and it repeats the label silhouette", cost=PAIRS),
    unit(
        "kmeans_nmi", "k-means NMI", "bio",
        "Normalised mutual information of k-means clusters (k = number of labels) with the labels",
        "Rewards many clusters; one start with a fixed seed; assumes round clusters", cost="O(n·k·d) an iteration"),
    MetricInfo(
        "kmeans_ari", "k-means ARI", "bio", -0.5, 1.0, "higher",
        "Adjusted Rand index of k-means clusters with the labels",
        "Dominated by the largest labels", SCIB, cost="O(n·k·d) an iteration"),
    unit(
        "leiden_nmi", "Leiden NMI", "bio",
        "NMI of the best of ten Leiden resolutions with the labels; beside the aggregate, not in it",
        "The resolution is chosen with the labels, hence optimistic", cost="ten Leiden runs on 15 neighbours a cell"),
    MetricInfo(
        "leiden_ari", "Leiden ARI", "bio", -0.5, 1.0, "higher",
        "ARI at the Leiden resolution of the best NMI; beside the aggregate, not in it",
        "The resolution is chosen by NMI, not ARI", SCIB, cost="ten Leiden runs on 15 neighbours a cell"),
    unit(
        "silhouette_label", "Label silhouette", "bio",
        "Mean silhouette width of the labels, Euclidean, scaled to [0, 1]",
        "0.5 means no structure; prefers round, equally wide clusters", cost=PAIRS),
    unit(
        "clisi", "cLISI", "bio",
        "Median number of labels among 90 neighbours, scaled so that 1 is one label",
        "Saturates near 1 on easy data", cost=NEIGHBOURS),
    unit(
        "silhouette_batch", "Batch ASW", "batch",
        "1 − |silhouette of the batch| within each label, Euclidean, nearest other batch; beside the aggregate",
        "Nested batch effects and a collapsed embedding score high", cost=PAIRS),
    unit(
        "bras", "BRAS", "batch",
        "1 − |silhouette of the batch| within each label, cosine, against all other batches",
        "A random or collapsed embedding scores near 1",
        BRAS, cost="O(n·d)"),
    MetricInfo(
        "ilisi", "iLISI", "batch", 0.0, 1.0, "higher",
        "Median number of batches among 90 neighbours, scaled by the number of batches",
        "Unequal batches cannot reach 1; rewards mixing types that occur in one batch only", SCIB, cost=NEIGHBOURS),
    unit(
        "kbet", "kBET", "batch",
        "Share of neighbourhoods whose batches look like their label's batches (χ², α = 0.05), mean over labels",
        "Labels that are small or in one batch are left out; very strict on large labels",
        cost="100 eigenvectors of each label's graph, and its pairs"),
    unit(
        "graph_connectivity", "Graph connectivity", "batch",
        "Share of each label's cells in its largest component of the 15-neighbour graph, mean over labels",
        "Saturates near 1; says nothing about batches that touch without mixing", cost=NEIGHBOURS),
    unit(
        "pcr", "PCR comparison", "batch",
        "Share of the variance explained by the batch before integration that is gone afterwards",
        "Clipped at 0; a random embedding scores 1", cost="O(n·d)"),
    unit("bio", "Bio conservation", "total", "Unweighted mean of the five bio metrics of scIB",
          "Not given when a part is missing", cost="none"),
    unit("batch", "Batch correction", "total", "Unweighted mean of the five batch metrics of scIB",
          "A random embedding scores high: read it beside bio", cost="none"),
    unit("total", "Total", "total", "0.6 bio + 0.4 batch, not scaled over methods",
          "Not comparable between versions of scib-metrics", cost="none"),
)  # fmt: skip
