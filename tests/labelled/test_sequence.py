from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils import indexable, resample, shuffle
from sklearn.utils.validation import _num_samples as num_samples

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import CodeSequence, as_code_sequence, load_codes


class MeanCode(TransformerMixin, BaseEstimator):
    """The smallest transformer of codes there is."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def fit(self, X, y=None):
        as_code_sequence(X)
        return self

    def transform(self, X):
        return np.array([[codes.mean() * self.scale] for codes in as_code_sequence(X)])


class Threshold(ClassifierMixin, BaseEstimator):
    """Separate low features from high ones."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.edge_ = float(np.mean(X))
        return self

    def predict(self, X):
        return self.classes_[(X[:, 0] > self.edge_).astype(int)]


@pytest.fixture
def sequence(codes):
    return CodeSequence(codes)


@pytest.fixture
def graded(spec, make_codes):
    """Twenty clips, the codes of every second one low."""
    ds = make_codes([1 + index % 4 for index in range(20)])
    low = np.repeat(np.arange(20) % 2 == 0, ds["frame_count"].values)
    ds["codes"][:, low] = ds["codes"][:, low] // 8
    return CodeSequence(ds), np.where(np.arange(20) % 2 == 0, "low", "top")


def lengths(sequence):
    return [codes.shape[1] for codes in sequence]


def test_length_and_shape_count_clips(sequence):
    assert len(sequence) == 5
    assert sequence.shape == (5,)
    assert lengths(sequence) == [3, 1, 5, 2, 4]


def test_one_clip_is_an_array(sequence, codes):
    for index in (2, -3, np.int64(2), "clip2.wav", np.str_("clip2.wav")):
        clip = sequence[index]
        assert clip.dtype == np.int16
        np.testing.assert_array_equal(clip, codes["codes"].values[:, 4:9])


def test_clips_are_copies(sequence):
    sequence[0][:] = -5
    next(iter(sequence))[:] = -5
    assert (sequence.dataset["codes"] >= 0).all()


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (slice(1, 3), [1, 5]),
        (slice(None, None, -1), [4, 2, 5, 1, 3]),
        (slice(0, 0), []),
        ([2, 0], [5, 3]),
        ([-1, 0], [4, 3]),
        (np.array([4, 1]), [4, 1]),
        (np.array([4, 1], dtype=np.uint8), [4, 1]),
        ([True, False, False, False, True], [3, 4]),
        (np.zeros(5, bool), []),
        ([], []),
        (["clip3.wav", "clip1.wav"], [2, 1]),
        (range(2), [3, 1]),
        ((np.array([3, 2]), Ellipsis), [2, 5]),
    ],
)
def test_every_other_index_is_a_sequence(sequence, key, expected):
    chosen = sequence[key]
    assert isinstance(chosen, CodeSequence)
    assert lengths(chosen) == expected
    assert chosen.spec == sequence.spec
    chosen.dataset.qtok.validate()


@pytest.mark.parametrize("index", [5, -6, [0, 5]])
def test_positions_out_of_range(sequence, index):
    with pytest.raises(IndexError, match="out of range for 5 clips"):
        sequence[index]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([True, False], "mask has 2 values for 5 clips"),
        (True, "mask has 1 values"),
        (1.5, "chosen by position"),
        ([[0], [1]], r"one dimension, got shape \(2, 1\)"),
        ("clip9.wav", r"no clip 'clip9.wav': did you mean 'clip\d.wav'"),
        (slice("clip0.wav", "clip2.wav"), "list of ids instead"),
    ],
)
def test_indices_that_mean_nothing(sequence, index, message):
    with pytest.raises(InputError, match=message):
        sequence[index]


def test_iteration_over_many_frames_reads_in_pieces(make_codes):
    ds = make_codes([30_000, 40_000, 1, 70_000, 2])
    for codes, frames in zip(CodeSequence(ds), ds.qtok.frame_slices(), strict=True):
        np.testing.assert_array_equal(codes, ds["codes"].values[:, frames])


def test_numpy_gets_an_array_of_clips(sequence):
    array = np.asarray(sequence)
    assert array.shape == (5,)
    assert array.dtype == object
    assert [codes.shape[1] for codes in array] == [3, 1, 5, 2, 4]


def test_clips_of_equal_length_stay_clips(make_codes):
    assert np.asarray(CodeSequence(make_codes([2, 2]))).shape == (2,)


def test_no_array_of_numbers(sequence):
    with pytest.raises(InputError, match=r"float64.*TokenHistogram"):
        np.asarray(sequence, dtype=float)


def test_equality_ignores_package_versions(sequence, codes):
    assert sequence == CodeSequence(codes.assign_attrs(_versions="{}"))
    assert sequence != CodeSequence(codes.assign_attrs(fingerprint="beef"))
    assert sequence != sequence[::-1]
    assert sequence != "codes"


def test_pickle(sequence):
    assert pickle.loads(pickle.dumps(sequence)) == sequence


def test_pickling_from_dask(codes):
    pytest.importorskip("dask")
    lazy = CodeSequence(codes.chunk({"frame": 4}))
    again = pickle.loads(pickle.dumps(lazy))
    assert again == CodeSequence(codes)
    assert lazy[1:3].dataset["codes"].chunks is not None
    np.testing.assert_array_equal(again[2], codes.qtok.clip(2))


def test_repr_names_codec_clips_and_labels(sequence):
    text = repr(sequence)
    for part in ("5 clips", "15 frames", "toy", "f00d", "clip0.wav", "instrument"):
        assert part in text


def test_html_escapes_what_users_wrote(make_codes):
    ds = make_codes(clip_ids=["<b>", "b", "c"], labels={"x&y": ["<script>", "1", "2"]})
    page = CodeSequence(ds)._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "x&amp;y" in page


def test_long_sequences_have_short_reprs(make_codes):
    text = repr(CodeSequence(make_codes([1] * 50)))
    assert "45 more" in text
    assert len(text.splitlines()) < 12


def test_empty_sequence(make_codes):
    empty = CodeSequence(make_codes([]))
    assert list(empty) == []
    assert np.asarray(empty).shape == (0,)
    assert "0 clips" in repr(empty)
    assert "0 clips" in empty._repr_html_()


def test_a_dataset_is_wrapped_and_a_sequence_passed_on(sequence, codes):
    assert as_code_sequence(sequence) is sequence
    assert as_code_sequence(codes) == sequence


def test_scikit_learn_counts_and_indexes_clips(sequence):
    assert num_samples(sequence) == 5
    (again,) = indexable(sequence)
    assert again is sequence
    for rows in (np.array([3, 1]), [3, 1], np.arange(5) == 3, slice(1, 3)):
        assert isinstance(safe_indexing(sequence, rows), CodeSequence)
    assert safe_indexing(sequence, 2).shape == (4, 5)


def test_scikit_learn_splits_shuffles_and_resamples(graded):
    sequence, y = graded
    train, test, y_train, _ = train_test_split(
        sequence, y, test_size=0.25, stratify=y, random_state=0
    )
    assert (len(train), len(test)) == (15, 5)
    assert not set(train.dataset.qtok.clip_ids) & set(test.dataset.qtok.clip_ids)
    assert len(y_train) == 15
    assert sorted(shuffle(sequence, random_state=0).dataset.qtok.clip_ids) == sorted(
        sequence.dataset.qtok.clip_ids
    )
    drawn = resample(sequence, n_samples=30, random_state=0)
    assert len(set(drawn.dataset.qtok.clip_ids)) == 30
    assert sum(len(fold) for _, fold in KFold(4).split(sequence)) == 20


def test_cross_validation_in_two_processes(graded):
    sequence, y = graded
    scores = cross_val_score(make_pipeline(MeanCode(), Threshold()), sequence, y, cv=4, n_jobs=2)
    assert scores.tolist() == [1.0] * 4


def test_grid_search(graded):
    sequence, y = graded
    pipeline = make_pipeline(MeanCode(), Threshold())
    search = GridSearchCV(pipeline, {"meancode__scale": [0.5, 2.0]}, cv=2).fit(sequence, y)
    assert search.best_score_ == 1.0
    assert clone(pipeline).fit(sequence, y).score(sequence, y) == 1.0


def test_windows_are_the_frames_of_their_clips(codes):
    sequence = CodeSequence(codes)
    windows = sequence.windows(0.16, step=0.08)
    windows.dataset.qtok.validate()
    starts = [0, 1, 0, 0, 1, 2, 3, 0, 0, 1, 2]
    clips = [0, 0, 1, 2, 2, 2, 2, 3, 4, 4, 4]
    for window, start, clip in zip(windows, starts, clips, strict=True):
        np.testing.assert_array_equal(window, sequence[clip][:, start : start + 2])
    ds = windows.dataset
    np.testing.assert_allclose(ds["window_start"], np.array(starts) * 0.08)
    assert ds["window_clip"].values.tolist() == [f"clip{clip}.wav" for clip in clips]
    assert ds["instrument"].values.tolist() == codes["instrument"].values[clips].tolist()
    assert ds["clip"].values[:2].tolist() == ["clip0.wav@0.00", "clip0.wav@0.08"]
    assert ds["n_samples"].values.tolist() == [3840, 3840, 1920, *[3840] * 8]


def test_windows_leave_out_the_rest_and_keep_short_clips(codes):
    assert lengths(CodeSequence(codes).windows(0.16)) == [2, 1, 2, 2, 2, 2, 2]
    assert lengths(CodeSequence(codes).windows(0.16, step=0.4)) == [2, 1, 2, 2, 2]
    assert lengths(CodeSequence(codes).windows(99)) == [3, 1, 5, 2, 4]
    assert lengths(CodeSequence(codes).windows(0.001)) == [1] * 15


def test_windows_of_recordings_count_the_samples_that_there_are(make_codes):
    ds = make_codes([3, 2], n_samples=[5000, 2500], sample_rates=[22050, 16000])
    windows = CodeSequence(ds).windows(0.16, step=0.08).dataset
    assert windows["n_samples"].values.tolist() == [3528, 3236, 2500]
    np.testing.assert_allclose(windows["duration"], windows["n_samples"] / windows["sample_rate"])


def test_windows_of_nothing_and_lazily(codes, make_codes, tmp_path):
    assert len(CodeSequence(make_codes([])).windows(1)) == 0
    lazy = load_codes(codes.qtok.save(tmp_path / "x.zarr"), lazy=True)
    whole = CodeSequence(codes).windows(0.16)
    assert CodeSequence(lazy).windows(0.16) == whole


@pytest.mark.parametrize("seconds", [0, -1, np.nan, np.inf, "1", None, True])
def test_windows_need_a_length(sequence, seconds):
    with pytest.raises(InputError, match="seconds must be a finite number of seconds above 0"):
        sequence.windows(seconds)
    if seconds is not None:
        with pytest.raises(InputError, match="step must be a finite number of seconds above 0"):
            sequence.windows(1, step=seconds)


def test_reprs_fit_a_cell(make_codes):
    ds = make_codes(
        [1] * 9,
        clip_ids=[f"{n} " + "long " * 99 for n in range(9)],
        labels={f"label {n} {'x' * 50}": ["y\n" * 500] * 9 for n in range(40)},
    )
    sequence = CodeSequence(ds)
    assert max(map(len, repr(sequence).splitlines())) <= 80
    assert len(repr(sequence).splitlines()) == 9
    assert len(sequence._repr_html_()) < 5000
    assert "4 more clips, 34 more labels" in sequence._repr_html_()
