"""Does a model keep the promises of the protocol? One list of checks, for `scarena check-model` and for pytest.

>>> from scarena.testing import CHECKS
>>> CHECKS["finite"].statement
'no coordinate is NaN or infinite'
"""

from __future__ import annotations

from scarena.testing.checks import CHECKS, Check
from scarena.testing.outcome import Result, Unsuitable, Violation
from scarena.testing.suite import check_model, model_conformance

__all__ = ["CHECKS", "Check", "Result", "Unsuitable", "Violation", "check_model", "model_conformance"]
