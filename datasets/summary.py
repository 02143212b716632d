"""What the board says of a prepared dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from anndata import AnnData


def summary(data: AnnData) -> dict[str, Any]:
    """Return what the board says of a prepared dataset: sizes, batches, cell types with their terms,
    genes lost, and what was dropped or renamed, a line each."""
    terms = data.obs.groupby("cell_type", observed=True)["cell_type_id"].first()
    types = data.obs["cell_type"].value_counts().sort_index()
    batches = data.obs["batch"].value_counts().sort_index()
    return {
        "n_cells": data.n_obs,
        "n_genes": data.n_vars,
        "batches": {str(k): int(v) for k, v in batches.items() if v},
        "types": {str(k): {"cells": int(v), "term": str(terms[k])} for k, v in types.items() if v},
        "notes": [str(note) for note in data.uns.get("notes", [])],
        "genes": {k: _plain(v) for k, v in sorted(dict(data.uns.get("genes", {})).items())},
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
