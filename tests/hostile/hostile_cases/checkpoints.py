"""Checkpoint folders that run code, lie of their sizes or are damaged, handed to adapters and to `scarena fm`."""

import io
import json
import pickle
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hostile_cases.case import Case, command, cut, flipped, odd_files, outside_of
from hostile_cases.seeds import CACHE, GENES, valid_h5ad
from hostile_cases.vectors import _Runs, archive

WEIGHTS = {"scgpt": "best_model.pt", "geneformer": "model.safetensors"}
CONFIGS = {"scgpt": ("args.json", "vocab.json"), "geneformer": ("config.json", "token_dictionary.json")}


@cache
def _example(model: str) -> dict[str, bytes]:
    import tempfile

    from scarena.models.registry import all_models

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        all_models()[model].write_example(folder)
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _embed(model: str, folder: Path) -> str | None:
    import anndata
    import numpy as np
    import pandas as pd
    from scipy.sparse import csr_matrix

    from scarena.models.base import Context
    from scarena.models.registry import find_model

    var = pd.DataFrame({"symbol": [f"G{i}" for i in range(len(GENES))]}, index=GENES)
    data = anndata.AnnData(csr_matrix(np.ones((3, len(GENES)), np.int32)), var=var)
    data.obs["batch"] = "b"
    find_model(model, {model: folder})().embed(data, Context())
    if (folder.parent / "ran").exists():
        raise AssertionError("the checkpoint ran code")
    return None


def _torch(value: Any, *, zipped: bool = True) -> bytes:
    import torch

    out = io.BytesIO()
    torch.save(value, out, _use_new_zipfile_serialization=zipped)
    return out.getvalue()


def _safe(header: bytes, length: int | None = None, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + body


def _tensor(shape: list[int], offsets: list[int]) -> bytes:
    return json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": offsets}}).encode()


_PICKLES: dict[str, Callable[[], bytes]] = {
    "system": lambda: b"cos\nsystem\n(S'touch ran'\ntR.",
    "reduce": lambda: pickle.dumps(_Runs()),
    "inside": lambda: pickle.dumps({"a": _Runs()}),
    "eval": lambda: b"c__builtin__\neval\n(S'1'\ntR.",
    "memo": lambda: b"\x80\x02Nr\xff\xff\xff\x7f.",
    "long": lambda: b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "unended": lambda: b"\x80\x04]",
    "deep": lambda: b"\x80\x02" + b"(" * 100_000 + b".",
    "cut": lambda: pickle.dumps({str(i): i for i in range(100)})[:300],
    "list": lambda: pickle.dumps([1, 2]),
}


def _weights() -> dict[str, dict[str, Callable[[], bytes]]]:
    tar = archive([("data.pkl", b"")])
    return {
        "scgpt": {
            **{f"pickle-{name}": make for name, make in _PICKLES.items()},
            "zip-code": lambda: _torch({"a": _Runs()}),
            "legacy-code": lambda: _torch({"a": _Runs()}, zipped=False),
            "zip-none": lambda: tar,
            "zip-up": lambda: archive([("../../up/data.pkl", b"."), ("../../up/version", b"3")]),
            "zip-lies": lambda: _torch({"a": 1}).replace(b"archive", b"archivf", 1),
            "bomb": lambda: archive([("archive/data.pkl", bytes(270 << 20)), ("archive/version", b"3")], packed=True),
            "keys-none": lambda: _torch({}),
            "keys-other": lambda: _torch({"a": 1}),
            "keys-numbers": lambda: _torch({1: 2}),
            "list": lambda: _torch([1]),
        },
        "geneformer": {
            "header-endless": lambda: _safe(b"{}", 2**60),
            "header-long": lambda: _safe(b"{}", 2**27),
            "header-text": lambda: _safe(b"{not json"),
            "header-deep": lambda: _safe(b'{"a":' + b"[" * 50_000),
            "shape-lies": lambda: _safe(_tensor([10**6, 10**6], [0, 4]), body=bytes(4)),
            "offsets-beyond": lambda: _safe(_tensor([1], [0, 10**12]), body=bytes(4)),
            "offsets-fall": lambda: _safe(_tensor([1], [4, 0]), body=bytes(4)),
            "shape-negative": lambda: _safe(_tensor([-1], [0, 4]), body=bytes(4)),
            "none": lambda: _safe(b"{}"),
            "pickle": lambda: pickle.dumps(_Runs()),
        },
    }


_SIZES = {
    "layers": {"nlayers": 10**9, "num_hidden_layers": 10**9},
    "layers-negative": {"nlayers": -1, "num_hidden_layers": -5},
    "heads": {"nheads": 0, "num_attention_heads": 0},
    "width": {"embsize": 10**12, "hidden_size": 10**12},
    "width-text": {"embsize": "wide", "hidden_size": "wide"},
    "width-none": {"embsize": None, "hidden_size": None},
    "width-list": {"embsize": [1], "hidden_size": [1]},
    "hidden": {"d_hid": 10**13, "intermediate_size": 10**13},
}


def _case(model: str, name: str, change: Callable[[Path], Any], expects: str = "refused") -> Case:
    def run(work: Path) -> str | None:
        folder = work / "model"
        folder.mkdir()
        for file, body in _example(model).items():
            (folder / file).write_bytes(body)
        change(folder)
        return _embed(model, folder)

    return Case(f"{model}-{name}", run, expects)


def _write(file: str, make: Callable[[], bytes]) -> Callable[[Path], Any]:
    return lambda folder: (folder / file).write_bytes(make())


def _odd(file: str, kind: str) -> Callable[[Path], Any]:
    def change(folder: Path) -> None:
        (folder / file).unlink()
        odd_files(folder / file, outside_of(Path.cwd()))[kind]()

    return change


def _sized(file: str, sizes: dict[str, Any]) -> Callable[[Path], Any]:
    def change(folder: Path) -> None:
        known = json.loads((folder / file).read_text())
        known |= {key: value for key, value in sizes.items() if key in known}
        (folder / file).write_text(json.dumps(known))

    return change


def _pickled(name: str, make: Callable[[], bytes]) -> Case:
    def change(folder: Path) -> None:
        (folder / "token_dictionary.json").unlink()
        (folder / "token_dictionary.pkl").write_bytes(make())

    return _case("geneformer", f"dictionary-{name}", change)


def _own(name: str, change: Callable[[Path], Any], expects: str = "refused") -> Case:
    def run(work: Path) -> str | None:
        import shutil

        from scarena.models.foundation.checkpoint import STUDENT

        folder = work / "model"
        shutil.copytree(STUDENT, folder)
        (work / "in.h5ad").write_bytes(valid_h5ad())
        change(folder)
        return command("fm", "embed", "in.h5ad", "--out", "z.npz", "--checkpoint", folder, "--cache", CACHE)

    return Case(f"fm-{name}", run, expects)


def _opened(work: Path) -> None:
    from scarena.models.foundation.use import open_checkpoint

    open_checkpoint(Path("student"))


def cases() -> list[Case]:
    """Return every checkpoint."""
    found = []
    for model, weights in WEIGHTS.items():
        found.append(_case(model, "valid", lambda folder: None, "either"))
        found += [_case(model, name, _write(weights, make)) for name, make in _weights()[model].items()]
        for file in (weights, *CONFIGS[model]):
            kinds = ("empty", "missing", "folder", "pipe", "endless", "canary", "html")
            found += [_case(model, f"{file}-{kind}", _odd(file, kind)) for kind in kinds]
        texts = {"list": b"[]", "none": b"{}", "deep": b"[" * 100_000, "nan": b'{"a": NaN}', "latin": b'{"\xe9": 1}'}
        for file in CONFIGS[model]:
            found += [_case(model, f"{file}-{name}", _write(file, lambda t=text: t)) for name, text in texts.items()]
        found += [_case(model, f"sizes-{name}", _sized(CONFIGS[model][0], sizes)) for name, sizes in _SIZES.items()]
        for seed in range(4):
            half = _write(weights, lambda m=model, w=weights, s=seed: cut(_example(m)[w], s))
            turned = _write(weights, lambda m=model, w=weights, s=seed: flipped(_example(m)[w], s))
            found += [_case(model, f"cut-{seed}", half), _case(model, f"flipped-{seed}", turned, "either")]
    found += [_pickled(name, make) for name, make in _PICKLES.items()]
    texts = {"list": b"[]", "none": b"{}", "cut": b'{"format"', "deep": b"[" * 100_000, "text": b"<html>"}
    for file in ("manifest.json", "config.json", "genes.txt"):
        found += [_own(f"{file}-{name}", _write(file, lambda t=text: t)) for name, text in texts.items()]
        found += [_own(f"{file}-{kind}", _odd(file, kind)) for kind in ("folder", "endless", "pipe")]
    found.append(Case("fm-valid", _opened, "ok"))
    part = "weights-00.safetensors"
    found += [
        _own(f"weights-{seed}", lambda f, s=seed: (f / part).write_bytes(flipped((f / part).read_bytes(), s, 1)))
        for seed in range(2)
    ]
    return found
