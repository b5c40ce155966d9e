"""OutOfDomainDetector: measures, references, predictions."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone

import qtokfeatures as qt
from qtokfeatures.estimators.domain_reference import DomainReference, bundled_path, reference_of
from qtokfeatures.exceptions import AudioError, CodecError, InputError, NotFittedError

NAMES = ("flute_C4.flac", "guitar_E4.flac", "speech_slt_1.flac", "rain_1.flac")


@pytest.fixture(scope="module")
def sounds() -> list:
    loaded = [qt.load_audio(qt.example_file(name)) for name in NAMES]
    return [(clip.y[: clip.sr], clip.sr) for clip in loaded]


@pytest.fixture(scope="module")
def strange() -> list:
    """Return clicks at a fixed rate, and a tone far above speech and music."""
    clicks = np.zeros(24_000, dtype=np.float32)
    clicks[::50] = 1.0
    whistle = np.sin(np.arange(24_000) * 2.6).astype(np.float32)
    return [(clicks, 24_000), (whistle, 24_000)]


@pytest.fixture(scope="module")
def gate(sounds) -> qt.OutOfDomainDetector:
    return qt.OutOfDomainDetector().fit(sounds)


class TestReference:
    def test_the_shipped_one_belongs_to_the_shipped_weights(self) -> None:
        """``python scripts/make_domain_reference.py`` regenerates it when weights change."""
        spec = qt.load_codec("mini").spec
        reference = reference_of(spec)
        assert reference is not None, "run scripts/make_domain_reference.py"
        assert reference.bits.shape == (4, spec.codebook_size)
        assert (reference.limit > reference.typical).all()
        assert bundled_path().stat().st_size < 40_000

    def test_stored_and_read_it_is_the_same(self, tmp_path) -> None:
        bits = np.float32([[1.0, 2.5], [0.5, 3.0]])
        made = DomainReference("0f3a", bits, np.float32([0.3, 9]), np.float32([0.5, 11]), "here")
        made.save(tmp_path / "domain.safetensors")
        read = DomainReference.load(tmp_path / "domain.safetensors")
        assert (read.fingerprint, read.origin) == ("0f3a", "here")
        for name in ("bits", "typical", "limit"):
            np.testing.assert_array_equal(getattr(read, name), getattr(made, name))

    def test_a_damaged_file_is_named(self, tmp_path) -> None:
        path = tmp_path / "domain.safetensors"
        path.write_bytes(b"nothing")
        with pytest.raises(CodecError, match=r"domain\.safetensors is not a readable"):
            DomainReference.load(path)

    def test_another_codec_has_none(self) -> None:
        from qtokfeatures.codecs.mini import random_mini

        codec = random_mini(0)
        assert reference_of(codec.spec) is None
        with pytest.raises(InputError, match="no reference comes with"):
            qt.OutOfDomainDetector(codec, sr=24000, reference="codec").fit([np.zeros(2000)])

    def test_clips_of_fit_make_one(self, sounds) -> None:
        from qtokfeatures.codecs.mini import random_mini

        gate = qt.OutOfDomainDetector(random_mini(0)).fit(sounds)
        assert gate.reference_.origin == "clips of fit"
        np.testing.assert_allclose(
            gate.reference_.typical, np.median(gate.measure(sounds), axis=0), rtol=1e-4
        )

    def test_what_is_usual_in_a_kind_is_within_the_limit(self, sounds) -> None:
        from qtokfeatures.codecs.mini import random_mini

        codec, clips = random_mini(0), [qt.load_audio(sound) for sound in sounds]
        apart = DomainReference.of_clips(clips, codec, origin="here", kinds=list("aaab"))
        values = apart.measure(clips, codec)
        np.testing.assert_allclose(
            apart.limit, np.maximum(np.quantile(values[:3], 0.99, axis=0), values[3]), rtol=1e-4
        )

    def test_no_clips_make_no_reference(self) -> None:
        with pytest.raises(InputError, match="a reference needs at least one clip"):
            qt.OutOfDomainDetector(reference="clips").fit([])


class TestScores:
    def test_strange_sounds_are_out_and_real_ones_in(self, gate, sounds, strange) -> None:
        assert gate.predict(strange).tolist() == [-1, -1]
        assert gate.predict(sounds).tolist() == [1, 1, 1, 1]

    def test_scores_do_not_depend_on_the_clips_beside(self, gate, sounds) -> None:
        together = gate.score_samples(sounds[:2])
        alone = [gate.score_samples([each])[0] for each in sounds[:2]]
        np.testing.assert_array_equal(together, alone)

    def test_decision_is_the_score_above_the_offset(self, sounds) -> None:
        gate = qt.OutOfDomainDetector(contamination=0.25)
        labels = gate.fit_predict(sounds)
        assert (labels == -1).sum() == 1
        decision = gate.decision_function(sounds)
        np.testing.assert_allclose(decision, gate.score_samples(sounds) - gate.offset_)
        np.testing.assert_array_equal(labels, np.where(decision < 0, -1, 1))

    def test_rows_of_an_array_are_clips(self, gate, sounds) -> None:
        rows = np.stack([y for y, _ in sounds[:2]])
        np.testing.assert_allclose(
            clone(gate).set_params(sr=24000).fit(rows).score_samples(rows),
            gate.score_samples(sounds[:2]),
            rtol=1e-5,
        )

    def test_measures_have_names(self, gate, strange) -> None:
        measured = gate.measure(strange[:1])
        assert measured.dims == ("clip", "measure")
        assert measured["measure"].values.tolist() == ["reconstruction_distance", "token_surprise"]


class TestMarking:
    def test_codes_and_features(self, gate, sounds, strange) -> None:
        items = [sounds[0], strange[0]]
        tokenizer = qt.QTokenizer()
        for labelled in (tokenizer.encode(items), tokenizer.fit_transform(items)):
            marked = gate.mark(labelled, items)
            assert marked["out_of_domain"].values.tolist() == [False, True]
            np.testing.assert_allclose(marked["domain_score"], gate.score_samples(items))
            assert "out_of_domain" not in labelled.coords

    def test_from_where_they_came(self, gate) -> None:
        codes = qt.QTokenizer().encode([qt.example_file("flute_C4.flac")])
        assert gate.mark(codes)["out_of_domain"].dims == ("clip",)

    def test_another_number_of_clips(self, gate, sounds) -> None:
        codes = qt.QTokenizer().encode(sounds[:1])
        with pytest.raises(InputError, match="X has 2 clips, but 1 are to be marked"):
            gate.mark(codes, sounds[:2])


class TestAsEstimator:
    def test_clone_and_pickle(self, gate, sounds) -> None:
        again = pickle.loads(pickle.dumps(gate))
        expected = gate.score_samples(sounds[:1])
        np.testing.assert_array_equal(again.score_samples(sounds[:1]), expected)
        assert not hasattr(clone(gate), "offset_")

    def test_clips_of_another_length_are_passed_as_a_list(self) -> None:
        rows = np.random.default_rng(0).normal(0, 0.1, (2, 4000))
        gate = qt.OutOfDomainDetector(sr=24000).fit(rows)
        with pytest.raises(InputError, match=r"2000 features.*expecting 4000.*list\(X\)"):
            gate.predict(rows[:, :2000])
        assert gate.predict(list(rows[:, :2000])).shape == (2,)

    def test_nothing_to_fit_on(self) -> None:
        with pytest.raises(InputError, match="X holds no clips"):
            qt.OutOfDomainDetector().fit([])

    def test_a_clip_that_cannot_be_used_is_named_in_fit(self, sounds) -> None:
        with pytest.raises(AudioError, match=r"missing\.wav"):
            qt.OutOfDomainDetector().fit([*sounds, "missing.wav"])

    def test_not_fitted(self, sounds) -> None:
        with pytest.raises(NotFittedError, match="OutOfDomainDetector is not fitted"):
            qt.OutOfDomainDetector().predict(sounds)

    def test_codes_are_no_audio(self, gate, sounds) -> None:
        with pytest.raises(InputError, match="X are codes"):
            gate.predict(qt.QTokenizer().encode(sounds[:1]))

    @pytest.mark.parametrize(
        ("params", "match"),
        [
            ({"contamination": 0.7}, r"contamination must be 'auto' or a share above 0"),
            ({"contamination": "some"}, "contamination"),
            ({"reference": "mini"}, "reference must be 'auto', 'codec' or 'clips'"),
        ],
    )
    def test_impossible_parameters(self, params, match) -> None:
        with pytest.raises(InputError, match=match):
            qt.OutOfDomainDetector(**params).fit([np.zeros(2000)])


class TestMarkingAgain:
    def test_arrays_cannot_be_read_again(self, gate, sounds) -> None:
        codes = qt.QTokenizer().encode(sounds)
        with pytest.raises(
            InputError, match="came from memory and cannot be read again; pass them"
        ):
            gate.mark(codes)
        with pytest.raises(InputError, match="expected labelled codes or features, got DataFrame"):
            gate.mark(codes["codes"].to_dataframe())

    def test_a_clip_without_features_is_out(self, gate, tmp_path) -> None:
        files = [qt.example_file(NAMES[0]), tmp_path / "none.wav"]
        tokenizer = qt.QTokenizer(on_error="nan")
        with pytest.warns(qt.exceptions.SkippedClipWarning):
            marked = gate.mark(tokenizer.fit_transform(files))
        assert marked["out_of_domain"].values.tolist() == [False, True]
        assert np.isnan(marked["domain_score"].values).tolist() == [False, True]

    def test_a_generator_is_read_once(self, sounds) -> None:
        gate = qt.OutOfDomainDetector(contamination=0.25).fit(clip for clip in sounds)
        assert gate.predict(sounds).tolist().count(-1) == 1
