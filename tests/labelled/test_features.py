from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr
from sklearn.preprocessing import StandardScaler

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import CodeSequence, feature_array


@pytest.fixture
def values():
    return np.arange(10.0).reshape(5, 2)


def test_labels_and_codec_ride_along(codes, values, spec):
    for source in (codes, CodeSequence(codes)):
        features = feature_array(
            values,
            ds_or_clips=source,
            feature_names=["a", "b"],
            feature_coords={"bin": [0, 1], "statistic": ["mean", "std"]},
        )
        assert features.dims == ("clip", "feature")
        assert features.dtype == np.float32
        assert features["instrument"].values.tolist() == codes["instrument"].values.tolist()
        assert features["statistic"].dims == ("feature",)
        assert features.attrs["fingerprint"] == spec.fingerprint
        assert features.sel(clip="clip3.wav", feature="b").item() == 7.0


def test_bare_ids(values):
    features = feature_array(values, ds_or_clips=list("vwxyz"), feature_names=["a", "b"])
    assert features["clip"].values.tolist() == list("vwxyz")
    assert features.attrs == {}


def test_no_features_and_no_clips(make_codes):
    features = feature_array(np.empty((0, 0)), ds_or_clips=make_codes([]), feature_names=[])
    assert features.shape == (0, 0)


def test_scikit_learn_takes_them(codes, values):
    features = feature_array(values, ds_or_clips=codes, feature_names=["a", "b"])
    assert StandardScaler().fit_transform(features).shape == (5, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"feature_names": ["a"]}, r"\(clip, feature\) = \(5, 1\), got \(5, 2\)"),
        ({"feature_coords": {"bin": [1]}}, r"'bin' has shape \(1,\) for 2 features"),
        ({"feature_coords": {"year": [1, 2]}}, "'year' has the name of a label"),
    ],
)
def test_what_does_not_fit(codes, values, options, message):
    given = {"feature_names": ["a", "b"], **options}
    with pytest.raises(InputError, match=message):
        feature_array(values, ds_or_clips=codes, **given)


def test_features_are_written_to_zarr_without_warnings_about_text(codes, values, tmp_path):
    codes = codes.drop_vars(["size (cm)", "recorded"])  # xarray warns about both
    features = feature_array(values, ds_or_clips=codes, feature_names=["a", "b"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        features.to_zarr(tmp_path / "x.zarr", consolidated=False)
    with xr.open_dataarray(tmp_path / "x.zarr", engine="zarr", consolidated=False) as again:
        assert again.dtype == np.float32
        np.testing.assert_array_equal(again["clip"], features["clip"])
    features.to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
