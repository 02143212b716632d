"""The checks, in order: each a function of a trial or of a stage that raises where the model breaks a promise.

Frozen models are those whose vector of a cell depends on the cell alone; of others less can be asked, and the check
then asks that they run and return numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import scarena.testing.gene_checks as gene_checks
import scarena.testing.processes as processes
import scarena.testing.response_checks as response_checks
from scarena.base.errors import ModelError, NotApplicable
from scarena.models.embedding import check_embedding
from scarena.testing.cells import N_TYPES
from scarena.testing.outcome import Unsuitable, Violation
from scarena.testing.processes import Stage
from scarena.testing.trial import Trial

if TYPE_CHECKING:
    from anndata import AnnData

# Of the spread of all coordinates. Sums over genes in another order may differ by the first; by the second, products of
# float32 matrices where a cell stands elsewhere in its batch: no model that works in batches gives equal bits.
TOLERANCE, ROUNDING = 1e-4, 1e-5
# Of the same spread: what is left of the vector that a solver of eigenvectors starts from.
START = 1e-3


@dataclass(frozen=True, slots=True)
class Check:
    """One promise: a name, what is asserted, and the function that asserts it, in this process or in others."""

    name: str
    statement: str
    direct: Callable[[Trial], None] | None = None
    staged: Callable[[Stage], None] | None = None
    of_genes: bool = False
    """Whether it is of vectors of genes, and asked of models alone that have some."""
    of_responses: bool = False
    """Whether it is of predicted responses, and asked of models alone that predict some by a rule of their own."""


def _same(found: np.ndarray, wanted: np.ndarray, tolerance: float, what: str) -> None:
    if found.shape != wanted.shape:
        raise Violation(f"{what}: shape {found.shape}, was {wanted.shape}")
    gap = np.abs(found - wanted).max(axis=1) / max(float(wanted.std()), 1e-12)
    if gap.max() > tolerance:
        worst = int(gap.argmax())
        raise Violation(
            f"{what}: {int((gap > tolerance).sum())} of {len(gap)} vectors differ, most by {gap.max():.2g} of the "
            f"spread (row {worst})"
        )


def _card(trial: Trial) -> None:
    card = trial.card
    empty = [key for key in ("title", "description", "source", "licence") if not getattr(card, key).strip()]
    # Of a model with checkpoints of several sizes the folder decides.
    if card.family == "foundation" and card.parameters is None and "checkpoint" not in card.settings:
        empty.append("parameters")
    if empty:
        raise Violation(f"the card does not say: {', '.join(empty)}")
    try:
        json.dumps(card.settings, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Violation(f"settings are no JSON ({error})") from None


def _shape(trial: Trial) -> None:
    shape, n = np.asarray(trial.first[2]).shape, trial.cells.n_obs
    if trial.card.offers == "labels" and shape != (n, N_TYPES):
        raise Violation(f"shape {shape}, expected a column a type ({n}, {N_TYPES})")
    if len(shape) != 2 or shape[0] != n or shape[1] < 1:
        raise Violation(f"shape {shape}, expected ({n}, d)")


def _dtype(trial: Trial) -> None:
    array = np.asarray(trial.first[2])
    if array.dtype.kind not in "fiu":
        raise Violation(f"dtype {array.dtype}")
    whole = array[np.isfinite(array)]
    if whole.size and np.abs(whole).max() > np.finfo(np.float32).max:
        raise Violation("values that float32 cannot hold")


def _finite(trial: Trial) -> None:
    bad = int((~np.isfinite(np.asarray(trial.first[2], dtype=np.float64))).any(axis=-1).sum())
    if bad:
        raise Violation(f"{bad} cells have NaN or infinite coordinates")


def _deterministic(trial: Trial) -> None:
    if trial.embed(trial.cells).tobytes() != trial.vectors.tobytes():
        raise Violation("the same seed gave other numbers the second time")


def _draws(trial: Trial) -> None:
    if trial.card.draws is not False:
        raise Unsuitable("its card does not say that it draws nothing")
    _same(trial.embed(trial.cells, seed=1), trial.vectors, START, "another seed, though the card says draws=False")


def _input_untouched(trial: Trial) -> None:
    after, before, _ = trial.first
    if changed := _differing(after, before):
        raise Violation(f"embed changed {', '.join(changed)} of what it was handed")


def _differing(found: AnnData, wanted: AnnData) -> list[str]:
    """Return the parts in which a handed object is another than `wanted`, which has nothing but X, obs and var."""
    parts = [] if found.X.dtype == wanted.X.dtype and (found.X != wanted.X).nnz == 0 else ["X"]
    parts += [key for key in ("obs", "var") if not getattr(found, key).equals(getattr(wanted, key))]
    # From 0.13 on anndata counts X among the layers, by the name None.
    others = ("obsm", "varm", "obsp", "varp", "layers", "uns")
    return parts + [key for key in others if any(name is not None for name in getattr(found, key))]


def _labels(trial: Trial) -> None:
    if trial.card.offers == "labels":
        return _hidden_labels(trial)
    if trial.card.uses_labels:
        raise Unsuitable("its card says that it uses labels")
    handed = trial.first[1]
    known = set(trial.cells.obs["cell_type"])
    told = [column for column in handed.obs if known & set(map(str, handed.obs[column]))]
    if told or len(handed.uns) or len(handed.obsm):
        raise Violation(f"labels were handed over, in {', '.join(told) or 'uns or obsm'}")
    other = trial.cells.copy()
    other.obs["cell_type"] = np.random.default_rng(1).permutation(other.obs["cell_type"].to_numpy())
    # The same object is the same run, so there is no need to run it: `deterministic` does.
    if differing := _differing(trial.handed(other), trial.first[1]):
        raise Violation(f"other labels changed {', '.join(differing)} of what is handed over")


def _hidden_labels(trial: Trial) -> None:
    """Permute the types of one batch: what a model says of its cells must not depend on them."""
    other, mine = trial.cells.copy(), (trial.cells.obs["batch"] == trial.cells.obs["batch"].iloc[0]).to_numpy()
    types = other.obs["cell_type"].to_numpy(object).copy()
    types[mine] = np.random.default_rng(1).permutation(types[mine])
    other.obs["cell_type"] = types
    _same(trial.embed(other)[mine], trial.vectors[mine], ROUNDING, "other types of the very cells that are predicted")


def _cells_permuted(trial: Trial) -> None:
    if not trial.frozen:
        _ = trial.shuffled
        return
    order = np.random.default_rng(1).permutation(trial.cells.n_obs)
    found = trial.embed(trial.cells[order].copy())
    if "cells" not in trial.card.order_matters_of:
        _same(found, trial.vectors[order], ROUNDING, "cells in another order")


def _genes_permuted(trial: Trial) -> None:
    if not trial.frozen:
        _ = trial.shuffled
        return
    order = np.random.default_rng(2).permutation(trial.cells.n_vars)
    found = trial.embed(trial.cells[:, order].copy())
    if "genes" not in trial.card.order_matters_of:
        _same(found, trial.vectors, TOLERANCE, "genes in another order")


def _duplicates(trial: Trial) -> None:
    import anndata

    twins = trial.cells[:8].copy()
    twins.obs_names = [f"{name}-twin" for name in twins.obs_names]
    found = trial.embed(anndata.concat([trial.cells, twins], merge="same"))
    if trial.frozen:
        _same(found[-8:], found[:8], TOLERANCE, "cells with the same counts")


def _one_batch(trial: Trial) -> None:
    other = trial.cells.copy()
    other.obs["batch"] = "only"
    trial.embed(other)


def _no_gene_overlap(trial: Trial) -> None:
    other = trial.cells.copy()
    other.var_names = [f"ENSG9{i:010d}" for i in range(other.n_vars)]
    other.var["symbol"] = [f"NO-GENE-{i}" for i in range(other.n_vars)]
    try:
        returned = trial.returned(other)
    except (ModelError, NotApplicable):
        return
    try:
        check_embedding(returned, other.n_obs, trial.card.name)
    except ModelError as error:
        raise Violation(f"{error.what}; raise NotApplicable instead") from None


def _empty_cell(trial: Trial) -> None:
    other = trial.cells.copy()
    counts = other.X.tolil()
    counts[0] = 0
    other.X = counts.tocsr()
    trial.embed(other)


CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        Check("card", "title, description, source, licence, JSON settings; parameters if foundation", _card),
        Check("shape", "one row a cell and at least one dimension; of predictions one column a type", _shape),
        Check("dtype", "numbers that float32 can hold", _dtype),
        Check("finite", "no coordinate is NaN or infinite", _finite),
        Check("deterministic", "the same seed gives the same bytes", _deterministic),
        Check("draws", "if the card says that it draws nothing, another seed gives the same vectors", _draws),
        Check("input-untouched", "X, obs and var of the cells handed over are left as they were", _input_untouched),
        Check(
            "labels",
            "no labels are handed over, and other labels change nothing; of a prediction, those of its own batch",
            _labels,
        ),
        Check(
            "cells-permuted",
            "vectors follow their cells, to the last bits, if frozen, or the card says that order matters; others run",
            _cells_permuted,
        ),
        Check(
            "genes-permuted",
            "the order of genes does not matter if frozen, or the card says so; others run",
            _genes_permuted,
        ),
        Check("duplicate-cells", "cells with the same counts have the same vector if frozen; others run", _duplicates),
        Check("one-batch", "one batch is embedded", _one_batch),
        Check("no-gene-overlap", "genes that nobody knows: numbers, ModelError or NotApplicable", _no_gene_overlap),
        Check("empty-cell", "a cell without counts is embedded", _empty_cell),
        Check(
            "gene-vectors",
            "of the genes asked for, by Ensembl id, finite; what is handed over is left alone",
            gene_checks.finite,
            of_genes=True,
        ),
        Check(
            "gene-unknown", "a gene that nobody knows has no vector, but of noise", gene_checks.unknown, of_genes=True
        ),
        Check(
            "gene-deterministic",
            "the same seed gives the same vectors of genes",
            gene_checks.deterministic,
            of_genes=True,
        ),
        Check(
            "gene-alone", "a gene's vector does not depend on the others asked for", gene_checks.alone, of_genes=True
        ),
        Check(
            "response-finite",
            "means on the scale of the profiles, by name; what is handed over is left alone",
            response_checks.finite,
            of_responses=True,
        ),
        Check(
            "response-deterministic",
            "the same seed gives the same predictions",
            response_checks.deterministic,
            of_responses=True,
        ),
        Check(
            "response-ordered",
            "predictions do not depend on the order of profiles and genes",
            response_checks.ordered,
            of_responses=True,
        ),
        Check("names", "the run's embedding.npz names every cell once, in whatever order", staged=processes.names),
        Check("offline", "a run needs no network: connections are refused", staged=processes.offline),
        Check("resume", "a run killed half-way and run again gives the same bytes", staged=processes.resume),
        Check("memory", f"a run stays below {processes.LIMIT_MB} MiB above its imports", staged=processes.memory),
    )
}
