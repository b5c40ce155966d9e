from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.pipeline import FeatureUnion, make_pipeline

from qtokfeatures.estimators import CodeEmbedding, FrameFeatures, QTokenizer, TokenHistogram
from qtokfeatures.exceptions import (
    AudioError,
    CodecMismatchError,
    InputError,
    NotFittedError,
    SkippedClipWarning,
)
from qtokfeatures.labelled import CodeSequence

N_FEATURES = 3 * 8


@pytest.fixture
def tokenizer(band_codec) -> QTokenizer:
    return QTokenizer(band_codec, sr=24000, features=TokenHistogram(bins=8), cache=None)


@pytest.fixture
def bad_files(files: list[str], tmp_path: Path) -> list[str]:
    """Return the eight clips with two that cannot be read at rows 1 and 4."""
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"this is no sound")
    return [files[0], str(tmp_path / "missing.wav"), *files[1:3], str(broken), *files[3:]]


class TestFeatures:
    def test_any_transformer_of_codes(self, band_codec, clips) -> None:
        class Lengths(TransformerMixin, BaseEstimator):
            def fit(self, X, y=None):
                return self

            def transform(self, X):
                return np.array([[codes.shape[1]] for codes in X])

        features = QTokenizer(band_codec, sr=24000, features=Lengths()).fit_transform(clips)
        assert features.dims == ("clip", "feature")
        assert features.values[:, 0].tolist() == [5, 7, 8, 9, 10, 12, 13, 14]
        assert features["clip"].size == 8

    def test_a_pipeline_of_features_gets_the_codec(self, band_codec, clips) -> None:
        steps = make_pipeline(TokenHistogram(bins=8, weighting="count"), TfidfTransformer())
        tokenizer = QTokenizer(band_codec, sr=24000, features=steps).fit(clips)
        assert tokenizer.features_[0].codec is band_codec
        assert steps[0].codec is None
        assert scipy.sparse.issparse(tokenizer.transform(clips))

    def test_a_union_of_features(self, band_codec, clips) -> None:
        union = FeatureUnion([("h", TokenHistogram(bins=8)), ("e", CodeEmbedding())])
        tokenizer = QTokenizer(band_codec, sr=24000, features=union)
        features = tokenizer.fit_transform(clips)
        assert features.shape == (8, 24 + 16)
        assert features.feature.values[0] == "h__codebook0_bin0"
        assert (features.feature.values == tokenizer.get_feature_names_out()).all()

    def test_frame_features(self, band_codec, clips) -> None:
        tokenizer = QTokenizer(band_codec, sr=24000, features=FrameFeatures(padded=True))
        assert tokenizer.fit_transform(clips).dims == ("clip", "frame", "feature")

    def test_sparse_features(self, band_codec, clips) -> None:
        histogram = TokenHistogram(bins=8, sparse_output=True)
        rows = QTokenizer(band_codec, sr=24000, features=histogram).fit_transform(clips)
        assert rows.format == "csr"
        dense = QTokenizer(band_codec, sr=24000, features=TokenHistogram(bins=8)).fit_transform(
            clips
        )
        np.testing.assert_array_equal(rows.toarray(), dense.values)

    @pytest.mark.parametrize("features", ["histograms", None, 3, TokenHistogram])
    def test_anything_else_is_refused(self, band_codec, clips, features) -> None:
        with pytest.raises(
            InputError, match="features must be one of 'histogram', 'embedding', 'both'"
        ):
            QTokenizer(band_codec, sr=24000, features=features).fit(clips)

    def test_unknown_features_are_refused_before_a_clip_is_read(self, band_codec) -> None:
        with pytest.raises(InputError, match="features must be one of"):
            QTokenizer(band_codec, features="nope").fit_transform(["missing.wav"])

    def test_parameters_of_features_are_reached(self, tokenizer) -> None:
        assert tokenizer.get_params()["features__bins"] == 8
        assert tokenizer.set_params(features__bins=4).features.bins == 4
        swapped = tokenizer.set_params(features=CodeEmbedding(), features__pooling="mean")
        assert swapped.features.pooling == "mean"

    def test_parameters_of_a_name_are_refused_with_advice(self) -> None:
        with pytest.raises(InputError, match=r"QTokenizer\(features=TokenHistogram\(\)\)"):
            QTokenizer().set_params(features__bins=4)


class TestLabels:
    def test_clips_are_named_after_their_files(self, tokenizer, files) -> None:
        features = tokenizer.fit_transform(files)
        assert features["clip"].values.tolist() == [f"clip{i}.wav" for i in range(8)]
        assert features.source.values.tolist() == files
        np.testing.assert_allclose(features.duration, 0.4 + 0.1 * np.arange(8))
        assert features.attrs["codec_name"] == "bands"

    def test_names_are_those_of_the_array(self, tokenizer, clips) -> None:
        features = tokenizer.fit_transform(clips)
        assert features.feature.values.tolist() == tokenizer.get_feature_names_out().tolist()

    def test_pandas_output_is_indexed_by_clip_ids(self, tokenizer, files) -> None:
        tokenizer.set_output(transform="pandas")
        table = tokenizer.fit_transform(files)
        assert table.index.name == "clip"
        assert table.index.tolist() == [f"clip{i}.wav" for i in range(8)]
        assert table.columns[0] == "codebook0_bin0"
        assert tokenizer.transform(tokenizer.encode(files)).equals(table)
        frames = (
            FrameFeatures()
            .set_output(transform="pandas")
            .fit_transform(tokenizer.encode(files[:2]))
        )
        assert frames.index.names == ["clip", "time"]
        assert frames.loc["clip1.wav"].index[:3].tolist() == [0.0, 0.08, 0.16]

    def test_pandas_output_keeps_the_index(self, tokenizer, files) -> None:
        series = pd.Series(files, index=list("abcdefgh"))
        table = tokenizer.set_output(transform="pandas").fit_transform(series)
        assert isinstance(table, pd.DataFrame)
        assert list(table.index) == list("abcdefgh")
        assert list(table.columns) == tokenizer.get_feature_names_out().tolist()

    def test_polars_output(self, tokenizer, files) -> None:
        pytest.importorskip("polars")
        table = tokenizer.set_output(transform="polars").fit_transform(files)
        assert table.columns == tokenizer.get_feature_names_out().tolist()
        assert table.shape == (8, N_FEATURES)


class TestClipsThatCannotBeUsed:
    def test_by_default_the_first_is_raised(self, tokenizer, bad_files) -> None:
        with pytest.raises(AudioError, match=r"missing\.wav"):
            tokenizer.fit(bad_files)

    def test_nan_keeps_every_row(self, tokenizer, files, bad_files) -> None:
        expected = tokenizer.fit_transform(files)
        tokenizer.set_params(on_error="nan")
        with pytest.warns(SkippedClipWarning) as caught:
            features = tokenizer.transform(bad_files)
        assert [str(w.message).split(" cannot be used")[0] for w in caught] == [
            "clip 'missing.wav' (row 1)",
            "clip 'broken.wav' (row 4)",
        ]
        good = [0, 2, 3, 5, 6, 7, 8, 9]
        np.testing.assert_array_equal(features.values[good], expected.values)
        assert np.isnan(features.values[[1, 4]]).all()
        ids = features["clip"].values
        assert ids[[1, 2, 4]].tolist() == ["missing.wav", "clip1.wav", "broken.wav"]
        assert features.source.values.tolist() == bad_files
        assert np.isnan(features.duration.values[[1, 4]]).all()
        assert features.dtype == np.float32

    @pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
    def test_a_missing_path_is_a_row_too(self, tokenizer, files, missing) -> None:
        tokenizer.set_params(on_error="nan")
        with pytest.warns(SkippedClipWarning, match="row 1"):
            features = tokenizer.fit_transform(pd.Series([files[0], missing, files[2]]))
        assert np.isnan(features.values).any(axis=1).tolist() == [False, True, False]

    def test_sparse_rows(self, band_codec, bad_files) -> None:
        histogram = TokenHistogram(bins=8, sparse_output=True)
        tokenizer = QTokenizer(band_codec, sr=24000, features=histogram, on_error="nan", cache=None)
        with pytest.warns(SkippedClipWarning):
            rows = tokenizer.fit_transform(bad_files).toarray()
        dense = clone(tokenizer).set_params(features__sparse_output=False)
        with pytest.warns(SkippedClipWarning):
            np.testing.assert_array_equal(rows, dense.fit_transform(bad_files).values)

    def test_encode_reports_what_it_left_out(self, tokenizer, bad_files) -> None:
        tokenizer.set_params(on_error="nan")
        with pytest.warns(SkippedClipWarning):
            ds = tokenizer.encode(bad_files)
        assert ds.sizes["clip"] == 8
        assert [item["index"] for item in ds.qtok.skipped] == [1, 4]

    def test_labels_of_y_follow(self, band_codec, bad_files) -> None:
        class Remember(TokenHistogram):
            def fit(self, X, y=None):
                self.y_ = y
                return super().fit(X)

        tokenizer = QTokenizer(band_codec, sr=24000, features=Remember(bins=8), on_error="nan")
        with pytest.warns(SkippedClipWarning):
            tokenizer.fit(bad_files, y=range(10))
        assert tokenizer.features_.y_.tolist() == [0, 2, 3, 5, 6, 7, 8, 9]

    def test_all_of_them(self, tokenizer, files, tmp_path) -> None:
        lost = [str(tmp_path / "x.wav"), str(tmp_path / "y.wav")]
        tokenizer.set_params(on_error="nan")
        with (
            pytest.warns(SkippedClipWarning),
            pytest.raises(InputError, match=r"none of the 2 clips could be used.*x\.wav"),
        ):
            tokenizer.fit(lost)
        tokenizer.fit(files)
        with pytest.warns(SkippedClipWarning):
            assert np.isnan(tokenizer.transform(lost).values).all()


class TestParameters:
    def test_the_constructor_only_stores(self) -> None:
        given = {"codec": object(), "features": object(), "sr": -1, "batch_s": "x", "cache": 7}
        assert QTokenizer(**given).get_params(deep=False).items() >= given.items()

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"codec": None}, "codec must be a name"),
            ({"sr": 0}, "0"),
            ({"batch_s": 0}, "batch_s must be a number of seconds above 0"),
            ({"batch_s": "long"}, "got 'long'"),
            ({"on_error": "skip"}, "on_error must be 'raise' or 'nan', got 'skip'"),
            ({"cache": 3}, "cache must be"),
        ],
    )
    def test_impossible_ones_are_refused_by_fit(
        self, tokenizer, clips, parameters, message
    ) -> None:
        with pytest.raises(InputError, match=message):
            tokenizer.set_params(**parameters).fit(clips)

    def test_clone_shares_the_codec(self, tokenizer, band_codec, clips) -> None:
        twin = clone(tokenizer.fit(clips))
        assert twin.codec is band_codec
        assert twin.features is not tokenizer.features
        assert not hasattr(twin, "features_")

    def test_a_pickle_holds_no_codec(self, tokenizer, clips) -> None:
        tokenizer.fit(clips)
        stored = pickle.dumps(tokenizer)
        assert len(stored) < 5_000
        twin = pickle.loads(stored)
        np.testing.assert_array_equal(twin.transform(clips), tokenizer.transform(clips))

    def test_a_named_codec_is_not_loaded_by_making_or_unpickling(self) -> None:
        tokenizer = pickle.loads(pickle.dumps(clone(QTokenizer("no/such/codec"))))
        assert tokenizer.codec == "no/such/codec"
        assert "no/such/codec" in repr(tokenizer)
        assert "no/such/codec" in make_pipeline(tokenizer)._repr_html_()


class TestMisuse:
    def test_before_fit(self, tokenizer, clips) -> None:
        with pytest.raises(NotFittedError, match="QTokenizer is not fitted"):
            tokenizer.transform(clips)
        with pytest.raises(NotFittedError):
            tokenizer.get_feature_names_out()

    def test_codes_of_another_codec(self, tokenizer, make_band_codec, clips) -> None:
        other = make_band_codec("bands-2").encode_many(clips, sr=24000)
        with pytest.raises(CodecMismatchError, match=r"bands-1.*bands-2"):
            tokenizer.fit(other)
        with pytest.raises(CodecMismatchError, match=r"bands-1.*bands-2"):
            tokenizer.inverse_transform(other)

    def test_a_codec_swapped_after_fit(self, tokenizer, clips, make_band_codec) -> None:
        tokenizer.fit(clips).set_params(codec=make_band_codec("bands-2"))
        with pytest.raises(CodecMismatchError, match=r"bands-1.*bands-2"):
            tokenizer.transform(clips)


class TestInverse:
    def test_codes_are_decoded_at_their_own_rate_and_length(self, tokenizer, band_codec) -> None:
        pairs = [(np.ones(8000, np.float32), 8000), (np.zeros(500, np.float32), 44100)]
        ds = tokenizer.encode(pairs)
        waves = tokenizer.inverse_transform(ds)
        assert [len(y) for y in waves] == [8000, 500]
        for y, (expected, _) in zip(waves, band_codec.decode_many(ds), strict=True):
            np.testing.assert_array_equal(y, expected)
        assert len(tokenizer.inverse_transform(CodeSequence(ds)[1:])) == 1


def test_nothing_warns(tokenizer, files) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tokenizer.fit(files).transform(files)
