"""Names of devices, checked against what this machine has."""

from __future__ import annotations

from typing import Any

import torch

from qtokfeatures.exceptions import CodecError, InputError


def resolve_device(device: str | torch.device) -> torch.device:
    """Return an available device; "auto" is a CUDA device if there is one, else the CPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f'device must be "auto", "cpu" or "cuda" (or "cuda:0", …), got {device!r}'
        ) from error
    available = _count(found.type)
    if found.type != "cpu" and (found.index or 0) >= available:
        raise CodecError(
            f"device {str(device)!r} is not available: torch sees {available} "
            f'{found.type.upper()} devices; use device="cpu" or "auto"'
        )
    return found


def _count(kind: str) -> int:
    """Devices of a type; 0 for "meta" and for types that this build of torch lacks."""
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    # Types that compute have a module of torch, their own or registered by a plug-in.
    module: Any = getattr(torch, kind, None)
    return int(module.device_count()) if hasattr(module, "device_count") else 0
