"""Which precision a device computes in, and which lower one it convolves faster in, if any."""

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
    """Return the dtype in which `device` convolves much faster than in float32.

    Parameters
    ----------
    device : torch.device
        Where the network runs.

    Returns
    -------
    torch.dtype or None
        bfloat16 on a processor with AMX tiles. None where nothing is gained; a GPU has TF32
        instead, for values that stay float32 (float16 was ten times slower there, because of
        what cuDNN chose for such long and narrow images).
    """
    return torch.bfloat16 if device.type == "cpu" and _has_amx() else None


@contextmanager
def inference(device: torch.device) -> Iterator[None]:
    """Compute without gradients, and in the network's own precision even inside an autocast.

    Parameters
    ----------
    device : torch.device
        Where the block computes.

    Yields
    ------
    None
        Settings are put back afterwards.
    """
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        yield


@contextmanager
def with_gradients(device: torch.device) -> Iterator[None]:
    """Compute with gradients, whatever is around, and in the network's own precision.

    Parameters
    ----------
    device : torch.device
        Where the block computes.

    Yields
    ------
    None
        Settings are put back afterwards.
    """
    with (
        torch.inference_mode(mode=False),
        torch.enable_grad(),
        torch.autocast(device.type, enabled=False),
    ):
        yield


@contextmanager
def tf32(device: torch.device, *, allowed: bool) -> Iterator[None]:
    """Let a GPU round float32 factors to 11 bits while the block runs, or forbid it.

    Torch allows it for convolutions unless told otherwise, which is enough to change codes. The
    setting is the process's, so that other threads' blocks wait.

    Parameters
    ----------
    device : torch.device
        Where the block computes; nothing happens for other devices than a GPU.
    allowed : bool
        Whether convolutions and matrix products may.

    Yields
    ------
    None
        Settings are put back afterwards.
    """
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
    """Name and value of torch's setting: who has used the newer one cannot read the older."""
    try:
        _ = torch.backends.cuda.matmul.allow_tf32
    except RuntimeError:
        return "fp32_precision", "tf32" if allowed else "ieee"
    return "allow_tf32", allowed


@lru_cache(maxsize=1)
def _has_amx() -> bool:
    """Tell whether torch may use AMX: the processor has it and oneDNN is built in."""
    if not torch.backends.mkldnn.is_available():
        return False
    try:
        return "amx_bf16" in _CPU_FACTS.read_text(encoding="utf-8")
    except OSError:
        return False
