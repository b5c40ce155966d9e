"""Each clip is encoded once, and found again by its content."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from qtokfeatures.estimators import QTokenizer, TokenHistogram
from qtokfeatures.labelled import CodeSequence
from qtokfeatures.labelled.cache import MemoryCache


@pytest.fixture
def tokenizer(band_codec) -> QTokenizer:
    return QTokenizer(band_codec, features=TokenHistogram(bins=8), cache=None)


class TestEncodingOnce:
    def test_the_cache_goes_by_content(self, make_band_codec, files, clips) -> None:
        band_codec = make_band_codec("bands-in-memory")
        tokenizer = QTokenizer(band_codec, features="embedding")
        tokenizer.fit_transform(files)
        tokenizer.transform(clips)
        clone(tokenizer).fit(files[::-1])
        assert band_codec.n_encoded == 8

    def test_a_folder_is_shared(self, make_band_codec, files, tmp_path) -> None:
        first, second, third = make_band_codec(), make_band_codec(), make_band_codec("bands-2")
        expected = QTokenizer(first, cache=tmp_path / "codes").encode(files)
        found = QTokenizer(second, cache=str(tmp_path / "codes")).encode(files)
        QTokenizer(third, cache=tmp_path / "codes").encode(files)
        assert (first.n_encoded, second.n_encoded, third.n_encoded) == (8, 0, 8)
        assert found.identical(expected)

    def test_another_codec_does_not_find_them(self, make_band_codec, files) -> None:
        cache = MemoryCache()
        for fingerprint in ("bands-1", "bands-2"):
            codec = make_band_codec(fingerprint)
            QTokenizer(codec, cache=cache).encode(files)
            assert codec.n_encoded == 8

    def test_clones_share_a_cache_that_is_an_object(self, make_band_codec, files) -> None:
        codec = make_band_codec()
        tokenizer = QTokenizer(codec, cache=MemoryCache())
        tokenizer.encode(files)
        clone(tokenizer).encode(files)
        assert codec.n_encoded == 8

    def test_without_cache_every_call_encodes(self, band_codec, files) -> None:
        tokenizer = QTokenizer(band_codec, cache=None, features="embedding")
        tokenizer.fit_transform(files)
        assert band_codec.n_encoded == 8
        tokenizer.transform(files)
        assert band_codec.n_encoded == 16

    def test_the_same_clip_twice_is_encoded_once(self, band_codec, files) -> None:
        ds = QTokenizer(band_codec, cache=None).encode([files[0], files[1], files[0]])
        assert band_codec.n_encoded == 2
        assert ds["clip"].values.tolist() == ["clip0.wav", "clip1.wav", "clip0.wav#2"]
        first, _, again = CodeSequence(ds)
        np.testing.assert_array_equal(first, again)

    def test_batches_hold_so_many_seconds(self, band_codec, clips) -> None:
        QTokenizer(band_codec, batch_s=1.45, cache=None).encode(clips)
        assert np.allclose(band_codec.batches, [0.4 + 0.5, 0.6 + 0.7, 0.8, 0.9, 1.0, 1.1])

    def test_the_batch_size_changes_nothing(self, band_codec, clips) -> None:
        one = QTokenizer(band_codec, batch_s=0.01, cache=None).encode(clips)
        assert one.identical(QTokenizer(band_codec, cache=None).encode(clips))
