"""Names and folders → codecs."""

from __future__ import annotations

from pathlib import Path

import torch

from qtokfeatures.codecs.base import Codec
from qtokfeatures.codecs.mini.codec import MiniCodec, bundled_weights
from qtokfeatures.exceptions import CodecError, InputError

DECODE_DTYPES = ("float32", "fast")


def list_codecs() -> list[str]:
    """Return the names that :func:`load_codec` knows without a path.

    Returns
    -------
    list of str
        Names.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> qt.list_codecs()
    ['mini']
    """
    return ["mini"]


def load_codec(
    name_or_path: str | Path = "mini",
    *,
    device: str | torch.device = "auto",
    dtype: str = "float32",
    decode_dtype: str = "float32",
    revision: str | None = None,
    encoder: bool = True,
    decoder: bool = True,
) -> Codec:
    """Load a codec.

    Parameters
    ----------
    name_or_path : str or Path, default="mini"
        ``"mini"``, the bundled codec; or weights of it that you trained: the ``.safetensors``
        file, or the folder that holds ``mini.safetensors``.
    device : str or torch.device, default="auto"
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``, …; "auto" takes a CUDA device where there is one.
    dtype : {"float32"}, default="float32"
        Precision of the encoder. Lower ones flip codes, so there are none.
    decode_dtype : {"float32", "fast"}, default="float32"
        Precision of the decoder; "fast" may be lower where that gains something. `mini` is small
        enough to gain nothing.
    revision : str, optional
        The revision you count on, as ``codec.spec.revision`` names it: another one is an error.
    encoder, decoder : bool, default=True
        Load only the half you need.

    Returns
    -------
    Codec
        Ready to use.

    Raises
    ------
    CodecError
        No such codec or revision, damaged weights, or a device that is not there.
    InputError
        An option has a wrong value.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> qt.load_codec("mini").spec.frame_rate
    12.5
    """
    if dtype != "float32":
        raise InputError(f'dtype must be "float32" (lower ones change codes), got {dtype!r}')
    if decode_dtype not in DECODE_DTYPES:
        raise InputError(f"decode_dtype must be one of {DECODE_DTYPES}, got {decode_dtype!r}")
    if not (encoder or decoder):
        raise InputError("nothing to load: encoder and decoder are both False")
    path = _weights_path(name_or_path)
    codec = MiniCodec.load(path, device=resolve_device(device), encoder=encoder, decoder=decoder)
    if revision not in (None, codec.spec.revision):
        raise CodecError(
            f"{codec.spec.name!r} is here in revision {codec.spec.revision!r}, not {revision!r}"
        )
    return codec


def resolve_device(device: str | torch.device) -> torch.device:
    """Return the device that `device` names.

    Raises
    ------
    InputError
        Not a device's name.
    CodecError
        A CUDA device that this machine, or this build of torch, does not have.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f'device must be "auto", "cpu" or "cuda" (or "cuda:0", …), got {device!r}'
        ) from error
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise CodecError(
            f"device {str(device)!r} is not there: torch sees {torch.cuda.device_count()} CUDA "
            'devices; use device="cpu" or "auto"'
        )
    return found


def _weights_path(name_or_path: str | Path) -> Path:
    if str(name_or_path) == "mini":
        return bundled_weights()
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        path = path / "mini.safetensors"
    if not path.is_file():
        raise CodecError(
            f"no codec {str(name_or_path)!r}: expected {', '.join(map(repr, list_codecs()))}, a "
            ".safetensors file, or a folder that holds mini.safetensors"
        )
    return path
