"""The contract of every estimator over lists of audio or over codes.

To hold another estimator to it, add it to ``CASES``.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import xarray as xr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler

import qtokfeatures as qt
from qtokfeatures.estimators.presets import HistogramAndEmbedding
from qtokfeatures.exceptions import CodecMismatchError, InputError

HISTOGRAM = qt.TokenHistogram(codebooks=2, bins=8)
KINDS = ["tone", "noise"] * 3


class Case(NamedTuple):
    """An estimator, what it takes, and a parameter that may be set to another value."""

    estimator: Any
    takes: str  # "audio" or "codes"
    parameter: tuple[str, Any]
    rows: str = "clip"


CASES = {
    "QTokenizer": Case(qt.QTokenizer(sr=24000, features=HISTOGRAM), "audio", ("features__bins", 4)),
    "QTokenizer of codes": Case(qt.QTokenizer(features=HISTOGRAM), "codes", ("sr", 16000)),
    "QTokenizer, both": Case(
        qt.QTokenizer(sr=24000, features="both"), "audio", ("features", "embedding")
    ),
    "TokenHistogram": Case(HISTOGRAM, "codes", ("codebooks", [1])),
    "TokenHistogram, tfidf": Case(
        qt.TokenHistogram(codebooks=[3], bins=6, ngram=2, weighting="tfidf"),
        "codes",
        ("weighting", "count"),
    ),
    "TokenHistogram, sparse": Case(
        qt.TokenHistogram(bins=None, codebooks=3, sparse_output=True),
        "codes",
        ("sparse_output", False),
    ),
    "CodeEmbedding": Case(qt.CodeEmbedding(pooling=["mean", "q90"]), "codes", ("segments", 2)),
    "CodeEmbedding, concatenate": Case(
        qt.CodeEmbedding(codebooks=3, combine="concatenate"), "codes", ("combine", "sum")
    ),
    "HistogramAndEmbedding": Case(HistogramAndEmbedding(codebooks=1), "codes", ("codebooks", 2)),
    "FrameFeatures": Case(qt.FrameFeatures(codebooks=4), "codes", ("padded", True), rows="frame"),
    "FrameFeatures, padded": Case(qt.FrameFeatures(padded=True), "codes", ("padded", False)),
    "Pipeline": Case(
        qt.Pipeline([qt.QTokenizer(sr=24000, features=HISTOGRAM), StandardScaler()]),
        "audio",
        ("qtokenizer__features__bins", 4),
        rows="unlabelled",
    ),
}


@pytest.fixture(params=CASES.values(), ids=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return request.param._replace(estimator=clone(request.param.estimator))


@pytest.fixture(scope="module")
def audio() -> list[np.ndarray]:
    """Return six clips of different lengths: tones, and noises between them."""
    rng = np.random.default_rng(0)
    lengths = [9600 + 3000 * i for i in range(6)]
    tones = [np.sin(np.arange(n) * (0.02 + 0.01 * i)) for i, n in enumerate(lengths)]
    noises = [rng.normal(0, 0.1, n) for n in lengths]
    chosen = [noises[i] if i % 2 else tones[i] for i in range(6)]
    return [y.astype(np.float32) for y in chosen]


@pytest.fixture(scope="module")
def codes(audio: list[np.ndarray]) -> qt.CodeSequence:
    ds = qt.load_codec("mini").encode_many(audio, sr=24000)
    return qt.CodeSequence(ds.assign_coords(kind=("clip", KINDS)))


@pytest.fixture
def X(case: Case, audio: Any, codes: Any) -> Any:
    return audio if case.takes == "audio" else codes


def numbers(features: Any) -> np.ndarray:
    return features.toarray() if scipy.sparse.issparse(features) else np.asarray(features)


def same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, xr.DataArray):
        assert one.identical(other)
    np.testing.assert_array_equal(numbers(one), numbers(other))


def test_clone_has_the_parameters_and_nothing_else(case: Case, X: Any) -> None:
    twin = clone(case.estimator.fit(X))
    with pytest.raises(NotFittedError):
        twin.transform(X)
    assert repr(twin) == repr(case.estimator)
    same(twin.fit(X).transform(X), case.estimator.transform(X))


def test_parameters_are_set_and_told(case: Case, X: Any) -> None:
    name, value = case.parameter
    assert case.estimator.get_params()[name] != value
    assert case.estimator.set_params(**{name: value}) is case.estimator
    assert case.estimator.get_params()[name] == value
    case.estimator.fit(X).transform(X)


def test_a_parameter_that_is_none_is_refused(case: Case) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        case.estimator.set_params(nonsense=3)


def test_fit_takes_the_class_of_each_clip_and_returns_the_estimator(case: Case, X: Any) -> None:
    assert case.estimator.fit(X, KINDS) is case.estimator


def test_fit_and_transform_are_fit_transform(case: Case, X: Any) -> None:
    same(clone(case.estimator).fit_transform(X), case.estimator.fit(X).transform(X))


def test_an_earlier_fit_leaves_nothing_behind(case: Case, X: Any) -> None:
    expected = clone(case.estimator).fit(X).transform(X)
    other, value = case.parameter
    before = case.estimator.get_params()[other]
    case.estimator.set_params(**{other: value}).fit(X[1:4]).set_params(**{other: before})
    same(case.estimator.fit(X).transform(X), expected)
    assert vars(clone(case.estimator).fit(X)).keys() == vars(case.estimator).keys()


def test_a_pickle_gives_the_same_features(case: Case, X: Any) -> None:
    twin = pickle.loads(pickle.dumps(case.estimator.fit(X)))
    same(twin.transform(X), case.estimator.transform(X))
    assert twin.get_params().keys() == case.estimator.get_params().keys()


def test_workers_of_joblib_give_the_same_features(case: Case, X: Any) -> None:
    case.estimator.fit(X)
    call = joblib.delayed(type(case.estimator).transform)
    for features in joblib.Parallel(n_jobs=2)(call(case.estimator, X) for _ in range(2)):
        np.testing.assert_array_equal(numbers(features), numbers(case.estimator.transform(X)))


def test_the_input_is_left_alone(case: Case, X: Any) -> None:
    before = copy.deepcopy(X)
    case.estimator.fit_transform(X)
    if case.takes == "codes":
        assert X.dataset.identical(before.dataset)
    else:
        same_clips = [np.array_equal(a, b) for a, b in zip(X, before, strict=True)]
        assert all(same_clips)


def test_rows_do_not_depend_on_one_another(case: Case, X: Any) -> None:
    features = numbers(case.estimator.fit(X).transform(X))
    part = numbers(case.estimator.transform(X[:2]))
    kept = features[tuple(slice(size) for size in part.shape)]
    np.testing.assert_allclose(part, kept, rtol=1e-5, atol=1e-6)


def test_labels_are_kept(case: Case, X: Any, codes: Any) -> None:
    features = case.estimator.fit(X).transform(X)
    if not isinstance(features, xr.DataArray):
        pytest.skip("sparse features and those of scikit-learn's scalers carry no labels")
    assert features.dims[0] == case.rows
    assert features.dims[-1] == "feature"
    names = case.estimator.get_feature_names_out()
    assert features["feature"].values.tolist() == names.tolist()
    assert len(set(names)) == len(names)
    if case.rows == "frame":
        ids = codes.dataset["clip"].values[codes.dataset["clip_index"].values]
        assert features["clip"].values.tolist() == ids.tolist()
        return
    assert features["clip"].values.tolist() == codes.dataset["clip"].values.tolist()
    np.testing.assert_array_equal(features.n_samples, codes.dataset.n_samples)
    if case.takes == "codes":
        assert features.kind.values.tolist() == KINDS


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_tables_have_the_names_as_columns(case: Case, X: Any, output: str) -> None:
    features = clone(case.estimator).fit(X).transform(X)
    pytest.importorskip(output)
    if scipy.sparse.issparse(features) or features.ndim != 2:
        with pytest.raises(ValueError, match=r"set_output\(transform='default'\)"):
            case.estimator.set_output(transform=output).fit(X).transform(X)
        return
    table = case.estimator.set_output(transform=output).fit(X).transform(X)
    assert type(table).__module__.startswith(output)
    assert list(table.columns) == case.estimator.get_feature_names_out().tolist()
    np.testing.assert_allclose(table.to_numpy(), np.asarray(features), atol=1e-6)


def test_before_fit(case: Case, X: Any) -> None:
    name = type(case.estimator).__name__
    with pytest.raises(NotFittedError, match=f"(?i)this {name} (instance )?is not fitted yet"):
        case.estimator.transform(X)


@pytest.mark.parametrize("wrong", [3, None, pd.DataFrame({"a": ["x"], "b": ["y"]})])
def test_what_is_neither_clips_nor_codes(case: Case, wrong: Any) -> None:
    with pytest.raises(InputError, match=r"expected .* got|got NoneType|2 columns"):
        case.estimator.fit(wrong)


def test_codes_of_another_codec(case: Case, X: Any, codes: Any) -> None:
    case.estimator.fit(X)
    other = codes.dataset.assign_attrs(fingerprint="of-another-codec")
    with pytest.raises(CodecMismatchError, match="of-another-codec"):
        case.estimator.transform(other)
