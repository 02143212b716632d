"""A fine-tuned model that names cell types: predicting with it, and keeping it as an ordinary checkpoint with a head.

It knows the labels it was trained on and no other: probabilities are shared out among these, so that a cell of a type
it never saw gets one of them all the same, perhaps with a high probability.

Shapes: B cells, Z width of the embedding, L labels, V genes of the vocabulary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from scarena.base.errors import ModelError
from scarena.base.files import read_json, replacing, sha256_of, write_json
from scarena.models.foundation import checkpoint
from scarena.models.foundation.embed import encode
from scarena.models.foundation.tokenize import Cells, over_vocabulary, places

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from scarena.models.foundation.model import FoundationModel

HEAD, LABELS = "head.safetensors", "labels.json"
PREFIX = "p:"
"""Of the columns with one label's probability each."""


@dataclass(frozen=True, slots=True)
class Annotator:
    """A model, the vocabulary it reads, and a linear head over labels."""

    model: FoundationModel
    genes: list[str]
    labels: list[str]
    """Sorted; row by row those of the head."""
    head: nn.Linear
    """Z → L, on vectors as they are."""
    measured_V: np.ndarray
    """bool [V], the genes of the vocabulary that the data it was trained on has."""
    training: dict[str, Any]
    """What fine-tuning says of itself: see `finetune`."""

    def coverage(self, data: AnnData) -> float:
        """Return the share, 0 to 1, of the genes measured in training that a dataset measures too.

        With few of them a cell looks like none that it was trained on, and what is predicted means little.
        """
        found = places(list(data.var_names), self.genes)
        have_V = np.zeros(len(self.genes), bool)
        have_V[found[found >= 0]] = True
        return float((have_V & self.measured_V).sum() / max(1, self.measured_V.sum()))

    @torch.inference_mode()
    def predict(self, data: AnnData, *, every_label: bool = False, device: str = "cpu") -> pd.DataFrame:
        """Annotate cells.

        Parameters
        ----------
        data
            Counts, Ensembl ids as ``var_names``. Genes that the data of training did not have are not looked at.
        every_label
            Whether to add a column ``p:<label>`` with the probability of each label.
        device
            Where the encoder runs.

        Returns
        -------
        A row for each cell, by its name: ``label``, the most probable of the known ones, and its ``probability``, 0 to
        1. Both are missing (None, NaN) for a cell without a count of a gene that
        training had.

        Raises
        ------
        ModelError
            If the data shares no gene with the vocabulary.
        """
        import pandas as pd

        cells = read_genes_of(data, self.genes, self.measured_V)
        z_BZ = torch.from_numpy(encode(self.model, cells, device))
        p_BL = self.head.to("cpu")(z_BZ).double().softmax(-1).numpy()
        best_B, told_B = p_BL.argmax(1), np.diff(cells.starts_B1) > 0
        p_BL[~told_B] = np.nan
        label_B = np.where(told_B, np.array(self.labels, object)[best_B], None)
        probability_B = p_BL[np.arange(len(p_BL)), best_B]
        found = pd.DataFrame({"label": label_B, "probability": probability_B}, index=data.obs_names.astype(str))
        if every_label:
            columns = [f"{PREFIX}{label}" for label in self.labels]
            found = found.join(pd.DataFrame(p_BL, index=found.index, columns=columns))
        return found


def read_genes_of(data: AnnData, genes: Sequence[str], measured_V: np.ndarray) -> Cells:
    """Return cells over the vocabulary as if some of its genes alone had been measured: these make up the depth too.

    So a cell looks the same in training and later, when another file measures more.

    Raises
    ------
    ModelError
        If the data shares no gene with the vocabulary.
    """
    cells = over_vocabulary(data, genes)
    kept_N = measured_V[cells.genes_N]
    cell_N = np.repeat(np.arange(len(cells)), np.diff(cells.starts_B1))[kept_N]
    counts_N = cells.counts_N[kept_N]
    starts_B1 = np.concatenate([[0], np.cumsum(np.bincount(cell_N, minlength=len(cells)))]).astype(np.int64)
    depth_B = np.bincount(cell_N, counts_N, len(cells)).astype(np.float32)
    return Cells(starts_B1, cells.genes_N[kept_N], counts_N, depth_B)


def save_annotator(annotator: Annotator, folder: Path, *, dataset: str, manifest: dict[str, Any]) -> None:
    """Write an annotator: a checkpoint of its model, the head, the labels, and a manifest that says it saw labels.

    Parameters
    ----------
    annotator
        What to write; weights of the model are kept in half precision, those of the head in single.
    folder
        Made where there is none.
    dataset
        Whose labels it saw.
    manifest
        What else to say: name, corpus, what the training started from.
    """
    from safetensors.torch import save_file

    # Until the new one is written there is no checkpoint here.
    (folder / "manifest.json").unlink(missing_ok=True)
    checkpoint.read_manifest.cache_clear()
    with replacing(folder / HEAD) as part:
        state = {"measured_V": torch.from_numpy(annotator.measured_V), **annotator.head.state_dict()}
        save_file({name: value.detach().cpu().contiguous() for name, value in state.items()}, part)
    write_json(folder / LABELS, annotator.labels)
    seen = {"dataset": dataset, **annotator.training}
    held = {"seen_labels": seen, "head_sha256": {name: sha256_of(folder / name) for name in (HEAD, LABELS)}}
    checkpoint.save(folder, annotator.model, annotator.genes, {**manifest, **held})


def load_annotator(folder: Path) -> Annotator:
    """Read an annotator.

    Raises
    ------
    ModelError
        If there is no complete checkpoint, it has no head, or a file is not that of its manifest.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    manifest = checkpoint.read_manifest(folder)
    if "seen_labels" not in manifest:
        fix = "make one with `scarena fm finetune`"
        raise ModelError("a checkpoint that knows no labels", where=str(folder), fix=fix)
    for name, expected in sorted(manifest["head_sha256"].items()):
        if not (folder / name).is_file() or sha256_of(folder / name) != expected:
            raise ModelError("not the file of its manifest", where=str(folder / name), fix="restore the folder")
    model = checkpoint.load(folder)
    labels: list[str] = read_json(folder / LABELS)
    head = nn.Linear(model.config.embedding, len(labels), device="meta")
    try:
        state = load_file(folder / HEAD)
        measured_V = state.pop("measured_V").numpy()
        head.load_state_dict(state, assign=True)
    except (KeyError, RuntimeError, SafetensorError) as error:
        what = " ".join(str(error).split())[:160]
        raise ModelError(what, where=str(folder / HEAD), fix="restore the folder") from None
    training = {key: value for key, value in manifest["seen_labels"].items() if key != "dataset"}
    return Annotator(model, checkpoint.read_genes(folder), labels, head, measured_V, training)


def digest_of(*parts: bytes) -> str:
    """Return one checksum of several byte strings, each by its own length."""
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
