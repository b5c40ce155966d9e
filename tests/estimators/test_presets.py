"""Features that QTokenizer knows by name."""

from __future__ import annotations

import numpy as np
import pytest

import qtokfeatures as qt
from qtokfeatures.estimators.presets import feature_transformer
from qtokfeatures.features import BY_LOUDNESS


def test_levels_count_where_the_codes_hold_them(band_codec, codes) -> None:
    features = qt.QTokenizer(band_codec, sr=24000, features="embedding").fit(codes).features_
    assert features.pooling == BY_LOUDNESS


def test_nothing_is_decoded_for_levels(band_codec, codes, monkeypatch) -> None:
    monkeypatch.setattr(type(band_codec), "levels_in_codes", False)
    monkeypatch.delattr(type(band_codec), "levels")
    table = qt.QTokenizer(band_codec, sr=24000, features="embedding").fit_transform(codes)
    assert np.unique(table.statistic.values).tolist() == ["mean", "std"]
    assert feature_transformer("both", band_codec, 3).pooling == ("mean", "std")


@pytest.mark.parametrize(("available", "used"), [(16, 2), (1, 1)])
def test_a_histogram_is_of_the_coarsest_codebooks(band_codec, available: int, used: int) -> None:
    for name in ("histogram", "both"):
        assert feature_transformer(name, band_codec, available).codebooks == used
