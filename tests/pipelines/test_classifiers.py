"""Classifiers: calibrated by groups, validated by groups, explained by tokens."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

import qtokfeatures as qt
from qtokfeatures.estimators import TokenHistogram
from qtokfeatures.exceptions import InputError
from qtokfeatures.pipelines import (
    GroupCalibratedClassifier,
    SilhouetteKMeans,
    characteristic_table,
    characteristic_tokens,
    make_era_classifier,
    make_label_classifier,
    make_timbre_classifier,
    validate_groups,
)
from qtokfeatures.pipelines.calibrated import SmallClassWarning


def test_a_histogram_is_not_scaled_however_it_is_given(paper, codes, labels) -> None:
    for features in ("histogram", TokenHistogram(codebooks=2, sparse_output=True)):
        pipe = make_label_classifier(paper, features=features)
        assert [name for name, _ in pipe.steps] == ["qtokenizer", "classifier"]
        pipe.fit(codes, labels)
    assert "standardscaler" in make_label_classifier(paper).named_steps


@pytest.mark.parametrize("wrong", ["labels", "groups"])
def test_validation_wants_a_label_and_a_group_for_each_clip(
    paper, codes, labels, groups, wrong: str
) -> None:
    given = {"labels": labels, "groups": groups}
    given[wrong] = given[wrong][:-1]
    with pytest.raises(InputError, match="must have an entry for each of 36 clips, got 35"):
        validate_groups(make_label_classifier(paper), codes, given["labels"], given["groups"])


def test_labels_of_clips_that_cannot_be_used_are_left_out(tmp_path) -> None:
    notes = qt.example_labels().query("pitch != '' and label in ('flute', 'guitar')")
    files = [str(qt.example_file(name)) for name in notes["file"]]
    y, groups = notes["label"].tolist(), notes["pitch"].tolist()
    pipe = make_label_classifier().set_params(qtokenizer__on_error="nan")
    whole = validate_groups(pipe, files, y, groups, n_splits=2)
    with pytest.warns(qt.exceptions.SkippedClipWarning):
        found = validate_groups(
            pipe,
            [*files[:3], str(tmp_path / "none.wav"), *files[3:]],
            [*y[:3], "flute", *y[3:]],
            [*groups[:3], "C9", *groups[3:]],
            n_splits=2,
        )
    pd.testing.assert_frame_equal(found.table(), whole.table())


@pytest.mark.parametrize(
    ("groups", "message"),
    [(["a"] * 5, "groups must have an entry for each"), ([None] * 36, "no value for clip 0")],
)
def test_groups_are_as_many_as_clips(paper, codes, labels, groups, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_label_classifier(paper).fit(codes, labels, classifier__groups=groups)


@parametrize_with_checks([GroupCalibratedClassifier(LogisticRegression()), SilhouetteKMeans(3)])
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks(estimator, check) -> None:
    check(estimator)


@pytest.fixture
def pipe(paper):
    return make_timbre_classifier(paper, features="histogram")


def test_probabilities_are_probabilities(pipe, codes, labels, groups) -> None:
    pipe.fit(codes, labels, classifier__groups=groups)
    probabilities = pipe.predict_proba(codes)
    assert pipe.classes_.tolist() == ["flute", "guitar", "piano"]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (pipe.classes_[probabilities.argmax(axis=1)] == pipe.predict(codes)).all()
    assert (pipe.predict(codes) == labels).mean() > 0.9


def test_calibration_leaves_groups_out(paper, codes, labels, groups) -> None:
    seen: list[tuple[set, set]] = []

    class Noting(SVC):
        def fit(self, X, y, sample_weight=None):
            seen.append(len(y))
            return super().fit(X, y, sample_weight)

    make_label_classifier(paper, classifier=Noting()).fit(codes, labels, classifier__groups=groups)
    # Three groups a class: three folds of two thirds, and all clips at last.
    assert sorted(seen) == [24, 24, 24, 36]


def test_groups_change_the_calibration(pipe, codes, labels, groups) -> None:
    with_groups = clone(pipe).fit(codes, labels, classifier__groups=groups).predict_proba(codes)
    without = clone(pipe).fit(codes, labels).predict_proba(codes)
    assert np.abs(with_groups - without).max() > 1e-3


def test_groups_are_routed_where_scikit_learn_routes() -> None:
    X, y, of = (
        np.random.default_rng(0).normal(size=(40, 3)),
        np.repeat(["a", "b"], 20),
        np.arange(40),
    )
    model = make_pipeline(StandardScaler(), GroupCalibratedClassifier(SVC()))
    named = clone(model).fit(X, y, groupcalibratedclassifier__groups=of // 5).predict_proba(X)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = clone(model).fit(X, y, groups=of // 5).predict_proba(X)
    np.testing.assert_array_equal(routed, named)
    assert not np.array_equal(clone(model).fit(X, y).predict_proba(X), named)


def test_a_class_of_one_instrument_is_named(pipe, codes, labels, groups) -> None:
    groups = np.where(labels == "flute", "the only flute", groups)
    with pytest.warns(SmallClassWarning, match="only one group has flute"):
        pipe.fit(codes, labels, classifier__groups=groups)
    with pytest.raises(InputError, match="1 of 3 classes have one: flute"):
        validate_groups(pipe, codes, labels, groups)


@pytest.mark.parametrize(
    ("y", "groups", "match"),
    [
        (["a", "a", "b", "b"], [1, 2, 3, 3], "every class needs two groups"),
        (["a", "a", "b"], None, "y must have an entry for each of 4 clips"),
        (["a", "a", "b", "b"], [1, 2], "groups must have an entry for each of 4 clips"),
        (["a", "a", "b", None], None, "y has no value for clip 3"),
        (["a"] * 4, None, "at least two classes"),
        (["a", "a", "b", "c"], None, "every class needs two clips"),
    ],
)
def test_impossible_requests_are_refused_unread(pipe, y, groups, match: str) -> None:
    for X in (["no such file.wav"] * 4, pd.DataFrame({"path": ["no such file.wav"] * 4})):
        with pytest.raises(InputError, match=match):
            validate_groups(pipe, X, y, groups)


@pytest.mark.parametrize("X", ["one.wav", None, 3], ids=str)
def test_something_else_than_clips_is_refused(pipe, X) -> None:
    with pytest.raises((InputError, TypeError)):
        validate_groups(pipe, X, ["a", "a", "b", "b"], None)


def test_clips_may_come_from_a_generator(pipe, codes, labels, groups) -> None:
    with pytest.raises(InputError, match="for each of 2 clips"):
        validate_groups(pipe, (name for name in ("no.wav", "none.wav")), ["a"], None)


def test_classes_learnt_from_one_clip_are_named(pipe, codes, labels, groups) -> None:
    flutes, rest = np.flatnonzero(labels == "flute"), np.flatnonzero(labels != "flute")
    kept = np.concatenate([flutes[:2], rest])
    with pytest.warns(SmallClassWarning, match="learned from a single clip in some fold: flute;"):
        validate_groups(pipe, codes[kept], labels[kept], None)
    kept = np.concatenate([flutes[:9], rest])
    with warnings.catch_warnings():
        warnings.simplefilter("error", SmallClassWarning)
        validate_groups(pipe, codes[kept], labels[kept], None)


@pytest.mark.parametrize("groups_given", [True, False])
def test_a_class_of_one_clip_is_named_and_learnt(
    pipe, codes, labels, groups, groups_given: bool
) -> None:
    first = int(np.flatnonzero(labels == "flute")[0])
    kept = np.array([row for row in range(len(labels)) if labels[row] != "flute" or row == first])
    given = {"classifier__groups": groups[kept]} if groups_given else {}
    with pytest.warns(SmallClassWarning, match="only one (group|clip) has flute"):
        pipe.fit(codes[kept], labels[kept], **given)
    assert pipe.predict(codes[[first]]).tolist() == ["flute"]


def test_two_instruments_of_one_clip_each_can_be_measured(pipe, codes, labels, groups) -> None:
    flutes = np.flatnonzero(labels == "flute")
    two = [flutes[groups[flutes] == group][0] for group in np.unique(groups[flutes])[:2]]
    kept = np.array([row for row in range(len(labels)) if labels[row] != "flute" or row in two])
    with pytest.warns(SmallClassWarning, match="flute"):
        found = validate_groups(pipe, codes[kept], labels[kept], groups[kept])
    assert found.confusion().to_numpy().sum(axis=1).tolist() == [2, 12, 12]


def test_validation_predicts_each_clip_once(pipe, codes, labels, groups) -> None:
    found = validate_groups(pipe, codes, labels, groups)
    assert found.confusion().to_numpy().sum() == len(labels)
    assert found.confusion().to_numpy().sum(axis=1).tolist() == [12, 12, 12]
    assert found.balanced_accuracy > 0.8
    assert found.table().columns.tolist() == ["clip", "true", "predicted", "probability", "fold"]
    for fold in set(found.fold):
        assert not set(groups[found.fold == fold]) & set(groups[found.fold != fold])
    assert not hasattr(pipe[-1], "calibrated_")


def test_validation_shows_when_only_the_instrument_was_learnt(paper, codes, labels, groups) -> None:
    """Labels that belong to instruments, not to sounds, do not carry over to new ones."""
    by_instrument = {name: ["a", "b"][i % 2] for i, name in enumerate(np.unique(groups))}
    arbitrary = np.array([by_instrument[name] for name in groups])
    found = validate_groups(make_label_classifier(paper), codes, arbitrary, groups)
    assert found.balanced_accuracy < 0.75


def test_validation_does_not_warn_of_what_it_does_itself(pipe, codes, labels, groups) -> None:
    two = groups.copy()
    two[(labels == "flute") & (groups == "instrument 2")] = "instrument 1"
    with warnings.catch_warnings():
        warnings.simplefilter("error", SmallClassWarning)
        validate_groups(pipe, codes, labels, two)


@pytest.mark.parametrize("wrong", [{"method": "platt"}, {"n_splits": 1}, {"n_splits": "5"}])
def test_parameters_are_checked_before_anything_is_encoded(wrong: dict) -> None:
    with pytest.raises(InputError, match=f"{next(iter(wrong))} must be"):
        make_label_classifier(**wrong)


def test_a_scaler_stands_behind_all_but_histograms(paper) -> None:
    plain = make_timbre_classifier(paper, features="histogram")
    assert [n for n, _ in plain.steps] == ["qtokenizer", "classifier"]
    names = [name for name, _ in make_era_classifier(paper).steps]
    assert names == ["qtokenizer", "standardscaler", "classifier"]


def test_parameters_can_be_searched_and_cloned(paper) -> None:
    pipe = clone(make_label_classifier(paper, features="embedding", method="isotonic"))
    pipe.set_params(classifier__estimator__C=3.0, qtokenizer__features="both")
    assert pipe["classifier"].estimator.C == 3.0
    assert pipe["classifier"].method == "isotonic"


# --------------------------------------------------------------------- characteristic tokens


def test_the_planted_tokens_are_found(pipe, codes, labels, groups) -> None:
    pipe.set_params(qtokenizer__features=_every_code())
    pipe.fit(codes, labels)
    first = {one.label: one for one in reversed(characteristic_tokens(pipe, codes, labels, groups))}
    assert {name: (one.codebook, one.codes) for name, one in first.items()} == {
        "flute": (0, (0,)),
        "guitar": (0, (10,)),
        "piano": (0, (20,)),
    }
    assert all(one.share_here > 0.3 > one.share_elsewhere for one in first.values())


def test_a_characteristic_token_is_where_it_is_said_to_be(pipe, codes, labels, groups) -> None:
    pipe.fit(codes, labels)
    ids = codes.dataset["clip"].values.tolist()
    found = characteristic_tokens(pipe, codes, labels, groups, per_class=2, n_examples=4)
    assert len(found) == 6
    for token in found:
        assert len({one.clip for one in token.examples}) == len(token.examples) > 0
        for one in token.examples:
            row = ids.index(one.clip)
            assert labels[row] == token.label
            assert codes[row][token.codebook, round(one.time_s * 12.5)] in token.codes


def test_a_token_of_one_instrument_tells_no_class(pipe, codes, labels, groups) -> None:
    ds = codes.dataset.copy(deep=True)
    own = np.isin(ds["clip_index"], np.flatnonzero(groups == "instrument 0"))
    values = ds["codes"].values
    values[1, own] = 31
    pipe.set_params(qtokenizer__features=_every_code())
    pipe.fit(ds, labels)
    elsewhere = (labels == "flute") & (groups != "instrument 0")
    values[1, np.isin(ds["clip_index"], np.flatnonzero(elsewhere)) & (values[1] == 31)] = 30
    found = characteristic_tokens(pipe, ds, labels, groups)
    assert (1, (31,)) not in {(t.codebook, t.codes) for t in found if t.label == "flute"}
    alone = characteristic_tokens(pipe, ds, labels)
    assert (1, (31,)) in {(t.codebook, t.codes) for t in alone if t.label == "flute"}


def test_the_table_of_tokens_reads(pipe, codes, labels) -> None:
    table = characteristic_table(characteristic_tokens(pipe.fit(codes, labels), codes, labels))
    assert isinstance(table, pd.DataFrame)
    assert {"class", "codebook", "bin", "codes", "score", "examples"} <= set(table.columns)
    assert table["examples"].str.contains(r"clip\d+.wav @ \d").all()


def test_labels_of_another_number_are_refused(pipe, codes, labels) -> None:
    pipe.fit(codes, labels)
    with pytest.raises(InputError, match="y must have an entry for each of 36 clips, got 3"):
        characteristic_tokens(pipe, codes, labels[:3])


def test_fitting_with_too_few_labels_is_refused_unread(pipe) -> None:
    with pytest.raises(InputError, match="y must have an entry for each of 4 clips, got 3"):
        pipe.fit(["no such file.wav"] * 4, ["a", "a", "b"])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a"] * 4, "expected at least two classes, got 1 class"),
        (["a", "b", None, "a"], "y has no label for clip 2"),
        ([1.0, float("nan"), 2.0, 1.0], "y has no label for clip 1"),
    ],
)
def test_fitting_to_labels_without_classes_is_refused_unread(pipe, y, message) -> None:
    with pytest.raises(InputError, match=message):
        pipe.fit(["no such file.wav"] * 4, y)


def test_characteristic_tokens_refuse_wrong_labels_unread(pipe, codes, labels) -> None:
    pipe.fit(codes, labels)
    with pytest.raises(InputError, match="groups must have an entry for each of 2 clips"):
        characteristic_tokens(pipe, ["no such file.wav"] * 2, ["a", "b"], [1])


def _every_code():
    from qtokfeatures.estimators import TokenHistogram

    return TokenHistogram(bins=None)
