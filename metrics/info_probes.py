"""What the board says of what can be read from a cell's vector by a probe. See docs/tasks.md for the tasks."""

from __future__ import annotations

from math import inf

from scarena.metrics.info import OWN, Asks, MetricInfo

_PROBES = "probes of five folds of groups, and ten for each of four penalties to choose from"
_FEW = "forty probes of few cells, and as many of random folds"
_OPEN = "fifteen probes, and as many of random folds"
_ONE = "one probe a donor, and ten for each of four penalties to choose from"
_PAIRS = "a probe for each of at most 64 pairs"
_RIDGE = "one eigendecomposition a pair of folds"
_SCFM = "Wu et al. 2025, doi 10.1186/s13059-025-03781-6; folds and rows of this package"
_SCTAB = "scTab, Fischer et al. 2024, doi 10.1038/s41467-024-51059-5"
_SCIBE = "scIB-E, doi 10.1186/s13059-025-03869-z"
_CLAIM = "It is no score of a model: cells of one group are on both sides"


def _share(
    key: str, title: str, definition: str, failure: str, source: str = OWN, *, cost: str = _PROBES, types: bool = False
) -> MetricInfo:
    asks: Asks = "types" if types else "target"
    return MetricInfo(key, title, "task", 0.0, 1.0, "higher", definition, failure, source, cost, asks)


def _pearson(key: str, title: str, definition: str, failure: str, source: str = OWN) -> MetricInfo:
    return MetricInfo(key, title, "task", -1.0, 1.0, "higher", definition, failure, source, _RIDGE, "target")


def _told(key: str, title: str, low: float, high: float, definition: str, failure: str = _CLAIM) -> MetricInfo:
    """Return a number that ranks nothing."""
    cost = "what the metrics above cost, at most once more"
    return MetricInfo(key, title, "task", low, high, "none", definition, failure, OWN, cost, "target")


def _leak(key: str, of: str, low: float = 0.0, high: float = 1.0) -> tuple[MetricInfo, MetricInfo]:
    """Return what random folds would have claimed, and by how much more that is."""
    name = key.replace("_", " ").capitalize()
    return (
        _told(f"{key}_random", f"{name}, random folds", low, high,
              f"{of} under random folds of cells, all else the same"),
        _told(f"{key}_leak", f"{name}, what a random split adds", low - high, high - low,
              f"{key}_random minus the same with groups held out"),
    )  # fmt: skip


INFO = (
    _share(
        "probe_macro_f1", "Probe macro F1",
        "Mean F1 over types of a logistic probe on cells of donors (else batches) it has not seen, five folds; its "
        "penalty is chosen by further donors held out",
        "A type of one donor alone cannot be right; the probe's own learning is in it, not the vectors alone",
        "scikit-learn LogisticRegression; protocol of this package", types=True),
    _share(
        "probe_balanced_accuracy", "Probe balanced accuracy",
        "Mean over types of the share of their cells that the probe gets right",
        "Says nothing of what is wrongly called a rare type", types=True),
    MetricInfo(
        "probe_ece", "Probe calibration error", "task", 0.0, 1.0, "lower",
        "Mean gap of the winner's probability and its accuracy, over 15 bins of that probability",
        "A probe that is wrong and unsure of everything is well calibrated",
        "Guo et al. 2017, arXiv 1706.04599; protocol of this package", _PROBES),
    MetricInfo(
        "probe_lcad", "Probe LCAD", "task", 0.0, inf, "lower",
        "Mean edges of the ontology from the true type up to its nearest common ancestor with the predicted one, over "
        "all cells with a term; 0 for a right cell, and for one that is called by a finer type",
        "Depends on how finely the ontology is drawn", _SCFM, _PROBES),
    *_leak("probe", "Macro F1"),
    _share(
        "granular_macro_f1", "Granular macro F1",
        "As the probe's macro F1, a predicted descendant of the true type counting as right and an ancestor as wrong",
        "A probe that always answers too finely is not punished", _SCTAB, cost="no further probes", types=True),
    _told(
        "granular_gain", "Right but finer", 0.0, 1.0, "granular_macro_f1 minus probe_macro_f1",
        "High where labels of different depth are used side by side"),
    _share(
        "few_shot_area", "Few-shot area",
        "Area under macro F1 over log k for k = 1, 5, 10, 50 labelled cells a type, as a share of the whole; ten "
        "draws, donors held out",
        "A type with fewer cells gives all it has; C is fixed", cost=_FEW, types=True),
    *(
        _share(
            f"few_shot_{k}", f"Macro F1 with {k} cell{'s' if k > 1 else ''} a type",
            f"Mean over ten draws of the probe's macro F1, learned from {k} of each type",
            "Which cells are drawn matters more than most models do", cost=_FEW, types=True)
        for k in (1, 5, 10, 50)
    ),
    _share(
        "few_shot_centroid_area", "Few-shot area, class means",
        "As few_shot_area, with the nearest class mean in place of the probe",
        "Assumes that types spread alike in all directions", cost=_FEW,
        types=True),
    *_leak("few_shot", "few_shot_area"),
    _share(
        "open_auroc", "Open set AUROC",
        "AUROC of telling cells of types that the probe was never shown from others by its largest probability; mean "
        "over trials, .1, .3 and .5 of the types held out five times each; 0.5 is chance",
        "Cells of known types that look alike are unsure too", cost=_OPEN, types=True),
    _share(
        "open_energy_auroc", "Open set AUROC by energy",
        "The same by log Σ exp of the probe's scores", "Long vectors look known, whatever they are",
        "Liu et al. 2020, arXiv 2010.03759; protocol of this package", cost=_OPEN, types=True),
    MetricInfo(
        "open_aupr_gain", "Open set AUPR above chance", "task", -inf, 1.0, "higher",
        "(average precision of novelty − share of new cells) / (1 − that share)",
        "With few new cells it swings", OWN, _OPEN),
    _share(
        "open_harmonic", "Open set harmonic mean",
        "Harmonic mean of the share of known cells that are named right and the share of new cells that are refused; "
        "refused is what lies below the threshold, which refuses 5 % of the known cells of a further fold",
        "The threshold is set by other donors, so their differences are in it", cost=_OPEN, types=True),
    MetricInfo(
        "open_lcad", "Open set LCAD", "task", 0.0, inf, "lower",
        "Mean edges from the type of a new cell up to its nearest common ancestor with the known type that the probe "
        "names",
        "Which types are left to be named matters most", _SCFM, _OPEN),
    *_leak("open", "Open set AUROC"),
    _share(
        "malignant_auroc", "Malignant cells AUROC",
        "AUROC of a probe of malignant against normal cells on a donor it has not seen; mean over donors that have "
        "both; 0.5 is chance",
        "Normal cells of other types than the tumour's make it easy; labels are often calls on the same counts",
        cost=_ONE),
    _share(
        "malignant_auprc", "Malignant cells AUPRC",
        "The same as average precision; the note has the mean share of malignant cells, which is chance",
        "Chance differs between donors", cost=_ONE),
    _share(
        "malignant_cancer_auroc", "Malignant cells AUROC, cancers held out",
        "The same probe on the donors of a cancer that it has not seen", "Tissue and cancer are one", cost=_ONE),
    *_leak("malignant", "AUROC"),
    _share(
        "treated_auroc", "Treated cells AUROC",
        "AUROC of a probe of treated against untreated cells on a patient it has not seen; mean over patients that "
        "have both; 0.5 is chance",
        "Plates and days that go with the drug are read as well", cost=_ONE),
    _share(
        "treated_auprc", "Treated cells AUPRC", "The same as average precision",
        "Chance is the share of treated cells", cost=_ONE),
    *_leak("treated", "AUROC"),
    _share(
        "response_auroc", "Response AUROC over patients",
        "Share of pairs of a responder and another patient, both held out, in which the responder's cells have the "
        "higher mean log-odds of coming from a responder; 0.5 is chance",
        "Twenty patients say little: read the interval", cost=_PAIRS),
    _share(
        "response_cell_auroc", "Response AUROC over cells",
        "Mean over the same pairs of the AUROC of the one's cells against the other's",
        "Cells of a patient who lies apart decide all of its pairs", cost=_PAIRS),
    *_leak("response", "response_cell_auroc"),
    _pearson(
        "protein_pearson", "Protein Pearson",
        "Correlation of a protein, as centred log ratio, with a ridge probe's prediction on samples it has not seen; "
        "mean over samples, then proteins",
        "Proteins that mark types are won by knowing the type"),
    _pearson(
        "protein_pearson_within", "Protein Pearson within types",
        "The same within each cell type of 20 or more cells of a sample; mean over types",
        "Little variance is left within a type, and most of it is noise"),
    _told(
        "protein_rna", "Protein Pearson of the coding gene", -1.0, 1.0,
        "Correlation of a protein with the log-normalised RNA of its gene; mean over proteins that have one",
        "About the dataset, not the model"),
    *_leak("protein", "Protein Pearson", -1.0),
    _share(
        "species_macro_f1", "Species macro F1",
        "Macro F1 over the types that both species have of a probe that learned from the other species; mean of both "
        "directions",
        "One dataset a species: species and technique are one", cost="two probes", types=True),
    _share(
        "species_worst", "Species macro F1, worse direction", "The lower of the two directions",
        "The direction with the coarser labels is the lower one", cost="two probes", types=True),
    *_leak("species", "Macro F1"),
    _pearson(
        "niche_pearson", "Niche Pearson",
        "Correlation of the share of a type among a cell's 20 nearest cells in space with a ridge probe's prediction "
        "from the cell's own vector, on sections, else blocks, it has not seen; mean over types",
        "The type of the cell says most of it: read it beside one-hot labels"),
    MetricInfo(
        "niche_js", "Niche divergence", "task", 0.0, 1.0, "lower",
        "Jensen–Shannon divergence in bits of predicted and true shares; mean over cells",
        "Won by predicting the mean", OWN, _RIDGE),
    _share(
        "layer_macro_f1", "Layer macro F1",
        "Macro F1 of a logistic probe of tissue layers on sections, else blocks, it has not seen",
        "Neighbouring blocks are still alike"),
    *_leak("niche", "Niche Pearson (layer macro F1, where there are no types)", -1.0),
    MetricInfo(
        "intra_jaccard", "Neighbours kept within types", "task", 0.0, 1.0, "higher",
        "Edges that two 15-nearest-neighbour graphs share over all edges of both: of the embedding, and of components "
        "of half of the genes; within each type of each batch that has 50 cells; mean over both halves, then types",
        "Sampling noise of the genes is kept as well: PCA is the reference, not a rival; intra_ceiling says how far "
        "the halves themselves agree", OWN,
        "neighbours within each type", "data"),
    MetricInfo(
        "intra_jaccard_published", "Neighbours kept within batches", "task", 0.0, 1.0, "higher",
        "Jaccard overlap of the 15-nearest-neighbour graphs of the embedding and of each batch's own 50 principal "
        "components; mean over batches",
        "Decided by differences between types, in spite of its name; PCA scores 1 by construction", _SCIBE,
        "neighbours within each batch", "data"),
    _told(
        "intra_ceiling", "Neighbours that halves of the genes share", 0.0, 1.0,
        "The overlap within types of the two halves of the genes", "About the dataset, not the model"),
)  # fmt: skip
