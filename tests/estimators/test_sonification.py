"""Sounds of clusters and classes: built from their members, near their vectors."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVC

import qtokfeatures as qt
from qtokfeatures.estimators import sonification as hearing
from qtokfeatures.exceptions import InputError

KINDS = ["tone", "noise"] * 4


@pytest.fixture
def tokenizer(band_codec):
    return qt.QTokenizer(band_codec, sr=24000, features=qt.CodeEmbedding())


def members(sound: qt.estimators.Sonified) -> set[str]:
    """The clips of a sound: tones have even numbers, noises odd ones."""
    numbers = {int(clip.split("-")[1]) for clip in sound.frames["clip"].values}
    return {KINDS[number] for number in numbers}


@pytest.mark.parametrize(
    "steps",
    [
        [KMeans(2, random_state=0)],
        [StandardScaler(), PCA(3), KMeans(2, random_state=0)],
        [Normalizer(), KMeans(2, random_state=0)],
        [AgglomerativeClustering(2)],
        [DBSCAN(eps=1e9, min_samples=1)],
        [PCA(2), GaussianMixture(2, covariance_type="spherical", random_state=0)],
    ],
    ids=["KMeans", "scaled", "no inverse", "no centres", "one cluster", "GaussianMixture"],
)
def test_a_cluster(tokenizer, clips, steps) -> None:
    pipe = qt.Pipeline([tokenizer, *steps]).fit(clips)
    sound = qt.sonify(pipe, cluster=0, duration_s=0.4)
    assert sound.y.shape == (9600,)
    assert sound.sr == 24000
    assert sound.frames["clip"].shape == sound.frames["time"].shape == (5,)


def test_without_centres_it_is_the_mean_of_the_members(tokenizer, clips, monkeypatch) -> None:
    pipe = qt.Pipeline([tokenizer, AgglomerativeClustering(2)]).fit(clips)
    vector = hearing._cluster_vector(pipe, 1)
    features = pipe[0].transform(clips).values
    np.testing.assert_allclose(vector, features[pipe[-1].labels_ == 1].mean(axis=0), rtol=1e-4)


def test_with_centres_it_is_the_centre_before_the_scaler(tokenizer, clips) -> None:
    pipe = qt.Pipeline([tokenizer, StandardScaler(), KMeans(2, random_state=0)]).fit(clips)
    vector = hearing._cluster_vector(pipe, 1)
    expected = pipe[1].inverse_transform(pipe[-1].cluster_centers_)[1]
    np.testing.assert_allclose(vector, expected)


@pytest.mark.parametrize(
    "classifier",
    [GaussianNB(), RandomForestClassifier(5, random_state=0)],
)
def test_a_class_is_made_of_its_members(clips, classifier) -> None:
    short = [clip[:9600] for clip in clips]
    pipe = qt.Pipeline([qt.QTokenizer(sr=24000), classifier]).fit(short, KINDS)
    for label in ("tone", "noise"):
        assert members(qt.sonify(pipe, label=label, duration_s=0.4)) == {label}


def test_members_that_are_taken_for_another_class_are_left_out(tokenizer, clips) -> None:
    wrong = [*KINDS[:6], "noise", "noise"]  # clip 6 is a tone
    pipe = qt.Pipeline([tokenizer, SVC(C=0.5)]).fit(clips, wrong)
    features = pipe[0].transform(clips).values
    right = (np.array(wrong) == "noise") & (pipe[1:].predict(features) == "noise")
    vector = hearing._class_vector(pipe, "noise")
    np.testing.assert_allclose(vector, features[right].mean(axis=0), rtol=1e-4)


def test_a_search_stands_for_its_best_pipeline(tokenizer, clips) -> None:
    pipe = qt.Pipeline([tokenizer, SVC()])
    search = GridSearchCV(pipe, {"svc__C": [1.0, 10.0]}, cv=2).fit(clips, KINDS)
    assert qt.sonify(search, label="tone", duration_s=0.4).y.shape == (9600,)


class TestRefusals:
    def test_neither_or_both(self, tokenizer, clips) -> None:
        pipe = qt.Pipeline([tokenizer, KMeans(2)]).fit(clips)
        with pytest.raises(InputError, match="one of cluster= and label="):
            qt.sonify(pipe)
        with pytest.raises(InputError, match="one of cluster= and label="):
            qt.sonify(pipe, cluster=0, label="tone")

    def test_unknown_ones_are_listed(self, tokenizer, clips) -> None:
        pipe = qt.Pipeline([tokenizer, KMeans(2)]).fit(clips)
        with pytest.raises(InputError, match="no cluster 7; there are 0, 1"):
            qt.sonify(pipe, cluster=7)
        classifier = qt.Pipeline([tokenizer, SVC()]).fit(clips, KINDS)
        with pytest.raises(InputError, match="no class 'flute'; there are 'noise', 'tone'"):
            qt.sonify(classifier, label="flute")

    def test_the_wrong_kind_of_last_step(self, tokenizer, clips) -> None:
        with pytest.raises(InputError, match="KMeans has no classes"):
            qt.sonify(qt.Pipeline([tokenizer, KMeans(2)]).fit(clips), label="tone")
        with pytest.raises(InputError, match="SVC has no clusters"):
            qt.sonify(qt.Pipeline([tokenizer, SVC()]).fit(clips, KINDS), cluster=0)

    def test_no_pipeline_of_audio(self, clips) -> None:
        with pytest.raises(InputError, match="first step is a QTokenizer"):
            qt.sonify(KMeans(2), cluster=0)
        with pytest.raises(InputError, match="first step is a QTokenizer"):
            qt.sonify(qt.Pipeline([PCA(), KMeans(2)]), cluster=0)

    def test_not_fitted(self, tokenizer) -> None:
        with pytest.raises(NotFittedError, match="not fitted"):
            qt.sonify(qt.Pipeline([tokenizer, KMeans(2)]), cluster=0)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"cluster": 1.0}, r"no cluster 1\.0; there are 0, 1"),
        ({"cluster": True}, "no cluster True; there are 0, 1"),
    ],
)
def test_what_is_no_number_of_a_cluster(tokenizer, clips, asked: dict, message: str) -> None:
    pipe = qt.Pipeline([tokenizer, KMeans(2, random_state=0)]).fit(clips)
    with pytest.raises(InputError, match=message):
        qt.sonify(pipe, **asked)


@pytest.mark.parametrize("label", ["1", np.array(["tone"]), ["tone"]])
def test_what_is_no_class_is_shown_as_it_was_given(tokenizer, clips, label: object) -> None:
    pipe = qt.Pipeline([tokenizer, SVC()]).fit(clips, [0, 1] * 4)
    with pytest.raises(InputError, match="there are 0, 1"):
        qt.sonify(pipe, label=label)


def test_frames_and_weighted_histograms_have_no_inverse(band_codec, clips) -> None:
    frames = qt.QTokenizer(band_codec, sr=24000, features=qt.FrameFeatures()).fit(clips)
    with pytest.raises(InputError, match="does not return one vector per clip"):
        frames.inverse_transform(np.asarray(frames.transform(clips[:1])))
    codes = qt.QTokenizer(band_codec, sr=24000).encode(clips)
    codes["change_probability"] = codes["codes"].astype(float) * 0
    weighted = qt.QTokenizer(
        band_codec, features=qt.TokenHistogram(weights="change_probability", bins=4)
    ).fit(codes)
    with pytest.raises(InputError, match="weighted by 'change_probability' have no inverse"):
        weighted.inverse_transform(np.asarray(weighted.transform(codes)))
