"""docs/baselines.md: a hand-written introduction and a table of every baseline, made from the cards of the models.

Prints what the cards say and runs no model. To write the page:
``python -c "from scarena.cli.baseline_docs import markdown; print(markdown(), end='')" > docs/baselines.md``.
"""

from __future__ import annotations

from pathlib import Path

from scarena.models.base import ModelCard
from scarena.models.baselines.glm_pca import N_FACTORS
from scarena.models.baselines.random_projection import N_DIMENSIONS
from scarena.models.baselines.seurat import INSTALL
from scarena.models.baselines.seurat import N_DIMENSIONS as SEURAT_DIMENSIONS
from scarena.models.expression import N_HVG
from scarena.models.genes.corpus import CARDS
from scarena.models.registry import all_models

COLUMNS = (
    "name", "what it is", "settings", "whose", "uses batch", "uses labels", "trains on target", "where it runs",
    "source", "licence",
)  # fmt: skip
# A card cannot know whose its settings are.
WHOSE = {
    "celltypist": "its package's defaults; its scores are divided by their sum",
    "concord": "its package's defaults",
    "copy-number": "inferCNV's; the least share of cells is CopyKAT's, the bins are ours",
    "depth": "ours: there are none",
    "gene-bias": "ours: the units are about each fact's spread",
    "gene-cell-types": "ours: there are none",
    "gene-coexpression": "ours",
    "gene-expression": "ours: there are none",
    "gene-pca": "ours",
    "gene-tissues": "ours: there are none",
    "gene2vec": "the dimensions are Gene2vec's, the smoothing Levy and others' (2015); contexts and height are ours",
    "glm-pca": "its package's defaults; the number of factors is ours",
    "harmony": "harmonypy's defaults",
    "hvg": "scanpy's defaults",
    "hvg-forest": "scikit-learn's defaults; the genes are those of `hvg`",
    "hvg-logistic": "scikit-learn's defaults; the genes are those of `hvg`",
    "linear-scvi": "scvi-tools' LDVAE tutorial",
    "net-pearson": "ours: there are none to choose",
    "net-ridge": "ours: the penalty",
    "net-spearman": "ours: the number of cells",
    "net-target-mean": "ours: there are none to choose",
    "pca": "scanpy's defaults",
    "pca-centred": "those of `pca`",
    "pearson-pca": "scanpy's defaults; the number of genes is ours",
    "proliferation": "those of the metric of the cell cycle",
    "random-projection": "ours: as many dimensions as PCA",
    "response-additive": "ours: there are none to choose",
    "response-bilinear": "its authors'",
    "response-elastic-net": "ours",
    "response-forest": "the trees are those of Turbine's benchmark, the axes and the share of the vector ours",
    "response-gears": "its package's; the epochs, their choice, the nodes of the graph and the mean ours",
    "response-knn": "ours",
    "response-matching-mean": "its authors'",
    "response-mean-shift": "ours: there are none to choose",
    "response-other-screens": "its authors', for one screen; which one is ours",
    "response-ridge": "ours",
    "response-train-mean": "as published",
    "scanorama": "its package's defaults",
    "scanvi": "scvi-tools' integration tutorial",
    "scanvi-labels": "those of `scanvi`",
    "scvi": "scvi-tools' integration tutorial",
    "seurat-cca": "Seurat's integration vignette",
    "seurat-rpca": "Seurat's vignette on reciprocal PCA",
    "symphony": "symphonypy's defaults; the choice of the reference and the components are ours",
}
_TEMPLATE = Path(__file__).parent / "templates" / "baselines.md"


def baselines() -> list[ModelCard]:
    """Return the cards of the project's own baselines, by name; those of plug-ins are theirs to describe.

    Those that know what scArena-FM learned of genes are described with it.
    """
    rooms = ("baselines", "genes", "networks", "perturbations", "predictors")
    folders = tuple(f"scarena.models.{room}." for room in rooms)
    own = [model for model in all_models().values() if model.__module__.startswith(folders)]
    return [model.card for model in own if model.card.family == "baseline"]


def markdown() -> str:
    """Return docs/baselines.md as it should be."""
    from jinja2 import Environment, StrictUndefined

    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(
        _TEMPLATE.read_text(encoding="utf-8")
    )
    lines = [line(COLUMNS), line(["---"] * len(COLUMNS)), *(line(row(card)) for card in baselines())]
    return template.render(
        table="\n".join(lines), n_hvg=f"{N_HVG:,}", n_factors=N_FACTORS, n_projected=N_DIMENSIONS,
        n_seurat=SEURAT_DIMENSIONS, corpus=", ".join(f"`{name}`" for name in CARDS),
    )  # fmt: skip


def row(card: ModelCard) -> tuple[str, ...]:
    """Return the entries of one baseline, in the order of :data:`COLUMNS`."""
    settings = "; ".join(f"{key} {said(value)}" for key, value in card.settings.items())
    return (
        f"`{card.name}`", card.description, settings, WHOSE[card.name], _yes(card.uses_batch), _yes(card.uses_labels),
        _yes(card.trains_on_target), _where(card), card.source, card.licence,
    )  # fmt: skip


def _where(card: ModelCard) -> str:
    if card.name.startswith("seurat-"):
        return f"through R ({INSTALL})"
    if card.environment is None:
        return "beside everything else"
    return "in an environment of its own: " + ", ".join(f"`{each}`" for each in card.environment.pip)


def said(value: str | float | bool | None) -> str:
    """Return a setting as a page says it."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return value if isinstance(value, str) else f"{value:g}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def line(entries: tuple[str, ...] | list[str]) -> str:
    """Return a row of a Markdown table."""
    return "| " + " | ".join(entry.replace("|", r"\|") for entry in entries) + " |"
