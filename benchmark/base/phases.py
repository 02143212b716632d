"""The phases of the cell cycle: the genes of S and G2M, and the genes as expressed that they are held against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MIN_GENES = 10
N_BINS = 25
N_CONTROLS = 50
_S_GENES = (
    "MCM5 PCNA TYMS FEN1 MCM2 MCM4 RRM1 UNG GINS2 MCM6 CDCA7 DTL PRIM1 UHRF1 MLF1IP HELLS RFC2 RPA2 NASP RAD51AP1 "
    "GMNN WDR76 SLBP CCNE2 UBR7 POLD3 MSH2 ATAD2 RAD51 RRM2 CDC45 CDC6 EXO1 TIPIN DSCC1 BLM CASP8AP2 USP1 CLSPN POLA1 "
    "CHAF1B BRIP1 E2F8"
)
_G2M_GENES = (
    "HMGB2 CDK1 NUSAP1 UBE2C BIRC5 TPX2 TOP2A NDC80 CKS2 NUF2 CKS1B MKI67 TMPO CENPF TACC3 FAM64A SMC4 CCNB2 CKAP2L "
    "CKAP2 AURKB BUB1 KIF11 ANP32E TUBB4B GTSE1 KIF20B HJURP CDCA3 HN1 CDC20 TTK CDC25C KIF2C RANGAP1 NCAPD2 DLGAP5 "
    "CDCA2 CDCA8 ECT2 KIF23 HMMR AURKA PSRC1 ANLN LBR CKAP5 CENPE CTCF NEK2 G2E3 GAS2L3 CBX5 CENPA"
)
S_GENES, G2M_GENES = tuple(_S_GENES.split()), tuple(_G2M_GENES.split())
# Approved since the lists were published; data carry either.
_NEW_NAMES = {"MLF1IP": "CENPU", "FAM64A": "PIMREG", "HN1": "JPT1"}


def phase_weights(
    means: NDArray[np.floating], symbols: Sequence[str] | NDArray[np.str_], *, seed: int = 0
) -> NDArray[np.float64]:
    """Return what each gene adds to the S and G2M score: 1/n of the phase's n genes, -1/m of its m control genes.

    Parameters
    ----------
    means
        Mean log expression ``[n_genes]``.
    symbols
        Gene symbols ``[n_genes]``, human or mouse; case does not matter. Of a repeated symbol the first counts.
    seed
        Of the draw of at most 50 control genes from each of 25 bins of mean expression in which the phase has a gene.

    Returns
    -------
    ndarray
        ``[n_genes, 2]``; log expression times it is the scores.

    Raises
    ------
    LookupError
        With fewer than ten genes of either phase, or no control gene for one of them.

    References
    ----------
    Tirosh et al. 2016, doi 10.1126/science.aad0501 (genes); Satija et al. 2015, doi 10.1038/nbt.3192 (controls).
    """
    from scipy.stats import rankdata

    rows = {name.upper(): row for row, name in reversed(list(enumerate(symbols)))}
    per_bin = max(1, round(len(means) / (N_BINS - 1)))
    bin_of = rankdata(means, method="min") // per_bin
    rng = np.random.default_rng(seed)
    weights = np.zeros((len(means), 2))
    for column, (phase, names) in enumerate((("S", S_GENES), ("G2M", G2M_GENES))):
        genes = _present(rows, names)
        if len(genes) < MIN_GENES:
            raise LookupError(f"{len(genes)} genes of {phase} phase, {MIN_GENES} needed")
        controls = _controls(bin_of, genes, rng)
        if not len(controls):
            raise LookupError(f"no control genes for {phase} phase")
        weights[genes, column] = 1 / len(genes)
        weights[controls, column] -= 1 / len(controls)
    return weights


def _present(rows: dict[str, int], names: Sequence[str]) -> NDArray[np.int64]:
    found = (rows.get(name, rows.get(_NEW_NAMES.get(name, ""))) for name in names)
    return np.array(sorted(row for row in found if row is not None), dtype=np.int64)


def _controls(bin_of: NDArray[np.floating], genes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    pools = [np.flatnonzero(bin_of == number) for number in np.unique(bin_of[genes])]
    drawn = [rng.choice(pool, N_CONTROLS, replace=False) if len(pool) > N_CONTROLS else pool for pool in pools]
    return np.setdiff1d(np.concatenate(drawn), genes)
