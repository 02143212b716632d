"""The rivals of scArena-FM that know what it knows of genes, and have no network: fair ones, since that is most of it.

All of them take the weights of genes from the shipped student, whose vectors they are to be compared with. The last one
takes its directions too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.models.base import Context, Family, Model, ModelCard
from scarena.models.foundation.checkpoint import STUDENT, load, read_genes
from scarena.models.scarena_fm import settings_of, trained_on

if TYPE_CHECKING:
    from scarena.models.foundation.weighted import Weighted

_N_DIRECTIONS = 64


def _card(
    name: str, title: str, description: str, code: tuple[str, ...] = (), *, family: Family = "baseline",
    uses_batch: bool = False, trains_on_target: bool = True, draws: bool | None = None,
) -> ModelCard:  # fmt: skip
    about = {**trained_on(STUDENT), "parameters": None, "settings": settings_of(STUDENT, ("weighted", *code))}
    return ModelCard(
        name=name, title=title, description=description, family=family, uses_batch=uses_batch, uses_device=False,
        trains_on_target=trains_on_target, draws=draws, **about,
    )  # fmt: skip


def _values(data: AnnData) -> tuple[Weighted, csr_matrix]:
    from scarena.models.foundation.weighted import Weighted, weights_in

    genes, weights_V = weights_in(STUDENT)
    weighted = Weighted(weights_V, genes, list(data.var_names))
    return weighted, weighted(csr_matrix(data.X))


def _components(data: AnnData, seed: int) -> np.ndarray:
    """Return cells along the 50 components of a dataset's weighted values, centred."""
    weighted, values = _values(data)
    found = np.asarray(values @ weighted.components(values, seed), np.float32)
    return found - found.mean(axis=0)


def _batch(data: AnnData) -> np.ndarray:
    from scarena.models.foundation.adapt import AdaptConfig, pooled

    return pooled(data.obs["batch"].to_numpy(), AdaptConfig().smallest_batch)


class AtlasPCA(Model):
    """Principal components of values weighted by what genes are worth."""

    card = _card(
        "atlas-pca",
        "PCA (atlas-weighted)",
        "50 principal components of atlas-weighted genes, no integration",
        draws=False,
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the components."""
        return _components(data, ctx.seed)


class AtlasHarmony(Model):
    """Harmony on these components."""

    starts_from = AtlasPCA.card.name
    card = _card(
        "atlas-harmony", "Harmony (atlas-weighted)",
        "Harmony (harmonypy's defaults) on 50 principal components of atlas-weighted genes", ("align",),
        uses_batch=True,
    )  # fmt: skip

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the corrected components."""
        from scarena.models.foundation.align import aligned

        pcs = _components(data, ctx.seed) if ctx.begun is None else ctx.begun
        return aligned(pcs, _batch(data), seed=ctx.seed, threads=ctx.threads)


class AtlasWithin(Model):
    """These components without what tells batches apart, in closed form."""

    starts_from = AtlasPCA.card.name
    card = _card(
        "atlas-within", "PCA (atlas-weighted), batches shrunk",
        "50 principal components of atlas-weighted genes times (T + 3B)⁻¹T, T within and B between batches",
        ("closed_forms",), uses_batch=True, draws=False,
    )  # fmt: skip

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the shrunk components."""
        from scarena.models.foundation.closed_forms import without_batches

        pcs = _components(data, ctx.seed) if ctx.begun is None else ctx.begun
        return without_batches(pcs, _batch(data))


class AtlasRandom(Model):
    """Directions drawn at random, on weighted genes: what the weights give without any direction."""

    card = _card(
        "atlas-random", "Random directions (atlas-weighted)",
        f"a Gaussian random projection of atlas-weighted genes to {_N_DIRECTIONS} dimensions", trains_on_target=False,
    )  # fmt: skip

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the projected cells."""
        weighted, values = _values(data)
        # Drawn for the whole vocabulary: a gene has its directions whatever else was measured.
        drawn = np.random.default_rng(ctx.seed).standard_normal((len(read_genes(STUDENT)), _N_DIRECTIONS), np.float32)
        return np.asarray(values @ drawn[weighted.place_G], np.float32)


class Reliable(Model):
    """The directions that the guard takes, each component scaled by its reliability, and Harmony; no training."""

    card = _card(
        "scarena-fm-reliable", "scArena-FM (reliable components) + Harmony",
        "the student's directions, or a dataset's own where its signal is there, rotated to the dataset's components, "
        "each times its reliability under thinning of the counts; then Harmony",
        ("guard", "closed_forms", "align"), uses_batch=True, family="foundation",
    )  # fmt: skip

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the corrected components."""
        from scarena.models.foundation.align import aligned
        from scarena.models.foundation.closed_forms import by_reliability
        from scarena.models.foundation.guard import directions
        from scarena.models.foundation.trust import halves

        found, weighted, directions_GK = directions(load(STUDENT), data, read_genes(STUDENT), seed=ctx.seed)
        ctx.notes.append(found.words())
        counts = csr_matrix(data.X)
        parts = (counts, *halves(counts, np.random.default_rng(ctx.seed)))
        z = by_reliability(*(np.asarray(weighted(part) @ directions_GK) for part in parts))
        return aligned(z, _batch(data), seed=ctx.seed, threads=ctx.threads)
