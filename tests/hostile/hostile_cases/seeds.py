"""Small valid files, made once a process."""

import json
import os
from functools import cache
from pathlib import Path

N_CELLS, N_GENES, WIDTH = 24, 12, 4
CELLS = [f"cell{i}" for i in range(N_CELLS)]
# Real ids: MT-CO1, CD3D and others.
GENES = [f"ENSG{number:011d}" for number in (198804, 167286, 153563, 10610, 156738, 105374, 115523, 100453, 170345,
                                             101439, 163736, 127920)]  # fmt: skip
TERMS = {"typeA": "CL:0000236", "typeB": "CL:0000084"}
ROOT = Path(__file__).parents[3]
CACHE = Path(os.environ.get("SCARENA_CACHE", ROOT / ".cache"))


@cache
def valid_h5ad() -> bytes:
    """Return an h5ad that every entry point takes."""
    import tempfile

    import anndata
    import numpy as np
    import pandas as pd
    from scipy.sparse import csr_matrix

    rng = np.random.default_rng(0)
    obs = pd.DataFrame(
        {
            "batch": pd.Categorical([f"b{i % 2}" for i in range(N_CELLS)]),
            "cell_type": pd.Categorical([sorted(TERMS)[i // 2 % 2] for i in range(N_CELLS)]),
            "cell_type_id": pd.Categorical([list(TERMS.values())[i // 2 % 2] for i in range(N_CELLS)]),
            "depth": rng.random(N_CELLS),
        },
        index=CELLS,
    )
    var = pd.DataFrame({"symbol": [f"G{i}" for i in range(N_GENES)]}, index=GENES)
    counts = csr_matrix(rng.poisson(3, (N_CELLS, N_GENES)).astype(np.float32))
    vectors = rng.random((N_CELLS, WIDTH)).astype(np.float32)
    data = anndata.AnnData(counts, obs=obs, var=var, obsm={"X_v": vectors}, uns={"note": "small"})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "valid.h5ad"
        data.write_h5ad(path)
        return path.read_bytes()


def write_board(work: Path) -> Path:
    """Write a configuration with a prepared dataset ``d`` and a model card; return the configuration."""
    folder = work / "results" / "b" / "d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "d" / "dataset.h5ad").write_bytes(valid_h5ad())
    (folder / "dataset.json").write_text(json.dumps({"dataset": "d", "state": "ok", "reason": ""}))
    (work / "cards").mkdir(exist_ok=True)
    write_card(work, f"file:{work / 'in.h5ad'}")
    (work / "model.yaml").write_text(
        "{name: theirs, title: Theirs, family: baseline, description: x, source: here, licence: MIT}"
    )
    # Of the verbs without an option for it.
    (work / ".cache").symlink_to(CACHE)
    config = work / "board.yaml"
    text = f"board: b\ndatasets: [d]\nmodels: [pca]\nuser_cards: cards\nresults: results\ncache: {CACHE}\n"
    config.write_text(text)
    return config


def write_card(work: Path, url: str, **more: object) -> None:
    """Write the card of dataset ``d``."""
    card = {
        "name": "d", "title": "d", "description": "d", "labels": TERMS,
        "reader": {"name": "h5ad", "options": {"batch": "batch", "label": "cell_type"}},
        "files": [{"key": "h5ad", "url": url}], "gene_ids": "ensembl",
    } | more  # fmt: skip
    (work / "cards").mkdir(exist_ok=True)
    (work / "cards" / "d.yaml").write_text(json.dumps(card))
