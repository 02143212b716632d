"""Triton runs where it can and is asked for, and never without saying so in place of something else."""

import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from scarena.base.errors import NotAvailable
from scarena.models.foundation.kernels import dispatch

ON_GPU = SimpleNamespace(device=torch.device("cuda"))


def test_tensors_on_the_cpu_use_the_twin_unless_triton_is_forced(interpreted):
    tensor = torch.zeros(1)
    assert dispatch.use_triton(tensor)
    with dispatch.force(False):
        assert not dispatch.use_triton(tensor)
        assert not dispatch.use_triton(ON_GPU)
    assert dispatch.use_triton(tensor)


def test_what_was_forced_ends_with_its_context():
    with pytest.raises(KeyError), dispatch.force(True):
        raise KeyError
    assert dispatch.forced() is None
    assert not dispatch.use_triton(torch.zeros(1))


def test_forcing_triton_without_its_interpreter_or_without_triton_is_an_error(monkeypatch):
    monkeypatch.setattr(dispatch, "triton_installed", lambda: True)
    monkeypatch.delenv("TRITON_INTERPRET")
    with dispatch.force(True):
        with pytest.raises(NotAvailable, match="cannot run on cpu; set TRITON_INTERPRET=1"):
            dispatch.use_triton(torch.zeros(1))
        monkeypatch.setattr(dispatch, "triton_installed", lambda: False)
        with pytest.raises(NotAvailable, match="pip install triton"):
            dispatch.use_triton(torch.zeros(1))


def test_a_gpu_without_triton_is_said_once(monkeypatch, caplog):
    monkeypatch.setattr(dispatch, "triton_installed", lambda: False)
    dispatch._found.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert not dispatch.use_triton(ON_GPU)
        assert not dispatch.use_triton(ON_GPU)
    dispatch._found.cache_clear()
    assert [record.message for record in caplog.records] == [
        "Triton is not installed: plain PyTorch runs in place of the kernels"
    ]


def test_importing_the_kernels_imports_neither_triton_nor_numba():
    names = ", ".join(
        f"scarena.models.foundation.kernels.{name}" for name in ("pack", "embed_tokens", "attention", "nb_loss", "knn")
    )
    code = f"import sys, {names}; print(sorted({{'triton', 'numba'}} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
