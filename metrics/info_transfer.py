"""What the board says of label transfer."""

from __future__ import annotations

from math import inf

from scarena.metrics.info import LABELS, NEIGHBOURS, SKLEARN, count, unit

INFO = (
    unit(
        "knn_accuracy", "Label transfer accuracy", "transfer",
        "Share of cells labelled right by 15 neighbours of the other batches, weighted by inverse distance",
        "Cells of labels that occur in one batch cannot be right (knn_unseen)", SKLEARN, cost=NEIGHBOURS),
    unit(
        "knn_macro_f1", "Label transfer macro F1", "transfer",
        "Unweighted mean over labels of the F1 of label transfer",
        "Labels that occur in one batch count 0 (knn_unseen)", SKLEARN, cost=LABELS),
    count("knn_unseen", "Unseen cells", "transfer", inf, "Cells whose label occurs in no other batch",
           "About the dataset, not the model", SKLEARN, cost=NEIGHBOURS),
)  # fmt: skip
