"""From cells of a perturbation screen to what is known of each profile: two halves, their tests, how far they agree.

Everything that a score must not share with a model lies apart from here on: the cells of each profile and those of the
control are divided once, within batches, by a fixed seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scarena.base.errors import DataError
from scarena.datasets.response_effects import halves, means, reproducibility, welch
from scarena.datasets.response_learned import CONTROL
from scarena.datasets.response_names import Perturbations, perturbations
from scarena.datasets.response_rule import PerturbedCells, ResponseRule
from scarena.datasets.response_truth import ResponseTruth

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    from scarena.datasets.genes import GeneTable

ONE = "all"
"""Name of the context of a dataset that has one alone."""


@dataclass(frozen=True, slots=True)
class _Screen:
    """Which cell is of which profile, or of which context's control."""

    profiles: pd.DataFrame
    contexts: tuple[str, ...]
    group: np.ndarray
    """int [B]: row of the profile; number of profiles + number of the context for the control; -1 for none."""
    batch: np.ndarray
    notes: tuple[str, ...]

    @property
    def context_of(self) -> np.ndarray:
        """Number of the context of each profile, int [P]."""
        return np.array([self.contexts.index(name) for name in self.profiles["context"]])


def truth_of_cells(
    data: AnnData, log: csr_matrix, rule: ResponseRule, table: GeneTable, where: str
) -> tuple[ResponseTruth, np.ndarray]:
    """Return what cells say of perturbations, and which cells models may be shown.

    Parameters
    ----------
    data
        Cells in the canonical form (`scarena.datasets.prepare`), whose type is what was done to them.
    log
        Their log-normalised expression, cells × genes.
    rule
        What the card says.
    table
        Of genes.
    where
        The dataset, for errors.

    Returns
    -------
    The truth without facts of genes, splits and card; and the rows of the models' half of the control.

    Raises
    ------
    DataError
        If no context has a control, or no perturbation has enough cells.
    """
    assert rule.cells is not None
    screen = _screen(data.obs, rule, rule.cells, table, where)
    n, n_groups = len(screen.profiles), len(screen.profiles) + len(screen.contexts)
    chosen = _most_expressed(log, screen, rule.cells.n_genes)
    log = log[:, chosen]
    genes = tuple(str(gene) for gene in data.var_names[chosen])
    first = halves(screen.group, screen.batch, np.random.default_rng(0))
    one, other, whole = (
        means(log, np.where(side, screen.group, -1), n_groups) for side in (first, ~first, np.ones_like(first))
    )
    context, perturbed = screen.context_of, np.where(screen.group < n, screen.group, -1)
    control = np.where(screen.group >= n, screen.group - n, -1)
    t, p = welch(log, np.where(first, -1, perturbed), perturbed, context, control)
    own = np.array([[gene in targets.split("+") for gene in genes] for targets in screen.profiles["targets"]])
    again = reproducibility(log, screen.group, screen.batch, context, own)
    truth = ResponseTruth(
        rule.setting, screen.profiles.assign(reproducibility=again), screen.contexts, genes, pd.DataFrame(),
        observed=_single(one[:n]), whole=_single(whole[:n]), control_scored=_single(one[n:]),
        control_shown=_single(other[n:]), splits=(), duplicate=_single(other[:n]), strength=_single(t),
        doubt=_single(p), learned=_learned(log, genes, data, screen, first),
        notes=(*screen.notes, *_told(screen, first, len(chosen), data.n_vars)),
    )  # fmt: skip
    return truth, np.flatnonzero((screen.group >= n) & ~first)


def _learned(
    log: csr_matrix, genes: tuple[str, ...], data: AnnData, screen: _Screen, first: np.ndarray
) -> AnnData:  # fmt: skip
    """Return the cells of all profiles, and the models' half of the control, by measured gene."""
    from anndata import AnnData as New

    n = len(screen.profiles)
    rows = np.flatnonzero((screen.group >= 0) & ~(first & (screen.group >= n)))
    group = screen.group[rows]
    profile = np.array([*map(str, screen.profiles.index), *[CONTROL] * len(screen.contexts)], object)[group]
    context = np.array([*screen.profiles["context"], *screen.contexts], object)[group]
    obs = pd.DataFrame({"profile": profile, "context": context}, index=data.obs_names[rows]).astype("category")
    return New(log[rows].astype(np.float32), obs=obs, var=pd.DataFrame(index=list(genes)))


def depth_of(data: AnnData, rule: PerturbedCells) -> float:
    """Return the number of counts that cells are scaled to: a fixed one, or that of the median cell of the control."""
    if rule.per != "median":
        return rule.per
    control = (data.obs["cell_type"].astype(str) == rule.control).to_numpy()
    depths = np.asarray(data.X[control].sum(axis=1)).ravel()
    return float(np.median(depths)) if len(depths) else 1.0


def shown(data: AnnData, rows: np.ndarray, rule: PerturbedCells) -> AnnData:
    """Return the control's cells that models are shown, without a label, which says the same of all."""
    cells = data[rows].copy()
    context = cells.obs[rule.context].astype(str) if rule.context else ONE
    cells.obs = cells.obs.assign(cell_type="unknown", cell_type_id="", context=context).astype("category")
    return cells


def _screen(obs: pd.DataFrame, rule: ResponseRule, cells: PerturbedCells, table: GeneTable, where: str) -> _Screen:
    label = obs["cell_type"].astype(str).to_numpy(dtype=object)
    context = obs[cells.context].astype(str).to_numpy(dtype=object) if cells.context else np.full(len(obs), ONE, object)
    treated = label != cells.control
    contexts, notes = _contexts(context, treated, cells, where)
    inside = np.isin(context, contexts)
    named = perturbations(label[treated & inside].tolist(), rule, table, cells.control)
    if rule.setting == "gene":
        named, few = _single_genes(named)
        notes = (*notes, *few)
    name = np.array([named.name_of.get(each, "") for each in label], object)
    kept = treated & inside & (name != "")
    profiles, few = _profiles(name[kept], context[kept], named, cells.at_least)
    if profiles.empty:
        what = f"no perturbation has {cells.at_least} cells"
        raise DataError(what, where=where, fix="correct the labels, or `at_least` and `control`, on the card")
    contexts, idle = _answered(contexts, profiles)
    profiles.index = pd.Index(
        [profile_name(p, c, one=len(contexts) == 1) for p, c in profiles[["perturbation", "context"]].to_numpy(str)],
        dtype=str,
    )
    inside = np.isin(context, contexts)
    row = {(p, c): i for i, (p, c) in enumerate(zip(profiles["perturbation"], profiles["context"], strict=True))}
    group = np.full(len(obs), -1, np.int64)
    group[kept] = [row.get(pair, -1) for pair in zip(name[kept], context[kept], strict=True)]
    control = ~treated & inside
    group[control] = [len(profiles) + contexts.index(each) for each in context[control]]
    batch = obs["batch"].astype(str).to_numpy()
    return _Screen(profiles, contexts, group, batch, (*notes, *named.notes, *few, *idle))


def _contexts(
    context: np.ndarray, treated: np.ndarray, rule: PerturbedCells, where: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the contexts that have a control, sorted, and what is said of the others."""
    there = sorted(set(context))
    if lost := sorted(set(rule.contexts) - set(there)):
        fix = f"correct `contexts` on the card (there are: {', '.join(there[:10])})"
        raise DataError(f"no cell is of the context {lost[0]!r}", where=where, fix=fix)
    wanted = sorted(rule.contexts) or there
    n_control = {name: int((~treated & (context == name)).sum()) for name in wanted}
    kept = tuple(name for name in wanted if n_control[name] >= rule.at_least)
    if not kept:
        what = f"no control: {max(n_control.values())} cells are labelled {rule.control!r}, of {rule.at_least} needed"
        raise DataError(what, where=where, fix="correct `control` under `response: cells` on the card")
    out = int((~np.isin(context, wanted)).sum())
    said = [f"{out:,} cells are of other contexts than the card names, and left out"] if out else []
    if few := [name for name in wanted if name not in kept]:
        said.append(f"{len(few)} contexts have no {rule.at_least} cells of the control, and are left out: {few[0]} …")
    return kept, tuple(said)


def _single_genes(named: Perturbations) -> tuple[Perturbations, tuple[str, ...]]:
    """Leave out combinations: where a gene is to be unseen, they would show what it does."""
    pairs = {label for label, name in named.name_of.items() if "+" in name} if any(named.targets_of.values()) else set()
    if not pairs:
        return named, ()
    kept = {label: name for label, name in named.name_of.items() if label not in pairs}
    said = f"{len(pairs)} combinations of genes are left out: they would show what an unseen gene does"
    return Perturbations(kept, named.targets_of, named.notes), (said,)


def _profiles(
    name: np.ndarray, context: np.ndarray, named: Perturbations, at_least: int
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return perturbations in contexts that have enough cells, sorted by name."""
    sizes = pd.DataFrame({"perturbation": name, "context": context}).value_counts(sort=False).sort_index()
    enough = sizes[sizes >= at_least]
    found = enough.index.to_frame(index=False).assign(n_cells=enough.to_numpy())
    found["targets"] = [named.targets_of[each] for each in found["perturbation"]]
    said = f"{len(enough)} of {len(sizes)} profiles (a perturbation in a context) have {at_least} cells"
    return found[["perturbation", "context", "targets", "n_cells"]], (said,)


def _answered(contexts: tuple[str, ...], profiles: pd.DataFrame) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the contexts that have a profile, and what is said of those that have a control alone."""
    asked = set(profiles["context"])
    idle = [name for name in contexts if name not in asked]
    said = (f"{len(idle)} contexts have a control and no profile, and are left out: {', '.join(idle)}",) if idle else ()
    return tuple(name for name in contexts if name in asked), said


def profile_name(perturbation: str, context: str, *, one: bool) -> str:
    """Return what a profile is called: as its perturbation, where there is one context alone."""
    return perturbation if one else f"{perturbation} in {context}"


def _most_expressed(log: csr_matrix, screen: _Screen, n_genes: int) -> np.ndarray:
    """Return the genes of the highest mean over the controls, in their order; of equals the first."""
    n = len(screen.profiles)
    control = means(log, np.where(screen.group >= n, screen.group - n, -1), len(screen.contexts)).mean(axis=0)
    return np.sort(np.argsort(-control, kind="stable")[:n_genes])


def _told(screen: _Screen, first: np.ndarray, n_chosen: int, n_genes: int) -> tuple[str, ...]:
    control = screen.group >= len(screen.profiles)
    said = [
        f"scores are against {int((control & first).sum()):,} cells of the control, and models are shown "
        f"{int((control & ~first).sum()):,} others of it",
    ]
    if n_chosen < n_genes:
        said.append(f"{n_chosen:,} of {n_genes:,} genes are scored: those with the most expression in the control")
    sizes = screen.profiles["context"].value_counts()
    if (sizes == 1).any():
        said.append("a context with one perturbation has no others to test against: its control stands for them")
    return tuple(said)


def _single(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)
