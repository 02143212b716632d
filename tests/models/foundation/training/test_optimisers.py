"""Every parameter is in one optimiser: hidden matrices may go to Muon, vectors never decay."""

import pytest
import torch
from torch import nn

from scarena.base.errors import ModelError
from scarena.models.foundation.training.config import TABLES, EngineConfig
from scarena.models.foundation.training.optimisers import kind_of, kinds, make_optimisers, set_rates, trained

MUON = EngineConfig(
    steps=1, optimiser="muon", learning_rate=1e-2, muon_learning_rate=3e-2, weight_decay=0.1, betas=(0.9, 0.99)
)


@pytest.mark.parametrize(
    ("name", "shape", "kind"),
    [
        ("encoder.blocks.0.qkv.weight", (96, 32), "hidden"),
        ("encoder.gene_up.weight", (32, 8), "hidden"),
        ("encoder.genes.weight", (400, 8), "table"),
        ("latent.queries", (8, 32), "table"),
        ("head.weight", (400, 32), "table"),
        ("decoder.mix.weight", (8, 32), "table"),
        ("encoder.value.0.weight", (32, 1), "table"),
        ("experts", (4, 32, 32), "table"),
        ("encoder.blocks.0.norm_q.weight", (16,), "vector"),
        ("blocks.0.norm1.weight", (2, 16), "vector"),
        ("blocks.0.out.bias", (32,), "vector"),
        ("decoder.bias.weight", (400, 1), "vector"),
        ("temperature", (), "vector"),
    ],
)
def test_name_and_shape_say_what_a_parameter_is(name, shape, kind):
    assert kind_of(name, shape, TABLES) == kind


def test_a_look_up_table_is_none_of_muons_whatever_its_name():
    model = nn.ModuleDict({"mix": nn.Embedding(5, 4), "other": nn.Linear(4, 5)})
    assert kinds(model, TABLES) == {"mix.weight": "table", "other.weight": "hidden", "other.bias": "vector"}


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_every_trained_parameter_is_in_one_group(optimiser, tiny):
    model = tiny.Tiny()
    model.inward.requires_grad_(False)
    made = make_optimisers(model, EngineConfig(steps=1, optimiser=optimiser))
    held = [id(value) for each in made for group in each.param_groups for value in group["params"]]
    assert sorted(held) == sorted(id(value) for value in trained(model).values())
    assert id(model.inward.weight) not in held
    assert [type(each).__name__ for each in made] == (["AdamW"] if optimiser == "adamw" else ["Muon", "AdamW"])


def test_only_what_is_no_vector_decays():
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    before = {name: value.detach().clone() for name, value in trained(model).items()}
    nn.init.constant_(model[1].weight, 2.0)
    (adamw,) = make_optimisers(model, EngineConfig(steps=1, learning_rate=1e-2, weight_decay=0.1))
    for value in trained(model).values():
        value.grad = torch.zeros_like(value)
    adamw.step()
    torch.testing.assert_close(model[0].weight.detach(), before["0.weight"] * (1 - 1e-3))
    assert torch.equal(model[0].bias, before["0.bias"])
    assert (model[1].weight == 2).all()


def test_muon_turns_a_hidden_matrix_along_all_directions_alike():
    model = nn.Linear(12, 8)
    before = model.weight.detach().clone()
    muon, adamw = make_optimisers(model, MUON.model_copy(update={"weight_decay": 0.0}))
    # Singular values far apart, as gradients have them, become nearly equal.
    u, _, v = torch.linalg.svd(torch.randn(8, 12, generator=torch.Generator().manual_seed(0)), full_matrices=False)
    model.weight.grad, model.bias.grad = u @ torch.diag(torch.logspace(0, -1.5, 8)) @ v, torch.ones(8)
    muon.step()
    adamw.step()
    # Scaled to AdamW's size: arXiv:2502.16982, equation 4.
    turned = (before - model.weight.detach()) / (3e-2 * 0.2 * 12**0.5)
    values = torch.linalg.svdvals(turned)
    assert values.min() > 0.6
    assert values.max() < 1.3
    assert torch.nn.functional.cosine_similarity(turned.flatten(), (u @ v).flatten(), dim=0) > 0.97


def test_rates_are_shares_of_each_groups_own_peak():
    made = make_optimisers(nn.Linear(4, 4), MUON)
    set_rates(made, 0.5)
    set_rates(made, 0.25)
    assert [group["lr"] for each in made for group in each.param_groups] == pytest.approx([7.5e-3, 2.5e-3])


def test_a_model_without_anything_to_train_is_refused():
    with pytest.raises(ModelError, match="no parameter"):
        make_optimisers(nn.Linear(2, 2).requires_grad_(False), MUON)
