"""A checkpoint: weights in parts, config.json, genes.txt and manifest.json in one folder, the manifest last.

Parts are safetensors files of at most 15 MiB, so that they can live in a repository; a tensor that is larger is cut
between rows. Weights are stored in half precision and used in single.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.base.errors import ModelError
from scarena.base.files import read_json, replacing, sha256_of, write_json, write_text
from scarena.base.validated import validated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from scarena.models.foundation.model import FoundationConfig, FoundationModel

CHECKPOINTS = Path(__file__).parent / "checkpoints"
SHIPPED = CHECKPOINTS / "nano"
STUDENT = CHECKPOINTS / "student"
FORMAT = 2
PART_BYTES = 15 << 20
# What the header of a part, which names its tensors, may take of it.
_HEADER = 64 << 10
_FIX = "restore the folder"
_ROWS = "#rows"


def save(folder: Path, model: FoundationModel, genes: list[str], manifest: dict[str, Any]) -> None:
    """Write a checkpoint; the manifest gets each part's SHA-256 and comes last, so its presence means all is there."""
    from safetensors.torch import save_file

    # A folder that is overwritten is no checkpoint until all of it is.
    (folder / "manifest.json").unlink(missing_ok=True)
    read_manifest.cache_clear()
    parts: dict[str, str] = {}
    for number, tensors in enumerate(_parts(model.state_dict())):
        path = folder / f"weights-{number:02d}.safetensors"
        with replacing(path) as part:
            save_file(tensors, part)
        parts[path.name] = sha256_of(path)
    write_json(folder / "config.json", model.config.model_dump(mode="json"))
    write_text(folder / "genes.txt", "\n".join(genes) + "\n")
    parameters = sum(value.numel() for value in model.parameters())
    held = {"format": FORMAT, "parameters": parameters, "weights_sha256": parts}
    held["genes_sha256"] = sha256_of(folder / "genes.txt")
    write_json(folder / "manifest.json", {**manifest, **held})


def _parts(state: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """Yield the tensors in half precision, in groups that fit into a part."""
    part: dict[str, Tensor] = {}
    size = 0
    for name, tensor in _pieces(state):
        nbytes = tensor.numel() * tensor.element_size()
        if part and size + nbytes > PART_BYTES - _HEADER:
            yield part
            part, size = {}, 0
        part[name] = tensor
        size += nbytes
    yield part


def _pieces(state: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    import torch

    for name, whole in state.items():
        tensor = whole.detach().cpu().to(torch.float16).contiguous()
        if not torch.isfinite(tensor).all():
            what = f"{name} has values that half precision cannot hold"
            raise ModelError(what, where="checkpoint", fix="lower learning_rate or raise weight_decay")
        nbytes = tensor.numel() * tensor.element_size()
        if nbytes <= PART_BYTES - _HEADER:
            yield name, tensor
            continue
        rows = max(1, (PART_BYTES - _HEADER) // (nbytes // len(tensor)))
        for number, first in enumerate(range(0, len(tensor), rows)):
            yield f"{name}{_ROWS}{number:04d}", tensor[first : first + rows].clone()


@cache
def read_manifest(folder: Path = SHIPPED) -> dict[str, Any]:
    """Return what a checkpoint says of its training.

    Raises
    ------
    ModelError
        If there is no complete checkpoint, or it is of another version.
    """
    path = folder / "manifest.json"
    if not path.exists():
        raise ModelError("no checkpoint", where=str(folder), fix="make one with `scarena pretrain`")
    try:
        manifest: dict[str, Any] = read_json(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if manifest.get("format") != FORMAT:
        what = f"a checkpoint of format {manifest.get('format', 1)}; this version reads {FORMAT}"
        raise ModelError(what, where=str(folder), fix="make it again with `scarena pretrain`")
    return manifest


def read_config(folder: Path = SHIPPED) -> FoundationConfig:
    """Return the sizes of a checkpoint's model.

    Raises
    ------
    ModelError
        If there is no complete checkpoint, or its sizes are none.
    """
    from scarena.models.foundation.model import FoundationConfig

    read_manifest(folder)
    path = folder / "config.json"
    try:
        found = read_json(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    return validated(FoundationConfig, found, ModelError, where=str(path), fix=_FIX)


def read_genes(folder: Path = SHIPPED) -> list[str]:
    """Return the vocabulary: Ensembl ids in the order of the gene table.

    Raises
    ------
    ModelError
        If it cannot be read.
    """
    path = folder / "genes.txt"
    try:
        return path.read_text(encoding="utf-8").split()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> ModelError:
    return ModelError(f"unreadable ({type(error).__name__})", where=str(path), fix=_FIX)


def load(folder: Path = SHIPPED) -> FoundationModel:
    """Return the model of a checkpoint, its weights checked against the manifest and every key required.

    Raises
    ------
    ModelError
        If the weights or the vocabulary are not those of the manifest and the configuration.
    """
    from scarena.models.foundation.model import initialised

    config = read_config(folder)
    n_genes = len(read_genes(folder))
    if n_genes != config.n_genes:
        what = f"a vocabulary of {n_genes} genes for a table of {config.n_genes}"
        raise ModelError(what, where=str(folder / "genes.txt"), fix=_FIX)
    # Genes in another order would be embedded without a word.
    if sha256_of(folder / "genes.txt") != read_manifest(folder)["genes_sha256"]:
        raise ModelError("the genes are not those of its manifest", where=str(folder / "genes.txt"), fix=_FIX)
    model = initialised(config, 0)
    try:
        model.load_state_dict(_read_state(folder))
    except RuntimeError as error:
        what = " ".join(str(error).split())[:160]
        raise ModelError(what, where=str(folder), fix=_FIX) from None
    return model.eval()


def _read_state(folder: Path) -> dict[str, Tensor]:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    found: dict[str, Tensor] = {}
    for name, expected in sorted(read_manifest(folder)["weights_sha256"].items()):
        path = folder / name
        if not path.is_file() or sha256_of(path) != expected:
            raise ModelError("the weights are not those of its manifest", where=str(path), fix=_FIX)
        try:
            found |= load_file(path)
        except SafetensorError as error:
            raise ModelError(str(error)[:160], where=str(path), fix=_FIX) from None
    whole: dict[str, list[Tensor]] = {}
    for name in sorted(found):
        whole.setdefault(name.split(_ROWS)[0], []).append(found[name].float())
    return {name: torch.cat(pieces) if len(pieces) > 1 else pieces[0] for name, pieces in whole.items()}


def weights_digest(folder: Path = SHIPPED) -> str:
    """Return one checksum for all parts, from the manifest."""
    import hashlib

    return hashlib.sha256("".join(sorted(read_manifest(folder)["weights_sha256"].values())).encode()).hexdigest()
