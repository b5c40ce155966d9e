"""Sound for pooled features: close to them, made of real frames, the same each time."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import qtokfeatures as qt
from qtokfeatures.benches.inverse import count_loud_joins
from qtokfeatures.exceptions import InputError, NotFittedError

FITTED = ("flute_C4", "flute_G4", "guitar_C4", "guitar_G4", "organ_C4", "organ_E4",
          "speech_slt_1", "speech_rms_1", "rain_1", "machine_1")  # fmt: skip


@pytest.fixture
def band_tokenizer(band_codec) -> qt.QTokenizer:
    return qt.QTokenizer(band_codec, sr=24000, features=qt.TokenHistogram(bins=8))


def cut(name: str, seconds: float) -> tuple[np.ndarray, int]:
    """The beginning of a bundled sound."""
    clip = qt.load_audio(qt.example_file(name))
    return clip.y[: round(seconds * clip.sr)], clip.sr


def is_closer(tokenizer: qt.QTokenizer, sounds: list[Any], clip: Any) -> bool:
    """Whether the sound made for a clip's features is closer to them than any of the sounds."""
    target = tokenizer.transform([clip]).values
    (y,) = tokenizer.inverse_transform(target)
    made = np.linalg.norm(tokenizer.transform([(y, 24000)]).values - target)
    known = tokenizer.transform(sounds).values
    return bool(made < np.linalg.norm(known - target, axis=1).min())


@pytest.fixture(scope="module")
def sounds() -> list[Any]:
    """Ten of the bundled sounds, each cut to 0.8 s."""
    return [cut(name, 0.8) for name in FITTED]


@pytest.fixture(scope="module")
def fitted(sounds: list[Any]) -> dict[str, Any]:
    return {
        name: qt.QTokenizer(sr=24000, features=name).fit(sounds)
        for name in ("histogram", "embedding", "both")
    }


class TestCloseness:
    def test_a_held_out_sound_is_closer_than_the_nearest_clip(self, fitted, sounds) -> None:
        assert is_closer(fitted["embedding"], sounds, cut("organ_G4", 0.8))

    @pytest.mark.slow
    def test_most_held_out_sounds_are_closer_than_the_nearest_clip(self) -> None:
        names = [file.stem for file in qt.example_files()]
        held_out = names[::4]
        sounds = [cut(name, 1.6) for name in names if name not in held_out]
        tokenizer = qt.QTokenizer(sr=24000, features="embedding").fit(sounds)
        closer = [is_closer(tokenizer, sounds, cut(name, 1.6)) for name in held_out]
        assert sum(closer) >= 0.8 * len(held_out)

    @pytest.mark.parametrize("name", ["histogram", pytest.param("both", marks=pytest.mark.slow)])
    def test_the_distance_that_is_told_is_the_one_of_the_sound(self, fitted, sounds, name) -> None:
        tokenizer = fitted[name]
        target = tokenizer.transform(sounds[:1]).values
        (sound,) = tokenizer.resynthesize(target, duration_s=0.4)  # whole frames
        again = tokenizer.transform([(sound.y, 24000)]).values
        assert sound.frames.attrs["distance"] == pytest.approx(
            float(np.linalg.norm(again - target)), rel=1e-4
        )

    def test_joins_make_no_click(self, fitted, sounds) -> None:
        tokenizer = fitted["histogram"]
        mixture = tokenizer.transform(sounds).mean("clip")
        (sound,) = tokenizer.resynthesize(mixture, duration_s=1.6)
        joins = (np.flatnonzero(np.diff(sound.frames["run"].values)) + 1) * 1920
        assert len(joins) >= 3
        assert count_loud_joins(sound.y, joins.tolist()) == 0
        # The check itself hears a click.
        clicking = sound.y.copy()
        clicking[joins[0] :] += 1.0
        assert count_loud_joins(clicking, joins.tolist()) == 1


class TestFrames:
    def test_each_frame_is_one_of_the_clip_it_names(self, fitted, sounds) -> None:
        tokenizer = fitted["histogram"]
        codes = tokenizer.encode(sounds)
        bank = tokenizer.bank_
        np.testing.assert_array_equal(bank.codes, codes["codes"].values)
        (sound,) = tokenizer.resynthesize(tokenizer.transform(sounds[4:5]), duration_s=0.4)
        assert sound.frames["clip"].shape == (5,)
        assert set(sound.frames["clip"].values) <= set(codes["clip"].values)
        assert (sound.frames["time"].values < 0.8).all()


class TestTargets:
    @pytest.mark.parametrize(
        "container",
        [
            np.asarray,
            lambda a: np.asarray(a)[0],
            lambda a: a,
            lambda a: pd.DataFrame(a.values),
            lambda a: scipy.sparse.csr_array(a.values),
            lambda a: a.values.tolist(),
        ],
        ids=["array", "vector", "DataArray", "DataFrame", "sparse", "list"],
    )
    def test_containers(self, band_tokenizer, clips, container) -> None:
        tokenizer = band_tokenizer.set_params(sr=12000).fit(clips)
        (y,) = tokenizer.inverse_transform(container(tokenizer.transform(clips[:1])), duration_s=1)
        assert (y.dtype, y.shape) == (np.float32, (12000,))

    def test_sparse_features(self, band_codec, clips) -> None:
        features = qt.TokenHistogram(bins=8, sparse_output=True)
        tokenizer = qt.QTokenizer(band_codec, sr=24000, features=features)
        rows = tokenizer.fit_transform(clips)
        dense = qt.QTokenizer(band_codec, sr=24000, features=qt.TokenHistogram(bins=8)).fit(clips)
        for made, expected in zip(
            tokenizer.resynthesize(rows[:2]), dense.resynthesize(rows[:2].toarray()), strict=True
        ):
            np.testing.assert_array_equal(made.y, expected.y)

    def test_the_median_duration_by_default(self, band_tokenizer, clips) -> None:
        tokenizer = band_tokenizer.fit(clips)
        (y,) = tokenizer.inverse_transform(tokenizer.transform(clips[:1]))
        assert len(y) == round(24000 * np.median([len(clip) / 24000 for clip in clips]))

    @pytest.mark.parametrize(
        ("X", "match"),
        [
            (np.zeros((2, 3)), r"shape \(clip, 24\).*got an array of shape \(2, 3\)"),
            (np.full((2, 24), np.nan), "row 0 has features that are not finite"),
            (["a.wav"], "or features .* got list"),
            (np.zeros((1, 2, 24)), r"shape \(1, 2, 24\)"),
        ],
    )
    def test_what_is_no_features(self, band_tokenizer, clips, X, match) -> None:
        tokenizer = band_tokenizer.fit(clips)
        with pytest.raises(InputError, match=match):
            tokenizer.inverse_transform(X)

    @pytest.mark.parametrize("duration_s", [0, -1, np.nan, "1", True])
    def test_impossible_durations(self, band_tokenizer, clips, duration_s) -> None:
        tokenizer = band_tokenizer.fit(clips)
        with pytest.raises(InputError, match="duration_s must be a number of seconds above 0"):
            tokenizer.inverse_transform(tokenizer.transform(clips[:1]), duration_s=duration_s)

    def test_before_fit(self, band_tokenizer) -> None:
        with pytest.raises(NotFittedError, match="QTokenizer is not fitted"):
            band_tokenizer.inverse_transform(np.zeros((1, 8)))


@pytest.mark.parametrize("make", [make_pipeline, lambda *steps: qt.Pipeline(list(steps))])
def test_through_scaler_and_projection(band_tokenizer, clips, make) -> None:
    pipe = make(band_tokenizer, StandardScaler(), PCA(2)).fit(clips)
    points = pipe.transform(clips[:2])
    waves = pipe.inverse_transform(points)
    features = pipe[1:].inverse_transform(np.asarray(points))
    for y, expected in zip(waves, pipe[0].inverse_transform(features), strict=True):
        np.testing.assert_array_equal(y, expected)


def test_pickled_and_fitted_again_it_makes_the_same(band_tokenizer, clips) -> None:
    tokenizer = band_tokenizer.fit(clips)
    target = tokenizer.transform(clips[2:3])
    (expected,) = tokenizer.inverse_transform(target)
    pickled = pickle.dumps(tokenizer)
    assert len(pickled) < 300_000
    for other in (pickle.loads(pickled), clone(tokenizer).fit(clips)):
        np.testing.assert_array_equal(other.inverse_transform(target)[0], expected)
    assert not hasattr(clone(tokenizer), "bank_")
