"""Residual vector quantisation with fixed codebooks: codes ↔ vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from qtokfeatures.codecs.nn.linear import linear

_BLOCK_ROWS = 4096


def half_norms(codebooks: Tensor) -> Tensor:
    """Half the squared length of each entry, ``(…, code, dim)`` → ``(…, code)``."""
    return 0.5 * codebooks.square().sum(dim=-1)


def nearest_codes(x: Tensor, codebook: Tensor, half_norm: Tensor | None = None) -> Tensor:
    """Index of the nearest entry for every row, (row, dim) → int64 (row,); ties take the lowest."""
    # |x − e|² = |x|² + 2 (|e|²/2 − x·e), and |x|² is the same for all entries.
    half_norm = half_norms(codebook) if half_norm is None else half_norm
    found = [torch.argmin(half_norm - rows @ codebook.T, dim=1) for rows in x.split(_BLOCK_ROWS)]
    return torch.cat(found) if found else x.new_zeros(0, dtype=torch.int64)


def residual_encode(
    x: Tensor,
    codebooks: Tensor | Sequence[Tensor],
    norms: Tensor | Sequence[Tensor] | None = None,
    *,
    width: int = 1,
) -> Tensor:
    """Quantise the residuals layer by layer, (row, dim) → int64 (row, codebook).

    A `width` above 1 is that of a beam search, whose sum over all layers is nearer.
    """
    norms = [half_norms(codebook) for codebook in codebooks] if norms is None else norms
    layers = list(zip(codebooks, norms, strict=True))
    if not layers:
        return x.new_zeros(len(x), 0, dtype=torch.int64)
    if width > 1:
        blocks = x.split(max(1, _BLOCK_ROWS // width))
        return torch.cat([_beam_search(rows, layers, width) for rows in blocks])
    residual, codes = x, []
    for codebook, half_norm in layers:
        index = nearest_codes(residual, codebook, half_norm)
        residual = residual - codebook[index]
        codes.append(index)
    return torch.stack(codes, dim=1)


def _beam_search(x: Tensor, layers: Sequence[tuple[Tensor, Tensor]], width: int) -> Tensor:
    """Codes (row, layer) of `x`, by a beam search of the `width` best paths per row."""
    residual = x[:, None]  # (row, choice, dim)
    paths = torch.zeros(len(x), 1, 0, dtype=torch.int64, device=x.device)
    distance = x.new_zeros(len(x), 1)  # half of it squared, without the vector's own norm
    for entries, half_norm in layers:
        rows, choices, dim = residual.shape
        added = half_norm - residual.reshape(-1, dim) @ entries.T
        reached = (distance[:, :, None] + added.reshape(rows, choices, -1)).flatten(1)
        distance, place = reached.topk(min(width, reached.shape[1]), largest=False)
        choice, found = place // len(entries), place % len(entries)
        paths = torch.cat([_chosen(paths, choice), found[..., None]], dim=2)
        residual = _chosen(residual, choice) - entries[found]
    return paths[:, 0]


def _chosen(values: Tensor, choice: Tensor) -> Tensor:
    """Select (row, chosen, …) from (row, choice, …)."""
    return values.gather(1, choice[..., None].expand(-1, -1, values.shape[2]))


def residual_decode(codes: Tensor, codebooks: Tensor) -> Tensor:
    """Sum the entries of `codes` (row, codebook), of the first codebooks or all → (row, dim)."""
    total = codebooks.new_zeros(codes.shape[0], codebooks.shape[2])
    for layer in range(codes.shape[1]):
        total = total + codebooks[layer][codes[:, layer]]
    return total


class SplitQuantizer(nn.Module):
    """One semantic codebook and acoustic ones that quantise projections of the same latent."""

    entries: Tensor
    norms: Tensor
    project: Tensor

    def __init__(self, entries: Tensor, project: Tensor) -> None:
        super().__init__()
        self.register_buffer("entries", entries)
        self.register_buffer("norms", half_norms(entries))
        self.register_buffer("project", project)

    def forward(self, latent: Tensor) -> Tensor:
        """Project latents ``(…, width)`` → ``(…, 2 * dim)``, ``[semantic | acoustic]``."""
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
