"""Proliferation: the scores of S and G2M phase, which tell dividing cells from resting ones and no more."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.base.errors import NotApplicable
from scarena.base.phases import N_BINS, N_CONTROLS, phase_weights
from scarena.models.base import Context, Model, ModelCard
from scarena.models.normalised import TARGET, log_blocks, log_means


class Proliferation(Model):
    """Mean expression of the genes of S and of G2M phase, above that of genes as highly expressed."""

    card = ModelCard(
        name="proliferation",
        title="Proliferation",
        family="baseline",
        uses_device=False,
        out_of_core=True,
        description="S and G2M score: mean log expression of the phase's genes minus that of genes like expressed",
        trains_on_target=True,
        source="doi:10.1126/science.aad0501",
        licence="MIT",
        settings={"target_sum": TARGET, "n_bins": N_BINS, "controls_per_bin": N_CONTROLS},
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the two scores, float32 [n_cells, 2].

        Raises
        ------
        NotApplicable
            If fewer than ten genes of a phase were measured, there is no other gene to compare them with, or none of
            them was counted.
        """
        # Control genes are drawn by their place, which is to be the same whatever the order of genes.
        order = np.argsort(data.var_names.astype(str), kind="stable")
        weights, symbols = np.empty((data.n_vars, 2)), data.var["symbol"].astype(str).to_numpy()
        fix = "none needed: the dataset cannot say who proliferates"
        try:
            weights[order] = phase_weights(log_means(data)[order], symbols[order], seed=ctx.seed)
        except LookupError as why:
            raise NotApplicable(str(why), where="genes", fix=fix) from why
        scores = np.concatenate([rows @ weights for _, _, rows in log_blocks(data.X)])
        if not np.ptp(scores, axis=0).any():
            raise NotApplicable("all cells have the same scores", where="counts", fix=fix)
        return scores.astype(np.float32)
