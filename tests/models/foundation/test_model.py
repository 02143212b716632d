"""A vector is a function of a cell's set of tokens: not of their order, nor of the cells beside it."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from scarena.models.foundation.model import SIZES, FoundationConfig, Sizes, flops_of_a_cell, initialised
from scarena.models.foundation.packed import Packed, narrowed

N_GENES = 60
TINY = {
    "n_genes": N_GENES,
    "n_groups": 2,
    "gene_width": 8,
    "width": 32,
    "layers": 2,
    "feed_forward": 48,
    "embedding": 12,
}
KINDS = {
    "bag": {"kind": "bag"},
    "masked": {},
    "bins": {"encoding": "bins"},
    "causal": {"family": "causal", "encoding": "rank"},
    "generative": {"family": "generative"},
}


def model_of(kind, seed=0, **more):
    return initialised(FoundationConfig(**{**TINY, **KINDS[kind], **more}), seed).eval()


def select(cells, order):
    """Return the cells with their tokens, or the cells themselves, in another order."""
    starts = cells.starts_B1.tolist()
    rows = [torch.arange(starts[cell], starts[cell + 1]) for cell in order]
    at = torch.cat(rows)
    sizes = torch.tensor([0, *map(len, rows)])
    return Packed(cells.genes_T[at], cells.values_T[at], sizes.cumsum(0).int(), cells.longest)


@pytest.fixture
def cells(make_random):
    return make_random([5, 0, 17, 1, 9], N_GENES)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_the_order_of_a_cells_tokens_changes_nothing(kind, cells):
    encoder, generator = model_of(kind).encoder, torch.Generator().manual_seed(0)
    order = torch.argsort(cells.cell_of() + torch.rand(len(cells.genes_T), generator=generator))
    mixed = Packed(cells.genes_T[order], cells.values_T[order], cells.starts_B1, cells.longest)
    assert not torch.equal(mixed.genes_T, cells.genes_T)
    torch.testing.assert_close(encoder(mixed), encoder(cells), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_cells_company_and_place_change_nothing(kind, cells):
    encoder = model_of(kind).encoder
    together = encoder(cells)
    order = [3, 2, 4, 1, 0]
    torch.testing.assert_close(encoder(select(cells, order)), together[order], atol=1e-5, rtol=1e-5)
    for cell in range(cells.n_cells):
        alone = encoder(select(cells, [cell]))
        torch.testing.assert_close(alone[0], together[cell], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_every_gene_and_every_value_reaches_the_vector(kind, make_packed):
    encoder = model_of(kind).encoder
    genes, values = [3, 11, 40, 55], [1.0, 2.0, 3.0, 4.0]
    plain = encoder(make_packed([(genes, values)]))
    for place in range(4):
        other = [7 if at == place else gene for at, gene in enumerate(genes)]
        assert (encoder(make_packed([(other, values)])) - plain).abs().max() > 1e-3, "gene"
        # Far enough to change a rank too.
        changed = [5.5 - value if at == place else value for at, value in enumerate(values)]
        assert (encoder(make_packed([(genes, changed)])) - plain).abs().max() > 1e-3, "value"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "bag"])
@torch.no_grad()
def test_tokens_and_bag_each_carry_genes_to_the_vector(kind, make_packed):
    encoder = model_of(kind).encoder
    one, other = make_packed([([3, 11], [1.0, 2.0])]), make_packed([([3, 12], [1.0, 2.0])])
    plain = encoder(one, one)
    assert (encoder(one, other) - plain).abs().max() > 1e-3
    assert (encoder(other, one) - plain).abs().max() > 1e-3


@torch.no_grad()
def test_a_transformer_reads_the_highest_tokens_where_none_are_given(make_packed):
    encoder = model_of("masked", length=2).encoder
    cells, highest = make_packed([([3, 11, 40], [1.0, 3.0, 2.0])]), make_packed([([11, 40], [3.0, 2.0])])
    torch.testing.assert_close(encoder(cells), encoder(cells, highest))


@torch.no_grad()
def test_tokens_of_a_causal_model_do_not_see_those_after_them(make_packed):
    encoder = model_of("causal").encoder
    genes = [3, 11, 40, 55, 2]
    plain = encoder.embedded(make_packed([(genes, [0.0, 1, 2, 3, 4])]))
    changed = encoder.embedded(make_packed([([*genes[:3], 9, 8], [0.0, 1, 2, 3, 4])]))
    torch.testing.assert_close(changed[:3], plain[:3])
    assert (changed[3:] - plain[3:]).abs().amax(1).min() > 1e-3
    earlier = encoder.embedded(make_packed([([9, *genes[1:]], [0.0, 1, 2, 3, 4])]))
    assert (earlier - plain).abs().amax(1).min() > 1e-5


@torch.no_grad()
def test_known_tokens_of_a_generative_model_do_not_see_hidden_ones_which_see_them_but_not_each_other(make_packed):
    encoder, known = model_of("generative").encoder, torch.tensor([3])
    genes, values = [3, 11, 40, 55, 2], [1.0, 2.0, 3.0, -1.0, -1.0]
    plain = encoder.embedded(make_packed([(genes, values)]), known)
    hidden = encoder.embedded(make_packed([([*genes[:3], 9, 2], values)]), known)
    torch.testing.assert_close(hidden[:3], plain[:3])
    torch.testing.assert_close(hidden[4], plain[4])
    assert (hidden[3] - plain[3]).abs().max() > 1e-3
    shown = encoder.embedded(make_packed([([9, *genes[1:]], values)]), known)
    assert (shown - plain).abs().amax(1).min() > 1e-5


@torch.no_grad()
def test_what_a_hidden_value_was_is_not_seen_and_a_value_of_zero_is_no_hidden_one(make_packed):
    encoder = model_of("masked").encoder
    minus, far, zero = (encoder.embedded(make_packed([([3, 11], [value, 1.0])])) for value in (-1.0, -7.0, 0.0))
    torch.testing.assert_close(minus, far)
    assert (zero - minus).abs().max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_cells_without_tokens_and_no_cells_are_no_error(kind, make_packed):
    encoder = model_of(kind).encoder
    found = encoder(make_packed([([], []), ([], [])]))
    assert found.shape == (2, 12)
    assert torch.isfinite(found).all()
    assert torch.equal(found[0], found[1])
    assert encoder(make_packed([])).shape == (0, 12)


@torch.no_grad()
def test_known_features_make_the_bag_project_expression_on_them(cells):
    for kind in ("bag", "masked"):
        model = model_of(kind)
        features = torch.randn(N_GENES, 5, generator=torch.Generator().manual_seed(0))
        rest = model.encoder.bag.table[:, 5:].clone()
        model.know_genes(features)
        expression = torch.zeros(cells.n_cells, N_GENES)
        expression[cells.cell_of(), cells.genes_T.long()] = cells.values_T
        projected = torch.nn.functional.normalize(expression, dim=1) @ features
        torch.testing.assert_close(model.encoder.bag(cells)[:, :5], projected, atol=1e-5, rtol=1e-5)
        assert torch.equal(model.encoder.bag.table[:, 5:], rest)
        model.know_genes(torch.ones(N_GENES, 99))
        assert (model.encoder.bag.table == 1 / 16).all()


def with_weights(kind, **more):
    """Return a model whose genes have weights from .02 to 7."""
    model = model_of(kind, gene_weights=True, **more)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        model.encoder.bag.log_weight.copy_(4 * torch.rand(N_GENES, generator=generator) - 2)
    return model


@torch.no_grad()
def test_weights_of_genes_come_before_a_cells_length(cells):
    for kind in ("bag", "masked"):
        bag = with_weights(kind).encoder.bag
        expression = torch.zeros(cells.n_cells, N_GENES)
        expression[cells.cell_of(), cells.genes_T.long()] = cells.values_T
        weighted = torch.nn.functional.normalize(expression * bag.log_weight.exp(), dim=1) * bag.SCALE
        torch.testing.assert_close(bag(cells), weighted @ bag.table, atol=1e-5, rtol=1e-5)
        scaled = cells.values_T * bag.log_weight.exp()[cells.genes_T]
        length_B = torch.zeros(cells.n_cells).index_add_(0, cells.cell_of(), scaled**2).sqrt()
        summed = torch.zeros(cells.n_cells, bag.table.shape[1]).index_add_(
            0, cells.cell_of(), cells.values_T[:, None] * bag.vectors()[cells.genes_T]
        )
        torch.testing.assert_close(bag(cells), summed * bag.SCALE / length_B.clamp(min=1e-6)[:, None])


@torch.no_grad()
def test_weights_of_one_change_nothing(cells):
    for kind in KINDS:
        plain, weighted = model_of(kind, length=6), model_of(kind, length=6, gene_weights=True)
        weights = plain.state_dict() | {"encoder.bag.log_weight": torch.zeros(N_GENES)}
        weighted.load_state_dict(weights)
        assert torch.equal(weighted.encoder(cells), plain.encoder(cells))


@torch.no_grad()
def test_a_transformer_reads_the_genes_that_are_worth_most(cells):
    encoder = with_weights("masked", length=6).encoder
    expression = torch.zeros(cells.n_cells, N_GENES)
    expression[cells.cell_of(), cells.genes_T.long()] = cells.values_T.expm1()
    worth = expression * encoder.bag.weights()
    read = encoder.highest(cells)
    for cell, (first, last) in enumerate(zip(read.starts_B1[:-1], read.starts_B1[1:], strict=True)):
        wanted = worth[cell].topk(6).indices[: int((worth[cell] > 0).sum())]
        assert sorted(read.genes_T[first:last].tolist()) == sorted(wanted.tolist())
    assert not torch.equal(read.genes_T, narrowed(cells, 6).genes_T)


def test_a_gene_learns_its_weight(cells):
    for kind in ("bag", "masked"):
        model = with_weights(kind)
        model.encoder(cells).square().sum().backward()
        seen = torch.zeros(N_GENES, dtype=torch.bool)
        # Of a cell with one gene its length is all there is, and no weight changes that.
        alone = cells.genes_T[cells.starts_B1.diff()[cells.cell_of()] == 1]
        seen[cells.genes_T.long()] = True
        seen[alone.long()] = False
        assert (model.encoder.bag.log_weight.grad[seen] != 0).all()


@torch.no_grad()
def test_the_decoder_hears_vector_depth_and_group_and_starts_from_the_genes_shares():
    decoder = model_of("bag").decoder
    z, depth, group = torch.zeros(1, 12), torch.ones(1), torch.zeros(1, dtype=torch.long)
    plain = decoder(z, depth, group)
    assert torch.equal(decoder(z, depth, group + 1), plain), "groups are alike before training"
    decoder.groups.weight[1] = 1.0
    assert (decoder(z, depth, group + 1) - plain).abs().max() > 1e-3
    assert (decoder(z, 2 * depth, group) - plain).abs().max() > 1e-4
    assert (decoder(z + 1, depth, group) - plain).abs().max() > 1e-3
    decoder.start_from(np.full(N_GENES, 0.25, np.float32))
    torch.testing.assert_close(decoder.log_share, torch.full((N_GENES,), 0.25).log())


def test_the_seed_decides_the_weights_and_the_global_generator_stays_as_it_was():
    before = torch.random.get_rng_state()
    first, again, other = (model_of("masked", seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["encoder.genes.weight"], other["encoder.genes.weight"])


@pytest.mark.parametrize(
    ("name", "millions"), [("student", 5.9), ("nano", 6.2), ("small", 18.1), ("base", 61.4)]
)  # fmt: skip
def test_sizes_are_what_they_are_said_to_be_over_all_human_genes(name, millions):
    with torch.device("meta"):
        from scarena.models.foundation.model import FoundationModel

        model = FoundationModel(FoundationConfig(n_genes=19_670, n_groups=50, **SIZES[name].model_dump()))
    assert sum(value.numel() for value in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)


@pytest.mark.parametrize("choice", [{"width": 130, "heads": 4}, {"family": "causal"}, {"wid": 3}])
def test_sizes_that_do_not_fit_are_refused(choice):
    with pytest.raises(ValidationError):
        Sizes(**choice)


@pytest.mark.parametrize("name", ["nano", "small"])
@torch.no_grad()
def test_flops_of_a_cell_are_those_that_are_counted(name, make_random):
    sizes = SIZES[name].model_copy(update={"layers": 2})
    config = FoundationConfig(n_genes=400, n_groups=2, **sizes.model_dump())
    encoder = initialised(config, 0).encoder
    table, n_tokens = encoder.gene_table(), 300
    cells = make_random([n_tokens, n_tokens], 400)
    # Of torch's ways to attend only the plain one is counted on CPU.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        encoder(cells, table_VD=table)
    assert counter.get_total_flops() / 2 == pytest.approx(flops_of_a_cell(config, n_tokens), rel=0.15)


@torch.no_grad()
def test_flops_of_a_bag_are_those_that_are_counted_and_two_for_every_token_and_column(make_random):
    config = FoundationConfig(n_genes=400, n_groups=2, **SIZES["student"].model_dump())
    encoder, cells = initialised(config, 0).encoder, make_random([300], 400)
    with FlopCounterMode(display=False) as counter:
        encoder(cells)
    assert counter.get_total_flops() + 2 * 300 * config.width == flops_of_a_cell(config, 300)
