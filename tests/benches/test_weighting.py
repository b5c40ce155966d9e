"""The stability bench: histograms of the same codes with and without weights."""

from __future__ import annotations

import json

import numpy as np
import pytest

from qtokfeatures.benches import BenchClip
from qtokfeatures.benches.digits.result import Recognised
from qtokfeatures.benches.digits.weighting import WeightingResult, bench_weighting
from qtokfeatures.estimators import TokenHistogram

SR = 8000


@pytest.fixture(scope="module")
def result(codec, make_voice) -> WeightingResult:
    digits = [
        BenchClip(
            f"{digit}_{name}",
            "speech",
            make_voice(0.2, seed=digit, sr=SR),
            SR,
            speaker=name,
            text=str(digit),
        )
        for name in ("ann", "ben", "cid")
        for digit in range(2)
    ]
    talkers = [make_voice(0.5, seed=seed, sr=SR) for seed in range(6)]
    histograms = {"all codebooks": TokenHistogram(codec=codec, bins=None)}
    return bench_weighting(codec, digits, histograms=histograms, talkers=talkers, repeats=1)


def test_both_are_measured_clean_and_in_every_noise(result) -> None:
    (plain,), (weighted,) = result.plain, result.weighted
    assert list(plain.right) == [
        "clean", "white 10 dB", "white 0 dB", "babble 10 dB", "babble 0 dB",
    ]  # fmt: skip
    assert list(weighted.right) == list(plain.right)
    assert all(right.shape == (6,) for right in weighted.right.values())
    # All speakers say the same here, so clean speech is no puzzle for either.
    assert plain.accuracy() == 1
    assert (result.n_recordings, result.n_speakers) == (6, 3)
    assert json.loads(json.dumps(result.to_dict()))["histograms"][0]["name"] == "all codebooks"


def test_the_gain_is_that_of_the_same_recordings() -> None:
    right = np.array([True, False, False, True])
    better = np.array([True, True, False, True])
    identity = {"name": "mini", "revision": "1", "fingerprint": "0f3a"}
    result = WeightingResult(
        codec=identity,
        versions={},
        n_recordings=4,
        n_speakers=2,
        plain=(Recognised("h", {"clean": right}),),
        weighted=(Recognised("h", {"clean": better}),),
    )
    gain, low, high = result.gain(0, "clean")
    assert gain == 0.25
    assert low <= 0.25 <= high
    page = result.to_markdown("make it")
    assert "| h | no | 50 |" in page
    assert "| h | yes | 75 |" in page
    assert "| h | difference | +25 [" in page
    assert "Made by `make it`." in page
