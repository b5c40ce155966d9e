"""Audio that cannot be had: one clear message each, naming the source."""

from __future__ import annotations

import base64
import io
import os
import pickle
import re

import numpy as np
import pytest

from qtokfeatures.audio import load_audio, load_many
from qtokfeatures.exceptions import AudioError, InputError


def fails(audio, match: str, **options) -> AudioError:
    with pytest.raises(AudioError, match=match) as caught:
        load_audio(audio, **options)
    assert isinstance(caught.value, ValueError)
    assert caught.value.source in str(caught.value)
    return caught.value


def test_missing_file(tmp_path):
    error = fails(tmp_path / "a.wav", r"a\.wav: no such file$")
    assert error.source == str(tmp_path / "a.wav")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_missing_relative_file_says_where_it_looked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fails("a.wav", rf"a\.wav: no such file \(looked in {re.escape(str(tmp_path))}\)")


def test_folder(tmp_path):
    fails(tmp_path, r"is a folder, not a file; qtokfeatures\.audio\.find_audio lists")


def test_empty_file(tmp_path):
    (tmp_path / "a.wav").touch()
    fails(tmp_path / "a.wav", r"a\.wav: is empty \(0 bytes\)")


def test_dangling_link(tmp_path):
    (tmp_path / "a.wav").symlink_to("nowhere")
    fails(tmp_path / "a.wav", r"a\.wav: no such file")


def test_link_to_itself(tmp_path):
    (tmp_path / "a.wav").symlink_to("a.wav")
    fails(tmp_path / "a.wav", r"a\.wav: cannot be opened")


def test_file_below_a_file(wav):
    fails(wav / "b.wav", r"b\.wav: cannot be opened \(Not a directory\)")


def test_no_permission(wav):
    wav.chmod(0)
    if os.access(wav, os.R_OK):
        pytest.skip("this user may read everything")
    fails(wav, r"sound\.wav: no permission to read it")


def test_permission_error_is_translated(wav, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    fails(wav, r"sound\.wav: no permission to read it")


def test_pipe(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    fails(tmp_path / "a.wav", "is a pipe or device, not a file")


def test_file_that_disappears(wav, monkeypatch):
    """Between the look at it and its opening."""
    monkeypatch.setattr(
        "qtokfeatures.audio.sources._check_regular", lambda path, source: path.unlink()
    )
    fails(wav, r"sound\.wav: no such file")


@pytest.mark.parametrize("text", ["", "\0", "a\0b.wav", "x" * 300, "~nobody-here/a.wav"])
def test_odd_paths(text):
    fails(text, "empty string is not a path|cannot be opened|no such file")


def test_invalid_base64(wav_bytes):
    text = base64.b64encode(wav_bytes).decode()
    fails(text[:5000] + "!" + text[5001:], "neither an existing path nor valid base64 of audio")
    error = fails(base64.b64encode(b"no audio" * 500).decode(), "nor valid base64 of audio")
    assert len(str(error)) < 200


def test_cut_base64(wav_bytes):
    fails(base64.b64encode(wav_bytes).decode()[:4000], r"<base64>: truncated")


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("data:audio/wav;base64,@@@@", "<data URL audio/wav>: what follows the comma is not valid"),
        ("data:audio/wav;base64,A", "is not valid base64"),
        ("data:audio/wav;base64,aGVsbG8=", "<data URL audio/wav>: not audio"),
        ("data:audio/wav;base64,", "<data URL audio/wav>: is empty"),
        ("data:hello", "<data URL hello>: has no comma"),
        ("ftp://example.org/a.wav", r"ftp://example\.org/a\.wav: ftp:// is not read"),
        ("s3://bucket/a.wav", "s3:// is not read"),
        ("file:///nowhere/a.wav", r"file:///nowhere/a\.wav: no such file"),
        ("file://elsewhere/a.wav", r"is on another computer \(elsewhere\)"),
    ],
)
def test_url_that_is_not_fetched(url, match):
    fails(url, match)


@pytest.mark.parametrize("audio", [None, 3, 0.5, float("nan"), True, {"array": 1}, object(), {1}])
def test_no_kind_of_audio(audio):
    fails(audio, r"<\w+>: .* is not audio; ")


def test_list_is_several_clips():
    fails([0.1, 0.2], "<list>: a list is not audio; a list is several clips, for load_many")


def test_text_file_object():
    fails(io.StringIO("RIFF"), r"<file>: its read\(\) gives str, not bytes; open it in binary mode")


def test_closed_file_object(wav):
    file = wav.open("rb")
    file.close()
    fails(file, r"sound\.wav: cannot be read \(.*closed file")


def test_file_object_that_fails():
    class Broken:
        def read(self, size):
            raise OSError("the cable is loose")

    fails(Broken(), r"<file>: cannot be read \(the cable is loose\)")


@pytest.mark.parametrize("make", [bytes, io.BytesIO], ids=["bytes", "file"])
def test_too_many_bytes(make, wav_bytes):
    fails(make(wav_bytes), "exceed max_bytes=1000; allow more", max_bytes=1000)
    assert load_audio(make(wav_bytes), max_bytes=len(wav_bytes)).n_samples == 14_400


def test_endless_file_object_is_stopped():
    class Endless:
        given = 0

        def read(self, size):
            self.given += size
            return bytes(size)

    endless = Endless()
    fails(endless, "exceed max_bytes=3000000", max_bytes=3_000_000)
    assert endless.given <= 5_000_000


def test_too_long(wav, sound):
    assert load_audio(wav, max_duration_s=0.3).n_samples == sound.size
    fails(
        wav, r"sound\.wav: 0\.30 s or more is longer than max_duration_s=0\.2", max_duration_s=0.2
    )
    fails((sound, 48_000), r"<array>: .* is longer than max_duration_s", max_duration_s=0.2)


def test_too_long_is_found_without_decoding_all(sound, encoded):
    """Also where the header does not tell the length, as in MP3."""
    data = encoded(np.tile(sound, 60), "MP3")
    error = fails(data, "longer than max_duration_s=1;", max_duration_s=1)
    assert "18.00" not in str(error)


def test_source_renames_it(wav):
    fails(b"no audio", "^upload 7: not audio", source="upload 7")
    assert load_audio(wav, source="upload 7").source == "upload 7"


@pytest.mark.parametrize(
    "options",
    [{"target_sr": 0}, {"target_sr": "24000"}, {"max_duration_s": 0}, {"max_duration_s": "1"},
     {"timeout_s": -1}, {"timeout_s": None}, {"max_bytes": 0}, {"max_bytes": float("nan")}],
    ids=str,
)  # fmt: skip
def test_wrong_arguments(options, wav):
    [name] = options
    with pytest.raises(InputError, match=name) as caught:
        load_audio(wav, **options)
    assert not isinstance(caught.value, AudioError)


def test_audio_that_does_not_fit_into_memory(wav, monkeypatch):
    def refuse(*_args, **_options):
        raise MemoryError

    monkeypatch.setattr("qtokfeatures.audio.loading.resample_blocks", refuse)
    fails(wav, r"sound\.wav: does not fit into memory after 0 s; read it with iter_blocks")
    [(_, error)] = load_many([wav], on_error="skip")
    assert isinstance(error, AudioError)
