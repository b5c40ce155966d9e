"""Inputs that once gave wrong features, warnings or foreign errors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr

import qtokfeatures as qt
from qtokfeatures.exceptions import CodesError

TRANSFORMERS = {
    "histogram": qt.TokenHistogram(bins=8),
    "all codes": qt.TokenHistogram(bins=None),
    "sparse": qt.TokenHistogram(bins=8, sparse_output=True),
    "tfidf": qt.TokenHistogram(bins=8, weighting="tfidf"),
    "embedding": qt.CodeEmbedding(),
    "concatenated": qt.CodeEmbedding(combine="concatenate", codebooks=2),
    "frames": qt.FrameFeatures(padded=True),
}


@pytest.mark.parametrize("value", [-1, -32, 32, 32767])
@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_codes_that_no_codebook_has_are_refused(codes, kind: str, value: int) -> None:
    features = TRANSFORMERS[kind].fit(codes)
    wrong = codes.copy(deep=True)
    frame = int(codes["frame_count"].values[:3].sum()) + 2
    wrong["codes"][1, frame] = value
    message = rf"'array-3': code {value} in codebook 1, frame 2 is outside 0 … 31"
    with pytest.raises(CodesError, match=message):
        features.transform(wrong)
    if kind == "tfidf":
        with pytest.raises(CodesError, match=message):
            features.fit(wrong)


@pytest.mark.parametrize("kind", ["features", "frames", "padded frames", "with a missing row"])
def test_features_go_to_zarr_without_a_warning_of_their_own(band_codec, files, kind, tmp_path):
    tokenizer = qt.QTokenizer(band_codec, features=qt.TokenHistogram(bins=8), on_error="nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        features = {
            "features": lambda: tokenizer.fit_transform(files),
            "frames": lambda: qt.FrameFeatures().fit_transform(tokenizer.encode(files)),
            "padded frames": lambda: TRANSFORMERS["frames"].fit_transform(tokenizer.encode(files)),
            "with a missing row": lambda: tokenizer.fit_transform([*files, "missing.wav"]),
        }[kind]()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        features.to_zarr(tmp_path / "features.zarr", consolidated=False)
    read = xr.open_dataarray(tmp_path / "features.zarr", engine="zarr", consolidated=False)
    assert read.load().identical(features)


def test_the_first_coordinate_of_clips_is_their_id(codes) -> None:
    assert next(iter(qt.TokenHistogram(bins=8).fit_transform(codes).coords)) == "clip"


def test_underflow_is_no_error_where_numpy_raises_all() -> None:
    faint = np.random.default_rng(0).normal(0, 1e-25, 24000).astype(np.float32)
    clips = [faint, np.zeros(4000, np.float32), faint[:1]]
    with np.errstate(all="raise"):
        features = qt.QTokenizer(sr=24000, features="both", cache=None).fit_transform(clips)
        detector = qt.OutOfDomainDetector(sr=24000, reference="clips").fit(clips)
        frames = qt.ASRFrontEnd("mfcc", sr=24000, output="list").fit_transform(clips)
    assert np.isfinite(features).all()
    assert np.isfinite(detector.score_samples(clips)).all()
    assert all(np.isfinite(each).all() for each in frames)
