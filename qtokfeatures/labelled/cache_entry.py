"""Codes as the bytes of one file, which tell when they are damaged."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int16]

_MAGIC = b"qtok-codes-1 "
_NPY_MAGIC = b"\x93NUMPY\x01\x00"


def serialise_entry(codes: Codes) -> bytes:
    """Return a line with the SHA-256 of the rest, then the codes as ``.npy``.

    Parameters
    ----------
    codes : ndarray of int16, shape (codebook, frame)
        Codes.

    Returns
    -------
    bytes
    """
    buffer = io.BytesIO()
    np.save(buffer, codes, allow_pickle=False)
    body = buffer.getvalue()
    return _MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def parse_entry(content: bytes) -> Codes | None:
    """Return the codes in an entry, or None if it is damaged or holds something else.

    Parameters
    ----------
    content : bytes
        What :func:`serialise_entry` made.

    Returns
    -------
    ndarray of int16, shape (codebook, frame), or None

    Examples
    --------
    >>> entry = serialise_entry(np.ones((2, 3), np.int16))
    >>> parse_entry(entry).shape, parse_entry(entry[:-1])
    ((2, 3), None)
    """
    head, _, body = content.partition(b"\n")
    if head != _MAGIC + hashlib.sha256(body).hexdigest().encode():
        return None
    return _read_npy(body)


def _read_npy(body: bytes) -> Codes | None:
    """Read a ``.npy`` of codes; anything else is None.

    The lengths of clips repeat, and NumPy takes longer for a header than for the codes after it.
    """
    if body[:8] != _NPY_MAGIC:
        return None
    start = 10 + int.from_bytes(body[8:10], "little")
    shape, is_fortran, dtype = _npy_header(body[8:start])
    if dtype != np.int16 or len(shape) != 2:
        return None
    flat = np.frombuffer(body, dtype, offset=start)
    return flat.reshape(shape, order="F" if is_fortran else "C").copy()


@lru_cache(maxsize=4096)
def _npy_header(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    return np.lib.format.read_array_header_1_0(io.BytesIO(header))
