"""What anybody may know of a gene before any model: the four numbers that a score of genes must be held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import CardError
from scarena.base.tissue_specificity import specificity

if TYPE_CHECKING:
    import pandas as pd

    from scarena.datasets.known_genes import KnownGenes

FACTS = ("mean_expression", "tau", "length", "elsewhere")
"""Mean over tissues of log1p expression; tissue specificity τ, 0 to 1; log10 of its length in bp; in how many sets of
other collections than the dataset's it is."""
COLLECTIONS = {"go_bp": "gene_go_bp", "go_cc": "gene_go_cc", "go_mf": "gene_go_mf", "reactome": "gene_reactome"}
"""Collections that `elsewhere` counts, each with the card that names its file."""
_TISSUES = "gene_tissues_hpa"


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
    for name in COLLECTIONS:
        sets = collection_sets(name, known, cache=cache, mirror=mirror).values()
        held = Counter(gene for genes in sets for gene in genes)
        facts[name] = [held[gene] for gene in facts.index]
    return facts[["symbol", "mean_expression", "tau", "length", *COLLECTIONS]]


def collection_sets(
    name: str, known: KnownGenes, *, cache: Path, mirror: Path | None = None
) -> dict[str, frozenset[str]]:
    """Return the sets of a collection, of any size, by name in the order of its file, as Ensembl ids.

    Parameters
    ----------
    name
        One of `COLLECTIONS`.
    known
        What genes are called.

    Raises
    ------
    SourceError
        If the file cannot be had.
    """
    from scarena.datasets.card import load_card
    from scarena.datasets.gmt import read_gmt
    from scarena.datasets.sources import pull

    card = load_card(COLLECTIONS[name])
    path = pull(card, cache=cache, mirror=mirror)[card.reader.options["file"]]
    sets = read_gmt(path)
    names = sorted({gene for genes in sets.values() for gene in genes})
    ids = dict(zip(names, known.ids(names, "symbol", str(path)), strict=True))
    return {
        called: frozenset(each for gene in genes if (each := ids[gene]) is not None) for called, genes in sets.items()
    }


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
