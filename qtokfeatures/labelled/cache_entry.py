"""Codes as the bytes of one file, which tell when they are damaged."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int16]

_MAGIC = b"qtok-codes-2 "
_NPY_MAGIC = b"\x93NUMPY\x01\x00"


def serialise_entry(key: str, codes: Codes) -> bytes:
    """Return a line with the SHA-256 of the key and the rest, then the codes as ``.npy``.

    Parameters
    ----------
    key : str
        What the codes are found under.
    codes : ndarray of int16, shape (codebook, frame)
        Codes.

    Returns
    -------
    bytes
    """
    buffer = io.BytesIO()
    np.save(buffer, codes, allow_pickle=False)
    body = buffer.getvalue()
    return _MAGIC + _digest(key, body) + b"\n" + body


def parse_entry(key: str, content: bytes) -> Codes | None:
    """Return the codes in an entry, or None if it is damaged, of another key or something else.

    Parameters
    ----------
    key : str
        What it was found under.
    content : bytes
        What :func:`serialise_entry` made.

    Returns
    -------
    ndarray of int16, shape (codebook, frame), or None

    Examples
    --------
    >>> entry = serialise_entry("a", np.ones((2, 3), np.int16))
    >>> parse_entry("a", entry).shape, parse_entry("a", entry[:-1]), parse_entry("b", entry)
    ((2, 3), None, None)
    """
    head, _, body = content.partition(b"\n")
    return _read_npy(body) if head == _MAGIC + _digest(key, body) else None


def _digest(key: str, body: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\n" + body).hexdigest().encode()


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
