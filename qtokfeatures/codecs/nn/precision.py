"""Precision of computations, and gradient modes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import torch

_CPU_FACTS = Path("/proc/cpuinfo")
_SETTINGS = threading.RLock()


def fast_dtype(device: torch.device) -> torch.dtype | None:
    """Return the dtype in which `device` convolves much faster than in float32, if any."""
    # A GPU has TF32 for that. float16 was ten times slower there, with what cuDNN chose for such
    # long and narrow images.
    return torch.bfloat16 if device.type == "cpu" and _has_amx() else None


@contextmanager
def inference(device: torch.device) -> Iterator[None]:
    """Compute without gradients, in the network's own precision even under autocast."""
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        yield


@contextmanager
def with_gradients(device: torch.device) -> Iterator[None]:
    """Compute with gradients in any surrounding mode, in the network's own precision."""
    with (
        torch.inference_mode(mode=False),
        torch.enable_grad(),
        torch.autocast(device.type, enabled=False),
    ):
        yield


@contextmanager
def building(device: torch.device) -> Iterator[None]:
    """Create tensors on `device` in float32, whatever torch's defaults are."""
    dtype = torch.get_default_dtype()
    with torch.device(device):
        if dtype == torch.float32:
            yield
            return
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)


@contextmanager
def tf32(device: torch.device, *, allowed: bool) -> Iterator[None]:
    """Allow or forbid that a GPU rounds float32 factors to the 11 bits of TF32."""
    # Torch allows it for convolutions by default, which is enough to change codes. The setting is
    # global to the process, so that blocks of other threads wait.
    if device.type != "cuda":
        yield
        return
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    with _SETTINGS:
        name, value = _setting_of_products(allowed)
        before = convolutions.allow_tf32, getattr(products, name)
        convolutions.allow_tf32 = allowed
        setattr(products, name, value)
        try:
            yield
        finally:
            convolutions.allow_tf32 = before[0]
            setattr(products, name, before[1])


def _setting_of_products(allowed: bool) -> tuple[str, bool | str]:
    """Name and value of torch's setting; after use of the newer one, the older cannot be read."""
    try:
        _ = torch.backends.cuda.matmul.allow_tf32
    except RuntimeError:
        return "fp32_precision", "tf32" if allowed else "ieee"
    return "allow_tf32", allowed


@lru_cache(maxsize=1)
def _has_amx() -> bool:
    """Whether torch can use AMX: the processor has it, and oneDNN is built in."""
    if not torch.backends.mkldnn.is_available():
        return False
    try:
        return "amx_bf16" in _CPU_FACTS.read_text(encoding="utf-8")
    except OSError:
        return False
