"""Residual vector quantisation over fixed codebooks: codes ↔ vectors."""

from __future__ import annotations

import torch
from torch import Tensor

_BLOCK_ROWS = 4096


def nearest_codes(x: Tensor, codebook: Tensor) -> Tensor:
    """Index of the Euclidean-nearest entry for every row.

    Parameters
    ----------
    x : Tensor, shape (row, dim)
        Vectors.
    codebook : Tensor, shape (code, dim)
        Entries.

    Returns
    -------
    Tensor of int64, shape (row,)
        Nearest entry; the lowest index wins a tie.
    """
    half_norm = 0.5 * codebook.square().sum(dim=1)
    found = [torch.argmin(half_norm - rows @ codebook.T, dim=1) for rows in x.split(_BLOCK_ROWS)]
    return torch.cat(found) if found else x.new_zeros(0, dtype=torch.int64)


def residual_encode(x: Tensor, codebooks: Tensor) -> Tensor:
    """Quantise layer by layer, each layer coding what the ones before left over.

    Parameters
    ----------
    x : Tensor, shape (row, dim)
        Vectors.
    codebooks : Tensor, shape (codebook, code, dim)
        Entries of every layer.

    Returns
    -------
    Tensor of int64, shape (row, codebook)
        One index a layer.
    """
    residual, codes = x, []
    for codebook in codebooks:
        index = nearest_codes(residual, codebook)
        residual = residual - codebook[index]
        codes.append(index)
    return torch.stack(codes, dim=1)


def residual_decode(codes: Tensor, codebooks: Tensor) -> Tensor:
    """Sum the entries that `codes`, shape (row, codebook), name; any prefix will do.

    Returns
    -------
    Tensor, shape (row, dim)
        Sum over the given layers.
    """
    total = codebooks.new_zeros(codes.shape[0], codebooks.shape[2])
    for layer in range(codes.shape[1]):
        total = total + codebooks[layer][codes[:, layer]]
    return total
