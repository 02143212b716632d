"""From published mean profiles to what is known of each: no replicate, no test, and one control for all."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scarena.base.errors import DataError
from scarena.datasets.genes import GeneTable
from scarena.datasets.read_mean_profiles import Means
from scarena.datasets.response_cells import profile_name
from scarena.datasets.response_names import perturbations
from scarena.datasets.response_rule import ResponseRule
from scarena.datasets.response_truth import ResponseTruth


def truth_of_means(
    found: Means, rule: ResponseRule, table: GeneTable
) -> tuple[ResponseTruth, dict[str, tuple[str, ...]]]:  # fmt: skip
    """Return what published means say of perturbations, and the profiles that published splits ask about.

    Of two columns of one gene that with the higher mean over the controls is taken: means of logarithms do not add up.
    """
    contexts = tuple(sorted(found.controls.index))
    named = perturbations((name for name, _ in found.profiles.index), rule, table)
    columns, measured, said = _columns(found.controls, table)
    name_of = {
        (label, context): profile_name(named.name_of[label], context, one=len(contexts) == 1)
        for label, context in found.profiles.index
    }
    profiles = pd.DataFrame(
        {"perturbation": [named.name_of[label] for label, _ in name_of], "context": [c for _, c in name_of]},
        index=pd.Index(list(name_of.values()), dtype=str),
    )
    if twice := profiles.index[profiles.index.duplicated()].tolist():
        what, fix = f"two profiles are of {twice[0]!r}", "correct `names` under `response` on the card"
        raise DataError(what, where="strata", fix=fix)
    profiles["targets"] = [named.targets_of[name] for name in profiles["perturbation"]]
    profiles["n_cells"], profiles["reproducibility"] = 0, np.nan
    values = found.profiles[columns].to_numpy(np.float32)
    order = np.argsort(profiles.index.to_numpy(dtype=object), kind="stable")
    control = found.controls.loc[list(contexts), columns].to_numpy(np.float32)
    notes = (
        *said, *named.notes,
        "means alone were published: no replicate, no test, nobody says from how many cells",
        "scorer and models have the same control, so its noise is in every effect",
    )  # fmt: skip
    truth = ResponseTruth(
        rule.setting, profiles.iloc[order], contexts, tuple(measured), pd.DataFrame(), values[order], values[order],
        control, control, (), shared_control=True, notes=notes,
    )  # fmt: skip
    return truth, {split: tuple(name_of[each] for each in pairs) for split, pairs in found.asked.items()}


def _columns(controls: pd.DataFrame, table: GeneTable) -> tuple[list[str], list[str], tuple[str, ...]]:
    """Return the columns of known genes and their Ensembl ids, in the order of the file."""
    ids = dict(zip(controls.columns, table.ids(controls.columns.to_numpy()), strict=True))
    height = controls.mean()
    best: dict[str, str] = {}
    for column, gene in ids.items():
        if gene is not None and (gene not in best or height[column] > height[best[gene]]):
            best[gene] = column
    kept = [column for column, gene in ids.items() if gene is not None and best[gene] == column]
    if not kept:
        what, fix = "no gene is known (human Ensembl ids, symbols of GENCODE v44)", "give these"
        raise DataError(what, where="genes", fix=fix)
    n_known = sum(gene is not None for gene in ids.values())
    said = [f"{n_known:,} of {len(ids):,} genes are known"]
    if n_known > len(kept):
        said.append(f"{n_known - len(kept)} columns are of a gene that another is of with more expression: left out")
    return kept, [str(ids[column]) for column in kept], tuple(said)
