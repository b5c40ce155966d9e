from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.feature_extraction.text import TfidfTransformer

from qtokfeatures.exceptions import InputError
from qtokfeatures.features import inverse_document_frequency, unit_rows

counts_of_clips = arrays(np.int64, (4, 6), elements=st.integers(0, 3))


@given(counts_of_clips)
def test_it_is_what_scikit_learn_makes(counts: np.ndarray) -> None:
    idf = inverse_document_frequency((counts > 0).sum(axis=0), len(counts))
    expected = TfidfTransformer().fit_transform(counts).toarray()
    np.testing.assert_allclose(unit_rows(counts * idf), expected, atol=1e-6)


@given(counts_of_clips)
def test_sparse_rows_are_the_dense_ones(counts: np.ndarray) -> None:
    sparse = unit_rows(scipy.sparse.csr_array(counts.astype(float)))
    assert sparse.format == "csr"
    assert sparse.dtype == np.float32
    np.testing.assert_array_equal(sparse.toarray(), unit_rows(counts.astype(float)))


def test_the_input_is_left_alone() -> None:
    values = np.array([[3.0, 4.0]])
    unit_rows(values)
    assert values.tolist() == [[3.0, 4.0]]


@pytest.mark.parametrize("count", [[-1], [0, 4]])
def test_more_clips_than_there_are(count: list[int]) -> None:
    with pytest.raises(InputError, match=r"document_count must be 0 … 3"):
        inverse_document_frequency(count, 3)
