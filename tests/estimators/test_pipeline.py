from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline as SklearnPipeline
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from qtokfeatures.estimators import Pipeline
from qtokfeatures.exceptions import InputError

X = np.random.default_rng(0).normal(size=(40, 5))
Y = (X[:, 0] > 0).astype(int)


def names(pipe: SklearnPipeline) -> list[str]:
    return [name for name, _ in pipe.steps]


def test_bare_steps_are_named_as_make_pipeline_names_them() -> None:
    steps = [StandardScaler(), PCA(2), StandardScaler(), KMeans(3)]
    assert names(Pipeline(steps)) == names(make_pipeline(*steps))


def test_named_and_bare_steps_mix() -> None:
    pipe = Pipeline([("kmeans", PCA(2)), StandardScaler(), "passthrough", KMeans(3)])
    assert names(pipe) == ["kmeans", "standardscaler", "passthrough", "kmeans-1"]


def test_a_number_that_is_taken_is_left_out() -> None:
    pipe = Pipeline([("pca-1", StandardScaler()), PCA(3), PCA(2)])
    assert names(pipe) == ["pca-1", "pca-2", "pca-3"]


def test_the_given_list_is_left_alone() -> None:
    steps = [StandardScaler(), KMeans(3)]
    Pipeline(steps).fit(X)
    assert [type(step) for step in steps] == [StandardScaler, KMeans]


def test_it_predicts_what_scikit_learns_pipeline_predicts() -> None:
    steps = [StandardScaler(), PCA(2), KMeans(3, random_state=0)]
    ours = Pipeline([clone(step) for step in steps]).fit_predict(X)
    np.testing.assert_array_equal(ours, make_pipeline(*steps).fit_predict(X))


def test_clone_keeps_class_and_parameters() -> None:
    twin = clone(Pipeline([StandardScaler(), KMeans(7)], verbose=False))
    assert type(twin) is Pipeline
    assert twin.get_params()["kmeans__n_clusters"] == 7


def test_parameters_are_reached_by_step() -> None:
    pipe = Pipeline([StandardScaler(), KMeans(7)])
    pipe.set_params(kmeans__n_clusters=2, standardscaler="passthrough")
    assert pipe["kmeans"].n_clusters == 2
    assert pipe["standardscaler"] == "passthrough"


def test_setting_bare_steps_names_them() -> None:
    pipe = Pipeline([StandardScaler(), KMeans(7)]).set_params(steps=[PCA(2), KMeans(3)])
    assert names(pipe) == ["pca", "kmeans"]
    assert pipe.fit_predict(X).shape == (40,)


def test_a_slice_is_again_a_pipeline() -> None:
    pipe = Pipeline([StandardScaler(), PCA(2), KMeans(3)]).fit(X)
    assert type(pipe[:-1]) is Pipeline
    back = pipe[:-1].inverse_transform(pipe[:-1].transform(X))
    assert back.shape == X.shape


def test_pickle() -> None:
    pipe = Pipeline([StandardScaler(), KMeans(3, random_state=0)]).fit(X)
    twin = pickle.loads(pickle.dumps(pipe))
    assert type(twin) is Pipeline
    np.testing.assert_array_equal(twin.predict(X), pipe.predict(X))


def test_grid_search() -> None:
    pipe = Pipeline([StandardScaler(), PCA(1), LogisticRegression()])
    search = GridSearchCV(pipe, {"pca__n_components": [1, 5]}, cv=3).fit(X, Y)
    assert search.best_params_ == {"pca__n_components": 5}
    assert type(search.best_estimator_) is Pipeline


def test_memory_and_html(tmp_path) -> None:
    pipe = Pipeline([StandardScaler(), KMeans(3)], memory=str(tmp_path)).fit(X)
    assert list(tmp_path.rglob("output.pkl"))
    assert "StandardScaler" in pipe._repr_html_()
    assert "('kmeans', KMeans(n_clusters=3))" in repr(pipe)


def test_a_class_instead_of_an_estimator_is_refused() -> None:
    with pytest.raises(InputError, match=r"got the class KMeans; write KMeans\(\)"):
        Pipeline([StandardScaler(), KMeans])
    with pytest.raises(InputError, match="got the class PCA"):
        Pipeline([("pca", PCA), KMeans(3)])


def test_one_estimator_instead_of_a_list_is_refused() -> None:
    with pytest.raises(InputError, match=r"list of estimators.*got KMeans"):
        Pipeline(KMeans(3))
