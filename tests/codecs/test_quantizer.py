"""The residual quantiser against brute force."""

from __future__ import annotations

import torch

from qtokfeatures.codecs.nn.quantizer import nearest_codes, residual_decode, residual_encode


def test_nearest_is_the_euclidean_nearest():
    torch.manual_seed(0)
    x, codebook = torch.randn(300, 8), torch.randn(50, 8)
    expected = torch.cdist(x.double(), codebook.double()).argmin(dim=1)
    assert torch.equal(nearest_codes(x, codebook), expected)


def test_rows_beyond_one_block_are_searched_too():
    codebook = torch.eye(4)
    x = codebook.repeat(3000, 1)
    assert torch.equal(nearest_codes(x, codebook), torch.arange(4).repeat(3000))


def test_no_rows_give_no_codes():
    assert nearest_codes(torch.zeros(0, 4), torch.eye(4)).shape == (0,)


def test_every_layer_codes_what_the_ones_before_left_over():
    torch.manual_seed(1)
    scales = torch.logspace(0, -2, 5)[:, None, None]
    x, codebooks = torch.randn(40, 6), torch.randn(5, 30, 6) * scales
    codes = residual_encode(x, codebooks)
    for depth in range(1, 5):
        left = x - residual_decode(codes[:, :depth], codebooks)
        assert torch.equal(codes[:, depth], nearest_codes(left, codebooks[depth]))


def test_an_exact_sum_of_orthogonal_entries_is_found_again():
    eye = torch.eye(8)
    codebooks = torch.stack([10 * eye, eye])
    codes = torch.tensor([[3, 5], [0, 7], [6, 1]])
    assert torch.equal(residual_encode(residual_decode(codes, codebooks), codebooks), codes)


def test_a_beam_of_all_choices_finds_the_nearest_sum():
    torch.manual_seed(2)
    x, codebooks = torch.randn(20, 3), torch.randn(3, 5, 3)
    every = torch.cartesian_prod(*[torch.arange(5)] * 3)
    sums = residual_decode(every, codebooks)
    nearest = every[torch.cdist(x.double(), sums.double()).argmin(dim=1)]
    assert torch.equal(residual_encode(x, codebooks, width=125), nearest)


def test_a_wider_beam_comes_nearer_and_a_narrow_one_is_the_plain_search():
    torch.manual_seed(3)
    scales = torch.logspace(0, -1, 6)[:, None, None]
    x, codebooks = torch.randn(2000, 8), torch.randn(6, 20, 8) * scales
    codes = [residual_encode(x, codebooks, width=width) for width in (1, 4, 16)]
    left = [(x - residual_decode(found, codebooks)).square().mean() for found in codes]
    assert left[1] < 0.95 * left[0]
    assert left[2] < 0.99 * left[1]
    books = [*codebooks]  # of as many entries each, or not
    assert torch.equal(residual_encode(x, [*books[:-1], books[-1][:7]])[:, :-1], codes[0][:, :-1])
    assert torch.equal(residual_encode(x, books, width=4), codes[1])
