"""`scarena bench kernels`: every kernel against its twin on the same inputs and the same device, in one run.

With a GPU the kernels are timed by CUDA events. Without one the rows of the kernels say so, and what the CPU has in
their place is timed: the compiled tokeniser and the bucketed attention, against their plain forms.

Shapes: B cells, N stored counts, T tokens, G genes of the dataset, V genes of the vocabulary.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.errors import ConfigError
from scarena.base.progress import tell
from scarena.steps.record import hardware, versions

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_NO_GPU = "not measured: no GPU"
_GENES, _EXPRESSED, _LENGTH = 20_000, 1_000, 512
_WIDTH, _HEADS, _KNOTS = 256, 4, 64


@dataclass(frozen=True, slots=True)
class Case:
    """Two ways to compute the same."""

    kernel: str
    what: str
    amount: int
    """Cells, tokens or targets of one call; the rate's numerator."""
    unit: str
    moved: int
    """Bytes that one call must at least read and write."""
    flops: int
    plain: Callable[[], Any]
    fast: Callable[[], Any] | None
    """None where the kernel needs a GPU that is not there."""


def _seconds(call: Callable[[], Any], device: torch.device, repeats: int) -> float:
    """Return the median of `repeats` calls after two that compile and warm up."""
    import torch

    call(), call()
    found = []
    for _ in range(repeats):
        if device.type == "cuda":
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            call()
            end.record()
            end.synchronize()
            found.append(begin.elapsed_time(end) / 1e3)
        else:
            start = time.perf_counter()
            call()
            found.append(time.perf_counter() - start)
    return median(found)


def _counts(n_cells: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return starts, genes and counts of cells with some thousand expressed genes, most of them seen once."""
    sizes = np.clip(rng.lognormal(np.log(_EXPRESSED), 0.3, n_cells), 50, 5000).astype(np.int64)
    genes = [np.sort(rng.choice(_GENES, size, replace=False, shuffle=False)) for size in sizes]
    counts = 1 + rng.negative_binomial(0.3, 0.1, int(sizes.sum()))
    starts = np.concatenate([[0], sizes.cumsum()])
    return starts, np.concatenate(genes).astype(np.int32), counts.astype(np.int32)


def _starts(lengths: np.ndarray, device: torch.device) -> Tensor:
    import torch

    return torch.from_numpy(np.concatenate([[0], lengths.cumsum()]).astype(np.int32)).to(device)


def _with_gradients(call: Callable[[], Tensor], inputs: list[Tensor]) -> Callable[[], Any]:
    import torch

    def both() -> Any:
        return torch.autograd.grad(call().float().sum(), inputs)

    return both


def _pack(device: torch.device, n_cells: int, rng: np.random.Generator) -> Iterator[Case]:
    import torch

    from scarena.models.foundation.kernels.pack import ENCODINGS, pack, pack_twin

    read = [torch.from_numpy(x).to(device) for x in _counts(n_cells, rng)]
    remap = torch.from_numpy(rng.permutation(_GENES).astype(np.int32)).to(device)
    ordered = torch.arange(_GENES, dtype=torch.int32, device=device)
    medians = torch.rand(_GENES, generator=torch.Generator().manual_seed(0)).to(device) + 0.5
    moved = 8 * len(read[1]) + 8 * n_cells * _LENGTH
    for encoding in ENCODINGS:
        for order, places in (("genes in the vocabulary's order", ordered), ("genes in any order", remap)):

            def run(which: Callable[..., Any], encoding: str = encoding, places: Tensor = places) -> Callable[[], Any]:
                return lambda: which(*read, places, length=_LENGTH, encoding=encoding, medians_V=medians)

            what = f"{encoding}, {order}, {_EXPRESSED} → {_LENGTH} genes"
            if device.type == "cpu":
                yield Case(
                    "pack", f"{what}, compiled for the CPU", n_cells, "cells", moved, 0, run(pack_twin), run(pack)
                )
            else:
                yield Case("pack", what, n_cells, "cells", moved, 0, run(pack_twin), run(pack))
    if device.type == "cpu":
        yield Case("pack", what, n_cells, "cells", moved, 0, run(pack_twin), None)


def _embed(device: torch.device, n_cells: int, rng: np.random.Generator) -> Iterator[Case]:
    import torch

    from scarena.models.foundation.kernels.embed_tokens import embed_tokens, embed_tokens_twin

    n, kind = n_cells * _LENGTH, torch.bfloat16 if device.type == "cuda" else torch.float32
    genes = torch.from_numpy(rng.integers(0, _GENES, n).astype(np.int32)).to(device)
    values = torch.from_numpy(rng.uniform(0, 6, n).astype(np.float32)).to(device)
    table, knots = (
        torch.from_numpy(rng.normal(size=(rows, _WIDTH))).to(device, kind).requires_grad_() for rows in (_GENES, _KNOTS)
    )
    weight = torch.ones(_WIDTH, device=device, requires_grad=True)
    args, learnt = (genes, values, table, knots, 0.1, weight), [table, knots, weight]
    row = _WIDTH * table.element_size()
    gpu = device.type == "cuda"
    for what, wrap, moved in (("forward", False, n * (8 + row)), ("forward and backward", True, n * (16 + 3 * row))):
        calls = [lambda which=which: which(*args) for which in (embed_tokens_twin, embed_tokens)]
        plain, fast = (_with_gradients(call, learnt) if wrap else call for call in calls)
        flops = n * _WIDTH * (30 + 2 * _KNOTS if wrap else 10)
        yield Case("embed_tokens", what, n, "tokens", moved, flops, plain, fast if gpu else None)


def _one_by_one(q: Tensor, k: Tensor, v: Tensor, lengths: list[int]) -> Tensor:
    import torch

    parts = []
    # Split rather than sliced: the gradient of a slice is as large as what it was taken from.
    for cell in zip(*(x.split(lengths) for x in (q, k, v)), strict=True):
        mine, keys, values = (x[None].transpose(1, 2) for x in cell)
        parts.append(torch.nn.functional.scaled_dot_product_attention(mine, keys, values)[0].transpose(0, 1))
    return torch.cat(parts)


def _attention(device: torch.device, n_cells: int, rng: np.random.Generator) -> Iterator[Case]:
    import torch

    from scarena.models.foundation.kernels.attention import MASKS, varlen_attention, varlen_attention_twin

    lengths = np.clip(rng.lognormal(np.log(_LENGTH), 0.4, n_cells), 16, 2 * _LENGTH).astype(np.int64)
    starts, longest, width = _starts(lengths, device), int(lengths.max()), _WIDTH // _HEADS
    gpu = device.type == "cuda"
    kind = torch.bfloat16 if gpu else torch.float32
    shape = (int(lengths.sum()), _HEADS, width)
    q, k, v = (torch.from_numpy(rng.normal(size=shape)).to(device, kind).requires_grad_() for _ in range(3))
    known = torch.from_numpy(lengths // 2).to(device)

    def ours(backend: str, mask: str) -> Callable[[], Tensor]:
        given = {"mask": mask, "known_B": known if mask == "generative" else None, "backend": backend}
        return lambda: varlen_attention(q, k, v, starts, starts, longest, longest, **given)  # type: ignore[arg-type]

    def twin(mask: str) -> Callable[[], Tensor]:
        given = {"mask": mask, "known_B": known if mask == "generative" else None}
        return lambda: varlen_attention_twin(q, k, v, starts, starts, **given)  # type: ignore[arg-type]

    pairs = {"full": lengths**2, "causal": lengths**2 / 2, "generative": lengths * (lengths // 2 + 1)}
    for wrap, what, times, tensors in ((False, "forward", 4, 4), (True, "forward and backward", 14, 8)):

        def end(call: Callable[[], Tensor], wrap: bool = wrap) -> Callable[[], Any]:
            return _with_gradients(call, [q, k, v]) if wrap else call

        moved = tensors * q.numel() * q.element_size()
        for mask in MASKS:
            flops = int(times * _WIDTH * pairs[mask].sum())
            fast = end(ours("triton", mask)) if gpu else None
            yield Case("attention", f"{mask}, {what}", n_cells, "cells", moved, flops, end(twin(mask)), fast)
            if gpu and mask != "generative":
                name = f"{mask}, {what}, torch's varlen against Triton"
                plain = end(ours("triton", mask))
                yield Case("attention", name, n_cells, "cells", moved, flops, plain, end(ours("varlen", mask)))
        if not gpu:
            flops = int(times * _WIDTH * pairs["full"].sum())
            plain = end(lambda: _one_by_one(q, k, v, lengths.tolist()))
            name = f"full, {what}, buckets against cell by cell"
            yield Case("attention", name, n_cells, "cells", moved, flops, plain, end(twin("full")))


def _loss(device: torch.device, n_cells: int, rng: np.random.Generator) -> Iterator[Case]:
    import torch

    from scarena.models.foundation.kernels.nb_loss import nb_loss, nb_loss_twin

    n, width, gpu = n_cells * _LENGTH, _WIDTH // 2, device.type == "cuda"
    kind = torch.bfloat16 if gpu else torch.float32
    cell, table = (
        torch.from_numpy(0.1 * rng.normal(size=(rows, width))).to(device, kind).requires_grad_()
        for rows in (n_cells, _GENES)
    )
    bias, dispersion = (torch.zeros(_GENES, device=device, requires_grad=True) for _ in range(2))
    genes = torch.from_numpy(rng.integers(0, _GENES, n)).to(device)
    counts = torch.from_numpy(rng.poisson(1.0, n).astype(np.float32)).to(device)
    starts = _starts(np.full(n_cells, _LENGTH), device)
    args = (cell, table, bias, dispersion, torch.ones(n_cells, device=device), starts, genes, counts)
    calls = [lambda which=which: which(*args) for which in (nb_loss_twin, nb_loss)]
    plain, fast = (_with_gradients(call, [cell, table, bias, dispersion]) for call in calls)
    moved, flops = 40 * n + 2 * table.numel() * table.element_size(), n * (6 * width + 150)
    yield Case("nb_loss", "forward and backward", n, "targets", moved, flops, plain, fast if gpu else None)


def _neighbors(device: torch.device, n_cells: int, rng: np.random.Generator) -> Iterator[Case]:
    import torch

    from scarena.models.foundation.kernels.knn import nearest, nearest_twin

    x = torch.from_numpy(rng.normal(size=(n_cells, 50)).astype(np.float32)).to(device)
    plain, fast = (lambda which=which: which(x, 15) for which in (nearest_twin, nearest))
    yield Case(
        "knn", "15 nearest at 50 dimensions", n_cells, "cells", x.nbytes + n_cells * 15 * 12, 100 * n_cells**2,
        plain, fast if device.type == "cuda" else None,
    )  # fmt: skip


# Cells of a call: on a GPU enough that the inputs leave its cache, on a CPU that a call takes seconds at most.
_CASES: dict[str, tuple[Callable[[Any, int, np.random.Generator], Iterator[Case]], int, int]] = {
    "pack": (_pack, 32_768, 2_048),
    "embed_tokens": (_embed, 2_048, 32),
    "attention": (_attention, 512, 32),
    "nb_loss": (_loss, 2_048, 64),
    "knn": (_neighbors, 100_000, 4_000),
}


def measured(case: Case, device: torch.device, repeats: int) -> dict[str, Any]:
    """Return one row: seconds a call of both, their ratio, and the faster's rate."""
    tell(f"timing {case.kernel}: {case.what}")
    plain = _seconds(case.plain, device, repeats)
    row: dict[str, Any] = {"kernel": case.kernel, "what": case.what, "device": str(device), "twin_s": plain}
    if case.fast is None:
        return {
            **row,
            "state": _NO_GPU,
            "kernel_s": None,
            "ratio": None,
            "rate": case.amount / plain,
            "unit": case.unit,
        }
    fast = _seconds(case.fast, device, repeats)
    done = {"kernel_s": fast, "ratio": plain / fast, "rate": case.amount / fast, "unit": case.unit}
    return {**row, "state": "ok", **done, "gb_per_s": case.moved / fast / 1e9, "tflop_per_s": case.flops / fast / 1e12}


def time_kernels(
    *, kernels: tuple[str, ...] = (), device: str | None = None, seed: int = 0, repeats: int = 7, scale: float = 1.0
) -> dict[str, Any]:
    """Measure the kernels named, by default all, and return rows, hardware and versions.

    Parameters
    ----------
    kernels
        Of ``pack``, ``embed_tokens``, ``attention``, ``nb_loss``, ``knn``.
    device
        ``cuda`` or ``cpu``; by default a GPU if there is one.
    seed
        Of the inputs.
    repeats
        Timed calls of each side; the median counts.
    scale
        Of the number of cells.

    Returns
    -------
    dict
        ``rows``, one a kernel and case: ``kernel``, ``what``, ``device``, ``state`` ("ok" or why there is no figure),
        ``twin_s``, ``kernel_s``, ``ratio`` (above one: the kernel is faster), ``rate`` in ``unit`` a second (the twin's
        where there is no kernel), ``gb_per_s`` and ``tflop_per_s`` from the least that must be moved and computed.
    """
    import torch

    if unknown := sorted(set(kernels) - set(_CASES)):
        raise ConfigError(f"{unknown[0]!r} is no kernel", where="bench kernels", fix=f"use {', '.join(_CASES)}")
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    rows = []
    for name, (cases, on_gpu, on_cpu) in _CASES.items():
        if kernels and name not in kernels:
            continue
        n_cells = max(2, int(scale * (on_gpu if where.type == "cuda" else on_cpu)))
        rows += [measured(case, where, repeats) for case in cases(where, n_cells, np.random.default_rng(seed))]
    kept: dict[str, str | None] = {
        key: value for key, value in versions().items() if key in ("python", "numpy", "torch", "scarena")
    }
    kept["triton"] = version("triton") if find_spec("triton") else None
    machine = {**hardware(), "gpu": torch.cuda.get_device_name() if where.type == "cuda" else None}
    return {"rows": rows, "threads": torch.get_num_threads(), "hardware": machine, "versions": kept}


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Return the table: a row a kernel and case."""
    return [
        [
            row["kernel"], row["what"], row["state"], *(_milliseconds(row[key]) for key in ("twin_s", "kernel_s")),
            "" if row["ratio"] is None else f"{row['ratio']:.2f} ×", f"{row['rate']:,.0f} {row['unit']}/s",
        ]
        for row in found["rows"]
    ]  # fmt: skip


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:.1f}"
