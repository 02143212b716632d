"""Made-up responses of all three settings, with something to learn, and vectors in place of annotations."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from scarena.datasets.gene_facts import FACTS
from scarena.models.perturbations.go_vectors import OfGO
from scarena.models.responses import Seen

Asked = tuple[Seen, pd.DataFrame]
GENES = [f"ENSG{i:011d}" for i in range(60)]
UNKNOWN, UNMEASURED = "ENSG00000000099", "ENSG00000000060"
"""A gene without annotations, and one with some that is not measured."""
_LATENT = np.random.default_rng(7).normal(size=(61, 4))


def vectors(genes: pd.DataFrame) -> pd.DataFrame:
    """Return a vector of each gene but one: what its effects are made of, and noise."""
    known = [gene for gene in genes.index if gene != UNKNOWN]
    rows = [np.append(_LATENT[int(gene[-2:])], np.random.default_rng(int(gene[-2:])).normal(size=3)) for gene in known]
    return pd.DataFrame(np.reshape(rows, (len(known), 7)), index=known)


def made(setting: str, seed: int = 0) -> Asked:
    """Return what is learned from and what is asked: two contexts, four programmes of genes."""
    rng = np.random.default_rng(seed)
    programme, control = rng.normal(0, 0.2, (4, 60)), rng.gamma(2, 0.5, (2, 60)) + 1.5
    perturbed = [*GENES[:22], UNMEASURED, UNKNOWN]
    effect = {
        gene: np.append(_LATENT, [[0, 0, 0, 0]], axis=0)[min(int(gene[-2:]), 61)] @ programme for gene in perturbed
    }
    if setting == "pair":
        pairs = [f"{one}+{other}" for one, other in pairwise(GENES[:21])]
        what = [*GENES[:16], *pairs]
    else:
        what = perturbed
    rows = {f"{each} in {context}": (each, context) for each in what for context in ("x", "y")}
    items = pd.DataFrame.from_dict(rows, orient="index", columns=["targets", "context"])
    items.insert(0, "perturbation", "loss of " + items["targets"])
    controls = pd.DataFrame(control, index=["x", "y"], columns=GENES)
    means = [
        controls.loc[context] + sum(effect[gene] for gene in each.split("+")) + rng.normal(0, 0.05, 60)
        for each, context in rows.values()
    ]
    profiles = pd.DataFrame(np.array(means), index=items.index, columns=GENES)
    held = _held(setting, items)
    every = [*GENES, UNMEASURED, UNKNOWN]
    genes = pd.DataFrame(0.5, index=every, columns=list(FACTS))
    genes.insert(0, "symbol", every)
    seen = Seen(
        setting, profiles[~held], items[~held], controls, genes, study=("own study",), duplicates=profiles[held]
    )  # type: ignore[arg-type]
    return seen, items[held]


def _held(setting: str, items: pd.DataFrame) -> np.ndarray:
    """Return what is asked about: the last perturbations, every other pair, or one context."""
    if setting == "context":
        return (items["context"] == "y").to_numpy()
    names = items["targets"].drop_duplicates().tolist()
    if setting == "pair":
        return items["targets"].isin([name for name in names if "+" in name][::2]).to_numpy()
    return items["targets"].isin(names[-8:]).to_numpy()


@pytest.fixture
def make_seen() -> Callable[..., Asked]:
    """The maker of what is learned from and what is asked, by setting."""
    return made


@pytest.fixture
def annotated(monkeypatch: pytest.MonkeyPatch) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Made-up vectors in place of annotations, for models that know genes by these."""
    monkeypatch.setattr(OfGO, "features", lambda self, genes, ctx: vectors(genes))
    return vectors
