"""Which function gives which keys: one small function a family of metrics that share their work."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scarena.metrics.inputs import Inputs
from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.registry import PLUGGED

# A family may leave single keys undefined; where all are, it raises.
Found = Mapping[str, Measured | Undefined]


def _label_silhouettes(i: Inputs) -> Found:
    from scarena.metrics.silhouette import label_silhouettes

    return label_silhouettes(i.x, i.pairs, i.labels, i.batch, seed=i.seed, resampling=i.resampling)


def _batch_silhouette(i: Inputs) -> Found:
    from scarena.metrics.silhouette import batch_silhouette

    found = batch_silhouette(i.x, i.pairs, i.labels, i.batch, seed=i.seed, resampling=i.resampling)
    return {"silhouette_batch": found}


def _bras(i: Inputs) -> Found:
    from scarena.metrics.bras import bras

    return {"bras": bras(i.x, i.labels, i.batch, resampling=i.resampling)}


def _kmeans(i: Inputs) -> Found:
    from scarena.metrics.clustering import nmi_ari

    nmi, ari = nmi_ari(i.labels, i.kmeans, i.resampling)
    return {"kmeans_nmi": nmi, "kmeans_ari": ari}


def _leiden(i: Inputs) -> Found:
    from scarena.metrics.clustering import best_nmi_ari

    nmi, ari = best_nmi_ari(i.labels, i.leiden, i.resampling)
    return {"leiden_nmi": nmi, "leiden_ari": ari}


def _isolated_labels_f1(i: Inputs) -> Found:
    from scarena.metrics.clustering import isolated_labels_f1

    return {"isolated_labels_f1": isolated_labels_f1(i.labels, i.batch, i.leiden, i.resampling)}


def _clisi(i: Inputs) -> Found:
    from scarena.metrics.lisi import clisi

    return {"clisi": clisi(i.pairs.near, i.labels, i.resampling, beta=i.bandwidths)}


def _ilisi(i: Inputs) -> Found:
    from scarena.metrics.lisi import ilisi

    return {"ilisi": ilisi(i.pairs.near, i.batch, i.resampling, beta=i.bandwidths)}


def _kbet(i: Inputs) -> Found:
    from scarena.metrics.kbet import kbet_per_label

    return {"kbet": kbet_per_label(i.pairs.near, i.batch, i.labels, n_jobs=i.n_jobs, resampling=i.resampling)}


def _graph_connectivity(i: Inputs) -> Found:
    from scarena.metrics.graph_connectivity import graph_connectivity

    return {"graph_connectivity": graph_connectivity(i.pairs.near, i.labels, i.resampling)}


def _pcr(i: Inputs) -> Found:
    from scarena.metrics.pcr import pcr_comparison

    return {"pcr": pcr_comparison(i.pre_pca, i.x, i.batch, resampling=i.resampling)}


def _cell_cycle(i: Inputs) -> Found:
    from scarena.metrics.cell_cycle import cell_cycle

    if i.reference.phase_scores is None:
        raise Undefined("no cell cycle scores were given")
    found = cell_cycle(i.pre_pca, i.x, i.reference.phase_scores, i.batch, resampling=i.resampling)
    return {"cell_cycle": found}


def _hvg_overlap(i: Inputs) -> Found:
    raise Undefined("the model returns an embedding, not expression")


def _onto_rwr(i: Inputs) -> Found:
    from scarena.metrics.onto_rwr import onto_rwr_scores

    return onto_rwr_scores(
        i.x, i.terms.term_ids, i.terms.distances, i.terms.terms, seed=i.seed, resampling=i.resampling
    )


def _lcad(i: Inputs) -> Found:
    from scarena.metrics.lcad import lcad_of_labels

    return lcad_of_labels(
        i.names[i.labels], i.transfer.predicted, i.terms.term_ids, i.terms.lca, resampling=i.resampling
    )


def _onto_silhouette(i: Inputs) -> Found:
    from scarena.metrics.onto_silhouette import onto_silhouette_of_labels

    found = onto_silhouette_of_labels(
        i.pairs.label_sums, i.labels, i.terms.term_ids, i.terms.distances, i.terms.terms, resampling=i.resampling
    )
    return {"onto_silhouette": found}


def _transfer(i: Inputs) -> Found:
    from scarena.metrics.label_transfer import transfer_scores

    return transfer_scores(i.names[i.labels], i.transfer, resampling=i.resampling)


def _novel_types(i: Inputs) -> Found:
    from scarena.metrics.novel_types import novel_type_auroc

    return {"novel_type_auroc": novel_type_auroc(i.x, i.labels, i.batch, seed=i.seed, resampling=i.resampling)}


def _scgraph(i: Inputs) -> Found:
    from scarena.metrics.scgraph import scgraph_and_distances

    if i.reference.scgraph is None:
        raise Undefined("no PCA of each batch was given")
    found, i.type_distances = scgraph_and_distances(
        i.x, i.names[i.labels], i.reference.scgraph, resampling=i.resampling
    )
    return found


def _knn_preservation(i: Inputs) -> Found:
    from scarena.metrics.preservation import knn_preservation

    before = i.reference.near
    if before is None:
        raise Undefined("no PCA of the data before integration was given")
    k = min(before.shape[1], i.pairs.near.indices.shape[1])
    after = i.pairs.near.indices[:, :k]
    return {"knn_preservation": knn_preservation(before[:, :k], after, resampling=i.resampling)}


def _distances(i: Inputs) -> Found:
    from scarena.metrics.preservation import distance_preservation

    return distance_preservation(i.pre_pca, i.x, seed=i.seed, resampling=i.resampling)


def _rogi(i: Inputs) -> Found:
    from scarena.metrics.rogi import rogi

    return rogi(i.x, i.labels, seed=i.seed, resampling=i.resampling)


def _effective_rank(i: Inputs) -> Found:
    from scarena.metrics.effective_rank import effective_rank

    return {"effective_rank": effective_rank(i.x, resampling=i.resampling)}


FAMILIES: dict[tuple[str, ...], Callable[[Inputs], Found]] = {
    ("isolated_labels", "silhouette_label"): _label_silhouettes,
    ("isolated_labels_f1",): _isolated_labels_f1,
    ("kmeans_nmi", "kmeans_ari"): _kmeans,
    ("leiden_nmi", "leiden_ari"): _leiden,
    ("clisi",): _clisi,
    ("silhouette_batch",): _batch_silhouette,
    ("bras",): _bras,
    ("ilisi",): _ilisi,
    ("kbet",): _kbet,
    ("graph_connectivity",): _graph_connectivity,
    ("pcr",): _pcr,
    ("cell_cycle",): _cell_cycle,
    ("hvg_overlap",): _hvg_overlap,
    ("onto_rwr", "onto_rwr_balanced", "onto_rwr_published"): _onto_rwr,
    (
        "lcad", "lcad_symmetric", "lcad_all", "lcad_symmetric_all", "lcad_published_max", "lcad_errors",
        "lcad_multi_share",
    ): _lcad,
    ("onto_silhouette",): _onto_silhouette,
    ("knn_accuracy", "knn_macro_f1", "knn_balanced_accuracy", "knn_ece", "knn_unseen"): _transfer,
    ("novel_type_auroc",): _novel_types,
    (
        "scgraph_rank", "scgraph_corr", "scgraph_weighted", "scgraph_rank_published", "scgraph_corr_published",
    ): _scgraph,
    ("knn_preservation",): _knn_preservation,
    ("distance_correlation", "distance_emd"): _distances,
    ("rogi", "rogi_xd"): _rogi,
    ("effective_rank",): _effective_rank,
    **{tuple(info.key for info in metric.info): metric.compute for metric in PLUGGED},
}  # fmt: skip
