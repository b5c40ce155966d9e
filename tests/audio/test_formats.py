"""Formats that libsndfile reads, and files of them that are cut or damaged."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile as sf

from qtokfeatures.audio import iter_blocks, load_audio
from qtokfeatures.exceptions import AudioError

LOSSLESS = [
    ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_32"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"),
    ("WAVEX", "PCM_16"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("AIFF", "PCM_16"),
    ("AIFF", "FLOAT"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("CAF", "ALAC_16"), ("W64", "PCM_16"),
    ("RF64", "PCM_24"), ("NIST", "PCM_16"), ("VOC", "PCM_16"),
]  # fmt: skip
LOSSY = [
    ("WAV", "PCM_U8", 0.01), ("WAV", "ULAW", 0.02), ("WAV", "IMA_ADPCM", 0.05),
    ("AIFF", "PCM_S8", 0.01), ("OGG", "VORBIS", 0.05), ("OGG", "OPUS", 0.1),
    ("MP3", "MPEG_LAYER_III", 0.05),
]  # fmt: skip
SAMPLE_EXACT = [*LOSSLESS, ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
CUT = [*((f, s) for f, s in LOSSLESS if f not in ("NIST", "VOC")), *((f, s) for f, s, _ in LOSSY)]


@pytest.mark.parametrize(("format_", "subtype"), LOSSLESS)
def test_lossless_format(format_, subtype, sound, encoded):
    clip = load_audio(encoded(sound, format_, subtype))
    np.testing.assert_array_equal(clip.y, sound)
    assert (clip.sr, clip.n_samples) == (48_000, sound.size)


@pytest.mark.parametrize(("format_", "subtype", "tolerance"), LOSSY)
def test_lossy_format(format_, subtype, tolerance, sound, encoded):
    y = load_audio(encoded(sound, format_, subtype)).y[: sound.size]
    middle = slice(2000, -2000)
    assert np.abs(y[middle] - sound[middle]).max() < tolerance


@pytest.mark.parametrize(("format_", "subtype"), SAMPLE_EXACT)
@pytest.mark.parametrize("n_samples", [1, 7, 1153])
def test_length_is_exact(format_, subtype, n_samples, sound, encoded):
    assert load_audio(encoded(sound[:n_samples], format_, subtype)).n_samples == n_samples


@pytest.mark.parametrize("channels", [2, 3, 8])
def test_channels_are_averaged(channels, sound, encoded):
    gains = np.linspace(0, 1, channels)
    y = load_audio(encoded(sound[:, None] * gains, "WAV", "FLOAT")).y
    np.testing.assert_allclose(y, sound * gains.mean(), atol=1e-6)


def test_file_and_array_give_the_same_samples(sound, encoded):
    stereo = np.stack([sound, sound[::-1] * np.float32(0.7)])
    from_file = load_audio(encoded(stereo.T, "WAV", "FLOAT"), target_sr=24_000)
    from_array = load_audio((stereo, 48_000), target_sr=24_000, channel="mix")
    np.testing.assert_array_equal(from_file.y, from_array.y)


def test_long_file_of_many_blocks(tmp_path):
    y = np.random.default_rng(0).uniform(-0.5, 0.5, (400_000, 3)).astype(np.float32)
    sf.write(tmp_path / "long.wav", y, 8000, subtype="FLOAT")
    np.testing.assert_allclose(load_audio(tmp_path / "long.wav").y, y.mean(axis=1), atol=1e-6)


def test_flac_of_unknown_length(sound, encoded):
    """Streamed FLAC has no length in its header."""
    data = bytearray(encoded(sound, "FLAC"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    np.testing.assert_array_equal(load_audio(bytes(data)).y, sound)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF, 0x80000000])
def test_wav_of_unknown_length(size, sound, wav_bytes):
    """Recorders that cannot seek back leave such sizes in the header."""
    data = bytearray(wav_bytes)
    data[40:44] = struct.pack("<I", size)
    np.testing.assert_array_equal(load_audio(bytes(data)).y, sound)


def test_wav_with_chunks_after_the_data(sound, wav_bytes):
    data = wav_bytes + b"note" + struct.pack("<I", 4) + b"abcd"
    np.testing.assert_array_equal(load_audio(data).y, sound)


# ---------------------------------------------------------------------------- cut files


@pytest.mark.parametrize(("format_", "subtype"), CUT)
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.97])
def test_cut_file(format_, subtype, kept, sound, encoded):
    data = encoded(np.tile(sound, 4), format_, subtype)
    with pytest.raises(AudioError, match=r"<bytes>: .*(truncated|damaged)"):
        load_audio(data[: int(len(data) * kept)])


def test_cut_file_on_disk_is_named(wav):
    wav.write_bytes(wav.read_bytes()[:-100])
    expected = r"sound\.wav: truncated, its header promises 28800 bytes of data and 28700 are there"
    with pytest.raises(AudioError, match=expected) as caught:
        load_audio(wav)
    assert caught.value.source == str(wav)
    with pytest.raises(AudioError, match=expected):
        list(iter_blocks(wav))


def test_wav_header_alone(wav_bytes):
    with pytest.raises(AudioError, match="truncated, its header promises 28800 bytes"):
        load_audio(wav_bytes[:44])


def test_wav_cut_inside_its_header(wav_bytes):
    with pytest.raises(AudioError, match="begins like an audio file but is damaged, truncated"):
        load_audio(wav_bytes[:20])


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_cut_between_pages(subtype, sound, encoded):
    data = encoded(np.tile(sound, 20), "OGG", subtype)
    with pytest.raises(AudioError, match="truncated, its last Ogg page has no end mark"):
        load_audio(data[: data.rindex(b"OggS")])


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("damage", ["changed", "lost"])
def test_ogg_damaged_inside(subtype, damage, sound, encoded):
    data = bytearray(encoded(np.tile(sound, 40), "OGG", subtype))
    place = len(data) // 2
    if damage == "changed":
        data[place] ^= 0x55
    else:
        del data[place : place + 512]
    expected = r"or damaged: its last Ogg page counts \d+ samples and \d+ are there"
    with pytest.raises(AudioError, match=expected):
        load_audio(bytes(data))


def test_gsm_shows_by_its_name(sound, tmp_path):
    path = tmp_path / "call.gsm"
    sf.write(path, sound, 8000, format="RAW", subtype="GSM610")
    expected, _ = sf.read(path, dtype="float32")
    clip = load_audio(path)
    np.testing.assert_array_equal(clip.y, expected)
    assert clip.sr == 8000
    path.write_bytes(bytes(3300))
    with pytest.raises(AudioError, match=r"call\.gsm: not audio"):
        load_audio(path)


@pytest.mark.parametrize(
    ("format_", "name"),
    [("WAV", "WAV"), ("FLAC", "FLAC"), ("OGG", "Ogg"), ("AIFF", "AIFF"), ("CAF", "CAF")],
)
def test_junk_before_a_header_is_named(format_, name, sound, encoded):
    data = b"HTTP/1.1 200 OK\r\n\r\n" + encoded(sound, format_)
    with pytest.raises(
        AudioError, match=f"has 19 bytes of something else before its {name} header"
    ):
        load_audio(data)


def test_avi_is_named():
    with pytest.raises(AudioError, match="AVI video, which libsndfile does not read"):
        load_audio(b"RIFF\0\0\0\0AVI LIST" + bytes(99))


def test_damaged_flac(sound, encoded):
    data = bytearray(encoded(np.tile(sound, 10), "FLAC"))
    middle = len(data) // 2
    data[middle : middle + 200] = np.random.default_rng(0).bytes(200)
    with pytest.raises(AudioError, match=r"damaged or truncated, decoding fails after \d\.\d\d s"):
        load_audio(bytes(data))


# ---------------------------------------------------------------------------- MP3


def frame_starts(mp3: bytes) -> list[int]:
    """Return where the frames of an MP3 of one constant bit rate begin."""
    second = mp3.index(mp3[:2], 4)
    return [at for at in range(0, len(mp3), second) if mp3[at : at + 2] == mp3[:2]]


def without_tag(mp3: bytes) -> bytes:
    """Drop the first frame, which holds nothing but the Xing or Info tag."""
    return mp3[mp3.index(mp3[:2], 4) :]


@pytest.fixture(scope="module")
def mp3(sound, encoded):
    return encoded(np.tile(sound, 5), "MP3", bitrate_mode="CONSTANT", compression_level=0.5)


def test_mp3_without_tag(mp3, sound):
    clip = load_audio(without_tag(mp3))
    assert 0 <= clip.n_samples - 5 * sound.size <= 3 * 1152


def test_mp3_without_tag_cut_inside_a_frame(mp3):
    with pytest.raises(AudioError, match="truncated, it ends inside an MP3 frame"):
        load_audio(without_tag(mp3)[:-10])


def test_mp3_cut_between_frames(mp3):
    starts = frame_starts(mp3)
    assert len(starts) > 50
    with pytest.raises(AudioError, match=r"its header promises 72000 samples and \d+ are there"):
        load_audio(mp3[: starts[40]])


@pytest.mark.parametrize("trailer", [b"TAG" + bytes(125), bytes(500), b"APETAGEX" + bytes(50)])
def test_mp3_with_tags_around_it(mp3, trailer, sound):
    id3 = b"ID3\x04\0\0" + bytes([0, 0, 2, 0]) + bytes(256)
    assert load_audio(id3 + mp3 + trailer).n_samples == 5 * sound.size


def test_mp3_of_which_libsndfile_would_read_a_part(encoded):
    """Loud first, silent later, variable bit rate, no tag: its estimated length is too short."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 48_000)
    y = np.concatenate([noise, np.zeros(4 * 48_000)])
    data = without_tag(encoded(y, "MP3", bitrate_mode="VARIABLE", compression_level=0.5))
    assert sf.info(io.BytesIO(data)).frames < 100_000
    assert 240_000 <= load_audio(data).n_samples <= 240_000 + 3 * 1152


# ---------------------------------------------------------------------------- not usable

NOT_AUDIO = {
    "text": b"hello, this is text " * 50,
    "png": b"\x89PNG\r\n\x1a\n" + bytes(3000),
    "zeros": bytes(5000),
    "one byte": b"x",
    "noise": np.random.default_rng(0).bytes(5000),
}


@pytest.mark.parametrize("kind", NOT_AUDIO)
def test_not_audio(kind, tmp_path):
    with pytest.raises(AudioError, match=r"<bytes>: not audio in a format that libsndfile reads"):
        load_audio(NOT_AUDIO[kind])
    for name in ("a.wav", "a.mp3", "a.raw", "a.vox", "a.gsm"):  # a suffix makes no audio
        (tmp_path / name).write_bytes(NOT_AUDIO[kind])
        with pytest.raises(AudioError, match=rf"{name}: not audio in a format"):
            load_audio(tmp_path / name)


def test_no_samples(encoded):
    with pytest.raises(AudioError, match="<bytes>: has no samples"):
        load_audio(encoded(np.zeros(0)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_values_in_a_file(bad, encoded):
    y = np.zeros((300_000, 2), np.float32)
    y[290_000, 1] = bad
    with pytest.raises(AudioError, match=r"first at sample 290000 \(6\.042 s\)"):
        load_audio(encoded(y, "WAV", "FLOAT"))


@pytest.mark.parametrize("rate", [1, 0x7FFFFFFF])
def test_absurd_rate_in_a_header(rate, wav_bytes):
    data = bytearray(wav_bytes)
    data[24:28] = struct.pack("<I", rate)
    with pytest.raises(AudioError, match=f"got the header's rate={rate}"):
        load_audio(bytes(data))


def test_rate_that_contradicts_the_file(wav, sound):
    assert load_audio(wav, sr=48_000).n_samples == sound.size
    with pytest.raises(AudioError, match=r"sound\.wav: has its own rate, 48000 Hz, and sr=24000"):
        load_audio(wav, sr=24_000)


@pytest.mark.parametrize("format_", ["WAV", "FLAC", "AIFF", "OGG"])
def test_fuzzed_headers_never_escape(format_, sound, encoded):
    """Whatever a damaged header says, the answer is a clip or an AudioError."""
    rng = np.random.default_rng(0)
    data = encoded(sound, format_)
    outcomes = set()
    for _ in range(60):
        damaged = bytearray(data)
        for place in rng.integers(0, 60, 2):
            damaged[place] = rng.integers(0, 256)
        try:
            clip = load_audio(io.BytesIO(damaged), max_duration_s=3600)
        except AudioError:
            outcomes.add("error")
        else:
            outcomes.add("clip")
            assert np.isfinite(clip.y).all()
    assert "error" in outcomes
