"""What the board says of the scIB metrics."""

from __future__ import annotations

from scarena.metrics.info import BRAS, NEIGHBOURS, PAIRS, SCIB, SCIB_METRICS, MetricInfo, unit

_STARTS = "O(n·k·d) an iteration: ten starts on at most 20,000 cells, the best refined on all"
_LEIDEN = "ten Leiden runs on the graph of 15 neighbours"

INFO = (
    unit(
        "isolated_labels", "Isolated labels", "bio",
        "Silhouette width among all labels, scaled to [0, 1], of the labels that occur in the fewest batches: mean "
        "over a label's cells, then over these labels",
        "Where all labels occur in equally many batches all count as isolated, and it is the label silhouette with "
        "every label weighing the same", SCIB_METRICS, cost=PAIRS),
    unit(
        "kmeans_nmi", "k-means NMI", "bio",
        "Normalised mutual information, over the mean of the entropies, of k-means clusters (k = number of labels, "
        "best of ten starts) with the labels",
        "Not corrected for chance: above 0 for any clusters; assumes round, equally wide clusters", SCIB_METRICS,
        cost=_STARTS),
    MetricInfo(
        "kmeans_ari", "k-means ARI", "bio", -0.5, 1.0, "higher",
        "Adjusted Rand index of the same k-means clusters with the labels",
        "Dominated by the largest labels; assumes round, equally wide clusters", SCIB_METRICS, cost=_STARTS),
    unit(
        "leiden_nmi", "Leiden NMI", "bio",
        "NMI of Leiden clusters with the labels at the best of ten resolutions, 0.2 to 2; beside the aggregate",
        "The resolution is chosen with the labels, hence optimistic", SCIB_METRICS, cost=_LEIDEN),
    MetricInfo(
        "leiden_ari", "Leiden ARI", "bio", -0.5, 1.0, "higher",
        "ARI at the Leiden resolution of the best NMI; beside the aggregate",
        "The resolution is chosen with the labels, by NMI and not ARI; dominated by the largest labels", SCIB_METRICS,
        cost=_LEIDEN),
    unit(
        "silhouette_label", "Label silhouette", "bio",
        "Mean silhouette width of the labels, Euclidean, scaled to [0, 1]",
        "0.5 is no structure; prefers round, equally wide clusters, and large labels count more", cost=PAIRS),
    unit(
        "clisi", "cLISI", "bio",
        "Median effective number of labels (inverse Simpson index) among the 90 nearest cells, scaled so that 1 is one "
        "label and 0 all of them",
        "Saturates near 1 on easy data; a median, so blind to what happens to less than half of the cells",
        cost=NEIGHBOURS),
    unit(
        "isolated_labels_f1", "Isolated labels F1", "bio",
        "F1 of the best Leiden cluster for each label in the fewest batches, mean over them; beside the aggregate",
        "Cluster and resolution are chosen with the labels, hence optimistic; where all labels occur in equally many "
        "batches all count as isolated", cost="the ten Leiden runs of Leiden NMI"),
    unit(
        "cell_cycle", "Cell-cycle conservation", "bio",
        "1 − relative change of the share of variance that S and G2M scores explain, mean over batches; beside the "
        "aggregate", "Where few cells cycle it compares noise; a model that brings the cell cycle out more loses too",
        cost="O(n·d)", asks="data"),
    unit(
        "hvg_overlap", "HVG overlap", "bio",
        "Share of the 500 most variable genes of each batch that still are after integration; beside the aggregate",
        "Only for models that return corrected expression, not embeddings; a model that changes nothing scores 1",
        cost="O(n·genes)", asks="data"),
    unit(
        "silhouette_batch", "Batch ASW", "batch",
        "1 − |silhouette of the batch| within each label, Euclidean, nearest other batch; beside the aggregate",
        "Nested batch effects and a random embedding score high", cost=PAIRS),
    unit(
        "bras", "BRAS", "batch",
        "1 − |silhouette of the batch| within each label, cosine, against all other batches",
        "A random embedding, or one that puts a label's cells on one point, scores near 1",
        BRAS, cost="O(n·d)"),
    MetricInfo(
        "ilisi", "iLISI", "batch", 0.0, 1.0, "higher",
        "Median effective number of batches (inverse Simpson index) among the 90 nearest cells, less 1, over the "
        "number of batches less 1",
        "Unequal batches cannot reach 1; rewards mixing types that occur in one batch only; a median, so blind to what "
        "happens to less than half of the cells", SCIB, cost=NEIGHBOURS),
    unit(
        "kbet", "kBET", "batch",
        "Share of neighbourhoods whose batches look like their label's batches (χ², α = 0.05), mean over labels",
        "Labels that are small or in one batch are left out; a label whose graph falls into small pieces counts 0; "
        "very strict on large labels", SCIB_METRICS,
        cost="100 eigenvectors of each label's graph, and its pairs"),
    unit(
        "graph_connectivity", "Graph connectivity", "batch",
        "Share of each label's cells in its largest strongly connected component of the directed graph of 15 "
        "neighbours, mean over labels",
        "Saturates near 1; says nothing about batches that touch without mixing; a cell that none of its label points "
        "back to is on its own, so values lie below those of scIB, whose graph is symmetric", SCIB_METRICS,
        cost=NEIGHBOURS),
    unit(
        "pcr", "PCR comparison", "batch",
        "Share of the variance explained by the batch before integration that is gone afterwards",
        "Clipped at 0; a random embedding scores near 1; says nothing where the batches hardly differed before",
        cost="O(n·d)"),
    unit(
        "bio", "Bio conservation", "total",
        "Unweighted mean of isolated_labels, kmeans_nmi, kmeans_ari, silhouette_label and clisi",
        "Not given when a part is missing; its parts have different spreads, so some weigh more in a ranking",
        SCIB_METRICS, cost="none"),
    unit(
        "batch", "Batch correction", "total", "Unweighted mean of bras, ilisi, kbet, graph_connectivity and pcr",
        "Not given when a part is missing; a random embedding scores high: read it beside bio", SCIB_METRICS,
        cost="none"),
    unit(
        "total", "Total", "total", "0.6 bio + 0.4 batch, not scaled over methods",
        "Comparable only with totals of the same parts: those of the scIB study, of other versions of scib-metrics and "
        "of scaled tables are others", SCIB, cost="none"),
)  # fmt: skip
