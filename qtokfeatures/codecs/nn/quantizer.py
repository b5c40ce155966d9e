"""Residual vector quantisation over fixed codebooks: codes ↔ vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qtokfeatures.codecs.nn.linear import linear

_BLOCK_ROWS = 4096


def half_norms(codebooks: Tensor) -> Tensor:
    """Half the squared length of each entry, ``(…, code, dim)`` → ``(…, code)``."""
    return 0.5 * codebooks.square().sum(dim=-1)


def nearest_codes(x: Tensor, codebook: Tensor, half_norm: Tensor | None = None) -> Tensor:
    """Index of the Euclidean-nearest entry for every row.

    Parameters
    ----------
    x : Tensor, shape (row, dim)
        Vectors.
    codebook : Tensor, shape (code, dim)
        Entries.
    half_norm : Tensor, shape (code,), optional
        Their :func:`half_norms`, where they are kept.

    Returns
    -------
    Tensor of int64, shape (row,)
        Nearest entry; the lowest index wins a tie.
    """
    half_norm = half_norms(codebook) if half_norm is None else half_norm
    found = [torch.argmin(half_norm - rows @ codebook.T, dim=1) for rows in x.split(_BLOCK_ROWS)]
    return torch.cat(found) if found else x.new_zeros(0, dtype=torch.int64)


def residual_encode(x: Tensor, codebooks: Tensor, norms: Tensor | None = None) -> Tensor:
    """Quantise layer by layer, each layer coding what the ones before left over.

    Parameters
    ----------
    x : Tensor, shape (row, dim)
        Vectors.
    codebooks : Tensor, shape (codebook, code, dim)
        Entries of every layer.
    norms : Tensor, shape (codebook, code), optional
        Their :func:`half_norms`, where they are kept.

    Returns
    -------
    Tensor of int64, shape (row, codebook)
        One index a layer.
    """
    residual, codes = x, []
    norms = half_norms(codebooks) if norms is None else norms
    for codebook, half_norm in zip(codebooks, norms, strict=True):
        index = nearest_codes(residual, codebook, half_norm)
        residual = residual - codebook[index]
        codes.append(index)
    return torch.stack(codes, dim=1) if codes else x.new_zeros(len(x), 0, dtype=torch.int64)


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


class SplitQuantizer(nn.Module):
    """One semantic codebook and acoustic ones, which quantise the same latent.

    Parameters
    ----------
    entries : Tensor, shape (codebook, code, dim)
        Semantic before acoustic.
    project : Tensor, shape (2 * dim, width)
        From a latent to what is quantised, semantic before acoustic.
    """

    entries: Tensor
    norms: Tensor
    project: Tensor

    def __init__(self, entries: Tensor, project: Tensor) -> None:
        super().__init__()
        self.register_buffer("entries", entries)
        self.register_buffer("norms", half_norms(entries))
        self.register_buffer("project", project)

    def forward(self, latent: Tensor) -> Tensor:
        """Return what is quantised, semantic before acoustic: ``(…, width)`` → ``(…, 2 * dim)``."""
        return linear(latent, self.project)

    def codes(self, projected: Tensor) -> Tensor:
        """Quantise ``(batch, frame, 2 * dim)`` → int64 ``(batch, codebook, frame)``."""
        semantic, acoustic = projected.flatten(0, 1).chunk(2, dim=1)
        branches = [
            residual_encode(semantic, self.entries[:1], self.norms[:1]),
            residual_encode(acoustic, self.entries[1:], self.norms[1:]),
        ]
        codes = torch.cat(branches, dim=1)
        return codes.reshape(*projected.shape[:2], -1).transpose(1, 2)
