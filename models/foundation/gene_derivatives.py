"""How a cell's vector changes with the values it is read from, token by token, by reverse-mode differentiation.

Shapes: B cells, T tokens of all of them, D model width, K knots, E width of the decoder's gene table, Z width of the
embedding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from scarena.base.errors import NotApplicable
from scarena.models.foundation.model import Spans, Transformer
from scarena.models.foundation.packed import Packed

if TYPE_CHECKING:
    from scarena.models.foundation.model import FoundationModel


def cell_derivatives(model: FoundationModel, tokens: Packed, depth_B: Tensor) -> Tensor:
    """Return the derivative of each cell's vector in the decoder, cell_E, by the value of each of its tokens, [T, E].

    Parameters
    ----------
    model
        In eval mode.
    tokens
        All expressed genes of some cells, on the model's device.
    depth_B
        Their counts.

    Raises
    ------
    NotApplicable
        If the tokens' values are bins or ranks.
    """
    values_T = tokens.values_T.detach().clone().to(model.decoder.genes.weight.dtype).requires_grad_()
    z_BZ = _vectors(model, Packed(tokens.genes_T, values_T, tokens.starts_B1, tokens.longest))
    group_B = torch.full((tokens.n_cells,), model.config.n_groups, device=values_T.device)
    cell_BE = model.decoder(z_BZ, (torch.log1p(depth_B) / 10).to(values_T.dtype), group_B)
    # The sum over cells: a cell's vector depends on its own tokens alone.
    columns = [
        torch.autograd.grad(total, values_T, retain_graph=True, materialize_grads=True)[0] for total in cell_BE.sum(0)
    ]
    return torch.stack(columns, dim=1)


def _vectors(model: FoundationModel, cells: Packed) -> Tensor:
    """Return z_BZ with a gradient to the values, which the tokens' kernel does not give."""
    encoder = model.encoder
    if not isinstance(encoder, Transformer):
        return encoder(cells)
    if encoder.encoding != "continuous":
        fix = "use a model with continuous values, or score by attention"
        raise NotApplicable(f"tokens are read as {encoder.encoding}", where="cell_derivatives", fix=fix)
    tokens = encoder.highest(cells)
    knots_KD, step = encoder.values.knots, encoder.values.step
    # One knot further: the first one is for values that are hidden.
    at_T1 = (tokens.values_T / step + 1).clamp(0, len(knots_KD) - 1)[:, None]
    low_T = at_T1.detach()[:, 0].long().clamp(max=len(knots_KD) - 2)
    share_T1 = at_T1 - low_T[:, None]
    x_TD = encoder.gene_table()[tokens.genes_T] + (1 - share_T1) * knots_KD[low_T] + share_T1 * knots_KD[low_T + 1]
    x_TD = x_TD * torch.rsqrt(x_TD.square().mean(-1, keepdim=True) + 1e-6) * encoder.norm_in
    spans = Spans(tokens.starts_B1, tokens.longest)
    known_B = tokens.starts_B1.diff() if encoder.mask == "generative" else None
    for block in encoder.blocks:
        x_TD = block(x_TD, spans, encoder.mask, known_B)
    return encoder.bag(cells) + encoder.readout(x_TD, spans)
