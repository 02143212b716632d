"""Which features of a file are genes: one definition for every reader.

CITE-seq, multiome and hashing files hold antibodies, peaks and tags beside the genes, under names that genes have
(CD4). Where a file says of what kind each feature is, the others are left out, and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.errors import DataError
from scarena.base.text import named

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("feature_types", "feature_type", "feature_biotype", "modality", "Type")
"""Where the kind stands: scanpy's and Cell Ranger's name, CELLxGENE's two, muon's, DropletUtils'."""
_GENES = frozenset(
    {"gene expression", "gene", "genes", "gex", "rna", "mrna", "expression", "transcript", "transcripts"}
)
# GENCODE's and Ensembl's biotypes: they say what a gene makes, so it is one.
_BIOTYPE = re.compile(
    r"protein[ _]coding|lncrna|lincrna|mirna|snrna|snorna|scarna|scrna|srna|rrna|trna|misc_rna|ribozyme|vault_rna|tec|"
    r"antisense|processed_transcript|sense_(intronic|overlapping)|retained_intron|nonsense_mediated_decay|non_stop_decay|"
    r"artifact|macro_lncrna|3prime_overlapping_ncrna|bidirectional_promoter_lncrna|(mt|ig|tr)_\w+|\w*pseudogene"
)
# Words for other things. A column in which neither these nor genes occur says something else.
_OTHERS = re.compile(
    r"antibod|\badt|\bhto|hashtag|hashing|protein(?![ _]coding)|peak|\batac|crispr|guide|multiplex|antigen|custom|"
    r"spike|ercc|\bvdj|surface|cell[ _]?tag|barcode|lineage|chromatin|aptamer|cmo\b"
)


def genes_among(kinds: Any, where: str) -> tuple[np.ndarray, str | None]:
    """Return which features are genes, and a line that says what the others were.

    Parameters
    ----------
    kinds
        The kind of each feature [n_features]; what is missing is a gene.
    where
        The file and column, for the error.

    Returns
    -------
    Booleans [n_features], and None where all are genes or the values are no kinds of features.

    Raises
    ------
    DataError
        If no feature is a gene.
    """
    texts = named(kinds)
    is_kind_gene = {text: _is_gene(text) for text in set(texts.tolist()) - {None}}
    known = [text for text, gene in is_kind_gene.items() if gene or _OTHERS.search(text.casefold())]
    if not known:
        return np.ones(len(texts), bool), None
    mask = np.array([text is None or is_kind_gene[text] for text in texts.tolist()], dtype=bool)
    if not mask.any():
        told = _counted(texts[~mask])
        raise DataError(f"no feature is a gene ({told})", where=where, fix="give the file with gene expression")
    return (
        mask,
        None if mask.all() else f"{int((~mask).sum()):,} features are no genes and left out ({_counted(texts[~mask])})",
    )


def _is_gene(kind: str) -> bool:
    word = kind.casefold()
    return word in _GENES or _BIOTYPE.fullmatch(word) is not None


def _counted(kinds: np.ndarray) -> str:
    counts = Counter(kinds.tolist())
    return ", ".join(
        f"{count:,} {kind}" for kind, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def genes_of(table: pd.DataFrame, where: str) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return which features of a table are genes by its columns that say so, and what was left out.

    Parameters
    ----------
    table
        Of features: ``var``, or R's ``rowData``.
    where
        The file and table.

    Returns
    -------
    Booleans [n_features], None where all are genes; and lines to say.
    """
    mask: np.ndarray | None = None
    said = []
    for column in COLUMNS:
        if column not in table:
            continue
        genes, line = genes_among(table[column], f"{where}[{column!r}]")
        if line is not None:
            said.append(line)
            mask = genes if mask is None else mask & genes
    return mask, tuple(said)
