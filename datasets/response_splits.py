"""Who learns from what in a dataset of perturbations: folds, points of the learning curve, and the audit of leaks.

Splits are over perturbations or contexts, never over cells. All draws have a fixed seed and start from sorted names, so
that a dataset has the same splits on every machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.files import write_text
from scarena.datasets.response_rule import Setting
from scarena.datasets.response_truth import Split

if TYPE_CHECKING:
    import pandas as pd

AT_LEAST = 30
"""Perturbations that can be asked about, without which there is no learning curve."""


def splits_of(profiles: pd.DataFrame, setting: Setting, *, folds: int, reveal: Sequence[int]) -> tuple[Split, ...]:
    """Return the folds of a dataset and the points of its learning curve.

    Parameters
    ----------
    profiles
        By name: ``perturbation``, ``context``, ``targets`` (`scarena.datasets.response_truth.ResponseTruth`).
    setting
        What is unseen. ``gene``: perturbations, in all contexts; ``pair``: perturbations of two genes or more, and all
        of one gene are learned from; ``context``: contexts, one by one.
    folds
        Parts of the perturbations, each held out once; not more than there are. 0 for none.
    reveal
        Numbers of perturbations that are learned from, where at least `AT_LEAST` can be asked about: a third of them
        is asked, the same at every point, and the rest is revealed in a drawn order. In ``context``: profiles of the
        held-out context, beside all of others.
    """
    if setting == "context":
        return (*_context_folds(profiles, folds), *_context_curve(profiles, reveal))
    groups = _groups(profiles, setting)
    return (*_folds(profiles, groups, folds), *_curve(profiles, groups, reveal))


def unit_of(profiles: pd.DataFrame) -> pd.Series:
    """Return what is held out together, by profile: the perturbed genes, or the perturbation where they are unknown."""
    targets = profiles["targets"].astype(str)
    return targets.where(targets != "", profiles["perturbation"].astype(str))


def seen(split: Split, profiles: pd.DataFrame) -> dict[str, int]:
    """Return how many genes of each profile asked about are learned from alone, as the only gene: 0, 1 or 2."""
    names = profiles["perturbation"].astype(str)
    alone = {name for name in names.loc[list(split.training)] if "+" not in name}
    return {profile: len(set(names[profile].split("+")) & alone) for profile in split.asked}


def is_combination(profiles: pd.DataFrame) -> pd.Series:
    """Return whether each profile is of two perturbed genes or more."""
    return profiles["perturbation"].str.contains("+", regex=False) & _of_genes(profiles)


def _of_genes(profiles: pd.DataFrame) -> bool:
    """Return whether genes are perturbed; in a name of a compound ``+`` joins nothing."""
    return bool((profiles["targets"].astype(str) != "").any())


def _groups(profiles: pd.DataFrame, setting: Setting) -> list[list[str]]:
    """Return names of profiles that are held out together, in a drawn order."""
    asked = profiles[is_combination(profiles)] if setting == "pair" else profiles
    unit = unit_of(asked)
    held: dict[str, list[str]] = {name: [] for name in sorted(set(unit))}
    for profile, name in unit.items():
        held[name].append(str(profile))
    names = list(held)
    return [sorted(held[names[place]]) for place in np.random.default_rng(0).permutation(len(names))]


def _folds(profiles: pd.DataFrame, groups: list[list[str]], folds: int) -> list[Split]:
    n = min(folds, len(groups))
    parts = [sorted(name for group in groups[part::n] for name in group) for part in range(n)]
    return [
        Split(f"fold {number}", "fold", _others(profiles.index, part), tuple(part))
        for number, part in enumerate(parts, 1)
    ]


def _curve(profiles: pd.DataFrame, groups: list[list[str]], reveal: Sequence[int]) -> list[Split]:
    if len(groups) < AT_LEAST:
        return []
    # Another order than that of the folds: the asked third is not one of them.
    order = [groups[place] for place in np.random.default_rng(1).permutation(len(groups))]
    n_asked = len(groups) // 3
    asked, rest = sorted(name for group in order[:n_asked] for name in group), order[n_asked:]
    always = set(profiles.index) - {name for group in groups for name in group}
    return [
        Split(f"reveal {k}", "reveal", tuple(sorted(always | {n for group in rest[:k] for n in group})), tuple(asked))
        for k in reveal
        if k <= len(rest)
    ]


def _context_folds(profiles: pd.DataFrame, folds: int) -> list[Split]:
    found = []
    for context in sorted(set(profiles["context"])) if folds else []:
        asked = _transferable(profiles, context)
        if asked:
            training = profiles.index[profiles["context"] != context]
            found.append(Split(f"context {context}", "fold", tuple(sorted(training)), tuple(asked)))
    return found


def _transferable(profiles: pd.DataFrame, context: str) -> list[str]:
    """Return the profiles of a context whose perturbation another context has: of others nothing can be transferred."""
    unit, inside = unit_of(profiles), profiles["context"] == context
    return sorted(profiles.index[inside & unit.isin(set(unit[~inside]))])


def _context_curve(profiles: pd.DataFrame, reveal: Sequence[int]) -> list[Split]:
    found = []
    for number, context in enumerate(sorted(set(profiles["context"]))):
        held = _transferable(profiles, context)
        if len(held) < AT_LEAST:
            continue
        drawn = [held[place] for place in np.random.default_rng(number).permutation(len(held))]
        asked, rest = sorted(drawn[: len(drawn) // 3]), drawn[len(drawn) // 3 :]
        others = sorted(profiles.index[profiles["context"] != context])
        found += [
            Split(f"reveal {k} in {context}", "reveal", tuple(sorted([*others, *rest[:k]])), tuple(asked))
            for k in reveal
            if k <= len(rest)
        ]
    return found


def published_split(name: str, profiles: pd.DataFrame, asked: Collection[str]) -> Split:
    """Return somebody else's split: some profiles are asked about, and all others learned from."""
    return Split(name, "published", _others(profiles.index, asked), tuple(sorted(asked)))


def _others(names: Iterable[str], out: Collection[str]) -> tuple[str, ...]:
    held = set(out)
    return tuple(sorted(str(name) for name in names if name not in held))


def leaks(split: Split, profiles: pd.DataFrame, setting: Setting, controls: Collection[str] = ()) -> tuple[str, ...]:
    """Return what of the profiles asked about is known from those learned from, a line each; nothing if all is well.

    Parameters
    ----------
    split
        Who learns from what.
    profiles
        By name: ``perturbation``, ``context`` and ``targets``.
    setting
        What is unseen. Its value must not occur among what is learned from in any column: a perturbed gene not as a
        part of a pair either, and not under another name; of a pair the pair; a context not at all, but for the
        profiles that a learning curve reveals.
    controls
        Names of what is no perturbation: it is never asked about.
    """
    lines = []
    known = set(profiles.index)
    if lost := sorted({*split.training, *split.asked} - known):
        return (f"{split.name}: no profile is called {lost[0]!r}",)
    if not split.asked:
        lines.append(f"{split.name}: nothing is asked about")
    if len(set(split.asked)) < len(split.asked) or len(set(split.training)) < len(split.training):
        lines.append(f"{split.name}: a profile stands twice")
    if both := sorted(set(split.training) & set(split.asked)):
        lines.append(f"{split.name}: {both[0]!r} is learned from and asked about")
    asked, training = profiles.loc[list(split.asked)], profiles.loc[list(split.training)]
    if untreated := sorted(set(asked["perturbation"]) & set(controls)):
        lines.append(f"{split.name}: {untreated[0]!r} is asked about, which is no perturbation")
    parts = setting == "gene" and _of_genes(profiles)
    if held := _values(asked, setting, split.kind, parts=parts) & _values(training, setting, split.kind, parts=parts):
        lines.append(f"{split.name}: {min(held)!r} is held out and learned from")
    return tuple(lines)


def _values(profiles: pd.DataFrame, setting: Setting, kind: str, *, parts: bool) -> set[str]:
    """Return what must not be both asked about and learned from."""
    if setting == "context":
        # What a curve reveals of a context is of other perturbations than it asks about there.
        both = {f"{unit} in {context}" for unit, context in _pairs(profiles)}
        return both if kind == "reveal" else set(profiles["context"])
    whole = {*profiles["perturbation"], *unit_of(profiles)}
    return whole | {part for name in whole for part in name.split("+")} if parts else whole


def _pairs(profiles: pd.DataFrame) -> Iterable[tuple[str, str]]:
    return zip(unit_of(profiles), profiles["context"], strict=True)


def asked_twice(splits: Iterable[Split]) -> tuple[str, ...]:
    """Return the profiles that more than one fold asks about, sorted."""
    asked = [name for split in splits if split.kind == "fold" for name in split.asked]
    return tuple(sorted({name for name in asked if asked.count(name) > 1}))


def simulation_split(
    perturbations: Collection[str], *, seed: int, share: float = 0.75
) -> Mapping[str, tuple[str, ...]]:
    """Return the "simulation" split of GEARS (Roohani 2024, `gears/data_utils.py`), from a generator of its own.

    Parameters
    ----------
    perturbations
        Genes, and pairs of them joined by ``+``.
    seed
        Of the draws.
    share
        Of the genes that training perturbs, and of the pairs of two such genes that it holds.

    Returns
    -------
    ``training``: singles of the training genes and a share of pairs of these; ``unseen_single``; and the other pairs as
    ``combo_seen0``, ``combo_seen1``, ``combo_seen2`` by how many of their genes are training genes. Sorted. The same
    numbers as GEARS', not the same perturbations: its draws depend on the order of a file.
    """
    rng, names = np.random.default_rng(seed), sorted(set(perturbations))
    genes = sorted({gene for name in names for gene in name.split("+")})
    chosen = set(rng.choice(genes, int(len(genes) * share), replace=False).tolist())
    of_seen = {name: len(set(name.split("+")) & chosen) for name in names}
    single = [name for name in names if "+" not in name]
    both = [name for name in names if "+" in name and of_seen[name] == 2]
    kept = set(rng.choice(both, int(len(both) * share), replace=False).tolist()) if both else set()
    combos = {n: [name for name in names if "+" in name and of_seen[name] == n and name not in kept] for n in range(3)}
    return {
        "training": tuple(sorted([*(name for name in single if of_seen[name]), *kept])),
        "unseen_single": tuple(name for name in single if not of_seen[name]),
        **{f"combo_seen{n}": tuple(each) for n, each in combos.items()},
    }


def splits_json(splits: Iterable[Split]) -> str:
    """Return splits as canonical JSON: the same text for the same splits, on every machine."""
    told = [
        {"name": s.name, "kind": s.kind, "training": sorted(s.training), "asked": sorted(s.asked)} for s in splits
    ]  # fmt: skip
    return json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def splits_sha256(splits: Iterable[Split]) -> str:
    """Return the SHA-256 of `splits_json`."""
    return hashlib.sha256(splits_json(splits).encode()).hexdigest()


def write_splits(splits: Iterable[Split], path: Path) -> None:
    """Write splits as JSON, whose SHA-256 is `splits_sha256`."""
    write_text(path, splits_json(splits))
