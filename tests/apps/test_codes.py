"""encode, decode, info: audio to codes files and back."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

import qtokfeatures as qt
from qtokfeatures.codecs.mini import random_mini


@pytest.fixture
def codes(qtok, sounds: Path, tmp_path: Path) -> Path:
    assert qtok("encode", sounds, "-o", "codes.nc").code == 0
    return tmp_path / "codes.nc"


@pytest.mark.parametrize("name", ["codes.nc", "new/folder/cödes.zarr"])
def test_a_folder_is_encoded_into_either_store(qtok, sounds: Path, tmp_path: Path, name) -> None:
    ran = qtok("encode", sounds, "-o", name)
    assert (ran.code, ran.err) == (0, "")
    assert "5 clips" in ran.out
    ds = qt.load_codes(tmp_path / name)
    assert sorted(ds["clip"].values) == ["a.wav", "b ü.flac", "c's <d>.wav", "e.wav", "小.wav"]
    assert (
        sorted(path.name for path in (tmp_path / name).parent.iterdir() if path.name[0] == ".")
        == []
    )


def test_codes_are_those_of_the_codec(codes: Path, sounds: Path, small_codec) -> None:
    ds = qt.load_codes(codes)
    np.testing.assert_array_equal(ds.qtok.clip("a.wav"), small_codec.encode(sounds / "a.wav"))


@pytest.mark.parametrize(
    ("before_it", "after_it", "expected"),
    [((), (), 1), (("--threads", "2"), (), 2), ((), ("--threads", "2"), 2)],
)
def test_threads_of_the_codec_can_be_set(
    qtok, sounds: Path, small_codec, monkeypatch, before_it, after_it, expected
) -> None:
    numbers = []
    latent_chunk = type(small_codec).latent_chunk

    def noted(self, y, state):
        numbers.append(torch.get_num_threads())
        return latent_chunk(self, y, state)

    monkeypatch.setattr(type(small_codec), "latent_chunk", noted)
    before = torch.get_num_threads()
    assert qtok(*before_it, "encode", sounds / "a.wav", "-o", "a.nc", *after_it).code == 0
    assert set(numbers) == {expected}
    assert torch.get_num_threads() == before
    assert qtok("--threads", "0", "encode", sounds).code == 2
    assert qtok("encode", sounds, "-o", "c.nc", "--threads", 0).code == 2


def test_codes_can_be_refined(qtok, sounds: Path, small_codec) -> None:
    assert qtok("encode", sounds / "a.wav", "-o", "fine.nc", "--refine", "2").code == 0
    ds = qt.load_codes("fine.nc")
    assert ds["refine"].values.tolist() == [2]
    expected = small_codec.encode(sounds / "a.wav", refine=2)
    np.testing.assert_array_equal(ds.qtok.clip("a.wav"), expected)
    assert qtok("encode", sounds / "a.wav", "-o", "x.nc", "--refine", "-1").code == 2


def test_files_folders_and_globs_together_name_each_once(qtok, sounds: Path) -> None:
    ran = qtok("encode", sounds / "a.wav", sounds / "*.wav", sounds / "low", "-o", "c.nc", "--json")
    assert ran.json["clips"] == 4
    assert ran.json["failed"] == []


def test_bad_files_are_listed_and_the_rest_is_done(qtok, sounds: Path, broken: Path) -> None:
    ran = qtok("encode", sounds, broken, "missing.wav", sounds / "*.mp3", "-o", "c.nc")
    assert ran.code == 1
    assert ran.err.startswith("3 inputs failed:\n")
    assert [name for name in ("broken.wav", "missing.wav", "*.mp3") if name not in ran.err] == []
    assert qt.load_codes("c.nc").sizes["clip"] == 5


def test_audio_that_cannot_be_read_is_not_passed_over(qtok, sounds: Path) -> None:
    (sounds / "low" / "phone.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(64))
    ran = qtok("encode", sounds, "-o", "c.nc")
    assert ran.code == 1
    assert "5 clips" in ran.out
    assert "phone.m4a" in ran.err


def test_an_excerpt_of_a_file_is_encoded(qtok, sounds: Path, small_codec) -> None:
    whole = sounds / "b ü.flac"
    assert qtok("encode", f"{whole}#t=0.1,0.3", whole, "-o", "c.nc").code == 0
    ds = qt.load_codes("c.nc")
    assert ds["duration"].values.tolist() == pytest.approx([0.2, 0.4])
    expected = small_codec.encode((str(whole), 0.1, 0.3))
    np.testing.assert_array_equal(ds.qtok.clip(0), expected)
    ran = qtok("encode", f"{whole}#t=9,10", "-o", "d.nc")
    assert ran.code == 1
    assert "beyond the end" in ran.err


def test_each_channel_can_be_a_clip(qtok, sounds: Path) -> None:
    sf.write("two.wav", np.random.default_rng(0).normal(0, 0.1, (4800, 2)), 24000)
    assert qtok("encode", "two.wav", sounds / "a.wav", "-o", "c.nc").code == 0
    assert qt.load_codes("c.nc").sizes["clip"] == 2
    ran = qtok("encode", "two.wav", sounds / "a.wav", "-o", "c.nc", "--channels", "separate")
    assert ran.code == 0, ran.err
    ids = qt.load_codes("c.nc")["clip"].values.tolist()
    assert ids == ["two.wav#channel=0", "two.wav#channel=1", "a.wav"]
    assert qtok("encode", "two.wav", "-o", "c.nc", "--channels", "left").code == 2
    assert qtok("cluster", "two.wav", "-k", 2, "--channels", "separate", "-o", "out").code == 0


def test_a_cache_saves_encoding_again(qtok, sounds: Path, monkeypatch) -> None:
    assert qtok("encode", sounds, "-o", "a.nc", "--cache", "kept").code == 0
    assert len(list(Path("kept").glob("*/*.codes"))) == 5

    def refuse(*args: object, **kwargs: object) -> list[object]:
        waves = args[1]
        assert not waves, "encoded again"
        return []

    monkeypatch.setattr("qtokfeatures.codecs.encoding.encode_waves", refuse)
    monkeypatch.setenv("QTOK_CACHE", "kept")
    assert qtok("encode", sounds, "-o", "b.nc").code == 0
    assert qtok("features", sounds, "-o", "f.csv").code == 0
    assert qt.load_codes("a.nc").identical(qt.load_codes("b.nc"))


def test_failures_are_in_the_json(qtok, sounds: Path, broken: Path) -> None:
    ran = qtok("encode", sounds, broken, "-o", "c.nc", "--json")
    assert ran.code == 1
    assert [failed["source"] for failed in ran.json["failed"]] == [str(broken)]
    assert ran.json["failed"][0]["error"]


def test_nothing_to_encode_writes_nothing(qtok, broken: Path) -> None:
    ran = qtok("encode", broken, "missing.wav", "-o", "c.nc")
    assert ran.code == 1
    assert "2 inputs failed" in ran.err
    assert not Path("c.nc").exists()


def test_quiet_says_nothing(qtok, sounds: Path) -> None:
    ran = qtok("encode", sounds, "-o", "c.nc", "-q")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_another_kind_of_output_is_usage(qtok, sounds: Path) -> None:
    ran = qtok("encode", sounds, "-o", "codes.csv")
    assert ran.code == 2
    assert ".nc or .zarr" in ran.err


def test_codes_are_written_over_codes_but_not_over_a_folder(qtok, sounds: Path) -> None:
    assert qtok("encode", sounds, "-o", "c.zarr").code == 0
    assert qtok("encode", sounds / "low", "-o", "c.zarr").code == 0
    assert qt.load_codes("c.zarr").sizes["clip"] == 2
    keep = Path("mine.zarr/keep.txt")
    keep.parent.mkdir()
    keep.touch()
    assert qtok("encode", sounds, "-o", "mine.zarr").code == 1
    assert keep.exists()


def test_decoding_restores_rate_and_length(qtok, codes: Path, sounds: Path) -> None:
    ran = qtok("decode", codes, "-o", "out")
    assert (ran.code, ran.err) == (0, "")
    made = {path.name: sf.info(path) for path in Path("out").iterdir()}
    assert set(made) == {f"{name}_decoded.wav" for name in ["a", "b ü", "c's _d", "e", "小"]}
    original = sf.info(sounds / "b ü.flac")
    assert made["b ü_decoded.wav"].samplerate == original.samplerate == 44100
    assert made["b ü_decoded.wav"].frames == original.frames


def test_decoding_fewer_codebooks(qtok, codes: Path) -> None:
    assert qtok("decode", codes, "-o", "all").code == 0
    assert qtok("decode", codes, "-o", "two", "--codebooks", "2", "--format", "flac").code == 0
    every, two = sf.read("all/a_decoded.wav")[0], sf.read("two/a_decoded.flac")[0]
    assert every.shape == two.shape
    assert not np.array_equal(every, two)


@pytest.mark.parametrize(
    "arguments", [["--codebooks", "17"], ["--codebooks", "0"], ["--format", "m4a"]]
)
def test_decoding_with_wrong_options_is_usage(qtok, codes: Path, arguments: list[str]) -> None:
    assert qtok("decode", codes, "-o", "out", *arguments).code == 2


def test_decoding_what_are_no_codes(qtok, broken: Path, tmp_path: Path) -> None:
    fake = tmp_path / "fake.nc"
    fake.write_bytes(broken.read_bytes())
    for name in ("fake.nc", "missing.nc", "broken.wav"):
        ran = qtok("decode", name, "-o", "out")
        assert ran.code == 1
        assert ran.err.count("\n") == 1
        assert name in ran.err


def test_codes_of_another_codec_are_refused(qtok, codes: Path, monkeypatch) -> None:
    other = random_mini(seed=1)
    monkeypatch.setattr("qtokfeatures.codecs.load_codec", lambda *args, **kwargs: other)
    ran = qtok("decode", codes, "-o", "out")
    assert ran.code == 1
    assert other.spec.fingerprint in ran.err


def test_decoding_does_not_overwrite_a_recording(qtok, sounds: Path, tmp_path: Path) -> None:
    recording = sounds / "a_decoded.wav"
    (sounds / "a.wav").rename(recording)
    content = recording.read_bytes()
    assert qtok("encode", recording, "-o", "c.nc").code == 0
    renamed = qt.load_codes("c.nc").assign_coords(clip=["a"])
    qt.save_codes(renamed, "c.nc")
    ran = qtok("decode", "c.nc", "-o", sounds)
    assert ran.code == 1
    assert "is an input and is not overwritten" in ran.err
    assert recording.read_bytes() == content


@pytest.mark.parametrize("format_", ["wav", "flac", "ogg"])
def test_a_full_disk_is_one_error(qtok, codes: Path, monkeypatch, format_: str) -> None:
    class Full(io.FileIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", lambda path, mode: Full(path, mode.replace("b", "")))
    ran = qtok("decode", codes, "-o", "out", "--format", format_)
    assert ran.code == 1
    assert ran.err.endswith("cannot be written (No space left on device)\n")
    assert ran.err.count("\n") == 1
    assert list(Path("out").iterdir()) == []


def test_a_file_in_place_of_the_output_folder_is_usage(qtok, codes: Path, broken: Path) -> None:
    ran = qtok("decode", codes, "-o", broken)
    assert ran.code == 2
    assert broken.read_bytes().startswith(b"RIFF")


def test_info_on_audio_codes_and_codec(qtok, codes: Path, sounds: Path, small_codec) -> None:
    ran = qtok("info", sounds / "b ü.flac", codes, "mini", "--json")
    assert ran.code == 0
    (audio,), (stored,), (codec,) = ran.json["audio"], ran.json["codes"], ran.json["codecs"]
    assert (audio["sample_rate"], audio["duration_s"]) == (44100, pytest.approx(0.4))
    assert (stored["clips"], stored["codebooks"]) == (5, small_codec.spec.n_codebooks)
    assert codec["fingerprint"] == small_codec.spec.fingerprint


@pytest.mark.parametrize(
    ("name", "subtype", "bits"),
    [
        ("a.wav", "PCM_24", 24),
        ("a.wav", "FLOAT", 32),
        ("a.flac", "PCM_16", 16),
        ("a.ogg", None, None),
    ],
)
def test_info_tells_channels_and_bit_depth(qtok, name: str, subtype, bits) -> None:
    sf.write(name, np.zeros((800, 2)), 8000, subtype=subtype)
    (audio,) = qtok("info", name, "--json").json["audio"]
    assert (audio["channels"], audio["bits"]) == (2, bits)
    assert audio["container"] == name[2:].upper()
    assert "channels  bits" in qtok("info", name).out


def test_info_for_people_is_not_cut_off(qtok, sounds: Path) -> None:
    ran = qtok("info", sounds)
    assert ran.code == 0
    assert str(sounds / "low" / "c's <d>.wav") in ran.out


def test_info_goes_on_after_a_bad_file(qtok, sounds: Path, broken: Path) -> None:
    ran = qtok("info", broken, sounds / "a.wav")
    assert ran.code == 1
    assert "a.wav" in ran.out
    assert "broken.wav" in ran.err


def test_the_list_of_codecs(qtok) -> None:
    assert [codec["name"] for codec in qtok("codec", "list", "--json").json["codecs"]]
    assert "kbit/s" in qtok("codec", "list").out
