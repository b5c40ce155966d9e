"""Tensors in a file that appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from qtokfeatures.exceptions import CodecError
from qtokfeatures.labelled.replacing import replacing


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file, readable by whom other new files are readable.

    Parameters
    ----------
    path : Path
        Where; a file that is there stays what it is until the new one is complete.
    tensors : dict of str to Tensor
        On the CPU, contiguous.
    metadata : dict of str
        Goes into the header.

    Raises
    ------
    CodecError
        There is no room, or no permission to write there.
    """
    content = save(tensors, metadata=metadata)
    try:
        with replacing(path) as fresh:
            fresh.write_bytes(content)
    except OSError as error:
        raise CodecError(
            f"{path} could not be written, and is what it was before: {error.strerror or error} "
            f"(it takes {len(content) / 1e6:.1f} MB); make room and start the same again"
        ) from error
