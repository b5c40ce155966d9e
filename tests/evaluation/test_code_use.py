from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qtokfeatures.evaluation import measure_code_use
from qtokfeatures.exceptions import CodesError


def test_codes_used_evenly_have_a_perplexity_of_their_number():
    codes = np.vstack([np.arange(2048), np.arange(2048) % 64, np.zeros(2048)]).astype(np.int16)
    use = measure_code_use(codes)
    assert use.codes_used == (2048, 64, 1)
    assert use.perplexity == pytest.approx((2048, 64, 1))
    assert use.n_frames == 2048


def test_uneven_use_is_worth_fewer_codes():
    # Entropy of (1/2, 1/4, 1/4) is 1.5 bit.
    use = measure_code_use([[0, 0, 1, 2]], codebook_size=4)
    assert use.perplexity[0] == pytest.approx(2**1.5)


@given(arrays(np.int16, (3, 20), elements=st.integers(0, 15)))
def test_perplexity_lies_between_one_and_the_codes_used(codes):
    use = measure_code_use(codes, codebook_size=16)
    for used, perplexity in zip(use.codes_used, use.perplexity, strict=True):
        assert 1 - 1e-9 <= perplexity <= used + 1e-9


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((16, 0), np.int16), "at least one frame"),
        (np.zeros(16, np.int16), r"shape \(16,\)"),
        (np.zeros((1, 2)), "integers.*float64"),
        (np.array([[-1, 3]]), r"from 0 to 2047, got -1 to 3"),
        (np.array([[0, 2048]]), r"got 0 to 2048"),
    ],
)
def test_bad_codes_are_refused(codes, message):
    with pytest.raises(CodesError, match=message):
        measure_code_use(codes)
