"""Seurat's anchors between batches, found by CCA (Stuart 2019) or by reciprocal PCA, through R: see ``seurat.R``.

A process of R and files: counts as MatrixMarket in, components as CSV out, cells joined by name.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from anndata import AnnData

from scarena.base.errors import ModelError, NotApplicable, NotAvailable
from scarena.base.files import sha256_of
from scarena.models.base import Context, Model, ModelCard

_SCRIPT = Path(__file__).with_suffix(".R")
INSTALL = "Debian: apt install r-cran-seurat"
_LACKS, _TOO_FEW_ANCHORS = 3, 4
N_DIMENSIONS = 30


@cache
def missing() -> str:
    """Return what Seurat lacks on this machine, empty where it can run."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return f"R with Seurat ({INSTALL})"
    # system.file looks for the folder; loading Seurat would take seconds.
    asked = [rscript, "--vanilla", "-e", 'quit(status = 1 - nzchar(system.file(package = "Seurat")))']
    lacks = subprocess.run(asked, check=False, capture_output=True).returncode
    return f"R's package Seurat ({INSTALL})" if lacks else ""


def _write(data: AnnData, folder: Path) -> None:
    """Write what the script reads; cells and genes by number, since Seurat changes names that it does not like."""
    from scipy.io import mmwrite

    mmwrite(folder / "counts.mtx", data.X.T.tocoo(), field="integer")
    # A single batch may have any name, so names of batches are numbered too.
    batch = pd.factorize(data.obs["batch"].astype(str), sort=True)[0]
    for name, lines in {"genes": range(data.n_vars), "cells": range(data.n_obs), "batch": batch}.items():
        (folder / f"{name}.txt").write_text("".join(f"{name}{line}\n" for line in lines), encoding="ascii")


def _run(folder: Path, reduction: str, ctx: Context) -> None:
    command = ["Rscript", "--vanilla", str(_SCRIPT), str(folder), reduction, str(ctx.seed)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    said = ended.stdout.strip()
    where = f"seurat-{reduction}"
    if ended.returncode == _LACKS:
        raise NotAvailable(f"R lacks its package {said}", where=where, fix=INSTALL)
    if ended.returncode == _TOO_FEW_ANCHORS:
        raise NotApplicable(said, where=where, fix="none needed: models without anchors are scored")
    if ended.returncode:
        last = ended.stderr.strip()[-300:]
        raise ModelError(f"R ended with status {ended.returncode} ({last})", where=where, fix="see Seurat's message")
    ctx.log.info("Seurat: %s", said or "one batch, nothing to integrate")


def seurat_embedding(data: AnnData, reduction: str, ctx: Context) -> np.ndarray:
    """Return Seurat's components of the integrated cells, float32 [n_cells, ≤ 30]; of one batch, those of its genes.

    Raises
    ------
    NotAvailable
        If R or Seurat is missing.
    NotApplicable
        If a batch has no more cells than Seurat needs dimensions, or too few anchors.
    ModelError
        If R fails.
    """
    if missing():
        raise NotAvailable(f"it lacks {missing()}", where=f"seurat-{reduction}", fix="install it")
    sizes = data.obs["batch"].astype(str).value_counts()
    if len(sizes) > 1 and sizes.min() <= N_DIMENSIONS:
        what = f"batch {sizes.idxmin()!r} has {sizes.min()} cells, anchors in {N_DIMENSIONS} dimensions need more"
        raise NotApplicable(what, where=f"seurat-{reduction}", fix="none needed: models without anchors are scored")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(data, folder)
        _run(folder, reduction, ctx)
        table = pd.read_csv(folder / "embedding.csv", index_col=0)
    return table.loc[[f"cells{i}" for i in range(data.n_obs)]].to_numpy(dtype=np.float32)


def _card(reduction: str, title: str, how: str) -> ModelCard:
    return ModelCard(
        name=f"seurat-{reduction}",
        title=title,
        family="baseline",
        uses_device=False,
        description=f"Seurat's integration by anchors found with {how}; one batch: its principal components",
        uses_batch=True,
        trains_on_target=True,
        source="doi:10.1016/j.cell.2019.05.031",
        licence="MIT",
        settings={
            "nfeatures": 2000,
            "dims": N_DIMENSIONS,
            "k.anchor": 5,
            "k.filter": 200 if reduction == "cca" else None,
            "k.score": 30,
            "k.weight": "100, halved while a batch has fewer anchors, as is documented; below 5 not applicable",
            "smallest batch": N_DIMENSIONS + 1,
            "npcs": N_DIMENSIONS,
            "script": f"seurat.R {sha256_of(_SCRIPT)[:12]}",
        },
    )


class _Anchors(Model):
    reduction: ClassVar[str]

    @classmethod
    def lacks(cls) -> str:
        return missing()

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        return seurat_embedding(data, self.reduction, ctx)


class SeuratCCA(_Anchors):
    """Anchors by canonical correlation."""

    reduction = "cca"
    card = _card("cca", "Seurat CCA", "canonical correlation")


class SeuratRPCA(_Anchors):
    """Anchors by reciprocal PCA."""

    reduction = "rpca"
    card = _card("rpca", "Seurat RPCA", "reciprocal PCA")
