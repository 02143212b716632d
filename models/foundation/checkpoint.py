"""A checkpoint: weights.safetensors, config.json, genes.txt and manifest.json in one folder, the manifest last."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.errors import ModelError
from scarena.files import read_json, replacing, sha256_of, write_json, write_text

if TYPE_CHECKING:
    from scarena.models.foundation.model import FoundationConfig, FoundationModel

SHIPPED = Path(__file__).parent / "checkpoints" / "nano"


def save(folder: Path, model: FoundationModel, genes: list[str], manifest: dict[str, Any]) -> None:
    """Write a checkpoint; the manifest gets the weights' SHA-256 and comes last, so its presence means all is there."""
    from safetensors.torch import save_file

    weights = folder / "weights.safetensors"
    with replacing(weights) as part:
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, part)
    write_json(folder / "config.json", model.config.model_dump())
    write_text(folder / "genes.txt", "\n".join(genes) + "\n")
    parameters = sum(value.numel() for value in model.parameters())
    write_json(folder / "manifest.json", {**manifest, "parameters": parameters, "weights_sha256": sha256_of(weights)})


@cache
def read_manifest(folder: Path = SHIPPED) -> dict[str, Any]:
    """Return what a checkpoint says of its training.

    Raises
    ------
    ModelError
        If there is no complete checkpoint.
    """
    try:
        return read_json(folder / "manifest.json")
    except FileNotFoundError:
        raise ModelError("no checkpoint", where=str(folder), fix="make one with `scarena pretrain`") from None


def read_config(folder: Path = SHIPPED) -> FoundationConfig:
    """Return the sizes of a checkpoint's model.

    Raises
    ------
    ModelError
        If there is no complete checkpoint.
    """
    from scarena.models.foundation.model import FoundationConfig

    read_manifest(folder)
    return FoundationConfig.model_validate(read_json(folder / "config.json"))


def read_genes(folder: Path = SHIPPED) -> list[str]:
    """Return the vocabulary: Ensembl ids in the order of the gene table."""
    return (folder / "genes.txt").read_text(encoding="utf-8").split()


def load(folder: Path = SHIPPED) -> FoundationModel:
    """Return the model of a checkpoint, its weights checked against the manifest and every key required.

    Raises
    ------
    ModelError
        If the weights are not those the manifest names, or do not fit the configuration.
    """
    from safetensors.torch import load_file

    from scarena.models.foundation.model import FoundationModel

    weights = folder / "weights.safetensors"
    if sha256_of(weights) != read_manifest(folder)["weights_sha256"]:
        raise ModelError("the weights are not those of its manifest", where=str(weights), fix="restore the folder")
    model = FoundationModel(read_config(folder))
    try:
        model.load_state_dict(load_file(weights))
    except RuntimeError as error:
        what = " ".join(str(error).split())[:160]
        raise ModelError(what, where=str(weights), fix="restore the folder") from None
    return model.eval()
