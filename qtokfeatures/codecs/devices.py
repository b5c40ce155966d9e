"""Where networks run: names of devices, and whether they are there."""

from __future__ import annotations

from typing import Any

import torch

from qtokfeatures.exceptions import CodecError, InputError


def resolve_device(device: str | torch.device) -> torch.device:
    """Return the device that `device` names.

    Parameters
    ----------
    device : str or torch.device
        "auto" is a CUDA device where there is one, otherwise the CPU.

    Returns
    -------
    torch.device
        One that is there.

    Raises
    ------
    InputError
        Not a device's name.
    CodecError
        A device that this machine, or this build of torch, does not have.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f'device must be "auto", "cpu" or "cuda" (or "cuda:0", …), got {device!r}'
        ) from error
    there = _count(found.type)
    if found.type != "cpu" and (found.index or 0) >= there:
        raise CodecError(
            f"device {str(device)!r} is not there: torch sees {there} {found.type.upper()} "
            'devices; use device="cpu" or "auto"'
        )
    return found


def _count(kind: str) -> int:
    """How many devices of a type torch sees; none of a type that it only knows the name of.

    Types that compute have a module of torch, of their own or registered by a plug-in. "meta",
    whose tensors have no values, has none.
    """
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    module: Any = getattr(torch, kind, None)
    return int(module.device_count()) if hasattr(module, "device_count") else 0
