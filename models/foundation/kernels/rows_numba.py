"""What a frozen transformer does between its matrix products on the CPU: one pass over the rows for each of it.

PyTorch reads and writes the tokens some eight times for a norm, four for a gate. Rows are float32, or bfloat16 held as
uint16 (`half`), which is computed in float32 and rounded to the nearest even. Every row is computed by itself, so that
neither the rows beside it nor the number of threads change it.

Shapes: R rows (tokens and padding), T tokens, V genes of the vocabulary, N knots, D model width, P parts of one
projection, H heads, K head width, F feed-forward width, L rows of a block, B cells, M latents.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

# NaN keeps its meaning: of "fast", only what lets sums be vectorised and products be fused with them.
_FAST = {"contract", "reassoc", "nsz"}
_LOG2_E = np.float32(math.log2(math.e))
# 2 ** f = sum of (f log 2) ** i / i!, for f in [0, 1) to 1e-7 of it with eight terms.
_P1, _P2, _P3, _P4, _P5, _P6, _P7 = (np.float32(math.log(2) ** i / math.factorial(i)) for i in range(1, 8))
_LEAST, _MOST = np.float32(-127), np.float32(126)


@njit(cache=True, nogil=True, inline="always")
def _read(row: np.ndarray, half: bool, to: np.ndarray, bits: np.ndarray) -> None:
    """Fill float32 `to`, whose bits are `bits`, with a row."""
    if half:
        for i in range(len(row)):
            bits[i] = np.uint32(row[i]) << np.uint32(16)
    else:
        for i in range(len(row)):
            to[i] = row[i]


@njit(cache=True, nogil=True, inline="always")
def _write(given: np.ndarray, bits: np.ndarray, half: bool, row: np.ndarray) -> None:
    """Fill a row with float32 `given`, whose bits are `bits`."""
    if half:
        for i in range(len(row)):
            odd = (bits[i] >> np.uint32(16)) & np.uint32(1)
            row[i] = (bits[i] + np.uint32(0x7FFF) + odd) >> np.uint32(16)
    else:
        for i in range(len(row)):
            row[i] = given[i]


@njit(cache=True, nogil=True, inline="always", fastmath=_FAST, error_model="numpy")
def _scale(x: np.ndarray, eps: float) -> np.float32:
    """Return what the values of a row are multiplied with for a mean square of one."""
    squares = np.float32(0)
    for i in range(len(x)):
        squares += x[i] * x[i]
    return np.float32(1) / np.sqrt(squares / np.float32(len(x)) + np.float32(eps))


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _exponentials(x: np.ndarray, shift: np.float32, power: np.ndarray) -> np.float32:
    """Replace x by exp(x − shift), up to 2¹²⁷, and zero below 2⁻¹²⁶; return the sum.

    `power` is int32 scratch, at least as long.
    """
    two_to = power.view(np.float32)
    for i in range(len(x)):
        y = min(max((x[i] - shift) * _LOG2_E, _LEAST), _MOST)
        whole = np.floor(y)
        f = y - whole
        power[i] = (np.int32(whole) + np.int32(127)) << np.int32(23)
        x[i] = f * (_P1 + f * (_P2 + f * (_P3 + f * (_P4 + f * (_P5 + f * (_P6 + f * _P7))))))
    total = np.float32(0)
    for i in range(len(x)):
        x[i] = two_to[i] + two_to[i] * x[i]
        total += x[i]
    return total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _weights(x: np.ndarray, power: np.ndarray) -> np.float32:
    """Replace x by the exponentials of what it is less than its highest, and return their sum; `power` as above."""
    # As integers, bits are in the order of the numbers but for the sign: a maximum of these is vectorised.
    bits, highest = x.view(np.int32), np.int32(-(1 << 31))
    for i in range(len(x)):
        highest = max(highest, bits[i] ^ ((bits[i] >> np.int32(31)) & np.int32(0x7FFFFFFF)))
    power[0] = highest ^ ((highest >> np.int32(31)) & np.int32(0x7FFFFFFF))
    return _exponentials(x, power.view(np.float32)[0], power)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def token_rows(
    genes_T: np.ndarray, values_T: np.ndarray, row_T: np.ndarray, table_VD: np.ndarray, knots_ND: np.ndarray,
    step: float, weight_D: np.ndarray, eps: float, x_RD: np.ndarray,
) -> None:  # fmt: skip
    """Write what `embed_tokens` returns for tokens to their rows, the first knot for values below zero."""
    last, width, apart = np.float32(len(knots_ND) - 1), len(weight_D), np.float32(step)
    for t in range(len(genes_T)):
        at = np.float32(0)
        if values_T[t] >= 0:
            at = min((values_T[t] + apart) / apart, last)
        low = int(at)
        share, gene, x_D = at - np.float32(low), table_VD[genes_T[t]], x_RD[row_T[t]]
        below, above = knots_ND[low], knots_ND[min(low + 1, len(knots_ND) - 1)]
        for i in range(width):
            x_D[i] = gene[i] + (np.float32(1) - share) * below[i] + share * above[i]
        scale = _scale(x_D, eps)
        for i in range(width):
            x_D[i] *= scale * weight_D[i]


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def add_and_norm(
    x_RD: np.ndarray, more_RD: np.ndarray, half: bool, weight_D: np.ndarray, eps: float, y_RD: np.ndarray
) -> None:
    """Add `more_RD` to the float32 rows, where it has any, and write their RMSNorm to `y_RD`."""
    width = x_RD.shape[1]
    held = np.empty(width, np.float32)
    bits = held.view(np.uint32)
    for r in range(len(x_RD)):
        x_D = x_RD[r]
        if len(more_RD):
            _read(more_RD[r], half, held, bits)
            for i in range(width):
                x_D[i] += held[i]
        scale = _scale(x_D, eps)
        for i in range(width):
            held[i] = x_D[i] * scale * weight_D[i]
        _write(held, bits, half, y_RD[r])


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def normed_heads(u_RX: np.ndarray, half: bool, weight_PK: np.ndarray, eps: float, out_PHRK: np.ndarray) -> None:
    """Write every head of every part of the rows, P H K numbers each, to a place of its own after its RMSNorm."""
    parts, heads, n_rows, width = out_PHRK.shape
    held = np.empty(u_RX.shape[1], np.float32)
    bits = held.view(np.uint32)
    for r in range(n_rows):
        _read(u_RX[r], half, held, bits)
        for part in range(parts):
            weight = weight_PK[part]
            for head in range(heads):
                at = (part * heads + head) * width
                mine = held[at : at + width]
                scale = _scale(mine, eps)
                for i in range(width):
                    mine[i] *= scale * weight[i]
                _write(mine, bits[at : at + width], half, out_PHRK[part, head, r])


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def softmax_of_spans(
    score_LL: np.ndarray, half: bool, first_L: np.ndarray, last_L: np.ndarray, total_L: np.ndarray
) -> None:
    """Replace each row's scores from its first to before its last column by their softmax times `total_L`.

    All other columns get zero, `total_L` what the weights add up to, and one in a row without columns.
    """
    length = score_LL.shape[1]
    held, power = np.empty(length, np.float32), np.empty(length, np.int32)
    bits = held.view(np.uint32)
    for r in range(len(score_LL)):
        first, last = first_L[r], last_L[r]
        _read(score_LL[r], half, held, bits)
        total_L[r] = _weights(held[first:last], power) if last > first else 1
        held[:first] = 0
        held[last:] = 0
        _write(held, bits, half, score_LL[r])


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def divided(x_LK: np.ndarray, half: bool, total_L: np.ndarray, out_LK: np.ndarray) -> None:
    """Write the rows divided by their totals."""
    held = np.empty(x_LK.shape[1], np.float32)
    bits = held.view(np.uint32)
    for r in range(len(x_LK)):
        _read(x_LK[r], half, held, bits)
        share = np.float32(1) / total_L[r]
        for i in range(len(held)):
            held[i] *= share
        _write(held, bits, half, out_LK[r])


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def swiglu(u_RX: np.ndarray, half: bool, out_RF: np.ndarray) -> None:
    """Write silu(a) b for rows that are a, then b."""
    width = out_RF.shape[1]
    gate, value = np.empty(width, np.float32), np.empty(width, np.float32)
    small, power = np.empty(width, np.float32), np.empty(width, np.int32)
    gate_bits, value_bits = gate.view(np.uint32), value.view(np.uint32)
    for r in range(len(out_RF)):
        _read(u_RX[r, :width], half, gate, gate_bits)
        _read(u_RX[r, width:], half, value, value_bits)
        for i in range(width):
            small[i] = -gate[i]
        _exponentials(small, np.float32(0), power)
        for i in range(width):
            value[i] *= gate[i] / (np.float32(1) + small[i])
        _write(value, value_bits, half, out_RF[r])


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def pooled(
    score_HRM: np.ndarray, y_RD: np.ndarray, half: bool, start_B: np.ndarray, size_B: np.ndarray, out_BHMD: np.ndarray
) -> None:
    """Write each cell's rows averaged with the softmax of their scores as weights; zeros for a cell without rows."""
    n_cells, heads, latents, width = out_BHMD.shape
    longest = size_B.max() if n_cells else 0
    held = np.empty(width, np.float32)
    bits = held.view(np.uint32)
    share_XL, power = np.empty((heads * latents, longest), np.float32), np.empty(longest, np.int32)
    for b in range(n_cells):
        first, n = start_B[b], size_B[b]
        out_XD = out_BHMD[b].reshape(heads * latents, width)
        out_XD[:] = 0
        for head in range(heads):
            for m in range(latents):
                share = share_XL[head * latents + m, :n]
                for i in range(n):
                    share[i] = score_HRM[head, first + i, m]
                if n:
                    scale = np.float32(1) / _weights(share, power)
                    for i in range(n):
                        share[i] *= scale
        for i in range(n):
            _read(y_RD[first + i], half, held, bits)
            for x in range(heads * latents):
                weight = share_XL[x, i]
                for d in range(width):
                    out_XD[x, d] += weight * held[d]
