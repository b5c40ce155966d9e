"""Torch's settings of TF32: changed for a block, put back after it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from qtokfeatures.codecs.nn.precision import tf32

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


def settings():
    return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize("allowed", [True, False])
def test_settings_hold_for_the_block(allowed):
    before = settings()
    with tf32(CUDA, allowed=allowed):
        assert settings() == (allowed, allowed)
        with tf32(CUDA, allowed=not allowed):
            assert settings() == (not allowed, not allowed)
        assert settings() == (allowed, allowed)
    assert settings() == before


def test_settings_come_back_after_an_error():
    before = settings()
    with pytest.raises(ZeroDivisionError), tf32(CUDA, allowed=not before[0]):
        raise ZeroDivisionError
    assert settings() == before


def test_a_processor_s_work_leaves_them_alone():
    before = settings()
    with tf32(CPU, allowed=not before[0]):
        assert settings() == before


@pytest.mark.skipif(
    not hasattr(torch.backends.cuda.matmul, "fp32_precision"), reason="torch has no newer setting"
)
def test_who_uses_torch_s_newer_setting_keeps_it():
    code = """
import torch
from qtokfeatures.codecs.nn.precision import tf32
products = torch.backends.cuda.matmul
products.fp32_precision = "tf32"
with tf32(torch.device("cuda"), allowed=False):
    assert products.fp32_precision == "ieee", products.fp32_precision
assert products.fp32_precision == "tf32", products.fp32_precision
"""
    subprocess.run([sys.executable, "-c", code], check=True)
