"""Which lower precision a device convolves faster in, if any."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch

_CPU_FACTS = Path("/proc/cpuinfo")


def fast_dtype(device: torch.device) -> torch.dtype | None:
    """Return the dtype in which `device` convolves much faster than in float32.

    Parameters
    ----------
    device : torch.device
        Where the network runs.

    Returns
    -------
    torch.dtype or None
        bfloat16 on a processor with AMX tiles and on a GPU that has it; None where nothing is
        gained.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else None
    return torch.bfloat16 if device.type == "cpu" and _has_amx() else None


@lru_cache(maxsize=1)
def _has_amx() -> bool:
    """Tell whether torch may use AMX: the processor has it and oneDNN is built in."""
    if not torch.backends.mkldnn.is_available():
        return False
    try:
        return "amx_bf16" in _CPU_FACTS.read_text(encoding="utf-8")
    except OSError:
        return False
