"""What `nb_loss`, its twin and its Triton kernels must bound alike."""

from __future__ import annotations

# Logits between these: outside, a mean would leave float32 or its logarithm lose all gradient.
LOWEST, HIGHEST = -20.0, 10.0
