"""Writing files: formats, clipping, and whole files or none."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.audio import load_audio, write_audio
from qtokfeatures.exceptions import AudioError, InputError

RATE = 48_000


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff", ".aif", ".au", ".caf", ".w64"])
def test_lossless_formats_return_what_was_written(suffix, tmp_path, sound):
    path = write_audio(tmp_path / f"a{suffix}", sound, RATE)
    np.testing.assert_array_equal(load_audio(path).y, sound)


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [(".WAV", "WAV PCM_16"), (".flac", "FLAC PCM_16"), (".ogg", "OGG VORBIS"),
     (".oga", "OGG VORBIS"), (".opus", "OGG OPUS"), (".mp3", "MP3 MPEG_LAYER_III"),
     (".rf64", "RF64 PCM_16")],
)  # fmt: skip
def test_suffix_chooses_the_format(suffix, expected, tmp_path, sound):
    info = sf.info(write_audio(tmp_path / f"a{suffix}", sound, RATE))
    assert (f"{info.format} {info.subtype}", info.frames) == (expected, sound.size)


@pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT", "float", "PCM_U8"])
def test_subtype(subtype, tmp_path, sound):
    path = write_audio(tmp_path / "a.wav", sound, RATE, subtype=subtype)
    assert sf.info(path).subtype == subtype.upper()


def test_returns_the_path_and_takes_str(tmp_path, sound, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert write_audio("~/a.wav", sound, RATE) == tmp_path / "a.wav"


def test_channels_come_first(tmp_path, sound):
    path = write_audio(tmp_path / "a.wav", np.stack([sound, -sound]), RATE)
    frames, _ = sf.read(path, dtype="float32")
    np.testing.assert_array_equal(frames, np.stack([sound, -sound], axis=1))


def test_integers_and_tensors_are_scaled(tmp_path):
    import torch

    for y in (np.array([-32768, 0, 16384], dtype=np.int16), torch.tensor([-1, 0, 0.5])):
        path = write_audio(tmp_path / "a.wav", y, RATE)
        np.testing.assert_array_equal(load_audio(path).y, [-1, 0, 0.5])


@given(st.floats(-100, 100, width=32))
def test_too_loud_is_clipped_in_integer_formats(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "clipped.wav"
    write_audio(path, np.array([value]), RATE)
    assert load_audio(path).y[0] == pytest.approx(np.clip(value, -1, 1), abs=2**-15)


def test_too_loud_is_kept_in_floating_point(tmp_path):
    path = write_audio(tmp_path / "a.wav", np.array([-3.5, 2.0]), RATE, subtype="FLOAT")
    np.testing.assert_array_equal(load_audio(path).y, [-3.5, 2.0])


def test_long_vorbis(tmp_path):
    """libsndfile overflows its stack when it is given much at once."""
    noise = np.random.default_rng(0).normal(0, 0.1, 3_000_000).astype(np.float32)
    assert sf.info(write_audio(tmp_path / "a.ogg", noise, RATE)).frames == noise.size


# ---------------------------------------------------------------------------- whole or not at all


def only_file(folder: Path) -> Path:
    [path] = folder.iterdir()
    return path


def test_nothing_else_is_left(tmp_path, sound):
    assert write_audio(tmp_path / "a.wav", sound, RATE) == only_file(tmp_path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_interrupted_write_leaves_the_old_file(error, tmp_path, sound, monkeypatch):
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")

    def fail(self, _data):
        raise error

    monkeypatch.setattr(sf.SoundFile, "write", fail)
    with pytest.raises((KeyboardInterrupt, AudioError)) as caught:
        write_audio(path, sound, RATE)
    if caught.type is AudioError:
        assert str(caught.value) == f"{path}: cannot be written (No space left on device)"
    assert only_file(tmp_path).read_bytes() == b"old"


def test_replaced_file_keeps_its_permissions_and_a_link_stays(tmp_path, sound):
    path, link = tmp_path / "a.wav", tmp_path / "link.wav"
    path.touch()
    path.chmod(0o640)
    link.symlink_to(path)
    write_audio(link, sound, RATE)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert load_audio(path).n_samples == sound.size


def test_new_file_gets_the_usual_permissions(tmp_path, sound):
    (tmp_path / "plain").touch()
    path = write_audio(tmp_path / "a.wav", sound, RATE)
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_longest_file_name(tmp_path, sound):
    name = "ü" * 120 + ".wav"
    assert write_audio(tmp_path / name, sound, RATE).name == name


# ---------------------------------------------------------------------------- errors


def test_missing_folder(tmp_path, sound):
    with pytest.raises(AudioError, match=r"a\.wav: cannot be written \(there is no folder .*new"):
        write_audio(tmp_path / "new" / "a.wav", sound, RATE)


def test_folder_in_its_place(tmp_path, sound):
    (tmp_path / "a.wav").mkdir()
    with pytest.raises(AudioError, match=r"a\.wav: cannot be written \(is a folder\)"):
        write_audio(tmp_path / "a.wav", sound, RATE)


def test_no_permission(tmp_path, sound):
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(AudioError, match=r"cannot be written \(Permission denied\)"):
        write_audio(tmp_path / "a.wav", sound, RATE)


@pytest.mark.parametrize("name", ["a", "a.txt", "a.raw", "a.sd2", ".wav"])
def test_unknown_suffix(name, tmp_path, sound):
    with pytest.raises(InputError, match="is not a format that can be written; use"):
        write_audio(tmp_path / name, sound, RATE)


def test_unknown_subtype(tmp_path, sound):
    with pytest.raises(InputError, match=r"FLAC has no subtype 'FLOAT'; it has .*PCM_16"):
        write_audio(tmp_path / "a.flac", sound, RATE, subtype="FLOAT")


@pytest.mark.parametrize(("name", "sr"), [("a.opus", 44_100), ("a.mp3", 96_000)])
def test_rate_that_the_format_does_not_have(name, sr, tmp_path, sound):
    with pytest.raises(AudioError, match=rf"{name}: cannot be written"):
        write_audio(tmp_path / name, sound, sr)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sr", [0, None, "48000", float("nan")])
def test_absurd_rate(sr, tmp_path, sound):
    with pytest.raises(InputError, match="a sampling rate is a whole number of Hz"):
        write_audio(tmp_path / "a.wav", sound, sr)


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (np.zeros(0), r"got shape \(0,\)"),
        (np.zeros((1, 1, 5)), r"got shape \(1, 1, 5\)"),
        (np.float32(1), r"got shape \(\)"),
        (np.zeros((500, 2)), r"looks like \(sample, channel\).* pass y\.T"),
        (np.array([0, np.nan]), "1 of 2 values are NaN, the first at sample 1"),
        (np.zeros(5, dtype=bool), "dtype bool is not audio"),
    ],
)
def test_what_is_not_audio(y, match, tmp_path):
    with pytest.raises(AudioError, match=match):
        write_audio(tmp_path / "a.wav", y, RATE)
    assert list(tmp_path.iterdir()) == []
