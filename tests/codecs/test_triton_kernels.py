"""The Triton kernels in Triton's interpreter, where there is no GPU."""

from __future__ import annotations

import contextlib

import pytest
import torch

from qtokfeatures.codecs.nn import fused


def test_kernels_do_what_plain_torch_does(monkeypatch):
    pytest.importorskip("triton", reason="Triton is not installed")
    if torch.cuda.is_available():
        assert fused.triton_kernels() is not None
        return
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    from qtokfeatures.codecs.nn import triton_kernels

    monkeypatch.setattr(torch.cuda, "device_of", lambda x: contextlib.nullcontext())
    with torch.inference_mode():
        fused._check(triton_kernels, torch.device("cpu"))


def test_a_kernel_that_is_off_is_not_used(monkeypatch):
    class Kernels:
        @staticmethod
        def fill(x, out, activation, bias, split):
            fused._fill(x, out, activation, bias, split)
            out[0, 0] += 0.01

    with pytest.raises(ArithmeticError, match="a kernel is off by"):
        fused._check(Kernels, torch.device("cpu"))


def test_without_triton_or_a_gpu_there_is_the_plain_way(monkeypatch):
    def fails(*args):
        raise RuntimeError("no device")

    monkeypatch.setattr(fused, "_check", fails)
    fused.triton_kernels.cache_clear()
    assert fused.triton_kernels() is None
    fused.triton_kernels.cache_clear()
