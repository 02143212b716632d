"""Checkpoints to go on from: two slots written in turn, each with its manifest last, so that one is always whole.

Tensors are in safetensors files; of a sharded model through `torch.distributed.checkpoint`, one file a process.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.base.errors import ModelError
from scarena.base.files import read_json, replacing, sha256_of, write_json

if TYPE_CHECKING:
    from torch import Tensor

    from scarena.models.foundation.training.distributed import Place

FORMAT = 1
_AFRESH = "resume with what it was made by, or train into another folder"


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _leaves(value: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {path: value}
    found: dict[str, Any] = {}
    for key in sorted(value):
        found |= _leaves(value[key], f"{path}.{key}" if path else key)
    return found


def differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what differs between two identities, one clause a key.

    >>> differences({"config": {"steps": 3}}, {"config": {"steps": 4}})
    ['config.steps is 3 there and 4 here']
    """
    there, here = _leaves(saved), _leaves(now)
    return [
        f"{key} is {there.get(key, 'absent')} there and {here.get(key, 'absent')} here"
        for key in sorted(there.keys() | here.keys())
        if key not in there or key not in here or there[key] != here[key]
    ]


@dataclass(frozen=True, slots=True)
class Slot:
    """One whole checkpoint."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def written(self) -> int:
        """Its number among all checkpoints of the run, from 1."""
        return int(self.manifest["written"])


class Store:
    """The two slots of a run.

    Parameters
    ----------
    folder
        Of the slots.
    place
        This process; all of them call every method together.
    sharded
        Whether tensors are spread over processes.
    """

    def __init__(self, folder: Path, place: Place, *, sharded: bool) -> None:
        self.folder, self.place, self.sharded = folder, place, sharded
        found = self.newest()
        self._next = 1 if found is not None and found.folder.name == "slot-0" else 0
        self._written = found.written if found is not None else 0

    def newest(self) -> Slot | None:
        """Return the latest whole checkpoint; None where there is none.

        Raises
        ------
        ModelError
            If a manifest is not JSON of the expected form.
        """
        found = []
        for manifest in sorted(self.folder.glob("slot-[01]/manifest.json")):
            try:
                slot = Slot(manifest.parent, read_json(manifest))
                found.append((slot.written, slot))
            except (ValueError, KeyError, TypeError):
                raise self._damaged(manifest) from None
        return max(found, key=lambda each: each[0])[1] if found else None

    def _damaged(self, path: Path) -> ModelError:
        fix = f"delete {path.parent}; training then goes on from the checkpoint before it"
        return ModelError("it is not what was written there", where=str(path), fix=fix)

    def save(self, tensors: dict[str, Tensor], manifest: Callable[[], dict[str, Any]]) -> None:
        """Write a checkpoint over the older slot.

        Parameters
        ----------
        tensors
            By name; of the other processes only their shards are looked at.
        manifest
            Called on the first process, once the tensors are written: what else is to be known, as JSON.
        """
        slot = self.folder / f"slot-{self._next}"
        if self.place.rank == 0:
            # The manifest goes first: what is left of a slot without one does not count.
            (slot / "manifest.json").unlink(missing_ok=True)
            if slot.exists():
                shutil.rmtree(slot)
            slot.mkdir(parents=True)
        self.place.wait()
        self._write(slot, tensors)
        self.place.wait()
        if self.place.rank == 0:
            files = {path.name: sha256_of(path) for path in sorted(slot.glob("*.safetensors"))}
            write_json(slot / "manifest.json", {**manifest(), "written": self._written + 1, "files": files})
        self.place.wait()
        self._next, self._written = 1 - self._next, self._written + 1

    def _write(self, slot: Path, tensors: dict[str, Tensor]) -> None:
        if self.sharded:
            from scarena.models.foundation.training.sharded import save

            save(slot, tensors, self.place)
        elif self.place.rank == 0:
            from safetensors.torch import save_file

            with replacing(slot / "state.safetensors") as part:
                save_file(_apart(tensors), part)

    def load(self, slot: Slot, template: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """Return the tensors of a checkpoint; a sharded one is read into those that `template` returns.

        Raises
        ------
        ModelError
            If a file is missing or is not the one the manifest names.
        """
        for name, sha256 in sorted(slot.manifest["files"].items()):
            path = slot.folder / name
            if not path.is_file() or sha256_of(path) != sha256:
                raise self._damaged(path)
        if self.sharded:
            from scarena.models.foundation.training.sharded import load

            into = template()
            load(slot.folder, into)
            return into
        from safetensors.torch import load_file

        return load_file(slot.folder / "state.safetensors")


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return contiguous tensors on the CPU, those that share memory (tied weights) copied: safetensors refuses them."""
    seen: set[int] = set()
    found = {}
    for name, value in tensors.items():
        value = value.cpu().contiguous()
        at = value.untyped_storage().data_ptr()
        found[name] = value.clone() if at in seen else value
        seen.add(at)
    return found


def check_same(slot: Slot, identity: Mapping[str, Any]) -> None:
    """Check that a checkpoint belongs to this very run.

    Parameters
    ----------
    slot
        The checkpoint.
    identity
        What this run is: format, versions, configuration, model, task, number of processes.

    Raises
    ------
    ModelError
        If not, naming up to five of the things that differ.
    """
    saved = slot.manifest["identity"]
    if fingerprint(saved) == fingerprint(identity):
        return
    found = differences(saved, identity)
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    what = f"the checkpoint is of another run: {', '.join(found[:5])}{more}"
    raise ModelError(what, where=str(slot.folder), fix=_AFRESH)
