"""What the board says of label transfer."""

from __future__ import annotations

from math import inf

from scarena.metrics.info import LABELS, NEIGHBOURS, OWN, SKLEARN, MetricInfo, count, unit

INFO = (
    unit(
        "knn_accuracy", "Label transfer accuracy", "transfer",
        "Share of cells labelled right by the 15 nearest cells of the other batches, weighted by inverse distance "
        "(with one batch: of the other four of five folds)",
        "Cells of labels that occur in one batch cannot be right (knn_unseen); large labels decide it", SKLEARN,
        cost=NEIGHBOURS),
    unit(
        "knn_macro_f1", "Label transfer macro F1", "transfer",
        "Unweighted mean over labels of the F1 of the transferred labels",
        "Labels that occur in one batch count 0 (knn_unseen)", SKLEARN, cost=LABELS),
    unit(
        "knn_balanced_accuracy", "Label transfer balanced accuracy", "transfer",
        "Unweighted mean over labels of the share of their cells that label transfer gets right",
        "Labels that occur in one batch count 0 (knn_unseen); says nothing of what is wrongly called a rare type",
        SKLEARN, cost=LABELS),
    MetricInfo(
        "knn_ece", "Label transfer calibration error", "transfer", 0.0, 1.0, "lower",
        "Mean gap of the winning label's share of the votes and its accuracy, over 15 bins of that share",
        "A model that is wrong and unsure of everything is well calibrated: read it beside accuracy",
        "Guo et al. 2017, arXiv 1706.04599; protocol of this package", cost=LABELS),
    count("knn_unseen", "Unseen cells", "transfer", inf, "Cells whose label occurs in no other batch",
           "About the dataset, not the model", SKLEARN, cost=LABELS),
    unit(
        "novel_type_auroc", "Novel type AUROC", "transfer",
        "AUROC of telling the cells of a type that the reference lacks from those of known types by the mean distance "
        "to their five nearest cells of other batches; mean over types, 0.5 is chance",
        "A batch that is far from all others makes its known cells look new; close subtypes are hard to tell for good "
        "reason; of a type 200 cells are scored", OWN,
        cost="200 cells a type against all cells, O(200·types·n·d)"),
)  # fmt: skip
