"""Labelled arrays from scikit-learn's own transformers."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
import xarray as xr
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler
from sklearn.utils import _set_output

from qtokfeatures.estimators import (
    CodeEmbedding,
    FrameFeatures,
    Pipeline,
    QTokenizer,
    TokenHistogram,
    enable_xarray_output,
)
from qtokfeatures.estimators.feature_table import FeatureTable, side_by_side
from qtokfeatures.estimators.xarray_output import XarrayAdapter
from qtokfeatures.exceptions import InputError, UnsupportedVersionError
from qtokfeatures.labelled import CodeSequence

CLIPS = [f"clip{i}.wav" for i in range(6)]
NAMES = ["low", "mid", "high", "top"]


@pytest.fixture
def adapters(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return scikit-learn's register, which is as it was after the test."""
    found = {name: _set_output.ADAPTERS_MANAGER.adapters[name] for name in ("pandas", "polars")}
    monkeypatch.setattr(_set_output.ADAPTERS_MANAGER, "adapters", found)
    return found


@pytest.fixture
def enabled(adapters: dict[str, Any]) -> None:
    enable_xarray_output()


@pytest.fixture
def features() -> xr.DataArray:
    """Return features of six clips as QTokenizer returns them."""
    values = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    return xr.DataArray(
        values,
        dims=("clip", "feature"),
        coords={
            "clip": CLIPS,
            "feature": NAMES,
            "kind": ("clip", ["tone", "noise"] * 3),
            "bin": ("feature", [4, 5, 6, 7]),
        },
        attrs={"codec_name": "bands"},
        name="features",
    )


def has_clips(found: Any) -> None:
    assert isinstance(found, xr.DataArray)
    assert found.dims == ("clip", "feature")
    assert found["clip"].values.tolist() == CLIPS
    assert found.kind.values.tolist() == ["tone", "noise"] * 3
    assert found.attrs == {"codec_name": "bands"}


@pytest.mark.usefixtures("enabled")
class TestOneTransformer:
    @pytest.mark.parametrize(
        ("transformer", "names", "bins"),
        [
            (StandardScaler(), NAMES, [4, 5, 6, 7]),
            (SimpleImputer(), NAMES, [4, 5, 6, 7]),
            (PCA(2), ["pca0", "pca1"], None),
            (TruncatedSVD(2), ["truncatedsvd0", "truncatedsvd1"], None),
            (SelectKBest(k=2), None, None),
            (VarianceThreshold(), NAMES, [4, 5, 6, 7]),
            (PolynomialFeatures(1), ["1", *NAMES], None),
            (FunctionTransformer(np.abs, feature_names_out="one-to-one"), NAMES, [4, 5, 6, 7]),
            (FunctionTransformer(feature_names_out="one-to-one"), NAMES, [4, 5, 6, 7]),
        ],
        ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
    )
    @pytest.mark.parametrize("globally", [False, True])
    def test_labels_and_names_survive(
        self, features: xr.DataArray, transformer: Any, names: Any, bins: Any, globally: bool
    ) -> None:
        y = [0, 1] * 3
        expected = np.asarray(clone(transformer).fit_transform(features.values, y))
        transformer = clone(transformer)
        if globally:
            with sklearn.config_context(transform_output="xarray"):
                found = transformer.fit(features, y).transform(features)
        else:
            transformer.set_output(transform="xarray")
            found = transformer.fit(features, y).transform(features)
        has_clips(found)
        np.testing.assert_allclose(found.values, expected, atol=1e-5)
        if names is not None:
            assert found["feature"].values.tolist() == names
        if bins is None:
            return
        assert found.bin.values.tolist() == bins

    def test_what_is_selected_says_where_it_comes_from(self, features: xr.DataArray) -> None:
        y = features.values[:, 2] > 0
        select = SelectKBest(k=2).set_output(transform="xarray")
        found = select.fit_transform(features, y)
        chosen = select.get_support(indices=True)
        assert found["feature"].values.tolist() == [NAMES[i] for i in chosen]
        assert found.bin.values.tolist() == (chosen + 4).tolist()
        np.testing.assert_array_equal(found.values, features.values[:, chosen])

    def test_the_input_keeps_its_names(self, features: xr.DataArray) -> None:
        before = features.copy(deep=True)
        union = FeatureUnion([("all", "passthrough"), ("scaled", StandardScaler())])
        union.set_output(transform="xarray").fit_transform(features)
        table = StandardScaler().set_output(transform="xarray").fit_transform(features)
        kept = table.copy(deep=True)
        union.fit_transform(table)
        assert features.identical(before)
        assert table.identical(kept)

    def test_other_dims_are_kept(self) -> None:
        X = xr.DataArray(np.eye(3), dims=("take", "band"), coords={"take": [7, 8, 9]})
        found = StandardScaler().set_output(transform="xarray").fit_transform(X)
        assert found.dims == ("take", "feature")
        assert found["take"].values.tolist() == [7, 8, 9]

    def test_a_row_index_of_several_levels(self, features: xr.DataArray) -> None:
        X = features.drop_vars("clip").assign_coords(take=("clip", range(6)))
        X = X.set_index(clip=["kind", "take"])
        found = StandardScaler().set_output(transform="xarray").fit_transform(X)
        assert found.sel(kind="tone").sizes == {"take": 3, "feature": 4}

    @pytest.mark.parametrize("index", [["a", "b"], [3, 4]])
    def test_the_index_of_a_table_is_the_clips(self, index: list[Any]) -> None:
        table = pd.DataFrame({"level": [0.0, 2.0]}, index=index)
        found = StandardScaler().set_output(transform="xarray").fit_transform(table)
        assert found["clip"].values.tolist() == [str(label) for label in index]
        assert found["feature"].values.tolist() == ["level"]

    def test_bare_numbers_have_no_labels(self) -> None:
        found = StandardScaler().set_output(transform="xarray").fit_transform(np.eye(3))
        assert found.dims == ("clip", "feature")
        assert list(found.coords) == ["feature"]
        assert found["feature"].values.tolist() == ["x0", "x1", "x2"]

    def test_a_transformer_that_drops_rows_gets_no_labels_of_others(self, features) -> None:
        class Half(TransformerMixin, BaseEstimator):
            def fit(self, X, y=None):
                return self

            def transform(self, X):
                return np.asarray(X)[::2]

            def get_feature_names_out(self, input_features=None):
                return np.asarray(input_features, dtype=object)

        found = Half().set_output(transform="xarray").fit(features).transform(features)
        assert found.shape == (3, 4)
        assert "clip" not in found.coords

    def test_fitted_on_a_table_and_given_an_array(self, features: xr.DataArray) -> None:
        table = features.to_pandas()
        scaler = StandardScaler().set_output(transform="xarray").fit(table)
        with pytest.warns(UserWarning, match="does not have valid feature names"):
            has_clips(scaler.transform(features))

    def test_it_can_be_copied_stored_and_computed_with(self, features, tmp_path) -> None:
        found = StandardScaler().set_output(transform="xarray").fit_transform(features)
        for twin in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
            assert twin.identical(found)
        found.to_netcdf(tmp_path / "features.nc")
        assert xr.load_dataarray(tmp_path / "features.nc").equals(found)
        assert (found - found).mean("clip")["feature"].values.tolist() == NAMES


@pytest.mark.usefixtures("enabled")
class TestSeveralTransformers:
    def test_column_transformer(self, features: xr.DataArray) -> None:
        columns = ColumnTransformer(
            [("scale", StandardScaler(), [0, 2]), ("pca", PCA(1), slice(1, 3))],
            remainder="passthrough",
        ).set_output(transform="xarray")
        for found in (columns.fit_transform(features), columns.transform(features)):
            has_clips(found)
            assert found["feature"].values.tolist() == [
                "scale__low", "scale__high", "pca__pca0", "remainder__top",
            ]  # fmt: skip
            assert found.bin.values.tolist() == [4, 6, -1, 7]
            np.testing.assert_array_equal(found.values[:, 3], features.values[:, 3])

    def test_column_transformer_without_prefixes(self, features: xr.DataArray) -> None:
        columns = ColumnTransformer(
            [("scale", StandardScaler(), [3]), ("keep", "passthrough", [0])],
            verbose_feature_names_out=False,
        ).set_output(transform="xarray")
        assert columns.fit_transform(features)["feature"].values.tolist() == ["top", "low"]

    def test_feature_union(self, features: xr.DataArray) -> None:
        union = FeatureUnion(
            [("scale", StandardScaler()), ("same", "passthrough"), ("pca", PCA(1))]
        ).set_output(transform="xarray")
        for found in (union.fit_transform(features), union.transform(features)):
            has_clips(found)
            assert found["feature"].values[[0, 4, 8]].tolist() == [
                "scale__low", "same__low", "pca__pca0",
            ]  # fmt: skip
            np.testing.assert_array_equal(found.values[:, 4:8], features.values)

    def test_a_union_of_a_union(self, features: xr.DataArray) -> None:
        inner = FeatureUnion([("a", StandardScaler()), ("b", "passthrough")])
        outer = FeatureUnion([("in", inner), ("c", StandardScaler())])
        found = outer.set_output(transform="xarray").fit_transform(features)
        has_clips(found)
        assert found["feature"].values[[0, 4, 8]].tolist() == ["in__a__low", "in__b__low", "c__low"]

    def test_a_pipeline(self, features: xr.DataArray) -> None:
        pipe = make_pipeline(StandardScaler(), SelectKBest(k=3), PCA(2), StandardScaler())
        found = pipe.set_output(transform="xarray").fit_transform(features, [0, 1] * 3)
        has_clips(found)
        assert found["feature"].values.tolist() == ["pca0", "pca1"]
        assert pipe[:2].transform(features)["feature"].values.tolist() == [
            NAMES[i] for i in pipe[1].get_support(indices=True)
        ]

    def test_a_classifier_takes_what_comes_out(self, features: xr.DataArray) -> None:
        pipe = make_pipeline(StandardScaler(), LogisticRegression())
        with sklearn.config_context(transform_output="xarray"):
            scores = cross_val_score(pipe, features, features.kind.values, cv=3)
        assert (
            scores.tolist() == cross_val_score(pipe, features, features.kind.values, cv=3).tolist()
        )


@pytest.mark.usefixtures("enabled")
class TestWithOurs:
    @pytest.mark.filterwarnings("ignore:Features:UserWarning", "ignore::RuntimeWarning")
    def test_from_files_to_selected_features(self, band_codec, files) -> None:
        y = [0, 1] * 4
        pipe = make_pipeline(
            QTokenizer(band_codec, sr=24000, features=TokenHistogram(bins=8)),
            StandardScaler(),
            SelectKBest(k=4),
        ).set_output(transform="xarray")
        found = pipe.fit_transform(files, y)
        assert found["clip"].values.tolist() == [f"clip{i}.wav" for i in range(8)]
        assert found.source.values.tolist() == files
        assert found["feature"].values.tolist() == pipe.get_feature_names_out().tolist()
        assert found.codebook.dims == found.bin.dims == ("feature",)
        assert found.attrs["codec_name"] == "bands"

    def test_two_tokenizers_side_by_side(self, band_codec, files) -> None:
        union = FeatureUnion(
            [
                ("h", QTokenizer(band_codec, sr=24000, features=TokenHistogram(bins=8))),
                ("e", QTokenizer(band_codec, sr=24000, features=CodeEmbedding())),
            ]
        ).set_output(transform="xarray")
        found = union.fit_transform(files)
        assert found.sizes == {"clip": 8, "feature": 24 + 16}
        assert found.source.values.tolist() == files
        assert found.statistic.values[[0, -1]].tolist() == ["", "std"]
        assert found.bin.values[[0, -1]].tolist() == [0, -1]

    def test_features_of_codes(self, codes) -> None:
        union = FeatureUnion([("h", TokenHistogram(bins=8)), ("e", CodeEmbedding())])
        found = union.set_output(transform="xarray").fit_transform(CodeSequence(codes))
        assert found.kind.values.tolist() == ["tone", "noise"] * 4
        assert found["feature"].values[0] == "h__codebook0_bin0"

    def test_a_column_of_files_beside_numbers(self, band_codec, files) -> None:
        table = pd.DataFrame({"file": files, "level": np.arange(8.0)})
        columns = make_column_transformer(
            (StandardScaler(), ["level"]),
            (QTokenizer(band_codec, sr=24000, features="embedding"), "file"),
        ).set_output(transform="xarray")
        found = columns.fit_transform(table)
        assert found["clip"].values.tolist() == [f"clip{i}.wav" for i in range(8)]
        assert found["feature"].values[:2].tolist() == [
            "standardscaler__level",
            "qtokenizer__mean_0",
        ]

    @pytest.mark.parametrize("padded", [False, True])
    def test_frames(self, codes, padded: bool) -> None:
        expected = FrameFeatures(padded=padded).fit_transform(codes)
        found = FrameFeatures(padded=padded).set_output(transform="xarray").fit_transform(codes)
        xr.testing.assert_identical(xr.DataArray(found), expected)

    def test_tables_and_arrays_are_as_before(self, band_codec, files) -> None:
        tokenizer = QTokenizer(band_codec, sr=24000, features="embedding")
        assert type(tokenizer.fit_transform(files)) is xr.DataArray
        table = tokenizer.set_output(transform="pandas").fit_transform(files)
        assert isinstance(table, pd.DataFrame)

    def test_workers_know_it_too(self, adapters, features) -> None:
        pipe = Pipeline([StandardScaler(), PCA(2)]).set_output(transform="xarray").fit(features)
        (found,) = joblib.Parallel(n_jobs=2)([joblib.delayed(pipe.transform)(features)])
        has_clips(found)
        stored = pickle.dumps(pipe)
        del adapters["xarray"]
        has_clips(pickle.loads(stored).transform(features))


class TestNotEnabled:
    def test_by_default_it_is_not(self, adapters, features) -> None:
        with pytest.raises(ValueError, match="got xarray"):
            StandardScaler().set_output(transform="xarray").fit_transform(features)

    def test_ours_say_what_to_do(self, adapters, band_codec, files) -> None:
        tokenizer = QTokenizer(band_codec, sr=24000, features="embedding").set_output(
            transform="xarray"
        )
        with pytest.raises(InputError, match=r"QTokenizer.*call qtokfeatures\.enable_xarray"):
            tokenizer.fit_transform(files)

    def test_twice_is_once(self, adapters) -> None:
        enable_xarray_output()
        first = adapters["xarray"]
        enable_xarray_output()
        assert adapters["xarray"] is first

    def test_a_scikit_learn_without_the_register(self, monkeypatch) -> None:
        monkeypatch.delattr(_set_output, "ADAPTERS_MANAGER")
        with pytest.raises(UnsupportedVersionError, match=r"register.*has moved.*1\.4 to 1\.9"):
            enable_xarray_output()

    def test_a_scikit_learn_with_another_register(self, monkeypatch) -> None:
        monkeypatch.setattr(_set_output, "ADAPTERS_MANAGER", object())
        with pytest.raises(UnsupportedVersionError, match="no dictionary 'adapters'"):
            enable_xarray_output()

    def test_a_scikit_learn_that_asks_for_something_else(self, monkeypatch, adapters) -> None:
        monkeypatch.setattr(XarrayAdapter, "create_container", lambda *args, **kwargs: args[1])
        with pytest.raises(
            UnsupportedVersionError, match=f"{sklearn.__version__}.*labels were lost on the way"
        ):
            enable_xarray_output()
        assert sorted(adapters) == ["pandas", "polars"]


def test_parts_of_different_rows_are_refused(features: xr.DataArray) -> None:
    with pytest.raises(InputError, match="same rows, got 5 along 'clip', 6 along 'clip'"):
        side_by_side([features, features[:5]])


def test_only_tables_have_columns(features: xr.DataArray) -> None:
    assert FeatureTable.of(features).columns == NAMES
    assert not hasattr(FeatureTable.of(features)[0], "columns")
