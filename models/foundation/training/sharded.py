"""Reading and writing tensors spread over processes: `torch.distributed.checkpoint`, kept to safetensors files.

Its default format holds pickles; the safetensors one places each shard by a JSON header.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from scarena.models.foundation.training.distributed import Place


def save(folder: Path, tensors: dict[str, Tensor], place: Place) -> None:
    """Write this process's shards; returns when its file is on the disk. All processes call it together."""
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
    from torch.distributed.checkpoint.state_dict_saver import save as write

    write(tensors, storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True))
    for path in sorted(folder.glob(f"shard-{place.rank + 1:05d}-*.safetensors")):
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def load(folder: Path, into: dict[str, Tensor]) -> None:
    """Read tensors into those given, each process its shards of them. All processes call it together."""
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
    from torch.distributed.checkpoint.state_dict_loader import load as read

    read(into, storage_reader=HuggingFaceStorageReader(str(folder)))
