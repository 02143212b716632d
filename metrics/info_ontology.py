"""What the board says of the metrics that ask the Cell Ontology."""

from __future__ import annotations

from math import inf

from scarena.metrics.info import LABELS, OWN, PAIRS, WU, MetricInfo, correlation, count, edges

_AFTER_WU = f"{OWN}, after {WU}"

INFO = (
    correlation(
        "onto_rwr", "OntoRWR",
        "Pearson correlation of a type's distances to the other types, between trimmed centroids of the embedding and "
        "by random walk in the Cell Ontology; mean over types",
        "With unequal numbers of cells a random embedding is not at 0: see the balanced form; noisy below 20 types",
        cost="O(n·log n·d)"),
    correlation(
        "onto_rwr_balanced", "OntoRWR, balanced",
        "OntoRWR with the distances averaged over twenty draws of equally many cells of each type",
        "Noisier centroids: every type counts as many cells as the rarest; noisy below 20 types", _AFTER_WU,
        cost="O(n·log n·d), and twenty draws"),
    correlation(
        "onto_rwr_published", "OntoRWR, published",
        "OntoRWR with each type's zero distance to itself among the distances",
        "Rewards dimension: random embeddings of 512 dimensions reach 0.5 to 0.9; edges of the ontology are not "
        "weighted by text embeddings, as those of the source are", cost="O(n·log n·d)"),
    edges(
        "lcad", "LCAD", "Edges from the true type up to the nearest lowest common ancestor, mean over wrong cells",
        "0 when the prediction is a descendant of the truth; few errors of a good model may be far ones", _AFTER_WU,
        cost=LABELS),
    edges(
        "lcad_symmetric", "LCAD, symmetric",
        "Least sum of the edges from truth and from prediction up to a lowest common ancestor, mean over wrong cells",
        "Depends on how finely the ontology divides a lineage; few errors of a good model may be far ones", _AFTER_WU,
        cost=LABELS),
    edges(
        "lcad_all", "LCAD, all cells", "LCAD with 0 for right cells, mean over all cells",
        "0 when the prediction is a descendant of the truth", _AFTER_WU, cost=LABELS),
    edges(
        "lcad_symmetric_all", "LCAD, symmetric, all cells",
        "Symmetric LCAD with 0 for right cells, mean over all cells",
        "Depends on how finely the ontology divides a lineage", _AFTER_WU, cost=LABELS),
    edges(
        "lcad_published_max", "LCAD, published, upper end",
        "Edges from the true type up to the farthest lowest common ancestor, mean over wrong cells",
        "The published number lies between lcad and this, wherever the hash seed puts it", cost=LABELS),
    count("lcad_errors", "Wrong cells", "ontology", inf, "Cells whose predicted term is not the true one",
           "A count: compare within a dataset only", OWN, cost=LABELS),
    count("lcad_multi_share", "Ambiguous pairs", "ontology", 1.0,
           "Share of the dataset's pairs of terms with several lowest common ancestors",
           "About the dataset, not the model", OWN, cost=LABELS),
    MetricInfo(
        "onto_silhouette", "Ontology silhouette", "ontology", -1.0, 1.0, "higher",
        "Silhouette of each cell over all pairs of types of which the ontology says that one is nearer to its own",
        "1 only where own ≪ near ≪ far; the ontology's own distances reach 0.9 on 8 types and 0.35 on 100; dimensions "
        "of noise pull it to 0", OWN, PAIRS),
)  # fmt: skip
