"""What anybody may know of a gene before any model: the four numbers that a score of genes must be held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import CardError

if TYPE_CHECKING:
    import pandas as pd

    from scarena.datasets.known_genes import KnownGenes

FACTS = ("mean_expression", "tau", "length", "elsewhere")
"""Mean over tissues of log1p expression; tissue specificity τ, 0 to 1; log10 of its length in bp; in how many sets of
other collections than the dataset's it is."""
COLLECTIONS = {"go_bp": "gene_go_bp", "go_cc": "gene_go_cc", "go_mf": "gene_go_mf", "reactome": "gene_reactome"}
"""Collections that `elsewhere` counts, each with the card that names its file."""
_TISSUES = "gene_tissues_hpa"


def specificity(profiles: np.ndarray) -> np.ndarray:
    """Return how specific to a tissue each gene's expression is, τ [n_genes], 0 (alike in all) to 1 (in one alone).

    Parameters
    ----------
    profiles
        log1p of expression [n_genes, n_tissues], NaN where it was not measured: such tissues do not count.

    Returns
    -------
    τ = Σ (1 − x / max x) / (T − 1) of Yanai et al. 2005 (doi:10.1093/bioinformatics/bti042), over log1p; NaN where a
    gene is silent everywhere, or was measured in fewer than two tissues.
    """
    measured = np.isfinite(profiles).sum(axis=1)
    most = np.max(profiles, axis=1, initial=0, where=np.isfinite(profiles))
    said = (measured > 1) & (most > 0)
    found = np.full(len(profiles), np.nan)
    share = np.nansum(profiles[said], axis=1) / most[said]
    found[said] = (measured[said] - share) / (measured[said] - 1)
    return found


def tissue_profiles(*, cache: Path, mirror: Path | None = None) -> pd.DataFrame:
    """Return log1p of the normalised expression (NX) of 19,670 genes in 61 tissues and blood cells of the Human Protein
    Atlas, by Ensembl id; NaN where a gene was not measured in a tissue.

    Raises
    ------
    SourceError
        If the table cannot be had.
    """
    from scarena.datasets.card import load_card
    from scarena.datasets.read_gene_tissues import read_profiles
    from scarena.datasets.sources import pull

    (path,) = pull(load_card(_TISSUES), cache=cache, mirror=mirror).values()
    return read_profiles(path)


def gene_facts(*, cache: Path, mirror: Path | None = None) -> pd.DataFrame:
    """Return what is known of each human gene that codes for a protein, by Ensembl id, in its order.

    Returns
    -------
    ``symbol``; ``mean_expression`` (log1p of NX, mean over the tissues that measured it), ``tau``, ``length`` (log10 of
    its span on the genome in bp), NaN where nobody knows; and for each of `COLLECTIONS` how many of its sets, of any
    size, hold the gene.

    Raises
    ------
    SourceError
        If a table cannot be had.
    """
    import pandas as pd

    from scarena.datasets.gene_positions import coding_genes
    from scarena.datasets.known_genes import known_genes

    coding = coding_genes(cache=cache, mirror=mirror)
    facts = pd.DataFrame.from_dict(coding, orient="index", columns=["symbol", "length"])
    facts["length"] = np.log10(facts["length"])
    profiles = tissue_profiles(cache=cache, mirror=mirror)
    values = profiles.to_numpy()
    facts["mean_expression"] = pd.Series(np.nanmean(values, axis=1), profiles.index).reindex(facts.index)
    facts["tau"] = pd.Series(specificity(values), profiles.index).reindex(facts.index)
    known = known_genes(frozenset(), cache=cache, mirror=mirror)
    counts = {name: _memberships(card, known, cache, mirror) for name, card in COLLECTIONS.items()}
    facts = facts.assign(**{name: [held[gene] for gene in facts.index] for name, held in counts.items()})
    return facts[["symbol", "mean_expression", "tau", "length", *COLLECTIONS]]


def _memberships(name: str, known: KnownGenes, cache: Path, mirror: Path | None) -> Counter[str]:
    """Return how many sets of a collection each gene is in."""
    from scarena.datasets.card import load_card
    from scarena.datasets.gmt import read_gmt
    from scarena.datasets.sources import pull

    card = load_card(name)
    path = pull(card, cache=cache, mirror=mirror)[card.reader.options["file"]]
    sets = read_gmt(path)
    names = sorted({gene for genes in sets.values() for gene in genes})
    ids = dict(zip(names, known.ids(names, "symbol", str(path)), strict=True))
    return Counter(each for genes in sets.values() for each in {ids[gene] for gene in genes} if each is not None)


def elsewhere(facts: pd.DataFrame, own: Collection[str], where: str) -> pd.Series:
    """Return in how many sets of the collections that a dataset is not of each gene is.

    Parameters
    ----------
    facts
        What `gene_facts` returned; NaN in, NaN out.
    own
        Names of `COLLECTIONS` that the dataset is made of.
    where
        The dataset.

    Raises
    ------
    CardError
        If there is no such collection, or nothing else is left.
    """
    others = [name for name in COLLECTIONS if name not in own]
    if unknown := sorted(set(own) - set(COLLECTIONS)):
        raise CardError(f"no collection {unknown[0]!r}", where=where, fix=f"one of {', '.join(COLLECTIONS)}")
    if not others:
        raise CardError("no collection is left to count in", where=where, fix="name fewer under `collection`")
    return facts[others].sum(axis=1, skipna=False)
