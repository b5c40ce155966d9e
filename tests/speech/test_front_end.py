"""Frames of speech: beside librosa and the codec, in a stream and in one piece."""

from __future__ import annotations

import itertools
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import qtokfeatures as qt
from qtokfeatures.exceptions import AudioError, InputError
from qtokfeatures.speech import ASRFrontEnd
from qtokfeatures.speech.frame_batch import as_frame_batch
from qtokfeatures.speech.frame_sources import AcousticFrames
from qtokfeatures.speech.frame_steps import (
    Deltas,
    RunningNormalisation,
    Upsampling,
    run_through,
)

QWEN_TINY = Path(__file__).parents[1] / "codecs" / "golden" / "qwen3-tiny"

KINDS = {
    "tokens": ASRFrontEnd("tokens", codebooks=None, upsample=3, sr=24000),
    "semantic": ASRFrontEnd(upsample=2, interpolation="linear", sr=24000),
    "embedding": ASRFrontEnd(
        "embedding", upsample=4, interpolation="linear", cmvn="running", deltas=1, sr=24000
    ),
    "all codebooks": ASRFrontEnd("embedding", codebooks=None, deltas=2, sr=24000),
    "latent": ASRFrontEnd("latent", upsample=2, interpolation="linear", sr=24000),
    "logmel": ASRFrontEnd("logmel", cmvn="running", sr=24000),
    "mfcc": ASRFrontEnd("mfcc", deltas=2, cmvn="running", sr=24000),
}


@pytest.fixture(scope="module")
def voices() -> list[np.ndarray]:
    """Return three clips at 24 kHz, of a second and less."""
    clip = qt.load_audio(next(f for f in qt.example_files() if "speech" in str(f)))
    y = clip.y if clip.sr == 24000 else qt.audio.resample(clip.y, orig_sr=clip.sr, target_sr=24000)
    return [y[:24000], y[6000:20001], y[:1]]


@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind:
    def test_a_stream_gives_the_same_frames(self, kind: str, voices) -> None:
        front_end = clone(KINDS[kind]).set_params(output="list").fit(voices[:2])
        y = qt.audio.resample(voices[0], orig_sr=24000, target_sr=front_end.input_sr_)
        expected = front_end.transform([(y, front_end.input_sr_)])[0]
        for size in (len(y), 1000, 77):
            stream = front_end.stream()
            pieces = [stream.push(y[at : at + size]) for at in range(0, len(y), size)]
            found = np.concatenate([*pieces, stream.flush()])
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, atol=2e-4)

    def test_outputs_hold_the_same(self, kind: str, voices) -> None:
        front_end = clone(KINDS[kind]).fit(voices)
        listed = clone(front_end).set_params(output="list").fit_transform(voices)
        padded = front_end.transform(voices)
        ragged = clone(front_end).set_params(output="ragged").fit_transform(voices)
        assert padded.dims == ("clip", "frame", "feature")
        assert padded.feature.values.tolist() == front_end.get_feature_names_out().tolist()
        assert padded.frame_count.values.tolist() == [len(each) for each in listed]
        np.testing.assert_array_equal(ragged.values, np.concatenate(listed))
        for row, frames in zip(padded.values, listed, strict=True):
            np.testing.assert_array_equal(row[: len(frames)], frames)
            rest = row[len(frames) :]
            assert (rest == -1).all() if kind == "tokens" else np.isnan(rest).all()
        assert (
            ragged.clip_index.values.tolist()
            == np.repeat(range(3), [len(each) for each in listed]).tolist()
        )
        step = np.diff(padded.time.values)
        np.testing.assert_allclose(step, 1 / front_end.frame_rate_)
        assert padded.attrs["frame_rate"] == front_end.frame_rate_

    def test_company_changes_nothing(self, kind: str, voices) -> None:
        front_end = clone(KINDS[kind]).set_params(output="list").fit(voices)
        for one, together in zip(voices, front_end.transform(voices), strict=True):
            np.testing.assert_allclose(front_end.transform([one])[0], together, atol=1e-4)

    def test_it_survives_pickling(self, kind: str, voices) -> None:
        front_end = clone(KINDS[kind]).set_params(output="list").fit(voices)
        again = pickle.loads(pickle.dumps(front_end))
        np.testing.assert_array_equal(again.transform(voices)[1], front_end.transform(voices)[1])


def test_log_mel_is_that_of_librosa() -> None:
    librosa = pytest.importorskip("librosa")
    y = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    (found,) = ASRFrontEnd("logmel", sr=16000, output="list").fit_transform([y])
    mel = librosa.feature.melspectrogram(
        y=y, sr=16000, n_fft=512, win_length=400, hop_length=160, n_mels=80, fmin=20
    )
    assert found.shape == mel.T.shape
    np.testing.assert_allclose(found, np.log(mel.T + 1e-6), atol=1e-3)


def test_mfcc_are_cosines_of_log_mel() -> None:
    librosa = pytest.importorskip("librosa")
    y = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    (found,) = ASRFrontEnd("mfcc", sr=8000, output="list").fit_transform([y])
    mel = librosa.feature.melspectrogram(
        y=y, sr=8000, n_fft=512, win_length=200, hop_length=80, n_mels=40, fmin=20
    )
    expected = librosa.feature.mfcc(S=np.log(mel + 1e-6), n_mfcc=13)
    np.testing.assert_allclose(found, expected.T, atol=1e-3)


def test_embeddings_are_those_of_the_codec(voices) -> None:
    codec = qt.load_codec("mini")
    frames = ASRFrontEnd("embedding", output="list", codebooks=[0, 2], sr=24000).fit_transform(
        voices
    )
    for y, found in zip(voices, frames, strict=True):
        codes = codec.encode(y, sr=24000)
        np.testing.assert_array_equal(found, codec.embed(codes, codebooks=[0, 2]))
    latent = ASRFrontEnd("latent", output="list", sr=24000).fit_transform(voices)
    np.testing.assert_allclose(latent[0], codec.latents(voices[0], sr=24000), atol=1e-4)


def test_the_semantic_part_is_what_codebook_0_quantises(voices) -> None:
    codec = qt.load_codec("mini")
    (found,) = ASRFrontEnd(output="list", sr=24000).fit_transform(voices[:1])
    entries = codec.codebook_vectors(0)[:, codec.semantic_dims]
    nearest = ((found[:, None] - entries) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, codec.encode(voices[0], sr=24000)[0])
    qwen = qt.load_codec(QWEN_TINY)
    (found,) = ASRFrontEnd(codec=qwen, output="list", sr=24000).fit_transform(voices[:1])
    entries = qwen.codebook_vectors(0)[:, qwen.semantic_dims]
    nearest = ((found[:, None] - entries) ** 2).sum(axis=2).argmin(axis=1)
    codes = qwen.encode(voices[0], sr=24000)[0]
    assert np.mean(entries[nearest] == entries[codes]) > 0.99


def test_codes_are_enough_and_labels_stay(voices) -> None:
    codes = qt.load_codec("mini").encode_many(voices, sr=24000)
    codes = codes.assign_coords(speaker=("clip", ["a", "b", "c"]))
    frames = ASRFrontEnd("embedding", sr=24000).fit(codes).transform(codes)
    expected = ASRFrontEnd("embedding", sr=24000).fit_transform(voices)
    np.testing.assert_array_equal(frames.values, expected.values)
    assert frames.speaker.values.tolist() == ["a", "b", "c"]
    with pytest.raises(InputError, match="'latent' frames need audio"):
        ASRFrontEnd("latent", sr=24000).fit_transform(codes)


def test_an_utterance_is_brought_to_mean_0(voices) -> None:
    frames = ASRFrontEnd("mfcc", cmvn="utterance", deltas=1, output="list", sr=24000).fit_transform(
        voices
    )
    np.testing.assert_allclose(frames[0].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(frames[0].std(axis=0), 1, atol=1e-3)
    with pytest.raises(InputError, match="needs the whole clip, not a stream"):
        ASRFrontEnd("mfcc", cmvn="utterance", sr=24000).fit(voices).stream()


@pytest.mark.parametrize(
    "wrong",
    [
        {"features": "plp"},
        {"interpolation": "cubic"},
        {"output": "table"},
        {"cmvn": "speaker"},
        {"deltas": 3},
        {"upsample": 0},
        {"codebooks": 17},
    ],
)
def test_parameters_are_checked_in_fit(wrong: dict, voices) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        ASRFrontEnd(**wrong, sr=24000).fit(voices)


@pytest.mark.parametrize("wrong", [{"deltas": 1}, {"cmvn": "running"}, {"interpolation": "linear"}])
def test_tokens_are_no_numbers(wrong: dict, voices) -> None:
    with pytest.raises(InputError, match="tokens are indices"):
        ASRFrontEnd("tokens", **wrong, sr=24000).fit(voices)


def test_frames_are_those_that_it_was_fitted_for(voices) -> None:
    front_end = ASRFrontEnd("mfcc", sr=24000).fit(voices)
    assert front_end.set_params(output="list").transform(voices)
    with pytest.raises(InputError, match=r"fitted with upsample=1, and is now set to 2"):
        front_end.set_params(upsample=2).transform(voices)
    with pytest.raises(InputError, match="fit it again"):
        front_end.stream()
    assert front_end.fit(voices).frame_rate_ == 200


def test_bad_audio_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(b"RIFF")
    for features in ("embedding", "mfcc"):
        with pytest.raises(AudioError, match=r"broken\.wav"):
            ASRFrontEnd(features, sr=24000).fit([np.zeros(800)]).transform([path])
    with pytest.raises(NotFittedError):
        ASRFrontEnd(sr=24000).transform([np.zeros(800)])
    with pytest.raises(AudioError, match="the stream: 1 of 1 values are NaN"):
        ASRFrontEnd(sr=24000).fit([np.zeros(800)]).stream().push([np.nan])


def test_files_have_names(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", np.zeros(8000), 8000)
    frames = ASRFrontEnd("mfcc", sr=8000).fit_transform([tmp_path / "a.wav"])
    assert frames["clip"].values.tolist() == ["a.wav"]
    assert frames.duration.values.tolist() == [1.0]


frames_of_numbers = st.integers(1, 12).map(
    lambda n: np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32)
)


@settings(deadline=None, max_examples=60)
@given(frames_of_numbers, st.lists(st.integers(0, 4), max_size=8), st.integers(1, 4), st.booleans())
def test_steps_give_the_same_in_pieces(x, sizes, factor: int, linear: bool) -> None:
    def steps() -> list:
        return [
            Deltas(slice(0, 2)),
            Deltas(slice(2, 4)),
            RunningNormalisation(np.zeros(6), np.ones(6), 3.0),
            Upsampling(factor, linear=linear),
        ]

    whole = run_through(steps(), x)
    edges = [0, *np.minimum(np.cumsum(sizes), len(x)).tolist(), len(x)]
    parts, fresh = [], steps()
    for start, end in itertools.pairwise(edges):
        piece = x[start:end]
        for step in fresh:
            if len(piece):
                piece = step.push(piece)
        parts.append(piece)
    for number, step in enumerate(fresh):
        piece = step.flush()
        for later in fresh[number + 1 :]:
            if len(piece):
                piece = later.push(piece)
        parts.append(piece)
    found = np.concatenate([part for part in parts if len(part)])
    assert len(whole) == factor * len(x)
    np.testing.assert_allclose(found, whole, atol=1e-5)


def test_deltas_are_slopes() -> None:
    ramp = np.arange(10, dtype=np.float32)[:, None] * 3
    found = run_through([Deltas(slice(0, 1))], ramp)
    np.testing.assert_allclose(found[2:-2, 1], 3, rtol=1e-6)


def test_interpolation_goes_through_the_middles() -> None:
    x = np.array([[0.0], [4.0]], np.float32)
    found = run_through([Upsampling(4, linear=True)], x)
    np.testing.assert_allclose(found[:, 0], [0, 0, 0.5, 1.5, 2.5, 3.5, 4, 4])


def test_windows_need_a_whole_one() -> None:
    pytest.importorskip("librosa")
    source = AcousticFrames("logmel", 16000)
    assert source.windows(np.zeros(100, np.float32)).shape == (0, 80)
    assert source.frames_of(np.zeros(1, np.float32)).shape == (1, 80)


@pytest.mark.parametrize("kind", ["mfcc", "embedding"])
def test_streams_take_integers_and_end(kind: str, voices) -> None:
    front_end = ASRFrontEnd(kind, sr=24000).fit(voices)
    y = np.random.default_rng(0).integers(-9000, 9000, 2 * front_end.input_sr_).astype(np.int16)
    streams = [front_end.stream() for _ in range(2)]
    found = [
        np.concatenate([stream.push(piece), stream.flush()])
        for stream, piece in zip(streams, (y, y / np.float32(2**15)), strict=True)
    ]
    np.testing.assert_array_equal(*found)
    for again in (lambda: streams[0].push(y), streams[0].flush):
        with pytest.raises(qt.exceptions.StreamClosedError, match="has ended"):
            again()


def test_frames_lie_where_the_rounded_hop_puts_them() -> None:
    front_end = ASRFrontEnd("mfcc", sr=11025)
    frames = front_end.fit_transform([np.zeros(30 * 11025, np.float32)])
    assert front_end.frame_rate_ == pytest.approx(11025 / 110)
    assert float(frames.time[-1]) == pytest.approx(30, abs=0.02)


@pytest.mark.parametrize("features", ["mfcc", "semantic", "tokens"])
def test_bare_arrays_need_a_rate(features: str, voices) -> None:
    with pytest.raises(AudioError, match="does not say its sampling rate; pass sr="):
        ASRFrontEnd(features, cmvn="running" if features == "mfcc" else None).fit_transform(voices)


@pytest.mark.parametrize("sr", [0, -5, 8000.5, "24000"])
def test_rates_that_are_none(sr: object, voices) -> None:
    with pytest.raises(InputError, match="sr must be None or a whole number"):
        ASRFrontEnd("mfcc", sr=sr).fit(voices)


def test_arrays_that_were_put_behind_one_another(voices) -> None:
    ragged = ASRFrontEnd("mfcc", output="ragged", sr=24000).fit_transform(voices[:1])
    other = ragged.assign_coords(clip=("frame", np.full(len(ragged), "other.wav")))
    batch = as_frame_batch(xr.concat([ragged, other], "frame"))
    assert len(batch) == 2
    assert batch.names[1] == "other.wav"


@pytest.mark.parametrize("output", ["padded", "ragged"])
def test_frames_go_to_zarr_without_a_warning_of_their_own(output: str, voices, tmp_path) -> None:
    frames = ASRFrontEnd("embedding", output=output, sr=24000).fit_transform(voices)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frames.to_zarr(tmp_path / "frames.zarr", consolidated=False)
    back = xr.open_zarr(tmp_path / "frames.zarr", consolidated=False)
    assert back["clip"].values.tolist() == frames["clip"].values.tolist()
