"""What the board says of metrics that others publish and no key of ours means: read from their files, never computed.

Which published value goes under which key, and what differs, stands in docs/published-boards.md.
"""

from __future__ import annotations

from scarena.metrics.info import SCIB, MetricInfo

OPENPROBLEMS = "openproblems-bio/task_batch_integration@df3f053"
_READ = "read from a published file"


def _theirs(
    key: str, title: str, definition: str, failure: str, source: str, *, low: float = 0.0, high: float = 1.0
) -> MetricInfo:
    return MetricInfo(key, title, "published", low, high, "higher", definition, failure, source, _READ)


INFO: tuple[MetricInfo, ...] = (
    _theirs(
        "openproblems_clisi", "cLISI (openproblems)",
        "Median effective number of labels among the 90 cells that are nearest by paths in the graph of neighbours, "
        "scaled so that 1 is one label and 0 all of them",
        "Neighbours by paths in a graph, not by distance: not the clisi of scArena; near 1 on easy data",
        f"{OPENPROBLEMS}, scib 1.1.7, after {SCIB}"),
    _theirs(
        "openproblems_ilisi", "iLISI (openproblems)",
        "Median effective number of batches among the 90 cells that are nearest by paths in the graph of neighbours, "
        "less 1, over the number of batches less 1",
        "Neighbours by paths in a graph, not by distance: not the ilisi of scArena; with hundreds of batches near 0",
        f"{OPENPROBLEMS}, scib 1.1.7, after {SCIB}"),
    _theirs(
        "openproblems_kbet", "kBET (openproblems)",
        "1 − the rejection rate of kBET (R package) on each component of each label's graph, mean over labels",
        "A random part of the cells is tested, and labels with many cells in small components count 0: not the kbet of "
        "scArena; missing for most methods on the mouse atlases", f"{OPENPROBLEMS}, theislab/kBET, after {SCIB}"),
    _theirs(
        "openproblems_graph_connectivity", "Graph connectivity (openproblems)",
        "Share of each label's cells in its largest component of the symmetric graph of neighbours, mean over labels",
        "The graph is symmetric, so values lie above those of the graph_connectivity of scArena; near 1 on easy data",
        f"{OPENPROBLEMS}, scib 1.1.7, after {SCIB}"),
    _theirs(
        "openproblems_mean", "openproblems mean score",
        "Mean of 13 metrics, each scaled between the worst and the best control of its dataset and cut to 0 to 1, as "
        "openproblems publishes it",
        "What is missing counts 0, of failed runs and of metrics that do not apply: a method of human cells loses "
        "on mouse atlases what it was never asked", f"{OPENPROBLEMS}; mean_score of results.json"),
    _theirs(
        "scfm_bench_graph_connectivity", "Graph connectivity (scFM-Bench)",
        "Share of each label's cells in its largest component of the symmetric graph of 15 neighbours, mean over "
        "labels",
        "The graph is symmetric, so values lie above those of the graph_connectivity of scArena",
        f"scib, after {SCIB}"),
    _theirs(
        "scfm_bench_overall", "scFM-Bench overall score",
        "0.6 · mean(NMI, ARI, cell-type ASW) + 0.4 · mean(graph connectivity, batch ASW)",
        "Has fewer parts than the total of scArena, and is not comparable with it",
        "wujialu/scFM-Bench notebooks/result_analysis.ipynb@913c69f"),
    _theirs(
        "published_pearson_delta", "published Pearson Δ",
        "Pearson correlation over genes of predicted and measured change from the mean of control cells, mean over "
        "perturbations, as its source publishes it",
        "Truth and prediction subtract the same control mean, which lifts every model and rewards the mean of "
        "training; genes and splits are the source's: compare within one source alone", "the source of the board",
        low=-1.0),
)  # fmt: skip
