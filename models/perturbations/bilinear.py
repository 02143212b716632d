"""The bilinear form with nothing but what is learned from: closed, milliseconds, and above what deep models reached."""

from __future__ import annotations

from scarena.models.base import ModelCard
from scarena.models.perturbations.bilinear_form import SETTINGS, OfBilinear


class Bilinear(OfBilinear):
    """G and P from the principal components of the training profiles."""

    card = ModelCard(
        name="response-bilinear",
        title="Response: bilinear",
        family="baseline",
        offers="response",
        uses_device=False,
        description="effects as a bilinear form of the genes' scores on ten principal components of the training "
        "profiles and of the perturbed genes' scores, ridge-regressed; says nothing of genes that are not measured",
        trains_on_target=True,
        source="doi:10.1101/2024.09.16.613342",
        licence="MIT",
        settings=SETTINGS,
    )
