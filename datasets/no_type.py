"""Labels that name no cell type: those that say so, and numbers of clusters."""

from __future__ import annotations

import re

from scarena.datasets.label_words import words

_UNLABELLED = {
    "na", "n a", "nan", "none", "null", "nil", "unknown", "unk", "unassigned", "unannotated", "unlabeled", "unlabelled",
    "unclassified", "unclear", "undefined", "undetermined", "unidentified", "unspecified", "unresolved", "uncertain",
    "not available", "not applicable", "not assigned", "not annotated", "no annotation", "no label", "missing", "other",
    "ambiguous", "mixed", "rest", "misc", "miscellaneous", "removed", "filtered", "to remove", "tbd", "todo",
}  # fmt: skip
_POOR = {
    "doublet", "multiplet", "triplet", "low quality", "poor quality", "bad quality", "low qc", "debris", "empty",
    "empty droplet", "dead", "dying", "dead cell", "artifact", "artefact", "contamination", "ambient",
}  # fmt: skip
_CLUSTERED = "c|cl|clust|cluster|subcluster|leiden|louvain|seurat|kmeans|k|res|snn|group|metacell|community|topic"
_CLUSTER = re.compile(rf"(({_CLUSTERED}) ?)?\d+( \d+)*")


def why_no_type(label: str) -> str:
    """Return why a label names no cell type, "" where it may.

    Examples
    --------
    >>> why_no_type("Unassigned"), why_no_type("leiden_12"), why_no_type("B cell")
    ('means unlabelled', 'looks like the number of a cluster', '')
    """
    found = words(label)
    texts = {" ".join(found), " ".join(word for word in found if word not in ("cell", "type"))}
    if not found or texts & _UNLABELLED:
        return "means unlabelled"
    if texts & _POOR:
        return "means cells of poor quality, which are of no one type"
    if any(_CLUSTER.fullmatch(text) for text in texts):
        return "looks like the number of a cluster"
    return ""
