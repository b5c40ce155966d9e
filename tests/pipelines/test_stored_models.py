"""Classifiers as files: what comes back, what is not in them, what is refused."""

from __future__ import annotations

import shutil
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import FunctionTransformer

from qtokfeatures.estimators.codec_source import CodecReference, find_codec
from qtokfeatures.exceptions import CodecError, CodecMismatchError, InputError, NotFittedError
from qtokfeatures.pipelines import (
    StoredClassifier,
    load_classifier,
    make_label_classifier,
    save_classifier,
)

QWEN_TINY = Path(__file__).parents[1] / "codecs" / "golden" / "qwen3-tiny"


class Own(TransformerMixin, BaseEstimator):
    """A transformer that this package does not know."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.ones((len(X), 2))


@pytest.fixture
def model(paper, codes, labels, groups) -> StoredClassifier:
    pipe = make_label_classifier(paper, cache="/somewhere/private", device="cpu")
    pipe.fit(codes, labels, classifier__groups=groups)
    return StoredClassifier(pipe, "instrument", "instance", n_clips=36, balanced_accuracy=0.9)


@pytest.mark.parametrize("features", ["histogram", "embedding", "both"])
@pytest.mark.parametrize("classifier", [None, LogisticRegression()])
def test_what_is_stored_comes_back(paper, codes, labels, tmp_path, features, classifier) -> None:
    pipe = make_label_classifier(paper, features=features, classifier=classifier)
    model = StoredClassifier(pipe.fit(codes, labels.astype(object)), "instrument")
    back = load_classifier(save_classifier(model, tmp_path / "m.skops"))
    np.testing.assert_array_equal(back.pipeline.predict_proba(codes), pipe.predict_proba(codes))
    assert back.classes == ["flute", "guitar", "piano"]


def test_what_is_known_of_it_comes_back(model, tmp_path: Path) -> None:
    back = load_classifier(save_classifier(model, tmp_path / "m.skops"))
    assert (back.label, back.group, back.n_clips) == ("instrument", "instance", 36)
    assert back.balanced_accuracy == 0.9
    assert back.codec == CodecReference("paper", "1", "paper-1")


def test_neither_codec_nor_cache_is_in_the_file(model, paper, tmp_path: Path) -> None:
    path = save_classifier(model, tmp_path / "m.skops")
    with zipfile.ZipFile(path) as packed:
        schema = packed.read("schema.json").decode()
    assert "private" not in schema
    assert "PaperCodec" not in schema
    assert model.pipeline[0].codec is paper
    assert model.pipeline[0].cache == "/somewhere/private"


def test_another_version_of_the_codec_is_refused(
    paper, model, codes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_classifier(model, tmp_path / "m.skops")
    other = type(paper)(fingerprint="paper-2")
    monkeypatch.setattr("qtokfeatures.estimators.codec_source._in_use", {})
    monkeypatch.setattr("qtokfeatures.codecs.load_codec", lambda *args, **kwargs: other)
    back = load_classifier(path)
    with pytest.raises(CodecError, match="fingerprint paper-1 is needed"):
        back.pipeline.predict(codes)
    with pytest.raises(CodecMismatchError, match="paper-2"):
        back.pipeline.set_params(qtokenizer__codec=find_codec(other)).predict(codes)


def test_a_type_that_is_not_listed_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "evil.skops"
    path.write_bytes(skops.io.dumps({"format": "?", "pipeline": FunctionTransformer(print)}))
    skops.io.dump(Own(), tmp_path / "own.skops")
    for name in ("evil.skops", "own.skops"):
        with pytest.raises(InputError, match=f"{name}: contains types that are not trusted"):
            load_classifier(tmp_path / name)


def test_what_could_not_be_read_again_is_not_written(paper, codes, labels, tmp_path) -> None:
    pipe = make_label_classifier(paper, features=Own()).fit(codes, labels)
    model = StoredClassifier(pipe, "instrument")
    with pytest.raises(InputError, match=r"does not trust: .*Own; pass their names"):
        save_classifier(model, tmp_path / "m.skops")
    assert list(tmp_path.iterdir()) == []
    name = f"{Own.__module__}.Own"
    path = save_classifier(model, tmp_path / "m.skops", trusted=[name])
    assert load_classifier(path, trusted=[name]).classes == ["flute", "guitar", "piano"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"\x80\x04pickle"])
def test_other_files_are_no_classifiers(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.skops"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"m\.skops: expected a classifier"):
        load_classifier(path)


@pytest.mark.parametrize("name", ["gone.skops", "."])
def test_paths_that_cannot_be_read_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="expected a classifier"):
        load_classifier(tmp_path / name)


@pytest.mark.parametrize("seconds", [0.0, 2.0**33])
def test_clocks_before_1980_and_after_2107_are_no_matter(
    model, codes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr("time.time", lambda: seconds)
    monkeypatch.setattr("time.localtime", lambda *_: time.gmtime(seconds))
    path = save_classifier(model, tmp_path / "m.skops")
    monkeypatch.undo()
    back = load_classifier(path)
    expected = model.pipeline.predict_proba(codes)
    np.testing.assert_array_equal(back.pipeline.predict_proba(codes), expected)


def test_other_things_of_skops_are_no_classifiers(tmp_path: Path) -> None:
    skops.io.dump(LogisticRegression(), tmp_path / "m.skops")
    with pytest.raises(InputError, match="expected the format"):
        load_classifier(tmp_path / "m.skops")


def test_what_cannot_be_stored_is_said(model, paper, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected the suffix \.skops, got '\.pkl'"):
        save_classifier(model, tmp_path / "m.pkl")
    with pytest.raises(NotFittedError, match="not fitted"):
        save_classifier(StoredClassifier(make_label_classifier(paper), "x"), tmp_path / "m.skops")


def test_a_search_stands_for_its_best_and_half_fitted_is_not_fitted(
    paper, codes, labels, tmp_path: Path
) -> None:
    pipe = make_label_classifier(paper, n_splits=2)
    search = GridSearchCV(pipe, {"classifier__method": ["sigmoid"]}, cv=2).fit(codes, labels)
    path = save_classifier(StoredClassifier(search, "instrument"), tmp_path / "m.skops")
    assert load_classifier(path).classes == ["flute", "guitar", "piano"]
    pipe[0].fit(codes)
    with pytest.raises(NotFittedError, match="not fitted"):
        save_classifier(StoredClassifier(pipe, "instrument"), tmp_path / "m.skops")
    with pytest.raises(InputError, match="first step is a QTokenizer, got LogisticRegression"):
        save_classifier(StoredClassifier(LogisticRegression(), "x"), tmp_path / "m.skops")


def test_weights_that_were_replaced_are_loaded_anew(tmp_path):
    folder = Path(shutil.copytree(QWEN_TINY, tmp_path / "mine"))
    first = find_codec(folder)
    assert find_codec(folder) is first
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"sliding_window": 10', '"sliding_window": 9'))
    assert find_codec(folder).spec.fingerprint != first.spec.fingerprint
