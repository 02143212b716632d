"""What the board says of the metrics that ask the Cell Ontology."""

from __future__ import annotations

from math import inf

from scarena.metrics.info import LABELS, WU, correlation, count, edges

INFO = (
    correlation(
        "onto_rwr", "OntoRWR",
        "Mean correlation of a type's distances to the other types in the embedding and in the Cell Ontology",
        "With unequal numbers of cells a random embedding is not at 0: see the balanced form; noisy below 20 types",
        cost="O(n·log n·d)"),
    correlation(
        "onto_rwr_balanced", "OntoRWR, balanced",
        "OntoRWR over draws of equally many cells of each type",
        "Noisier centroids: every type counts as many cells as the rarest; noisy below 20 types", cost="O(n·log n·d)"),
    correlation(
        "onto_rwr_published", "OntoRWR, published",
        "OntoRWR with each type's zero distance to itself among the distances",
        "Rewards dimension: random embeddings of 512 dimensions reach 0.6 to 0.9", cost="O(n·log n·d)"),
    edges(
        "lcad", "LCAD", "Edges from the true type up to the nearest lowest common ancestor, mean over wrong cells",
        "0 when the prediction is a descendant of the truth; few errors of a good model may be far ones", cost=LABELS),
    edges("lcad_symmetric", "LCAD, symmetric", "Edges from truth and prediction to their ancestor, over wrong cells",
           "Depends on how finely the ontology divides a lineage", cost=LABELS),
    edges("lcad_all", "LCAD, all cells", "LCAD with 0 for right cells, mean over all cells",
           "0 when the prediction is a descendant of the truth", cost=LABELS),
    edges("lcad_symmetric_all", "LCAD, symmetric, all cells", "Symmetric LCAD, 0 for right cells, over all cells",
           "Depends on how finely the ontology divides a lineage", cost=LABELS),
    edges("lcad_published_max", "LCAD, published, upper end", "LCAD to the farthest lowest common ancestor",
           "The published number lies between lcad and this, wherever the hash seed puts it", cost=LABELS),
    count("lcad_errors", "Wrong cells", "ontology", inf, "Cells whose predicted term is not the true one",
           "A count: compare within a dataset only", WU, cost=LABELS),
    count("lcad_multi_share", "Ambiguous pairs", "ontology", 1.0,
           "Share of the dataset's pairs of terms with several lowest common ancestors",
           "About the dataset, not the model", WU, cost=LABELS),
)  # fmt: skip
