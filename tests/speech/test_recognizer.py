"""The recogniser as an estimator: what it learns, refuses, stores and goes on from."""

from __future__ import annotations

import copy
import itertools
import json
import pickle

import numpy as np
import pytest
import torch
import xarray as xr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import qtokfeatures as qt
from qtokfeatures.exceptions import CodecMismatchError, InputError, UnsupportedVersionError
from qtokfeatures.speech import CTCRecognizer, NGram
from qtokfeatures.speech import training as training_module
from qtokfeatures.speech.training import choose_held_out
from tests.speech.conftest import say


def padded(frames: list[np.ndarray], **attrs: object) -> xr.DataArray:
    counts = [len(each) for each in frames]
    values = np.full((len(frames), max(counts), frames[0].shape[1]), np.nan, np.float32)
    for row, each in zip(values, frames, strict=True):
        row[: len(each)] = each
    coords = {
        "clip": [f"{i}.wav" for i in range(len(frames))],
        "frame_count": ("clip", counts),
    }
    return xr.DataArray(values, dims=("clip", "frame", "feature"), coords=coords, attrs=attrs)


def words_of(frames: np.ndarray) -> np.ndarray:
    """Return first frame and end of each word of :func:`say`, (word, 2)."""
    spoken = np.pad(frames.max(axis=1) > 1.5, 1).astype(int)
    return np.stack([np.flatnonzero(np.diff(spoken) == step) for step in (1, -1)], axis=1)


def changed(fitted: CTCRecognizer, **params: object) -> CTCRecognizer:
    """Return the same fitted recogniser with other parameters."""
    return copy.copy(fitted).set_params(**params)


class TestLearning:
    def test_it_recognises_what_it_never_heard(self, fitted, unheard) -> None:
        frames, said = unheard
        assert fitted.score(frames, said) > 0.9
        assert fitted.predict(frames).dtype == object

    def test_neither_batch_nor_order_counts(self, fitted, unheard) -> None:
        frames, _ = unheard
        alone = [fitted.predict_log_proba([each])[0] for each in frames]
        together = fitted.predict_log_proba(frames)
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)

    def test_every_shape_of_frames_is_the_same(self, fitted, unheard) -> None:
        frames, _ = unheard
        index = np.repeat(np.arange(len(frames)), [len(each) for each in frames])
        ragged = xr.DataArray(
            np.concatenate(frames),
            dims=("frame", "feature"),
            coords={"clip_index": ("frame", index), "clip": ("frame", index.astype(str))},
        )
        expected = fitted.predict(frames).tolist()
        for shape in (padded(frames), padded(frames).values, ragged):
            assert fitted.predict(shape).tolist() == expected

    def test_the_same_seed_gives_the_same(self, quick, speech) -> None:
        short = clone(quick).set_params(epochs=2)
        one, other = clone(short).fit(*speech), clone(short).fit(*speech)
        assert one.history_ == other.history_
        assert clone(short).set_params(seed=1).fit(*speech).history_ != one.history_

    def test_it_leaves_the_callers_randomness_alone(self, quick, speech) -> None:
        torch.manual_seed(3)
        expected = torch.rand(2)
        torch.manual_seed(3)
        clone(quick).set_params(epochs=1).fit(*speech)
        torch.testing.assert_close(torch.rand(2), expected)

    @pytest.mark.parametrize(("unit", "stride"), [("character", 1), ("phone", 2)])
    def test_other_units(self, speech, unheard, unit: str, stride: int) -> None:
        model = CTCRecognizer(
            unit=unit,
            hidden=64,
            stride=stride,
            epochs=30,
            batch_size=4,
            learning_rate=0.005,
            dropout=0.1,
            validation=0,
        )
        frames = [np.repeat(each, 2, axis=0) for each in speech[0]]
        model.fit(frames, speech[1])
        tested = [np.repeat(each, 2, axis=0) for each in unheard[0]]
        assert model.score(tested, unheard[1]) > 0.7

    def test_tokens_go_through_an_embedding(self, speech, unheard) -> None:
        def tokens(frames: list[np.ndarray]) -> list[np.ndarray]:
            return [np.stack([f.argmax(1), f.argmin(1)], axis=1).astype(np.int64) for f in frames]

        model = CTCRecognizer(hidden=24, epochs=40, batch_size=4, learning_rate=0.02, validation=0)
        model.fit(tokens(speech[0]), speech[1])
        assert model.network_.config.token_count == 4
        assert model.score(tokens(unheard[0]), unheard[1]) > 0.5
        with pytest.raises(InputError, match="fitted on tokens"):
            model.predict([each[:, :2] for each in unheard[0]])

    def test_training_ends_when_others_are_no_better(self, quick, speech) -> None:
        model = clone(quick).set_params(epochs=200, validation=0.2, patience=3, learning_rate=0.05)
        model.fit(*speech)
        losses = [epoch["held_out_loss"] for epoch in model.history_]
        assert len(losses) < 200
        assert len(losses) - 1 - int(np.argmin(losses)) == 3

    @pytest.mark.filterwarnings("ignore:all clips are of one group")
    def test_whole_groups_are_held_out(self) -> None:
        groups = np.repeat(["a", "b", "c", "d"], 5)
        held_out = choose_held_out(20, groups, 0.2, seed=0)
        assert held_out.sum() == 5
        assert len(set(groups[held_out])) == 1
        assert not choose_held_out(5, ["a"] * 5, 0.5, seed=0).any()
        with pytest.raises(InputError, match="groups has shape"):
            choose_held_out(3, [1, 2], 0.5, seed=0)


class TestGuidance:
    def test_a_lexicon_is_kept_to(self, fitted, unheard) -> None:
        guided = changed(fitted, lexicon=["one", "two"])
        heard = " ".join(guided.predict(unheard[0])).split()
        assert set(heard) <= {"one", "two"}

    def test_a_language_model_decides_between_alike(self, fitted) -> None:
        frames = say("one", 5)
        frames[:] = (say("one", 5)[: len(frames)] + 0) * 0.0  # nothing to hear
        model = NGram(1).fit(["three"] * 9)
        guided = changed(fitted, language_model=model, beam_width=8)
        assert set(guided.predict([frames])[0].split()) <= {"three"}

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"lexicon": ["four", "five"]}, "no word of the lexicon .'five' 'four'."),
            ({"lexicon": []}, "the lexicon has no words"),
            ({"lexicon": "one"}, "lexicon must be a list of words"),
            ({"beam_width": 0}, "beam_width must be None or a whole number"),
            ({"beam_width": 2.5}, "beam_width must be None or a whole number"),
            ({"language_model": "one"}, "language_model must be an NGram"),
            ({"language_model": NGram(2)}, "language_model is not fitted"),
        ],
    )
    def test_guidance_that_leads_nowhere(self, fitted, wrong: dict, message: str) -> None:
        with pytest.raises(InputError, match=message):
            changed(fitted, **wrong).predict([say("one")])

    def test_a_lexicon_may_have_words_that_were_never_heard(self, fitted) -> None:
        assert changed(fitted, lexicon=["one", "seven"]).predict([say("one")]).tolist() == ["one"]


class TestAlignment:
    def test_words_lie_where_they_were_said(self, fitted) -> None:
        frames = say("two one three", 7)
        ds = fitted.predict_alignment(padded([frames], frame_rate=25.0), ["two one three"])
        assert ds.symbol.values.tolist() == ["two", "one", "three"]
        assert ds["clip"].values.tolist() == ["0.wav"] * 3
        assert ds.start.attrs["units"] == "s"
        spoken = [np.flatnonzero(frames[:, k] > 1.5) / 25 for k in (1, 0, 2)]
        for (start, end), times in zip(
            zip(ds.start.values, ds.end.values, strict=True), spoken, strict=True
        ):
            assert abs(start - times[0]) <= 0.12
            assert abs(end - times[-1] - 0.04) <= 0.12

    @pytest.mark.parametrize("stride", [1, 2])
    def test_alignments_overlap_the_words(self, speech, unheard, quick, stride: int) -> None:
        frames, said = unheard
        ds = quick.set_params(stride=stride).fit(*speech).predict_alignment(frames, said)
        spoken = np.concatenate([words_of(each) for each in frames])
        shared = np.minimum(ds.end, spoken[:, 1]) - np.maximum(ds.start, spoken[:, 0])
        joint = np.maximum(ds.end, spoken[:, 1]) - np.minimum(ds.start, spoken[:, 0])
        assert (shared / joint).mean() > 0.5
        middles = (ds.start + ds.end).values / 2
        assert ((spoken[:, 0] <= middles) & (middles <= spoken[:, 1])).mean() >= 0.9

    def test_alignments_end_with_the_clip(self, fitted) -> None:
        """A word that is cut off ends in the clip's last frame, not after it."""
        frames = say("one", 3)[:8]
        ds = fitted.predict_alignment([frames], ["one"])
        assert 0 <= ds.start.item() < ds.end.item() <= len(frames)

    def test_nothing_said_has_no_times(self, fitted) -> None:
        assert fitted.predict_alignment([np.zeros((5, 4), np.float32)]).sizes["symbol"] == 0

    def test_times_are_those_of_the_stride_it_was_fitted_with(self, fitted) -> None:
        before = fitted.predict_alignment([say("two one")])
        after = changed(fitted, stride=4).predict_alignment([say("two one")])
        xr.testing.assert_identical(before, after)

    def test_without_transcripts_it_aligns_what_it_hears(self, fitted, unheard) -> None:
        ds = fitted.predict_alignment(unheard[0])
        heard = [text.split() for text in fitted.predict(unheard[0])]
        assert ds.symbol.values.tolist() == [word for words in heard for word in words]
        assert ds.start.attrs["units"] == "frame"
        assert (ds.end > ds.start).all()


class TestErrors:
    @pytest.mark.parametrize(
        ("said", "message"),
        [
            (["one", " "], "1.wav: its transcript is empty"),
            (["one", None], "1.wav: its transcript must be text, got None"),
            (["one"], "y has 1 transcripts for 2 clips"),
            ("one two", "y must be one transcript for each clip"),
            (["one", "one " * 30], "1.wav: its transcript of 30 words needs 59 steps"),
        ],
    )
    def test_bad_transcripts_name_the_clip(self, quick, said, message: str) -> None:
        with pytest.raises(InputError, match=message):
            quick.fit(padded([say("one"), say("two")]), said)

    def test_frames_that_are_not_finite_name_the_clip(self, quick) -> None:
        frames = [say("one"), say("two")]
        frames[1][2, 3] = np.nan
        with pytest.raises(InputError, match="clip 1: feature 3 of frame 2 is not finite"):
            quick.fit(frames, ["one", "two"])

    @pytest.mark.parametrize(
        ("frames", "message"),
        [
            ([], "at least one clip in X, got none"),
            ("a.wav", "one array"),
            ([np.zeros((0, 4), np.float32)], "clip 0: has no frames"),
            ([np.zeros((3, 4)), np.zeros((3, 5))], "clip 1: has 5 features, clip 0 has 4"),
            ([np.zeros(3)], "frames must be numbers"),
            (xr.DataArray(np.zeros((2, 3)), dims=("x", "y")), "as ASRFrontEnd gives them"),
            ([np.full((3, 2), -1)], "tokens must be 0 or more, got -1"),
            ([np.ones((3, 2), int), np.ones((3, 2))], "clip 1: all clips must be tokens"),
            (padded([say("one")] * 2).assign_coords(frame_count=("clip", [3, 900])), "3 to 900"),
        ],
    )
    def test_frames_of_another_kind(self, quick, frames, message: str) -> None:
        with pytest.raises(InputError, match=message):
            quick.fit(frames, ["one"] * 2)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"epochs": 0},
            {"epochs": True},
            {"stride": 1.5},
            {"validation": 1.0},
            {"dropout": -1},
            {"dropout": "a"},
            {"unit": "x"},
            {"learning_rate": 0},
            {"learning_rate": "fast"},
            {"seed": -1},
            {"seed": None},
            {"lexicon": "one"},
        ],
    )
    def test_parameters(self, quick, speech, wrong: dict) -> None:
        with pytest.raises(InputError, match=next(iter(wrong))):
            quick.set_params(**wrong).fit(*speech)

    @pytest.mark.parametrize(
        ("groups", "message"),
        [(["a"], "groups has shape"), ([None] * 60, "groups has no value for clip 0")],
    )
    def test_groups(self, quick, speech, groups: list, message: str) -> None:
        with pytest.raises(InputError, match=message):
            quick.set_params(validation=0.2).fit(*speech, groups=groups)

    def test_one_group_cannot_be_held_out(self) -> None:
        with pytest.warns(UserWarning, match="all clips are of one group"):
            assert not choose_held_out(4, ["a"] * 4, 0.5, 0).any()

    def test_training_that_diverges(self, quick, speech) -> None:
        with pytest.raises(InputError, match=r"training diverged.*learning_rate=1e\+12"):
            quick.set_params(learning_rate=1e12).fit(*speech)

    def test_a_small_alphabet(self, fitted) -> None:
        with pytest.raises(InputError, match=r"the word 'four'.*alphabet of 3"):
            fitted.predict_alignment([say("one")], ["four"])

    def test_not_fitted(self, quick) -> None:
        with pytest.raises(NotFittedError):
            quick.predict([say("one")])

    def test_other_features_than_it_was_fitted_on(self, fitted, speech) -> None:
        with pytest.raises(InputError, match="fitted on 4 features per frame, got 2"):
            fitted.predict([each[:, :2] for each in speech[0]])
        attrs = {"features": "embedding", "frame_rate": 25.0, "fingerprint": "a"}
        model = clone(fitted).set_params(epochs=1).fit(padded(speech[0], **attrs), speech[1])
        with pytest.raises(CodecMismatchError, match="fingerprint='a', got fingerprint='b'"):
            model.predict(padded(speech[0], **{**attrs, "fingerprint": "b"}))
        with pytest.raises(InputError, match="features='embedding', got features='latent'"):
            model.predict(padded(speech[0], **{**attrs, "features": "latent"}))


class TestGoingOn:
    def test_an_interrupted_training_goes_on_exactly(
        self, quick, speech, tmp_path, monkeypatch
    ) -> None:
        model = clone(quick).set_params(epochs=6, validation=0.2, patience=6)
        whole = clone(model).fit(*speech)
        broken = clone(model).set_params(checkpoint=tmp_path / "training")
        real, done = training_module.CTCTrainer._keep, []

        def interrupted(self) -> None:
            real(self)
            done.append(1)
            if len(done) == 3:
                raise KeyboardInterrupt

        monkeypatch.setattr(training_module.CTCTrainer, "_keep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            broken.fit(*speech)
        monkeypatch.undo()
        broken.fit(*speech)
        assert broken.history_ == whole.history_
        for name, value in whole.network_.state_dict().items():
            torch.testing.assert_close(broken.network_.state_dict()[name], value, rtol=0, atol=0)

    def test_a_checkpoint_of_another_training_is_refused(self, quick, speech, tmp_path) -> None:
        model = clone(quick).set_params(epochs=1, checkpoint=tmp_path)
        model.fit(*speech)
        with pytest.raises(InputError, match="belongs to another training"):
            clone(model).set_params(seed=1).fit(*speech)
        renamed = [text.replace("one", "een") for text in speech[1]]
        with pytest.raises(InputError, match="belongs to another training"):
            clone(model).fit(speech[0], renamed)

    @pytest.mark.parametrize("name", ["checkpoint.safetensors", "best.safetensors"])
    def test_a_damaged_checkpoint_is_named(self, quick, speech, tmp_path, name: str) -> None:
        model = clone(quick).set_params(epochs=1, checkpoint=tmp_path)
        model.fit(*speech)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[:50])
        with pytest.raises(
            InputError, match=f"{tmp_path.name}: cannot read the state of training.*delete"
        ):
            clone(model).fit(*speech)
        (tmp_path / "file").touch()
        with pytest.raises(InputError, match="must be a folder"):
            model.set_params(checkpoint=tmp_path / "file").fit(*speech)


class TestStoring:
    def test_it_comes_back(self, fitted, unheard, tmp_path) -> None:
        again = CTCRecognizer.load(fitted.save(tmp_path / "model"))
        assert again.predict(unheard[0]).tolist() == fitted.predict(unheard[0]).tolist()
        assert again.get_params() == fitted.get_params()
        assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
            "recognizer.json",
            "recognizer.safetensors",
        ]

    def test_words_and_language_model_too(self, fitted, unheard, tmp_path) -> None:
        model = NGram(2).fit(["one two", "two three"])
        guided = changed(fitted, lexicon=("one", "two"), language_model=model)
        again = CTCRecognizer.load(guided.save(tmp_path))
        assert again.predict(unheard[0]).tolist() == guided.predict(unheard[0]).tolist()

    def test_pickle_and_clone(self, fitted, unheard) -> None:
        again = pickle.loads(pickle.dumps(fitted))
        assert again.predict(unheard[0]).tolist() == fitted.predict(unheard[0]).tolist()
        assert not hasattr(clone(fitted), "network_")

    def test_what_is_missing_or_damaged_is_named(self, fitted, tmp_path) -> None:
        with pytest.raises(InputError, match=r"recognizer\.json: expected a stored recogniser"):
            CTCRecognizer.load(tmp_path / "nothing")
        folder = fitted.save(tmp_path / "model")
        weights = folder / "recognizer.safetensors"
        weights.write_bytes(weights.read_bytes()[:100])
        with pytest.raises(InputError, match=r"recognizer\.safetensors: expected weights"):
            CTCRecognizer.load(folder)
        described = json.loads((folder / "recognizer.json").read_text())
        (folder / "recognizer.json").write_text(json.dumps({**described, "format": "other"}))
        with pytest.raises(UnsupportedVersionError, match="format"):
            CTCRecognizer.load(folder)
        (folder / "recognizer.json").write_text(
            json.dumps({k: v for k, v in described.items() if k != "symbols"})
        )
        with pytest.raises(InputError, match="damaged"):
            CTCRecognizer.load(folder)

    @pytest.mark.parametrize("wrong", [{"symbols": ["one"]}, {"frames": None}])
    def test_a_description_that_does_not_fit_is_damaged(self, fitted, tmp_path, wrong) -> None:
        path = fitted.save(tmp_path) / "recognizer.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **wrong}))
        with pytest.raises(InputError, match="damaged"):
            CTCRecognizer.load(tmp_path)

    def test_tampered_descriptions_raise_nothing_but_input_errors(
        self, fitted, unheard, tmp_path
    ) -> None:
        path, refused = fitted.save(tmp_path) / "recognizer.json", 0
        whole = json.loads(path.read_text())
        keys = [(key, None) for key in whole] + [
            (key, name) for key in ("parameters", "network") for name in whole[key]
        ]
        for (key, name), wrong in itertools.product(keys, (None, True, -1, 10**9, "x", [], {})):
            if (name, wrong) == ("beam_width", 10**9):
                continue  # a search that is possible, and endless
            described = copy.deepcopy(whole)
            (described if name is None else described[key])[name or key] = wrong
            path.write_text(json.dumps(described))
            try:
                CTCRecognizer.load(tmp_path).predict(unheard[0][:1])
            except (InputError, UnsupportedVersionError):
                refused += 1
        assert refused > 100

    def test_weights_of_another_recogniser_are_refused(self, fitted, tmp_path) -> None:
        other = copy.deepcopy(fitted)
        other.network_.head.bias.data.add_(1.0)
        fitted.save(tmp_path / "one")
        weights = other.save(tmp_path / "other") / "recognizer.safetensors"
        (tmp_path / "one" / weights.name).write_bytes(weights.read_bytes())
        with pytest.raises(InputError, match="not the weights"):
            CTCRecognizer.load(tmp_path / "one")

    def test_only_a_fitted_one_is_stored(self, quick, tmp_path) -> None:
        with pytest.raises(qt.exceptions.NotFittedError):
            quick.save(tmp_path)
