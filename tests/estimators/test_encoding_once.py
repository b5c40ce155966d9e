"""Each clip is encoded once, and found again by its content."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from qtokfeatures.estimators import CodeEmbedding, QTokenizer, TokenHistogram
from qtokfeatures.labelled import CodeSequence, FolderCache
from qtokfeatures.labelled.cache import MemoryCache


@pytest.fixture
def tokenizer(band_codec) -> QTokenizer:
    return QTokenizer(band_codec, sr=24000, features=TokenHistogram(bins=8), cache=None)


class TestEncodingOnce:
    def test_the_cache_goes_by_content(self, make_band_codec, files, clips) -> None:
        band_codec = make_band_codec("bands-in-memory")
        tokenizer = QTokenizer(band_codec, sr=24000, features="embedding")
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
            QTokenizer(codec, sr=24000, cache=cache).encode(files)
            assert codec.n_encoded == 8

    def test_clones_share_a_cache_that_is_an_object(self, make_band_codec, files) -> None:
        codec = make_band_codec()
        tokenizer = QTokenizer(codec, sr=24000, cache=MemoryCache())
        tokenizer.encode(files)
        clone(tokenizer).encode(files)
        assert codec.n_encoded == 8

    def test_without_cache_every_call_encodes(self, band_codec, files) -> None:
        tokenizer = QTokenizer(band_codec, sr=24000, cache=None, features="embedding")
        tokenizer.fit_transform(files)
        assert band_codec.n_encoded == 8
        tokenizer.transform(files)
        assert band_codec.n_encoded == 16

    def test_the_same_clip_twice_is_encoded_once(self, band_codec, files) -> None:
        ds = QTokenizer(band_codec, sr=24000, cache=None).encode([files[0], files[1], files[0]])
        assert band_codec.n_encoded == 2
        assert ds["clip"].values.tolist() == ["clip0.wav", "clip1.wav", "clip0.wav#2"]
        first, _, again = CodeSequence(ds)
        np.testing.assert_array_equal(first, again)

    def test_batches_hold_so_many_seconds(self, band_codec, clips) -> None:
        QTokenizer(band_codec, sr=24000, batch_s=1.45, cache=None).encode(clips)
        assert np.allclose(band_codec.batches, [0.4 + 0.5, 0.6 + 0.7, 0.8, 0.9, 1.0, 1.1])

    def test_the_batch_size_changes_nothing(self, band_codec, clips) -> None:
        one = QTokenizer(band_codec, sr=24000, batch_s=0.01, cache=None).encode(clips)
        assert one.identical(QTokenizer(band_codec, sr=24000, cache=None).encode(clips))


def search(tokenizer: QTokenizer) -> GridSearchCV:
    """Search over parameters of the features, in five folds."""
    grid = {
        "qtokenizer__features__codebooks": [1, 2],
        "qtokenizer__features__bins": [2, 4],
        "qtokenizer__features__weighting": ["hellinger", "tfidf"],
    }
    return GridSearchCV(make_pipeline(tokenizer, SVC()), grid, cv=5)


class TestSearching:
    @pytest.fixture
    def ten(self) -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        return [rng.normal(0, 0.01 * 3 ** (i % 2), 4800 + 480 * i) for i in range(10)]

    @pytest.mark.parametrize("kind", ["memory", "folder"])
    def test_every_clip_is_encoded_once(self, make_band_codec, ten, tmp_path, kind: str) -> None:
        codec = make_band_codec(f"searched-{kind}")
        cache = "memory" if kind == "memory" else tmp_path
        found = search(QTokenizer(codec, sr=24000, features=TokenHistogram(), cache=cache))
        found.fit(ten, [0, 1] * 5)
        assert len(found.cv_results_["params"]) == 8
        assert codec.n_encoded == 10

    def test_in_two_processes_too(self, ten, tmp_path) -> None:
        log = tmp_path / "encoded.txt"

        class LoggingCache(FolderCache):  # made here, it travels by value to the workers
            def put(self, key: str, codes: Any) -> None:
                super().put(key, codes)
                with log.open("a") as file:
                    file.write(f"{os.getpid()} {key}\n")

        tokenizer = QTokenizer(
            sr=24000, features=TokenHistogram(codebooks=1), cache=LoggingCache(tmp_path / "codes")
        )
        grid = {"qtokenizer__features__bins": [2, 4]}
        pipe = make_pipeline(tokenizer, SVC())
        GridSearchCV(pipe, grid, cv=5, n_jobs=2, refit=False).fit(ten, [0, 1] * 5)
        keys = [line.split()[1] for line in log.read_text().splitlines()]
        assert len(keys) == len(set(keys)) == 10

    def test_over_codecs_and_kinds_of_features(self, make_band_codec, ten) -> None:
        codecs = [make_band_codec("searched-1"), make_band_codec("searched-2")]
        grid = {
            "qtokenizer__codec": codecs,
            "qtokenizer__features": [TokenHistogram(bins=4), CodeEmbedding(combine="concatenate")],
        }
        tokenizer = QTokenizer(codecs[0], sr=24000, cache=MemoryCache())
        found = GridSearchCV(make_pipeline(tokenizer, SVC()), grid, cv=5).fit(ten, [0, 1] * 5)
        assert [codec.n_encoded for codec in codecs] == [10, 10]
        assert found.best_estimator_["qtokenizer"].spec_ in [codec.spec for codec in codecs]

    def test_over_what_an_embedding_is_made_of(self, make_band_codec, ten) -> None:
        codec = make_band_codec("searched-embedding")
        grid = {
            "qtokenizer__features__codebooks": [1, [0, 2], None],
            "qtokenizer__features__pooling": ["mean", ("mean", "q90")],
        }
        tokenizer = QTokenizer(codec, sr=24000, features=CodeEmbedding(), cache=MemoryCache())
        found = GridSearchCV(make_pipeline(tokenizer, SVC()), grid, cv=5).fit(ten, [0, 1] * 5)
        assert len(found.cv_results_["params"]) == 6
        assert codec.n_encoded == 10


def encode_slowly(folder: Path, codec: Any, clips: list[np.ndarray], answers: Any) -> None:
    """Encode clips into a folder, and report how many of them were not cached."""
    encode = codec.encode
    codec.encode = lambda y: (time.sleep(0.03), encode(y))[1]
    ds = QTokenizer(codec, sr=24000, cache=folder, batch_s=0.8).encode(clips)
    answers.put((codec.n_encoded, ds.codes.values))


class TestTwoWriters:
    @pytest.mark.parametrize("turned", [False, True])
    def test_share_the_work(self, make_band_codec, clips, tmp_path, turned: bool) -> None:
        context = multiprocessing.get_context("fork")
        answers = context.Queue()
        orders = [clips, clips[::-1] if turned else clips]
        writers = [
            context.Process(
                target=encode_slowly, args=(tmp_path, make_band_codec("raced"), order, answers)
            )
            for order in orders
        ]
        for writer in writers:
            writer.start()
        found = [answers.get(timeout=60) for _ in writers]
        for writer in writers:
            writer.join()
        assert sum(n_encoded for n_encoded, _ in found) == len(clips)
        expected = (
            QTokenizer(make_band_codec("raced"), sr=24000, cache=None).encode(clips).codes.values
        )
        assert found[0][1].shape == found[1][1].shape == expected.shape
        assert any(np.array_equal(codes, expected) for _, codes in found)
        assert sorted(file.suffix for file in tmp_path.rglob("*.*")) == [".codes"] * len(clips)

    def test_one_that_fails_lets_the_other_go_on(self, make_band_codec, clips, tmp_path) -> None:
        broken = make_band_codec("fails")
        broken.encode = lambda y: 1 / 0
        with pytest.raises(ZeroDivisionError):
            QTokenizer(broken, sr=24000, cache=tmp_path).encode(clips)
        works = make_band_codec("fails")
        QTokenizer(works, sr=24000, cache=tmp_path).encode(clips)
        assert works.n_encoded == len(clips)

    def test_an_entry_that_another_did_not_make_is_made(
        self, make_band_codec, clips, tmp_path, monkeypatch
    ) -> None:
        codec = make_band_codec("given up")
        cache = FolderCache(tmp_path)
        other = cache.locks()
        assert other.acquire(cache.key(clips[2], 24000, "given up"))
        wait = type(other).wait
        monkeypatch.setattr(
            type(other), "wait", lambda locks, key: (other.release_all(), wait(locks, key))
        )
        expected = QTokenizer(make_band_codec("given up"), sr=24000, cache=None).encode(clips)
        assert QTokenizer(codec, sr=24000, cache=cache).encode(clips).identical(expected)
        assert codec.n_encoded == len(clips)
        assert [round(seconds, 1) for seconds in codec.batches][-1] == 0.6


def test_a_damaged_entry_is_made_again(make_band_codec, clips, tmp_path) -> None:
    codec = make_band_codec("damaged")
    tokenizer = QTokenizer(codec, sr=24000, cache=tmp_path)
    expected = tokenizer.encode(clips)
    damaged, *_ = sorted(tmp_path.rglob("*.codes"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert tokenizer.encode(clips).identical(expected)
    assert codec.n_encoded == len(clips) + 1
    tokenizer.encode(clips)
    assert codec.n_encoded == len(clips) + 1
