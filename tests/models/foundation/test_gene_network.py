"""Scores of pairs of genes are what the model's own attention and finite differences say."""

import itertools

import numpy as np
import pytest
import torch
from anndata import AnnData
from scipy.sparse import csr_matrix
from torch import nn

from scarena.base.errors import ConfigError, DataError, NotApplicable
from scarena.models.foundation.gene_derivatives import cell_derivatives
from scarena.models.foundation.gene_network import attention_network, jacobian_network, top_genes
from scarena.models.foundation.kernels.attention import varlen_attention
from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.packed import Packed, encoded, narrowed
from scarena.models.foundation.tokenize import over_vocabulary, tokens_of

N_GENES = 40
TINY = {
    "n_genes": N_GENES, "n_groups": 2, "gene_width": 6, "width": 32, "layers": 2, "feed_forward": 48, "embedding": 12,
    "length": 16,
}  # fmt: skip
KINDS = {
    "bag": {"kind": "bag"},
    "masked": {},
    "causal": {"family": "causal", "encoding": "rank"},
    "generative": {"family": "generative"},
}
GENES = [f"ENSG{i:011d}" for i in range(N_GENES)]
MEASURED = GENES[:30]


def model_of(kind, **more):
    return initialised(FoundationConfig(**{**TINY, **KINDS[kind], **more}), 0).eval()


@pytest.fixture
def data(make_types):
    """Counts of genes that the vocabulary has, in another order, and of one that it does not have."""
    counts = make_types(n_cells=24, n_genes=31, groups=1)
    data = AnnData(csr_matrix(counts.astype(np.int32)))
    data.var_names = [*MEASURED[::-1], "ENSG99999999999"]
    data.obs_names = [f"c{i}" for i in range(24)]
    return data


def tokens_for(model, data, length=None):
    tokens = tokens_of(over_vocabulary(data, GENES), N_GENES, "continuous")
    return tokens if length is None else narrowed(tokens, length)


def attention_by_one_hot_values(model, data, block):
    """Return attention [cells][query gene, key gene]: what the model's own kernel makes of values that are places."""
    encoder, found = model.encoder, []
    read = encoded(tokens_for(model, data, encoder.length), encoder.encoding)
    kept = {}
    attention = encoder.blocks[block].attention
    hooks = [
        layer.register_forward_hook(lambda _, given, made, name=name: kept.__setitem__(name, made))
        for name, layer in (("q", attention.norm_q), ("k", attention.norm_k))
    ]
    with torch.no_grad():
        encoder.embedded(read)
        for hook in hooks:
            hook.remove()
        starts = read.starts_B1.tolist()
        for first, last in itertools.pairwise(starts):
            size = last - first
            ends = torch.tensor([0, size], dtype=torch.int32)
            # As wide as a head, which is why no cell has more tokens than that.
            places_SHK = torch.eye(size, 16)[:, None, :].expand(size, attention.heads, 16)
            known = {"known_B": torch.tensor([size])} if encoder.mask == "generative" else {}
            weights_THK = varlen_attention(
                kept["q"][first:last], kept["k"][first:last], places_SHK.contiguous(), ends, ends, size, size,
                mask=encoder.mask, backend="torch", **known,
            )  # fmt: skip
            found.append((read.genes_T[first:last].tolist(), weights_THK.mean(1)[:, :size].numpy()))
    return found


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "bag"])
@pytest.mark.parametrize("block", [0, 1, None])
def test_attention_is_what_the_models_kernel_gives_to_values_that_are_places(kind, block, data):
    model = model_of(kind)
    found = attention_network(model, data, GENES, among=MEASURED, block=block, n_pairs=10_000, fewest=1)
    blocks = [block] if block is not None else [0, 1]
    sums, cells = np.zeros((N_GENES, N_GENES)), np.zeros((N_GENES, N_GENES))
    for each in blocks:
        for genes, weights in attention_by_one_hot_values(model, data, each):
            sums[np.ix_(genes, genes)] += weights / len(blocks)
            cells[np.ix_(genes, genes)] += 1 / len(blocks)
    place = {gene: number for number, gene in enumerate(GENES)}
    at = [place[gene] for gene in found["source"]], [place[gene] for gene in found["target"]]
    np.testing.assert_allclose(found["score"], sums[at] / cells[at], atol=1e-6)
    np.testing.assert_array_equal(found["cells"], cells[at].round())
    wanted = (cells > 0) & ~np.eye(N_GENES, dtype=bool)
    assert len(found) == wanted.sum()
    assert found["score"].is_monotonic_decreasing


@pytest.mark.parametrize("kind", ["masked", "causal"])
def test_the_attention_of_a_gene_to_all_in_its_cell_is_one(kind, data):
    data = data[:1].copy()
    model = model_of(kind, length=64)
    found = attention_network(model, data, GENES, among=MEASURED, n_pairs=10_000, fewest=1)
    to_others = found.groupby("source")["score"].sum()
    assert (to_others < 1).all()
    assert to_others.max() > 0.5


def test_hooks_are_gone_and_the_model_is_as_it_was(data):
    model = model_of("masked")
    attention_network(model, data, GENES, among=MEASURED)
    assert not any(layer._forward_pre_hooks for layer in model.modules())


@pytest.mark.parametrize("network", [attention_network, jacobian_network])
def test_genes_that_are_not_measured_or_rarely_seen_are_not_scored(network, data):
    model = model_of("masked")
    named = network(model, data, GENES, among=[*GENES[:5], GENES[35], "x"], n_pairs=1000, fewest=1)
    assert set(named["source"]) == set(named["target"]) == set(GENES[:5])
    all_pairs = network(model, data, GENES, among=MEASURED, n_pairs=1000, fewest=1)
    few = network(model, data, GENES, among=MEASURED, n_pairs=1000, fewest=20)
    assert len(few) < len(all_pairs)
    assert few["cells"].min() >= 20
    assert (all_pairs["source"] != all_pairs["target"]).all()
    assert len(network(model, data, GENES, among=MEASURED, n_pairs=7)) == 7
    with pytest.raises(DataError, match="1 of 2 genes are measured"):
        network(model, data, GENES, among=[GENES[0], GENES[35]])


def test_what_a_model_does_not_have_is_said(data):
    with pytest.raises(NotApplicable, match="a bag has no attention"):
        attention_network(model_of("bag"), data, GENES, among=MEASURED)
    with pytest.raises(ConfigError, match="no block 2"):
        attention_network(model_of("masked"), data, GENES, among=MEASURED, block=2)
    for more in ({"encoding": "bins"}, KINDS["causal"]):
        with pytest.raises(NotApplicable, match="tokens are read as"):
            jacobian_network(model_of("masked", **more), data, GENES, among=MEASURED)


@pytest.mark.parametrize(("kind", "length"), [("bag", 64), ("masked", 64), ("masked", 16), ("generative", 64)])
def test_derivatives_are_finite_differences(kind, length, data):
    model = model_of(kind, length=length)
    tokens = tokens_for(model, data[:3].copy())
    depth_B = torch.tensor([50.0, 80.0, 90.0])
    found = cell_derivatives(model, tokens, depth_B).double()

    @torch.no_grad()
    def cell(values_T):
        packed = Packed(tokens.genes_T, values_T, tokens.starts_B1, tokens.longest)
        group = torch.full((3,), model.config.n_groups)
        return model.decoder(model.encoder(packed), torch.log1p(depth_B) / 10, group).double()

    cell_of, step, checked = tokens.cell_of(), 0.02, 0
    for token, value in enumerate(tokens.values_T.tolist()):
        if not smooth_at(value, tokens.values_T[cell_of == cell_of[token]], model, 1.5 * step):
            continue
        change_T = step * torch.nn.functional.one_hot(torch.tensor(token), len(tokens.genes_T))
        expected = (cell(tokens.values_T + change_T) - cell(tokens.values_T - change_T))[cell_of[token]] / (2 * step)
        torch.testing.assert_close(found[token], expected, atol=0.02 * float(found.abs().max()), rtol=2e-2)
        checked += 1
    assert checked > 20
    assert found.abs().max() > 1e-3


def smooth_at(value, values_of_cell, model, margin):
    """Return whether a token's value is not near a knot, and not near where it would be read or no longer be."""
    if model.config.kind == "bag":
        return True
    knots, length = model.encoder.values.step, model.config.length
    ranked = values_of_cell.sort(descending=True).values
    edges = ranked[length - 1 : length + 1].tolist() if len(ranked) > length else []
    return margin < value % knots < knots - margin and all(abs(value - edge) > margin for edge in edges)


class LinearEncoder(nn.Module):
    def __init__(self, table_VZ):
        super().__init__()
        self.table_VZ = table_VZ

    def forward(self, cells):
        weighted = self.table_VZ[cells.genes_T.long()] * cells.values_T[:, None]
        return torch.zeros(cells.n_cells, weighted.shape[1]).index_add(0, cells.cell_of(), weighted)


class LinearDecoder(nn.Module):
    def __init__(self, genes, map_ZE):
        super().__init__()
        self.genes, self.map_ZE = genes, map_ZE

    def forward(self, z_BZ, log_depth_B, group_B):
        return z_BZ @ self.map_ZE


def test_on_a_linear_model_the_score_is_the_product_of_its_matrices(data):
    model, generator = model_of("bag"), torch.Generator().manual_seed(0)
    table_VZ, map_ZE = torch.randn(N_GENES, 12, generator=generator), torch.randn(12, 6, generator=generator)
    model.encoder, model.decoder = LinearEncoder(table_VZ), LinearDecoder(model.decoder.genes, map_ZE)
    expected = (table_VZ @ map_ZE @ model.decoder.genes.weight.T).detach().numpy()
    found = jacobian_network(model, data, GENES, among=MEASURED, n_pairs=10_000, fewest=1)
    place = {gene: number for number, gene in enumerate(GENES)}
    at = [place[gene] for gene in found["source"]], [place[gene] for gene in found["target"]]
    np.testing.assert_allclose(found["score"], expected[at], rtol=1e-4, atol=1e-5)
    assert found["score"].abs().is_monotonic_decreasing
    assert (found["score"] < 0).any()
    expressing = dict(zip(data.var_names, (data.X > 0).toarray().sum(0), strict=True))
    assert list(found["cells"]) == [expressing[gene] for gene in found["source"]]


def test_scores_do_not_depend_on_how_cells_are_cut_into_chunks(data, monkeypatch):
    from scarena.models.foundation import gene_network

    for network in (attention_network, jacobian_network):
        whole = network(model_of("masked"), data, GENES, among=MEASURED, n_pairs=1000)
        with monkeypatch.context() as patched:
            patched.setattr(gene_network, "_TOKENS", 1)
            alone = network(model_of("masked"), data, GENES, among=MEASURED, n_pairs=1000)
        keys = ["source", "target"]
        joined = whole.set_index(keys).join(alone.set_index(keys), rsuffix="_alone", how="outer")
        np.testing.assert_allclose(joined["score"], joined["score_alone"], atol=1e-5)
        assert (joined["cells"] == joined["cells_alone"]).all()


def test_top_genes_vary_most_and_are_those_of_the_vocabulary(data):
    found = top_genes(data, GENES, 5)
    counts = data.X.toarray().astype(float)
    values = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)
    variance = dict(zip(data.var_names, values.var(axis=0), strict=True))
    del variance["ENSG99999999999"]
    assert found == sorted(sorted(variance, key=variance.get)[-5:])
    data.X = csr_matrix(np.where(np.arange(31) == 0, 0, data.X.toarray()))
    assert data.var_names[0] not in top_genes(data, GENES, 1000)
