"""A share of a peak is only given where the peak is known."""

import pytest
import torch

from scarena.models.foundation.training.flops import PEAK_FLOPS, peak_flops, utilisation


def test_a_cpu_has_no_known_peak():
    assert peak_flops(torch.device("cpu"), "bf16") is None


@pytest.mark.parametrize(
    ("name", "peak"), [("NVIDIA H200", 989e12), ("NVIDIA H200 MIG 1g.18gb", None), ("NVIDIA L4", 121e12), ("X", None)]
)
def test_devices_are_known_by_their_whole_name(name, peak, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert peak_flops(torch.device("cuda", 0), "bf16") == peak


def test_matrices_are_faster_in_bfloat16_on_every_device():
    assert all(each["bf16"] > each["fp32"] for each in PEAK_FLOPS.values())


def test_half_the_operations_possible_is_a_half():
    assert utilisation(6e12, 3.0, 1e12, 4) == 0.5


@pytest.mark.parametrize("unknown", [(0.0, 1.0, 1e12, 1), (1e12, 1.0, None, 1), (1e12, 0.0, 1e12, 1)])
def test_what_is_unknown_stays_unknown(unknown):
    assert utilisation(*unknown) is None
