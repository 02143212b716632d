"""The one file of an atlas: an h5ad that anybody can open, written and read.

``X`` is CSR float32, expression per 10,000; ``obs`` says of each profile what `Profiles.obs` does; ``var`` is indexed
by Ensembl id and has ``symbol``; ``varm["measured"]`` is bool [genes, sources], by ``uns["sources"]``: a gene that a
source did not measure is 0 in X and False there. ``uns["manifest"]`` is JSON. The same atlas is the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.base.files import json_text, replacing
from scarena.base.untrusted import reading
from scarena.models.foundation.atlas.build import FORMAT
from scarena.models.foundation.atlas.profiles import Profiles

_FIX = "copy it again, or make it with `scarena corpus atlas`"
_OBS = frozenset({"source", "study", "label", "term", "tissue"})


def write_atlas(profiles: Profiles, path: Path) -> None:
    """Write an atlas as a whole or not at all."""
    import pandas as pd
    from anndata import AnnData

    data = AnnData(
        csr_matrix(profiles.values), obs=profiles.obs,
        var=pd.DataFrame({"symbol": profiles.symbols}, index=list(profiles.genes)),
    )  # fmt: skip
    data.varm["measured"] = profiles.measured.T
    data.uns["sources"] = np.array(profiles.sources, dtype=object)
    data.uns["manifest"] = json_text(profiles.manifest)
    with replacing(path) as part:
        data.write_h5ad(part, compression="gzip")


def read_atlas(path: Path) -> Profiles:
    """Read an atlas.

    Raises
    ------
    DataError
        If the file is missing, damaged or no atlas.
    """
    import anndata

    from scarena.datasets.stores.hdf5 import check_hdf5

    check_hdf5(path)
    with reading(path, what="no readable atlas", fix=_FIX):
        data = anndata.read_h5ad(path)
        manifest = _manifest(data.uns.get("manifest"), path)
        sources, measured = tuple(map(str, data.uns["sources"])), np.asarray(data.varm["measured"])
    _check(data, sources, measured, path)
    obs = data.obs.copy()
    for key in obs:
        if key != "n_cells":
            obs[key] = obs[key].astype(str)
    values = np.asarray(csr_matrix(data.X).toarray(), np.float32)
    genes, symbols = tuple(map(str, data.var_names)), tuple(map(str, data.var["symbol"]))
    return Profiles(values, genes, symbols, obs, sources, measured.T.copy(), manifest)


def read_manifest(path: Path) -> dict[str, Any]:
    """Read what an atlas says of itself, without its values.

    Raises
    ------
    DataError
        If the file is missing, damaged or no atlas.
    """
    import h5py
    from anndata.io import read_elem

    from scarena.datasets.stores.hdf5 import check_hdf5

    check_hdf5(path, matrices=False)
    with reading(path, what="no readable atlas", fix=_FIX), h5py.File(path, "r") as file:
        found = read_elem(file["uns"]).get("manifest") if "uns" in file else None
        return _manifest(found, path)


def _manifest(text: Any, path: Path) -> dict[str, Any]:
    fix = "give one made by `scarena corpus atlas`"
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        raise DataError("no atlas (no manifest in uns)", where=str(path), fix=fix) from None
    if not isinstance(found, dict) or not isinstance(found.get("sources"), list):
        raise DataError("no atlas (its manifest names no sources)", where=str(path), fix=fix)
    if found.get("format") != FORMAT:
        raise DataError(f"format {found.get('format')!r} and not {FORMAT}", where=str(path), fix="build it anew")
    return found


def _check(data: Any, sources: tuple[str, ...], measured: np.ndarray, path: Path) -> None:
    lacking = sorted(_OBS - set(data.obs)) + ([] if "symbol" in data.var else ["symbol"])
    if lacking or data.X is None:
        raise DataError(f"lacks {', '.join(lacking) or 'X'}", where=str(path), fix=_FIX)
    if measured.shape != (data.n_vars, len(sources)) or measured.dtype != bool:
        raise DataError("does not say which genes each source measured", where=str(path), fix=_FIX)
    if not set(data.obs["source"].astype(str)) <= set(sources) or not data.var_names.is_unique:
        raise DataError("names a source that it does not list, or a gene twice", where=str(path), fix=_FIX)
    values = csr_matrix(data.X).data
    if not np.isfinite(values).all() or (values < 0).any():
        raise DataError("holds values that are no expression", where=str(path), fix=_FIX)
