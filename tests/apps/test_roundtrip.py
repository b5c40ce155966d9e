"""roundtrip: both versions, pictures, numbers, and the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from qtokfeatures.exceptions import CodecError

KINDS = ("original.wav", "decoded.wav", "waveform.png", "spectrogram.png", "tokens.png")


def test_what_is_written(qtok, sounds: Path) -> None:
    ran = qtok("roundtrip", sounds / "low" / "c's <d>.wav", "-o", "new/out")
    assert (ran.code, ran.err) == (0, "")
    out = Path("new/out")
    names = {path.name for path in out.iterdir()}
    assert names == {"report.html", *(f"c's _d_{kind}" for kind in KINDS)}
    original, decoded = (sf.info(out / f"c's _d_{kind}.wav") for kind in ("original", "decoded"))
    assert (original.frames, original.samplerate) == (decoded.frames, decoded.samplerate)
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "c&#x27;s &lt;d&gt;.wav" in html
    assert "<d>" not in html
    assert html.count("<audio") == 2
    assert html.count("<img") == 3
    assert "log-mel distance" in ran.out


@pytest.mark.usefixtures("quick_pictures")
def test_numbers_for_a_machine(qtok, sounds: Path, small_codec) -> None:
    ran = qtok("roundtrip", sounds / "a.wav", "-o", "out", "--json", "--codebooks", "4")
    (clip,) = ran.json["clips"]
    assert clip["codebooks"] == 4
    assert clip["bit_rate"] == pytest.approx(4 * 11 * small_codec.spec.frame_rate)
    assert clip["duration_s"] == pytest.approx(0.3)
    assert clip["log_mel_distance"] > 0
    assert clip["encode_speed"] > 0


@pytest.mark.usefixtures("quick_pictures")
def test_a_stereo_original_is_said_to_be_compared_as_its_mix(qtok, sounds: Path) -> None:
    stereo = np.random.default_rng(0).normal(0, 0.1, (9600, 2))
    sf.write("stereo.flac", stereo, 24000, subtype="PCM_24")
    ran = qtok("roundtrip", "stereo.flac", sounds / "a.wav", "-o", "out")
    assert "stereo.flac: 0.40 s (mean of 2 channels), 16 ×" in ran.out
    assert "a.wav: 0.30 s, 16 ×" in ran.out
    html = Path("out/report.html").read_text(encoding="utf-8")
    assert "<td>2 channels, 24 bit, FLAC</td>" in html
    assert "<td>1 channel, 16 bit, WAV</td>" in html
    assert html.count("compared as the mean of its 2 channels") == 3
    clips = qtok("roundtrip", "stereo.flac", "-o", "out", "--json").json["clips"]
    assert (clips[0]["channels"], clips[0]["bits"]) == (2, 24)


@pytest.mark.usefixtures("quick_pictures")
def test_an_excerpt_is_compared(qtok, sounds: Path) -> None:
    ran = qtok("roundtrip", f"{sounds / 'e.wav'}#t=0.1,0.4", "-o", "out", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["clips"][0]["duration_s"] == pytest.approx(0.3)


@pytest.mark.usefixtures("quick_pictures")
def test_refined_codes_come_closer(qtok, sounds: Path) -> None:
    plain, refined = (
        qtok("roundtrip", sounds / "a.wav", "-o", f"out{steps}", "--json", "--refine", steps)
        for steps in (0, 5)
    )
    assert refined.json["clips"][0]["refine"] == 5
    distances = [ran.json["clips"][0]["log_mel_distance"] for ran in (plain, refined)]
    assert distances[1] < distances[0]
    assert "with refine=5" in Path("out5/report.html").read_text(encoding="utf-8")
    assert "refine=" not in Path("out0/report.html").read_text(encoding="utf-8")
    said = qtok("roundtrip", sounds / "a.wav", "-o", "out", "--refine", 1)
    assert "encoded (refine=1)" in said.out


@pytest.mark.usefixtures("quick_pictures")
def test_several_files_share_a_page_and_bad_ones_are_listed(qtok, sounds, broken: Path) -> None:
    ran = qtok("roundtrip", sounds / "a.wav", broken, sounds / "e.wav", "-o", "out")
    assert ran.code == 1
    assert "broken.wav" in ran.err
    html = Path("out/report.html").read_text(encoding="utf-8")
    assert html.count("<h2>") == 2


@pytest.mark.usefixtures("quick_pictures")
def test_a_clip_that_the_codec_fails_on_does_not_cost_the_others(
    qtok, sounds, small_codec, monkeypatch
) -> None:
    encode = small_codec.encode

    def failing(audio, **options):
        if "e.wav" in getattr(audio, "source", ""):
            raise CodecError("out of luck")
        return encode(audio, **options)

    monkeypatch.setattr(small_codec, "encode", failing)
    ran = qtok("roundtrip", sounds / "e.wav", sounds / "a.wav", "-o", "out")
    assert ran.code == 1
    assert "e.wav: out of luck" in ran.err
    assert Path("out/report.html").read_text(encoding="utf-8").count("<h2>") == 1


@pytest.mark.usefixtures("quick_pictures")
def test_equal_names_from_two_folders_do_not_meet(qtok, sounds: Path) -> None:
    (sounds / "low" / "小.wav").rename(sounds / "low" / "a.wav")
    assert qtok("roundtrip", sounds / "a.wav", sounds / "low" / "a.wav", "-o", "out").code == 0
    assert {"a_decoded.wav", "a-2_decoded.wav"} <= {path.name for path in Path("out").iterdir()}


@pytest.mark.usefixtures("quick_pictures")
def test_a_second_run_does_not_take_its_own_output_for_input(qtok, sounds: Path) -> None:
    low = sounds / "low"
    first = qtok("roundtrip", low, "-o", low / "out", "--json")
    again = qtok("roundtrip", low, "-o", low / "out", "--json")
    assert len(first.json["clips"]) == len(again.json["clips"]) == 2


@pytest.mark.usefixtures("quick_pictures")
def test_other_files_in_the_output_folder_stay(qtok, sounds: Path) -> None:
    other = Path("out/mine.txt")
    other.parent.mkdir()
    other.touch()
    assert qtok("roundtrip", sounds / "a.wav", "-o", "out").code == 0
    assert other.exists()


def test_an_input_is_not_overwritten(qtok, sounds: Path) -> None:
    recording = sounds / "a_decoded.wav"
    recording.write_bytes((sounds / "e.wav").read_bytes())
    ran = qtok("roundtrip", sounds / "a.wav", recording, "-o", sounds)
    assert ran.code == 1
    assert "not overwritten" in ran.err
    assert recording.read_bytes() == (sounds / "e.wav").read_bytes()


def test_nothing_but_bad_files(qtok, broken: Path) -> None:
    ran = qtok("roundtrip", broken, "-o", "out")
    assert ran.code == 1
    assert not Path("out/report.html").exists()


@pytest.mark.parametrize("n_samples", [1, 4800])
def test_silence_and_a_single_sample(qtok, n_samples: int) -> None:
    sf.write("quiet.wav", np.zeros(n_samples), 24000)
    ran = qtok("roundtrip", "quiet.wav", "-o", "out", "--json")
    assert ran.code == 0
    assert ran.json["clips"][0]["si_sdr_db"] is None
    html = Path("out/report.html").read_text(encoding="utf-8")
    assert "not defined for silence" in html
    assert sf.info("out/quiet_decoded.wav").frames == n_samples
