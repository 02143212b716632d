"""Every objective on a case whose answer is known."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.objectives import Counts, DisjointPanels, Distilled, HiddenValues, NextGene, TreeLabels
from scarena.models.foundation.views import Targets


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def rotation(width, seed=0):
    return torch.linalg.qr(normal(width, width, seed=seed)).Q


def asked(cells):
    genes, counts = ([value for cell in cells for value in cell[at]] for at in (0, 1))
    starts = np.cumsum([0, *(len(cell[0]) for cell in cells)])
    return Targets(
        torch.tensor(genes, dtype=torch.int32), torch.tensor(counts), torch.tensor(starts, dtype=torch.int32)
    )


@pytest.mark.parametrize("inflated", [False, True])
def test_counts_are_scored_by_the_negative_binomial_that_is_decoded(inflated):
    config = FoundationConfig(
        n_genes=6, n_groups=2, gene_width=4, width=8, embedding=3, heads=2, kind="bag", zero_inflated=inflated
    )
    decoder = initialised(config, 0).decoder
    with torch.no_grad():
        decoder.log_share.copy_(torch.tensor([-3.0, -1.0, -2.0, -4.0, -1.5, -2.5]))
        decoder.log_dispersion.copy_(normal(6))
        decoder.groups.weight.copy_(normal(3, 8, seed=1))
    z_BZ, depth_B, group_B = normal(3, 3, seed=2), torch.tensor([100.0, 0.0, 40.0]), torch.tensor([1, 0, 2])
    cells = [([0, 3, 5], [4.0, 0.0, 70.0]), ([], []), ([1], [2.0])]
    found = Counts()(decoder, z_BZ, depth_B, group_B, asked(cells))
    with torch.no_grad():
        log_share_BV = decoder(z_BZ, torch.log1p(depth_B) / 10, group_B) @ decoder.genes.weight.T + decoder.log_share
    theta = decoder.log_dispersion.detach().double().exp().numpy()
    losses = []
    for cell, (genes, counts) in enumerate(cells):
        if not genes:
            continue
        mean = depth_B[cell].item() * np.exp(log_share_BV[cell].double().numpy())[genes]
        chance = stats.nbinom.pmf(counts, theta[genes], theta[genes] / (theta[genes] + mean))
        if inflated:
            empty = 1 / (1 + math.exp(3.0))
            chance = (np.array(counts) == 0) * empty + (1 - empty) * chance
        losses.append(-np.log(chance).mean())
    assert found.item() == pytest.approx(np.mean(losses), rel=1e-4)
    found.backward()
    assert decoder.genes.weight.grad[[0, 1, 3, 5]].abs().min() > 0
    assert decoder.genes.weight.grad[[2, 4]].abs().max() == 0


def test_equal_orthogonal_views_cost_what_is_left_of_the_other_cells():
    found = DisjointPanels(temperature=0.2)(3 * torch.eye(8), 0.1 * torch.eye(8))
    assert found.item() == pytest.approx(math.log(1 + 7 * math.exp(-1 / 0.2)), rel=1e-5)


def test_views_that_say_nothing_cost_the_log_of_the_number_of_cells():
    same = torch.ones(5, 3)
    assert DisjointPanels()(same, 2 * same).item() == pytest.approx(math.log(5), rel=1e-6)


def test_the_contrast_is_symmetric_and_blind_to_lengths_and_rotations():
    first, second, contrast = normal(6, 4), normal(6, 4, seed=1), DisjointPanels(0.3)
    lengths = torch.rand(6, 1, generator=torch.Generator().manual_seed(2)) + 0.1
    expected = contrast(first, second)
    torch.testing.assert_close(contrast(second, first), expected)
    torch.testing.assert_close(contrast(first * lengths, second), expected)
    torch.testing.assert_close(contrast(first @ rotation(4), second @ rotation(4)), expected)
    assert contrast(first, first) < expected


def test_cells_of_other_batches_count_only_where_the_teacher_is_sure_that_they_are_unlike():
    first, second = normal(5, 3), normal(5, 3, seed=1)
    own = torch.tensor([True, True, True, False, False])
    # The fourth cell is like the first; the fifth is unlike all.
    teacher = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.1], [-1.0, -1.0]])
    cosines = (F.normalize(first, dim=1) @ F.normalize(second, dim=1).T).double().numpy() / 0.2
    loss = 0.0
    for each in (cosines, cosines.T):
        for cell, rivals in enumerate(([0, 1, 2, 4], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4])):
            loss -= (each[cell, cell] - np.log(np.exp(each[cell, rivals]).sum())) / 6
    contrast = DisjointPanels(0.2, sure=0.3)
    assert contrast(first, second, own, teacher).item() == pytest.approx(loss, rel=1e-5)
    # The teacher has no word in what is told apart within a batch.
    assert contrast(first[:3], second[:3], own[:3], torch.ones(3, 2)) == contrast(first[:3], second[:3])


def test_only_hidden_values_count():
    predicted = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    true, hidden = torch.tensor([0.0, 0.0, 5.0]), torch.tensor([True, False, True])
    loss = HiddenValues()(predicted, true, hidden)
    assert loss.item() == pytest.approx((1 + 4) / 2)
    loss.backward()
    assert predicted.grad.tolist() == [1.0, 0.0, -2.0]
    assert HiddenValues()(predicted, true, torch.zeros(3, dtype=torch.bool)).item() == 0


RANKED = torch.tensor([4, 1, 2, 0, 3, 3, 1], dtype=torch.int32), torch.tensor([0, 3, 3, 4, 7], dtype=torch.int32)


def test_the_next_gene_is_scored_by_cross_entropy_within_its_cell():
    hidden_TE, table_VE, (genes_T, starts_B1) = normal(7, 3), normal(5, 3, seed=1), RANKED
    losses = [
        F.cross_entropy(hidden_TE[at] @ table_VE.T, genes_T[at + 1].long())
        for first, last in zip(starts_B1[:-1].tolist(), starts_B1[1:].tolist(), strict=True)
        for at in range(first, last - 1)
    ]
    assert len(losses) == 4
    torch.testing.assert_close(NextGene()(hidden_TE, table_VE, genes_T, starts_B1), torch.stack(losses).mean())


@pytest.mark.parametrize("piece", [1, 3, 4096])
def test_pieces_of_any_size_give_the_same_gradient(piece):
    found = []
    for size in (2, piece):
        inputs = [normal(7, 3).requires_grad_(), normal(5, 3, seed=1).requires_grad_()]
        NextGene(size)(*inputs, *RANKED).backward()
        found.append([each.grad for each in inputs])
    for a, b in zip(*found, strict=True):
        assert a.abs().max() > 0
        torch.testing.assert_close(a, b)


def test_cells_of_one_gene_have_no_next_one():
    hidden_TE = normal(2, 3).requires_grad_()
    loss = NextGene()(hidden_TE, normal(5, 3), torch.tensor([1, 2]), torch.tensor([0, 1, 2]))
    loss.backward()
    assert loss.item() == 0
    assert hidden_TE.grad.abs().max() == 0


def test_equal_labels_alone_give_the_supervised_contrastive_loss():
    z, labels, temperature = normal(7, 4), [0, 0, 1, 1, 1, 2, 0], 0.3
    unit = F.normalize(z, dim=1).double()
    terms = []
    for i, label in enumerate(labels):
        positives = [j for j, other in enumerate(labels) if other == label and j != i]
        others = torch.stack([unit[i] @ unit[j] / temperature for j in range(7) if j != i]).exp().sum()
        if positives:
            each = [torch.log((unit[i] @ unit[p] / temperature).exp() / others) for p in positives]
            terms.append(-torch.stack(each).mean())
    likeness = torch.tensor([[float(a == b) for a in labels] for b in labels])
    found = TreeLabels(temperature)(z, likeness)
    assert found.item() == pytest.approx(torch.stack(terms).mean().item(), rel=1e-5)


def test_nearer_types_attract_more_and_cells_without_a_label_are_not_asked():
    near, far = normal(1, 4), normal(1, 4, seed=1)
    z = torch.cat([near, near + 0.05, far]).requires_grad_()
    alike = torch.tensor([[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]])
    unlike = torch.tensor([[1.0, 0.1, 0.9], [0.1, 1.0, 0.9], [0.9, 0.9, 1.0]])
    assert TreeLabels()(z, alike) < TreeLabels()(z, unlike)
    some = alike.clone()
    some[2] = some[:, 2] = 0
    TreeLabels()(z, some).backward()
    assert torch.isfinite(z.grad).all()
    assert TreeLabels()(z, torch.zeros(3, 3)).item() == 0
    assert TreeLabels()(z[:1], torch.ones(1, 1)).item() == 0


def test_a_student_that_is_its_teacher_turned_moved_and_scaled_has_nothing_to_learn():
    teacher = normal(9, 5)
    student = 3 * F.pad(teacher, (0, 2)) @ rotation(7) + normal(1, 7, seed=4)
    assert Distilled()(student, teacher).item() < 1e-10
    assert Distilled()(normal(9, 7, seed=5), teacher).item() > 0.05
