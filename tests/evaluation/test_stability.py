"""Token stability: in line with the codes, of the clip only, 0 where nothing moves."""

from __future__ import annotations

import numpy as np
import pytest

import qtokfeatures as qt
from qtokfeatures.evaluation.perturbations import Perturbation, level, shift
from qtokfeatures.exceptions import InputError

SR = 24_000


@pytest.fixture(scope="module")
def clips() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    tone = 0.3 * np.sin(np.arange(12_000) * 0.05)
    return [rng.normal(0, 0.1, 9_000).astype(np.float32), tone.astype(np.float32)]


def test_it_lines_up_with_the_codes(codec, clips) -> None:
    ds = codec.encode_many(clips, sr=SR)
    changes = qt.token_stability(codec, clips, sr=SR, repeats=1)
    assert changes.dims == ds["codes"].dims
    assert changes.name == "change_probability"
    for name in ("time", "clip_index"):
        np.testing.assert_array_equal(changes[name], ds[name])
    ds["change_probability"] = changes
    taken = ds.qtok.sel_clips(1)
    np.testing.assert_array_equal(taken["change_probability"], changes.values[:, 5:])


def test_it_survives_a_store_and_joining(codec, clips, tmp_path) -> None:
    ds = codec.encode_many(clips, sr=SR)
    ds["change_probability"] = qt.token_stability(codec, clips, sr=SR, repeats=1)
    qt.save_codes(ds, tmp_path / "codes.nc")
    stored = qt.load_codes(tmp_path / "codes.nc").load()
    np.testing.assert_array_equal(stored["change_probability"], ds["change_probability"])
    parts = [ds.qtok.sel_clips(i) for i in range(2)]
    joined = qt.concat_codes(parts)
    np.testing.assert_array_equal(joined["change_probability"], ds["change_probability"])


def test_a_clip_has_the_same_alone(codec, clips) -> None:
    together = qt.token_stability(codec, clips, sr=SR, repeats=1).values
    alone = [qt.token_stability(codec, [clip], sr=SR, repeats=1).values for clip in clips]
    np.testing.assert_array_equal(together, np.concatenate(alone, axis=1))


def test_values_are_shares_of_the_versions(codec, clips) -> None:
    changes = qt.token_stability(codec, clips[:1], sr=SR, perturbations="noise", repeats=2)
    assert set(np.unique(changes.values)) <= {0.0, 0.5, 1.0}
    assert changes.attrs["perturbations"] == "white 30 dB"


def test_nothing_changes_without_a_change(codec, clips) -> None:
    same = Perturbation("same", lambda y, sr, rng: y)
    assert not qt.token_stability(codec, clips, sr=SR, perturbations=[same]).values.any()
    reversed_ = Perturbation("reversed", lambda y, sr, rng: -y[::-1])
    assert qt.token_stability(codec, clips, sr=SR, perturbations=[reversed_]).values.any()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"perturbations": ["wind"]}, "some of noise, gain, shift or Perturbation objects, got 'w"),
        ({"perturbations": []}, "got 'none'"),
        ({"repeats": 0}, "repeats must be a whole number of at least 1"),
    ],
)
def test_bad_parameters_are_refused(codec, clips, options, match) -> None:
    with pytest.raises(InputError, match=match):
        qt.token_stability(codec, clips, sr=SR, **options)


def test_no_clips(codec) -> None:
    with pytest.raises(InputError, match="at least one"):
        qt.token_stability(codec, [])


def test_stable_tokens_count_more(codec, clips) -> None:
    ds = codec.encode_many(clips, sr=SR)
    ds["doubt"] = (("codebook", "frame"), np.zeros(ds["codes"].shape, np.float32))
    counts = {"codec": codec, "bins": 4, "weighting": "relative"}
    plain = qt.TokenHistogram(**counts).fit_transform(ds)
    alike = qt.TokenHistogram(**counts, weights="doubt").fit_transform(ds)
    np.testing.assert_allclose(plain, alike)
    ds["doubt"][:, 1:5] = 1.0  # of the first clip only its first frame is left
    steady = qt.TokenHistogram(**counts, weights="doubt").fit_transform(ds)
    assert ((steady.values[0] == 1) | (steady.values[0] == 0)).all()
    np.testing.assert_allclose(steady[1], plain[1])


def test_the_histogram_names_missing_weights(codec, clips) -> None:
    ds = codec.encode_many(clips, sr=SR)
    with pytest.raises(InputError, match=r"no variable 'doubt'.*token_stability"):
        qt.TokenHistogram(codec=codec, bins=4, weights="doubt").fit_transform(ds)
    ds["doubt"] = ds["codes"] * 0.0 - 1
    with pytest.raises(InputError, match="must hold probabilities"):
        qt.TokenHistogram(codec=codec, bins=4, weights="doubt").fit_transform(ds)


def test_small_perturbations_are_small() -> None:
    y = np.sin(np.arange(8000) * 0.1).astype(np.float32)
    for seed in range(20):
        moved = shift(most_s=0.005, seed=seed).apply(y, 8000, key="a")
        lag = np.argmax(np.correlate(moved, y, "full")) - (len(y) - 1)
        assert abs(lag) <= 40
        louder = level(most_db=3.0, seed=seed).apply(y, 8000, key="a")
        assert 0.7 < np.abs(louder).max() / np.abs(y).max() < 1.42
