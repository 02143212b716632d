"""What the board says of what can be read from a gene's vector. See docs/tasks.md for the tasks."""

from __future__ import annotations

from scarena.metrics.info import OWN, Direction, MetricInfo

_SETS = "a matrix a set and fold"
_REPEATS = "twenty times five folds of some hundred genes"
_TAU = "one eigendecomposition a pair of folds"
_PAIRS = "O(pairs · d²), d = 128"
_CLAIM = "It is no score of a model: paralogues of a gene, or the gene itself, are on both sides"
_ABOUT = "About the dataset, not the model"
_YL = "After Zhong et al. 2025, doi 10.1101/2025.01.29.635607; negatives, folds and rows of this package"


def _metric(
    key: str, title: str, definition: str, failure: str, *, cost: str, source: str = OWN, low: float = 0.0,
    better: Direction = "higher",
) -> MetricInfo:  # fmt: skip
    return MetricInfo(key, title, "task", low, 1.0, better, definition, failure, source, cost, "target")


def _told(key: str, title: str, definition: str, failure: str = _CLAIM, *, low: float = 0.0) -> MetricInfo:
    """Return a number that ranks nothing."""
    cost = "what the metrics above cost, at most once more"
    return _metric(key, title, definition, failure, cost=cost, low=low, better="none")


def _leak(task: str, of: str, low: float) -> tuple[MetricInfo, MetricInfo]:
    """Return what random folds would have claimed, and by how much more that is."""
    title = task.capitalize()
    what = "pairs" if task == "pairs" else "genes"
    added = MetricInfo(
        f"{task}_leak", f"{title}, what a random split adds", "task", low - 1, 1 - low, "none",
        f"{task}_random minus {of}", _CLAIM, OWN, "a difference", "target",
    )  # fmt: skip
    return _told(f"{task}_random", f"{title}, random folds", f"{of} under random folds of {what}", low=low), added


def _coverage(task: str, title: str) -> MetricInfo:
    definition = "Share of the genes that are asked about that the model knows; the others have the mean vector"
    return _told(f"{task}_coverage", f"{title}, coverage", definition, "Says nothing of how well a gene is known")


INFO = (
    _metric(
        "function_gain", "Function gain",
        "AUROC of a ridge on the vectors and the simple facts (mean expression, τ, length, sets of other collections, "
        "other sets of this one), minus that of the facts alone; against matched genes, families held out; mean over "
        "sets; 0: the vectors add nothing",
        "Where the facts say nearly all, little is left to gain", cost=_SETS, low=-1.0),
    _metric(
        "function_auroc", "Function AUROC",
        "AUROC of a class-balanced ridge on the vectors alone against matched genes, families held out; mean over "
        "sets; 0.5 is chance",
        "Vectors that tell expression, or the number of sets, finer than the bins do gain from it",
        cost=_SETS, source=_YL),
    _told(
        "function_bias", "Function AUROC of the simple facts",
        "The same of the simple facts alone", _ABOUT),
    _metric(
        "function_covered", "Function AUROC, genes that the model knows",
        "function_auroc over the genes that the model knows alone",
        "Models are asked about different genes: read it beside the coverage", cost=_SETS),
    _coverage("function", "Function"),
    _told(
        "function_all_negatives", "Function AUROC, random negatives",
        "AUROC of the vectors alone against ten random genes for each member, as published forms have it",
        "The simple facts reach .8 or more: see function_bias_all"),
    _told(
        "function_bias_all", "Function AUROC of the simple facts, random negatives",
        "function_all_negatives of the simple facts alone", _ABOUT),
    *_leak("function", "function_gain", -1.0),
    _metric(
        "tissue_tau_residual", "Tissue specificity beyond level",
        "Spearman correlation of the residual of τ, after a spline on mean expression, with what a ridge predicts of "
        "genes of families that it has not seen; mean over folds",
        "Noise of lowly expressed genes is asked for as well", cost=_TAU, low=-1.0),
    _metric(
        "tissue_max_macro_f1", "Main tissue macro F1",
        "Macro F1 of the tissue of the maximum among specific genes (τ above .85), by a class-balanced ridge",
        "Neighbouring tissues (parts of the brain or gut) are told apart by little", cost=_TAU),
    _told(
        "tissue_bias", "Tissue specificity of the simple facts",
        "tissue_tau_residual of mean expression, length and number of sets; not of τ, which is the question",
        _ABOUT, low=-1.0),
    _told(
        "tissue_max_bias", "Main tissue macro F1 of the simple facts",
        "tissue_max_macro_f1 of mean expression, τ, length and number of sets", _ABOUT),
    _coverage("tissue", "Tissue"),
    *_leak("tissue", "tissue_tau_residual", -1.0),
    _metric(
        "classes_gain", "Gene classes gain",
        "AUROC of a ridge on the vectors and the simple facts (mean expression, τ, length, number of sets), minus that "
        "of the facts alone; families held out, twenty times five folds; 0: the vectors add nothing",
        "A few hundred genes: read the interval", cost=_REPEATS, low=-1.0),
    _metric(
        "classes_auroc", "Gene classes AUROC",
        "AUROC of a class-balanced ridge on the vectors alone, twenty times five folds of families; 0.5 is chance",
        "Classes that differ in expression are won by knowing it", cost=_REPEATS,
        source="After Theodoris et al. 2023, doi 10.1038/s41586-023-06139-9; protocol of this package"),
    _told(
        "classes_bias", "Gene classes AUROC of the simple facts",
        "classes_auroc of mean expression, τ, length and number of sets", _ABOUT),
    _told(
        "classes_expression", "Gene classes AUROC of mean expression",
        "classes_auroc of mean expression alone", _ABOUT),
    _coverage("classes", "Gene classes"),
    *_leak("classes", "classes_gain", -1.0),
    _metric(
        "pairs_auroc", "Gene pairs AUROC",
        "AUROC of related against degree-matched other pairs by a class-balanced ridge on products and absolute "
        "differences of principal components, both genes of families that it has not seen; 0.5 is chance",
        "Unrelated pairs are drawn from those not listed: some are related all the same", cost=_PAIRS,
        source="After Du et al. 2019, doi 10.1186/s12864-018-5370-x; folds and rows of this package"),
    _metric(
        "pairs_cosine", "Gene pairs AUROC of cosines",
        "AUROC of the cosine of two genes' centred vectors on the same pairs; nothing is learned",
        "Decided by the first principal components, whatever they mean", cost=_PAIRS),
    _told(
        "pairs_degree", "Gene pairs AUROC of degrees",
        "AUROC on the same pairs of the numbers d of partners in other folds, as Σ log (1 + d) over the two genes",
        _ABOUT),
    _told(
        "pairs_own_negatives", "Gene pairs AUROC, negatives of the dataset",
        "pairs_auroc against the unrelated pairs that the dataset lists",
        "Knowing how many partners a gene has is nearly enough: see pairs_own_degree"),
    _told(
        "pairs_own_degree", "Gene pairs AUROC of degrees, negatives of the dataset",
        "pairs_degree against the unrelated pairs that the dataset lists", _ABOUT),
    _coverage("pairs", "Gene pairs"),
    *_leak("pairs", "pairs_auroc", 0.0),
)  # fmt: skip
