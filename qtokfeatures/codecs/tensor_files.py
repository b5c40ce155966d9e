"""Tensors in a file that appears whole or not at all."""

from __future__ import annotations

import json
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
    content = _in_order(save(tensors, metadata=metadata))
    try:
        with replacing(path) as fresh:
            fresh.write_bytes(content)
    except OSError as error:
        raise CodecError(
            f"{path} could not be written, and is what it was before: {error.strerror or error} "
            f"(it takes {len(content) / 1e6:.1f} MB); make room and start the same again"
        ) from error


def _in_order(content: bytes) -> bytes:
    """Sort the metadata, whose order safetensors draws: equal tensors give equal files."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # values begin at a multiple of 8 bytes
    return len(text).to_bytes(8, "little") + text + content[8 + size :]
