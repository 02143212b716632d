"""Reading what others published: tensors and dictionaries from files that are not trusted, and every key accounted for.

Upstream loaders skip what does not match. Here a missing, unknown or misshapen key is an error that lists it.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from scarena.base import untrusted
from scarena.base.errors import ModelError
from scarena.base.files import read_json, replacing
from scarena.base.plain_pickle import dictionary_of
from scarena.base.untrusted import check_regular, check_unpacked, reading

Keys = Mapping[str, str | tuple[str, ...]]
"""Our name of a parameter to theirs; several of theirs are one above the other in ours."""

_SHOWN = 5
_FIX = "give the folder as its authors published it"
# The largest dictionary, of UCE's or Geneformer's genes, has a few megabytes.
_MOST_BYTES = 256 << 20
# No size, token or place in a genome is larger.
_MOST = 1 << 32


def read_dictionary(path: Path) -> dict[str, Any]:
    """Read a mapping from a JSON file, or from a pickle that holds strings and numbers alone.

    Raises
    ------
    ModelError
        If it is missing, cannot be read, is no mapping, or asks for anything that could run code.
    """
    check_regular(path, ModelError, most=_MOST_BYTES, fix=_FIX)
    with reading(path, ModelError, what="not a plain dictionary", fix=_FIX):
        found = read_json(path) if path.suffix == ".json" else dictionary_of(path.read_bytes())
    if not isinstance(found, Mapping):
        raise _unreadable(path, f"holds a {type(found).__name__}, not a dictionary")
    if wrong := [key for key, value in found.items() if isinstance(value, int) and abs(value) > _MOST]:
        raise _unreadable(path, f"{str(wrong[0])[:60]} is {found[wrong[0]]:.3g}")
    return {str(key): value for key, value in found.items()}


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping of plain data from a YAML file; errors as `read_dictionary`."""
    found = untrusted.read_yaml(path, ModelError, fix=_FIX)
    if not isinstance(found, Mapping):
        raise _unreadable(path, f"holds a {type(found).__name__}, not a dictionary")
    return {str(key): value for key, value in found.items()}


def setting(found: Mapping[str, Any], *keys: str, where: Path) -> Any:
    """Return what lies under keys, one below the other, of settings that were read from a file; an error if nothing."""
    inner: Any = found
    for key in keys:
        if not isinstance(inner, Mapping) or key not in inner:
            raise _unreadable(where, f"has no {'.'.join(keys)}")
        inner = inner[key]
    return inner


def read_config(path: Path, *needed: str) -> dict[str, Any]:
    """Read a mapping as `read_dictionary` does, and see that it has some keys.

    Raises
    ------
    ModelError
        As there, or if keys are missing.
    """
    return having(read_dictionary(path), path, *needed)


def having(found: Mapping[str, Any], where: Path, *needed: str) -> dict[str, Any]:
    """Return a mapping that has some keys.

    Raises
    ------
    ModelError
        If it lacks any.
    """
    if not isinstance(found, Mapping):
        raise _unreadable(where, f"holds a {type(found).__name__}, not a dictionary")
    if lacking := [key for key in needed if key not in found]:
        raise _unreadable(where, _listed("lacks", lacking))
    return dict(found)


class _Inert:
    """What stands for an object that nothing here reads, as a training's settings; it keeps and runs nothing."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


def read_tensors(path: Path, *inside: str, inert: Sequence[str] = ()) -> dict[str, Tensor]:
    """Read named tensors from a safetensors file, or from a torch file whose pickle may hold tensors and plain data.

    Parameters
    ----------
    path
        The file.
    inside
        Keys, one below the other, of the dictionary that holds them, as ``model_state_dict``.
    inert
        Names of classes and functions that the pickle may ask for. It gets none of them but an object that does
        nothing, so that they need not be installed or trusted.

    Raises
    ------
    ModelError
        If it is missing, cannot be read, asks for anything that could run code, or lacks the dictionary.
    """
    found = read_plain(path, *inside, inert=inert)
    return {name: value for name, value in found.items() if isinstance(value, Tensor)}


def read_plain(path: Path, *inside: str, inert: Sequence[str] = ()) -> dict[str, Any]:
    """Read the whole of such a dictionary: tensors, and settings that are plain data; errors as `read_tensors`."""
    found: Any = _read(path, inert)
    for key in inside:
        if not isinstance(found, Mapping) or key not in found:
            raise _unreadable(path, f"has no {key!r}")
        found = found[key]
    if not isinstance(found, Mapping):
        raise _unreadable(path, f"holds a {type(found).__name__}, not a dictionary")
    return {str(name): value for name, value in found.items()}


def _read(path: Path, inert: Sequence[str]) -> Any:
    size = check_regular(path, ModelError, fix=_FIX)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        zipped = zipfile.is_zipfile(path)
        if zipped:
            with zipfile.ZipFile(path) as archive:
                check_unpacked(sum(each.file_size for each in archive.infolist()), size, str(path), ModelError)
        with torch.serialization.safe_globals([(_Inert, name) for name in inert]), warnings.catch_warnings():
            # Of the version of the pickle: what follows is a line of its own.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except ModelError:
        raise
    except pickle.UnpicklingError as error:
        asked = re.search(r"(?:GLOBAL|class|function) ([\w.]+)", str(error))
        reason = f"its pickle asks for {asked[1]}, which could run code" if asked else _first_line(error)
        raise _unreadable(path, reason) from None
    # A damaged file makes either library stumble anywhere, and safetensors' errors share no base with others.
    except Exception as error:  # noqa: BLE001
        raise _unreadable(path, _first_line(error)) from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


def _unreadable(path: Path, why: str) -> ModelError:
    return ModelError(why, where=str(path), fix=_FIX)


def load_public(net: nn.Module, found: Mapping[str, Tensor], keys: Keys, unused: Sequence[str], where: Path) -> None:
    """Fill a module from a published checkpoint.

    Parameters
    ----------
    net
        The module; every parameter of it must have its key.
    found
        The checkpoint's tensors.
    keys
        Which of them each parameter is.
    unused
        Regular expressions for what a checkpoint may hold beside them, as the heads of a pretraining.
    where
        Of the checkpoint, for the error.

    Raises
    ------
    ModelError
        If keys are missing, unknown, or of another shape; all of a kind are counted and the first are named.
    """
    own = net.state_dict()
    theirs = {key for each in keys.values() for key in _tuple(each)}
    missing = sorted(theirs - set(found))
    unknown = sorted(key for key in set(found) - theirs if not any(re.fullmatch(each, key) for each in unused))
    problems = [_listed("lacks", missing), _listed("has unknown", unknown)]
    if not missing:
        made = {name: torch.cat([found[key] for key in _tuple(each)]) for name, each in keys.items()}
        problems.append(_listed("has other shapes:", _misshapen(made, own, keys)))
    if said := "; ".join(filter(None, problems)):
        raise ModelError(said, where=str(where), fix="give the folder as published, with its own vocabulary")
    net.load_state_dict({name: value.to(own[name].dtype) for name, value in made.items()})


def _misshapen(made: Mapping[str, Tensor], own: Mapping[str, Tensor], keys: Keys) -> list[str]:
    return [
        f"{_tuple(keys[name])[0]} {list(value.shape)} for {list(own[name].shape)}"
        for name, value in made.items()
        if value.shape != own[name].shape
    ]


def _tuple(each: str | tuple[str, ...]) -> tuple[str, ...]:
    return (each,) if isinstance(each, str) else each


def _listed(what: str, keys: Sequence[str]) -> str:
    if not keys:
        return ""
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return f"{what} {', '.join(keys[:_SHOWN])}{more}"


def to_public(net: nn.Module, keys: Keys) -> dict[str, Tensor]:
    """Return a module's parameters under the names of the published checkpoint."""
    own = net.state_dict()
    found: dict[str, Tensor] = {}
    for name, each in keys.items():
        parts = own[name].chunk(len(_tuple(each)))
        found |= {key: part.clone() for key, part in zip(_tuple(each), parts, strict=True)}
    return found


def save_torch(path: Path, value: Any) -> None:
    """Write what `read_tensors` reads, as a whole or not at all."""
    with replacing(path) as part:
        torch.save(value, part)


def torch_layers(layers: int, prefix: str, qkv: str = "self_attn.in_proj_{}") -> dict[str, str]:
    """Return our names of an encoder's parameters to those of `torch.nn.TransformerEncoder`.

    Parameters
    ----------
    layers
        How many.
    prefix
        Of theirs, with ``{}`` for the number of a layer.
    qkv
        Name of the joined projection, with ``{}`` for weight and bias.
    """
    parts = {
        "out": "self_attn.out_proj", "up": "linear1", "down": "linear2", "norm_attention": "norm1", "norm_ff": "norm2",
    }  # fmt: skip
    found: dict[str, str] = {}
    for number in range(layers):
        theirs = prefix.format(number)
        for kind in ("weight", "bias"):
            found[f"layers.{number}.qkv.{kind}"] = f"{theirs}.{qkv.format(kind)}"
            found |= {f"layers.{number}.{our}.{kind}": f"{theirs}.{name}.{kind}" for our, name in parts.items()}
    return found
