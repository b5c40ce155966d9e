"""The pipelines that people write, on the bundled sounds and on real recordings."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import qtokfeatures as qt
from qtokfeatures.estimators.codec_source import _load_onto


class Sounds(NamedTuple):
    """Files, and what each is."""

    files: list[str]
    y: np.ndarray


def bundled_sounds() -> Sounds:
    labels = qt.example_labels()
    chosen = (labels.kind != "instrument") | labels.label.isin(["violin", "vibraphone"])
    return Sounds(
        [str(qt.example_file(f)) for f in labels.file[chosen]], labels.kind[chosen].to_numpy()
    )


def real_recordings(request: pytest.FixtureRequest) -> Sounds:
    table = request.getfixturevalue("shared_manifest")
    table = table[table.instrument.isin(["piano", "saxophone", "tuba", "mridangam"])]
    table = table.groupby("instrument").head(10)
    return Sounds(table.file.tolist(), table.instrument.to_numpy())


@pytest.fixture(scope="module", params=["bundled", pytest.param("real", marks=pytest.mark.shared)])
def sounds(request: pytest.FixtureRequest) -> Sounds:
    return bundled_sounds() if request.param == "bundled" else real_recordings(request)


def test_make_pipeline_with_kmeans(sounds) -> None:
    pipe = make_pipeline(qt.QTokenizer(), KMeans(4, n_init=10, random_state=0))
    labels = pipe.fit_predict(sounds.files)
    assert labels.shape == (len(sounds.files),)
    assert adjusted_rand_score(sounds.y, labels) > 0.1
    np.testing.assert_array_equal(pipe.predict(sounds.files), labels)
    assert pipe.predict(sounds.files[:1])[0] == labels[0]


def test_our_pipeline_with_kmeans(sounds) -> None:
    steps = [qt.QTokenizer(), KMeans(4, random_state=0)]
    pipe = qt.Pipeline(steps)
    labels = pipe.fit_predict(sounds.files)
    np.testing.assert_array_equal(
        make_pipeline(*map(clone, steps)).fit_predict(sounds.files), labels
    )
    assert pipe.get_params()["qtokenizer__codec"] == "mini"
    np.testing.assert_array_equal(clone(pipe).fit_predict(sounds.files), labels)
    stored = pickle.dumps(pipe)
    assert len(stored) < 200_000
    np.testing.assert_array_equal(pickle.loads(stored).predict(sounds.files), labels)


def test_grid_search_over_the_bins_of_the_histogram(sounds) -> None:
    tokenizer = qt.QTokenizer(features=qt.TokenHistogram(codebooks=4))
    pipe = qt.Pipeline([tokenizer, SVC()])
    bins = [2, 16, None]
    search = GridSearchCV(pipe, {"qtokenizer__features__bins": bins}, cv=4)
    search.fit(sounds.files, sounds.y)
    assert list(search.cv_results_["param_qtokenizer__features__bins"]) == bins
    assert len(set(search.cv_results_["mean_test_score"])) > 1
    assert search.best_estimator_["qtokenizer"].features.bins == search.best_params_.popitem()[1]
    assert search.score(sounds.files, sounds.y) > 0.7


def test_scaler_pca_kmeans(sounds) -> None:
    pipe = make_pipeline(
        qt.QTokenizer(features="embedding"), StandardScaler(), PCA(6), KMeans(4, random_state=0)
    )
    labels = pipe.fit_predict(sounds.files)
    assert adjusted_rand_score(sounds.y, labels) > 0.2


def test_scalers_take_the_labelled_array(sounds) -> None:
    features = qt.QTokenizer().fit_transform(sounds.files)
    assert features.dims == ("clip", "feature")
    scaled = StandardScaler().fit_transform(features)
    assert isinstance(scaled, np.ndarray)
    assert SVC().fit(features, sounds.y).score(features, sounds.y) > 0.7
    assert cross_val_score(SVC(), features, sounds.y, cv=4).mean() > 0.3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:n_jobs value:UserWarning")
def test_umap(sounds) -> None:
    umap = pytest.importorskip("umap")  # its compilation takes most of the time
    reducer = umap.UMAP(n_neighbors=5, random_state=0)
    points = make_pipeline(qt.QTokenizer(), reducer).fit_transform(sounds.files)
    assert points.shape == (len(sounds.files), 2)
    assert np.isfinite(points).all()


def test_cross_validation(sounds) -> None:
    scores = cross_val_score(make_pipeline(qt.QTokenizer(), SVC()), sounds.files, sounds.y, cv=4)
    assert scores.mean() > 0.3  # a quarter by chance


def test_cross_validation_in_two_processes(sounds) -> None:
    pipe = make_pipeline(qt.QTokenizer(), SVC())
    alone = cross_val_score(pipe, sounds.files, sounds.y, cv=2)
    together = cross_val_score(pipe, sounds.files, sounds.y, cv=2, n_jobs=2)
    np.testing.assert_array_equal(together, alone)


def test_cross_validation_on_codes(sounds) -> None:
    codes = qt.CodeSequence(qt.QTokenizer().encode(sounds.files))
    for start in (qt.TokenHistogram(), qt.CodeEmbedding(), qt.QTokenizer()):
        scores = cross_val_score(make_pipeline(start, SVC()), codes, sounds.y, cv=4)
        assert scores.mean() > 0.3


def test_codes_in_two_processes(sounds) -> None:
    codes = qt.CodeSequence(qt.QTokenizer().encode(sounds.files))
    pipe = make_pipeline(qt.TokenHistogram(), SVC())
    alone = cross_val_score(pipe, codes, sounds.y, cv=2)
    np.testing.assert_array_equal(cross_val_score(pipe, codes, sounds.y, cv=2, n_jobs=2), alone)


def test_decoding_is_the_codecs(sounds) -> None:
    tokenizer = qt.QTokenizer()
    codes = tokenizer.encode(sounds.files[:3])
    expected = qt.load_codec("mini").decode_many(codes)
    for y, (wave, _), n_samples in zip(
        tokenizer.inverse_transform(codes), expected, codes.n_samples.values, strict=True
    ):
        assert len(y) == n_samples
        np.testing.assert_allclose(y, wave, atol=1e-6)


def test_the_three_presets(sounds) -> None:
    parts = [
        qt.QTokenizer(features=f).fit_transform(sounds.files) for f in ("histogram", "embedding")
    ]
    tokenizer = qt.QTokenizer(features="both")
    both = tokenizer.fit_transform(sounds.files)
    np.testing.assert_array_equal(both.values, np.concatenate(parts, axis=1))
    assert (both.feature.values == tokenizer.get_feature_names_out()).all()
    assert both.codebook.values[[0, -1]].tolist() == [0, -1]
    assert both.statistic.values[[0, -1]].tolist() == ["", "loudest"]


def test_tables_everywhere() -> None:
    files = bundled_sounds().files[:4]
    expected = qt.QTokenizer(features="both").fit_transform(files)
    with config_context(transform_output="pandas"):
        table = qt.QTokenizer(features="both").fit_transform(files)
    assert list(table.columns) == expected.feature.values.tolist()
    np.testing.assert_array_equal(table.to_numpy(), expected.values)


def test_a_pickle_works_in_a_new_process(tmp_path) -> None:
    sounds = bundled_sounds()
    pipe = make_pipeline(qt.QTokenizer(), KMeans(4, random_state=0)).fit(sounds.files)
    stored = tmp_path / "pipe.pickle"
    stored.write_bytes(pickle.dumps(pipe))
    program = (
        "import pickle, sys\n"
        "pipe = pickle.load(open(sys.argv[1], 'rb'))\n"
        "assert 'torch' not in sys.modules, 'unpickling loads no codec'\n"
        "print(*pipe.predict(sys.argv[2:]))\n"
    )
    arguments = [sys.executable, "-c", program, str(stored), *sounds.files[:4]]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(label) for label in pipe.predict(sounds.files[:4])]


def test_the_codec_is_loaded_once() -> None:
    files = bundled_sounds().files[:2]
    qt.QTokenizer().fit(files)
    loaded = _load_onto.cache_info().misses
    for _ in range(3):
        clone(qt.QTokenizer(features="embedding")).fit_transform(files)
    assert _load_onto.cache_info().misses == loaded


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_a_column_of_files_beside_a_column_of_numbers(output: str) -> None:
    sounds = bundled_sounds()
    table = pd.DataFrame({"file": sounds.files, "length": np.arange(len(sounds.files))})
    table.index = [f"row{i}" for i in range(len(table))]
    columns = make_column_transformer(
        (qt.QTokenizer(features="embedding"), "file"), (StandardScaler(), ["length"])
    ).set_output(transform=output)
    features = columns.fit_transform(table)
    audio = qt.QTokenizer(features="embedding").fit_transform(sounds.files)
    np.testing.assert_array_equal(np.asarray(features)[:, :-1], audio.values)
    assert columns.get_feature_names_out()[0] == "qtokenizer__mean_0"
    if output == "pandas":
        assert list(features.index) == list(table.index)


@pytest.mark.gpu
def test_kmeans_on_a_cuda_device(sounds) -> None:
    gpu = qt.QTokenizer(device="cuda", cache=None)
    labels = make_pipeline(gpu, KMeans(4, random_state=0)).fit_predict(sounds.files)
    assert labels.shape == (len(sounds.files),)
    codes = gpu.encode(sounds.files).codes
    same = (codes == qt.QTokenizer(device="cpu", cache=None).encode(sounds.files).codes).all(
        "codebook"
    )
    assert float(same.mean()) >= 0.999
