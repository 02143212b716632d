"""The share of a device's peak that training uses (model FLOPs utilisation, arXiv:2204.02311, appendix B)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

PEAK_FLOPS = {
    "NVIDIA H200": {"bf16": 989e12, "fp32": 67e12},
    "NVIDIA H100 80GB HBM3": {"bf16": 989e12, "fp32": 67e12},
    "NVIDIA H100 PCIe": {"bf16": 756e12, "fp32": 51e12},
    "NVIDIA A100-SXM4-40GB": {"bf16": 312e12, "fp32": 19.5e12},
    "NVIDIA A100-SXM4-80GB": {"bf16": 312e12, "fp32": 19.5e12},
    "NVIDIA A100-PCIE-40GB": {"bf16": 312e12, "fp32": 19.5e12},
    "NVIDIA A100 80GB PCIe": {"bf16": 312e12, "fp32": 19.5e12},
    "NVIDIA L40S": {"bf16": 362e12, "fp32": 91.6e12},
    "NVIDIA L4": {"bf16": 121e12, "fp32": 30.3e12},
}
"""Dense operations a second, by the name the driver gives, from the makers' data sheets; fp32 without tensor cores.

Names are matched whole: a slice of a device ("... MIG 1g.10gb") is not the device.
"""


def peak_flops(device: torch.device, precision: str) -> float | None:
    """Return a device's peak in operations a second, or None where it is not known; of a CPU it never is."""
    if device.type != "cuda":
        return None
    import torch

    return PEAK_FLOPS.get(torch.cuda.get_device_name(device), {}).get(precision)


def utilisation(flops: float, seconds: float, peak: float | None, n_devices: int) -> float | None:
    """Return operations done over operations possible, or None where either is not known.

    Parameters
    ----------
    flops
        Done by all devices in `seconds`; 0 if unknown.
    seconds
        Wall clock.
    peak
        Of one device, in operations a second.
    n_devices
        At work.

    >>> utilisation(4e12, 2.0, 1e12, 4)
    0.5
    """
    if not flops or peak is None or seconds <= 0:
        return None
    return flops / (seconds * peak * n_devices)
