from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import SGDClassifier
from sklearn.svm import SVC, LinearSVC

import qtokfeatures as qt
from qtokfeatures.estimators import TokenHistogram
from qtokfeatures.exceptions import CodecError, CodecMismatchError, InputError, NotFittedError
from qtokfeatures.features import merge_codes
from qtokfeatures.labelled import CodeSequence


def test_every_code_apart_counts_the_frames(codes) -> None:
    counts = TokenHistogram(bins=None, weighting="count").fit_transform(codes)
    assert counts.dims == ("clip", "feature")
    assert counts.dtype == np.float32
    expected = [
        np.concatenate([np.bincount(row, minlength=32) for row in clip])
        for clip in CodeSequence(codes)
    ]
    np.testing.assert_array_equal(counts.values, expected)


def test_each_codebook_sums_to_the_frames(codes) -> None:
    counts = TokenHistogram(bins=5, weighting="count").fit_transform(codes)
    sums = counts.groupby("codebook").sum("feature")
    np.testing.assert_array_equal(sums.values, np.tile(codes.frame_count.values[:, None], 3))


def test_bins_merge_codes_by_their_vectors(codes, band_codec) -> None:
    merged = TokenHistogram(bins=5, weighting="count").fit_transform(codes)
    apart = TokenHistogram(bins=None, weighting="count").fit_transform(codes)
    bins = merge_codes(band_codec.codebook_vectors(1), 5)
    expected = [apart.values[:, 32:64][:, bins == b].sum(axis=1) for b in range(5)]
    np.testing.assert_array_equal(merged.values[:, 5:10], np.transpose(expected))


def test_features_say_where_they_come_from(codes) -> None:
    features = TokenHistogram(bins=5, codebooks=[0, 2]).fit_transform(codes)
    assert features.feature.values[[0, 9]].tolist() == ["codebook0_bin0", "codebook2_bin4"]
    assert features.codebook.values.tolist() == [0] * 5 + [2] * 5
    assert features.bin.values.tolist() == [*range(5), *range(5)]
    apart = TokenHistogram(bins=None, codebooks=1).fit_transform(codes)
    assert apart.token.values.tolist() == list(range(32))
    assert apart.feature.values[31] == "codebook0_token31"


def test_the_labels_of_the_clips_ride_along(codes) -> None:
    features = TokenHistogram(bins=5).fit_transform(codes)
    assert features.kind.values.tolist() == ["tone", "noise"] * 4
    assert features["clip"].values.tolist() == codes["clip"].values.tolist()
    np.testing.assert_array_equal(features.duration, codes.duration)


def test_pairs_of_tokens(codes) -> None:
    pairs = TokenHistogram(bins=4, ngram=2, weighting="count", codebooks=1)
    table = pairs.fit_transform(codes)
    assert table.shape == (8, 16)
    assert table.sum("feature").values.tolist() == (codes.frame_count.values - 1).tolist()
    assert table.feature.values[6] == "codebook0_bin1_bin2"
    assert (table.bin_1.values[6], table.bin_2.values[6]) == (1, 2)
    bins = pairs.bin_of_code_[0][CodeSequence(codes)[3][0]]
    expected = np.zeros((4, 4))
    np.add.at(expected, (bins[:-1], bins[1:]), 1)
    np.testing.assert_array_equal(table.values[3], expected.ravel())


def test_a_clip_shorter_than_the_run_has_no_runs(codes) -> None:
    table = TokenHistogram(bins=2, ngram=7, codebooks=1).fit_transform(codes)
    short = codes.frame_count.values < 7
    assert short.any()
    assert not table.values[short].any()
    assert table.values[~short].any(axis=1).all()


@pytest.mark.parametrize("weighting", ["hellinger", "relative", "count", "tfidf"])
@pytest.mark.parametrize("ngram", [1, 2])
def test_sparse_equals_dense(codes, weighting: str, ngram: int) -> None:
    options = {"bins": 6, "weighting": weighting, "ngram": ngram}
    sparse = TokenHistogram(sparse_output=True, **options).fit(codes)
    dense = TokenHistogram(**options).fit(codes)
    rows = sparse.transform(codes)
    assert scipy.sparse.issparse(rows)
    assert rows.format == "csr"
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows.toarray(), dense.transform(codes).values)
    assert (sparse.get_feature_names_out() == dense.get_feature_names_out()).all()


@pytest.mark.parametrize("sparse", [False, True])
def test_tfidf_weighs_by_the_clips_of_fit(codes, sparse: bool) -> None:
    counts = TokenHistogram(bins=6, weighting="count").fit_transform(codes)
    reference = TfidfTransformer().fit(counts.values[:5])
    histogram = TokenHistogram(bins=6, weighting="tfidf", sparse_output=sparse)
    rows = histogram.fit(CodeSequence(codes)[:5]).transform(codes)
    values = rows.toarray() if sparse else rows.values
    expected = reference.transform(counts.values).toarray()
    np.testing.assert_allclose(values, expected, atol=1e-6)
    np.testing.assert_allclose(histogram.tfidf_.idf_, reference.idf_)


def test_runs_of_one_codebook(codes) -> None:
    pairs = TokenHistogram(codebooks=[1], ngram=2, bins=4, sparse_output=True).fit(codes)
    assert pairs.transform(codes).shape == (8, 16)
    assert pairs.get_feature_names_out()[5] == "codebook1_bin1_bin1"


def test_rows_do_not_depend_on_the_other_clips(codes) -> None:
    histogram = TokenHistogram(bins=8).fit(codes)
    some = histogram.transform(CodeSequence(codes)[[5, 1]])
    np.testing.assert_array_equal(some.values, histogram.transform(codes).values[[5, 1]])


def test_no_clips_give_no_rows(codes) -> None:
    assert TokenHistogram(bins=8).fit(codes).transform(CodeSequence(codes)[:0]).shape == (0, 24)


def test_the_input_is_left_alone(codes) -> None:
    before = codes.copy(deep=True)
    TokenHistogram(bins=8).fit_transform(codes)
    assert codes.identical(before)


def test_pickling_keeps_the_bins_and_not_the_codec(codes, band_codec) -> None:
    histogram = TokenHistogram(codec=band_codec, bins=8).fit(codes)
    stored = pickle.dumps(histogram)
    assert len(stored) < 5_000
    twin = pickle.loads(stored)
    assert twin.transform(codes).identical(histogram.transform(codes))


def test_clone_shares_the_codec(codes, band_codec) -> None:
    histogram = TokenHistogram(codec=band_codec, bins=8).set_output(transform="pandas").fit(codes)
    twin = clone(histogram)
    assert twin.codec is band_codec
    assert not hasattr(twin, "spec_")
    assert twin.get_params() == histogram.get_params()
    assert list(twin.fit_transform(codes).columns[:1]) == ["codebook0_bin0"]


def test_pandas_output(codes) -> None:
    table = TokenHistogram(bins=8).set_output(transform="pandas").fit_transform(codes)
    assert list(table.columns) == list(TokenHistogram(bins=8).fit(codes).get_feature_names_out())
    assert table.shape == (8, 24)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bins": 0}, "bins must be None or a whole number of at least 1, got 0"),
        ({"bins": 2.5}, "got 2.5"),
        ({"bins": True}, "got True"),
        ({"bins": 33}, "from 1 to 32, the number of codes, got 33"),
        ({"ngram": 0}, "ngram must be a whole number of at least 1"),
        ({"ngram": None}, "ngram must be a whole number of at least 1"),
        ({"weighting": "bm25"}, "'hellinger' or 'tfidf', got 'bm25'"),
        ({"codebooks": 4}, "indices from 0 to 2, got 4"),
        ({"codebooks": [0, 0]}, r"got \[0, 0\]"),
        ({"codebooks": []}, r"got \[\]"),
        ({"codebooks": "all"}, "got 'all'"),
        ({"codebooks": True}, "got True"),
        ({"bins": None, "ngram": 5}, r"give 100663296 features.*or sparse_output"),
        ({"codec": 3}, "loaded codec, got int"),
    ],
)
def test_impossible_parameters_are_refused_by_fit(codes, parameters, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TokenHistogram(**parameters).fit(codes)


def test_only_codes_are_taken() -> None:
    with pytest.raises(InputError, match="expected codes as a CodeSequence or Dataset, got list"):
        TokenHistogram().fit(["a.wav"])


def test_transform_before_fit(codes) -> None:
    with pytest.raises(NotFittedError, match="TokenHistogram is not fitted"):
        TokenHistogram().transform(codes)
    with pytest.raises(NotFittedError):
        TokenHistogram().get_feature_names_out()


def test_codes_of_another_codec_are_refused(codes, make_band_codec) -> None:
    other = make_band_codec("bands-2")
    with pytest.raises(CodecMismatchError, match=r"bands-2.*bands-1"):
        TokenHistogram(codec=other, bins=8).fit(codes)
    histogram = TokenHistogram(bins=8).fit(codes)
    with pytest.raises(CodecMismatchError, match=r"bands-1.*bands-2"):
        histogram.transform(other.encode_many([np.ones(4000)], sr=24000))


def test_a_codec_that_is_nowhere_to_be_found_is_named(codes) -> None:
    lost = codes.assign_attrs(fingerprint="lost", codec_name="no-such-codec")
    with pytest.raises(CodecError, match="no-such-codec"):
        TokenHistogram(bins=8).fit(lost)
    assert TokenHistogram(bins=None).fit_transform(lost).shape == (8, 96)


def test_a_missing_codebook_is_refused(codes) -> None:
    histogram = TokenHistogram(bins=8).fit(codes)
    with pytest.raises(InputError, match="fitted with codebook 2, got codes that have 2"):
        histogram.transform(codes.isel(codebook=slice(2)))


@pytest.mark.parametrize("weighting", ["hellinger", "tfidf"])
@pytest.mark.parametrize(
    "estimator",
    [SVC(), KMeans(2, n_init=1), RandomForestClassifier(3), SGDClassifier(), LinearSVC()],
    ids=lambda estimator: type(estimator).__name__,
)
def test_sparse_rows_are_what_estimators_take(codes, weighting: str, estimator) -> None:
    histogram = TokenHistogram(weighting=weighting, sparse_output=True, ngram=2, bins=4)
    rows = histogram.fit_transform(codes)
    assert rows.indices.dtype == rows.indptr.dtype == np.int32
    estimator.fit(rows, np.arange(rows.shape[0]) % 2).predict(rows)


def test_rows_of_clips_that_could_not_be_used_have_short_indices_too(band_codec, clips) -> None:
    tokenizer = qt.QTokenizer(
        band_codec, sr=24000, features=TokenHistogram(bins=4, sparse_output=True), on_error="nan"
    )
    with pytest.warns(qt.exceptions.SkippedClipWarning):
        rows = tokenizer.fit_transform([*clips[:2], np.array([np.nan])])
    assert np.isnan(rows[[2]].toarray()).all()
    assert rows.indices.dtype == np.int32


@pytest.mark.parametrize(
    ("weights", "message"),
    [("misspelt", "no variable 'misspelt'"), (np.ones((3, 4)), "must name a variable")],
)
def test_weights_are_looked_for_in_fit(codes, weights: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TokenHistogram(weights=weights).fit(codes)
