"""Every kind of audio gives the same clip."""

from __future__ import annotations

import base64
import io
import os
import pickle
import types
import urllib.parse
from pathlib import Path

import numpy as np
import pytest
import torch

from qtokfeatures.audio import AudioClip, load_audio
from qtokfeatures.exceptions import AudioError

RATE = 48_000


def assert_is(clip: AudioClip, sound: np.ndarray, source: str | None = None) -> None:
    assert clip.y.dtype == np.float32
    assert clip.y.flags.c_contiguous
    np.testing.assert_array_equal(clip.y, sound)
    assert (clip.sr, clip.sample_rate, clip.n_samples) == (RATE, RATE, sound.size)
    assert type(clip.sr) is type(clip.sample_rate) is type(clip.n_samples) is int
    assert source is None or clip.source == source


# ---------------------------------------------------------------------------- files on disk


def test_path(wav, sound):
    assert_is(load_audio(wav), sound, str(wav))


def test_str_path(wav, sound):
    assert_is(load_audio(str(wav)), sound, str(wav))


def test_numpy_str_path(wav, sound):
    assert_is(load_audio(np.array([str(wav)])[0]), sound, str(wav))


def test_relative_path(wav, sound, monkeypatch):
    monkeypatch.chdir(wav.parent)
    assert_is(load_audio("sound.wav"), sound, "sound.wav")


def test_home_is_expanded(wav, sound, monkeypatch):
    monkeypatch.setenv("HOME", str(wav.parent))
    assert_is(load_audio("~/sound.wav"), sound)


def test_name_that_starts_with_a_tilde(wav, sound, monkeypatch):
    wav.rename(wav.with_name("~sound.wav"))
    monkeypatch.chdir(wav.parent)
    assert_is(load_audio("~sound.wav"), sound)


@pytest.mark.parametrize("name", ["a b.wav", "Übung – 音.wav", "no suffix", "x.txt", "UklGRg=="])
def test_any_file_name(wav, sound, name):
    assert_is(load_audio(str(wav.rename(wav.with_name(name)))), sound)


def test_name_that_is_not_unicode(wav, sound):
    name = os.fsdecode(os.fsencode(wav.parent) + b"/caf\xe9.wav")
    wav.rename(name)
    assert_is(load_audio(name), sound)


def test_link(wav, sound):
    link = wav.with_name("link")
    link.symlink_to(wav)
    assert_is(load_audio(link), sound, str(link))


def test_file_url(wav, sound):
    spaced = wav.rename(wav.with_name("a b.wav"))
    assert_is(load_audio(spaced.as_uri()), sound, spaced.as_uri())


def test_file_is_closed_again(wav):
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("needs /proc")
    before = len(list(descriptors.iterdir()))
    load_audio(wav)
    wav.write_bytes(wav.read_bytes()[:1000])
    with pytest.raises(AudioError):
        load_audio(wav)
    assert len(list(descriptors.iterdir())) == before


# ---------------------------------------------------------------------------- encoded bytes


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes(kind, wav_bytes, sound):
    assert_is(load_audio(kind(wav_bytes)), sound, "<bytes>")


def test_base64(wav_bytes, sound):
    assert_is(load_audio(base64.b64encode(wav_bytes).decode()), sound, "<base64>")


def test_base64_in_lines_without_padding_and_with_url_letters(wav_bytes, sound):
    text = base64.urlsafe_b64encode(wav_bytes + b"\0").decode().rstrip("=")
    lines = "\n".join(text[i : i + 76] for i in range(0, len(text), 76))
    assert_is(load_audio(lines), sound)


def test_a_path_goes_before_base64(tmp_path, encoded, wav_bytes, sound, monkeypatch):
    """A short file whose name is the base64 of another one."""
    tiny = base64.urlsafe_b64encode(encoded(sound[:40])).decode()
    (tmp_path / tiny).write_bytes(wav_bytes)
    monkeypatch.chdir(tmp_path)
    assert load_audio(tiny).n_samples == sound.size
    (tmp_path / tiny).unlink()
    assert load_audio(tiny).n_samples == 40


def test_data_url_base64(wav_bytes, sound):
    url = "data:audio/wav;base64," + base64.b64encode(wav_bytes).decode()
    assert_is(load_audio(url), sound, "<data URL audio/wav>")


def test_data_url_percent(wav_bytes, sound):
    assert_is(load_audio("data:," + urllib.parse.quote_from_bytes(wav_bytes)), sound, "<data URL>")


# ---------------------------------------------------------------------------- file objects


class Pipe(io.RawIOBase):
    """Bytes in small pieces that cannot be sought."""

    def __init__(self, data: bytes) -> None:
        self.rest = io.BytesIO(data)

    def readable(self):
        return True

    def read(self, size=-1):
        return self.rest.read(min(size, 1000) if size > 0 else size)


def test_file_object(wav, sound):
    with wav.open("rb") as file:
        assert_is(load_audio(file), sound, str(wav))
        assert not file.closed


def test_file_object_in_memory(wav_bytes, sound):
    assert_is(load_audio(io.BytesIO(wav_bytes)), sound, "<file>")


def test_file_object_that_cannot_seek(wav_bytes, sound):
    assert_is(load_audio(Pipe(wav_bytes)), sound)


def test_file_object_is_read_from_where_it_stands(wav_bytes, sound):
    file = io.BytesIO(b"before" + wav_bytes)
    file.seek(6)
    assert_is(load_audio(file), sound)


# ---------------------------------------------------------------------------- samples


def test_array(sound):
    assert_is(load_audio(sound, sr=RATE), sound, "<array>")


def test_anything_with_array(sound):
    import pandas as pd
    import xarray as xr

    assert_is(load_audio(xr.DataArray(sound), sr=RATE), sound)
    assert_is(load_audio(pd.Series(sound), sr=RATE), sound)


def test_pair(sound):
    assert_is(load_audio((sound, RATE)), sound, "<array>")
    assert_is(load_audio((sound, RATE), sr=RATE), sound)


def test_pair_in_the_order_of_scipy_and_gradio(sound):
    stereo = np.stack([sound, sound], axis=1)
    assert_is(load_audio((RATE, sound)), sound)
    assert_is(load_audio((np.int32(RATE), stereo)), sound)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensor(sound, dtype):
    tensor = torch.tensor(sound, dtype=dtype, requires_grad=True)
    assert_is(load_audio(tensor, sr=RATE), sound)
    assert_is(load_audio((tensor, RATE)), sound)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_tensor_of_half_precision(dtype):
    exact = torch.tensor([0.5, -0.25, 0.125], dtype=dtype)
    np.testing.assert_array_equal(load_audio(exact, sr=RATE).y, [0.5, -0.25, 0.125])


def test_tensor_with_channels_and_strides(sound):
    tensor = torch.tensor(np.stack([sound, sound], axis=1)).T
    assert not tensor.is_contiguous()
    assert_is(load_audio(tensor, sr=RATE, channel="mix"), sound)


@pytest.mark.gpu
def test_tensor_on_a_gpu(sound):
    assert_is(load_audio(torch.tensor(sound, device="cuda"), sr=RATE), sound)


def test_clip_passes_through(sound):
    clip = load_audio(sound, sr=RATE, source="mine")
    assert_is(load_audio(clip), sound, "mine")
    assert load_audio(clip, sr=RATE, source="yours").source == "yours"


def test_clip_keeps_its_original_when_resampled(sound):
    clip = load_audio(load_audio(sound, sr=RATE, target_sr=16_000), target_sr=24_000)
    assert (clip.sr, clip.sample_rate, clip.n_samples) == (24_000, RATE, sound.size)
    assert len(clip) == sound.size // 2
    assert clip.duration_s == sound.size / RATE


def test_clip_pickles_and_is_described_shortly(sound):
    clip = load_audio(sound, sr=RATE, source="a.wav")
    assert_is(pickle.loads(pickle.dumps(clip)), sound, "a.wav")
    assert repr(clip) == "AudioClip('a.wav', 0.300 s, 48000 Hz, y: 14400 samples at 48000 Hz)"


# ---------------------------------------------------------------------------- pydub


def segment(samples: np.ndarray, width: int, channels: int = 1) -> types.SimpleNamespace:
    """Return what a pydub AudioSegment offers, of integers of `width` bytes."""
    raw = samples.astype("<i4")[:, None].view(np.uint8)[:, :width].tobytes()
    return types.SimpleNamespace(
        raw_data=raw, sample_width=width, channels=channels, frame_rate=RATE
    )


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_segment_of_any_width(width):
    full = 2 ** (8 * width - 1)
    clip = load_audio(segment(np.array([-full, -full // 2, 0, full // 4, full // 2]), width))
    np.testing.assert_array_equal(clip.y, [-1, -0.5, 0, 0.25, 0.5])
    assert (clip.source, clip.sr) == ("<AudioSegment>", RATE)


def test_segment_channels_are_averaged():
    clip = load_audio(segment(np.array([0, 16384, 16384, -16384]), 2, channels=2))
    np.testing.assert_array_equal(clip.y, [0.25, 0])


def test_segment_of_pydub_itself(wav, sound):
    pydub = pytest.importorskip("pydub")
    loaded = pydub.AudioSegment.from_wav(str(wav))
    assert_is(load_audio(loaded), sound, "<AudioSegment>")
    for width in (1, 4):
        y = load_audio(loaded.set_sample_width(width)).y
        np.testing.assert_allclose(y, sound, atol=2.0 ** -(8 * width - 2) + 1e-7)


def test_segment_with_half_a_frame():
    odd = segment(np.array([1, 2, 3]), 2, channels=2)
    with pytest.raises(AudioError, match=r"6 bytes are not whole frames of 2 channels of 2 bytes"):
        load_audio(odd)
