"""Files whose header and content disagree: all of the sound, or an error that names the cause."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess

import numpy as np
import pytest
import soundfile as sf

from qtokfeatures.audio import chunks, flac, load_audio, load_many, ogg
from qtokfeatures.exceptions import AudioError

RATE = 48_000


@pytest.fixture(scope="module")
def chirp() -> np.ndarray:
    """Return 1.5 s, exact in 16 bits, in which every moment differs from every other."""
    time_s = np.arange(int(1.5 * RATE)) / RATE
    y = 0.3 * np.sin(2 * np.pi * (200 + 300 * time_s) * time_s)
    return (np.round(y * 32768) / 32768).astype(np.float32)


def encode(y: np.ndarray, format_: str, subtype: str | None = None, sr: int = RATE, **options):
    buffer = io.BytesIO()
    sf.write(buffer, y, sr, format=format_, subtype=subtype, **options)
    return buffer.getvalue()


def loads(data: bytes, tmp_path) -> np.ndarray:
    """Load from bytes and from a file without a telling name, which must agree."""
    (tmp_path / "recording").write_bytes(data)
    y = load_audio(tmp_path / "recording").y
    np.testing.assert_array_equal(load_audio(data).y, y)
    [(_, clip)] = load_many([io.BytesIO(data)])
    np.testing.assert_array_equal(clip.y, y)
    return y


def fails(data: bytes, match: str) -> None:
    with pytest.raises(AudioError, match=match):
        load_audio(data)


# ---------------------------------------------------------------------------- several in a row

ROWS = [
    ("OGG", "OPUS"), ("OGG", "VORBIS"), ("MP3", None), ("FLAC", None), ("WAV", "PCM_16"),
    ("WAV", "FLOAT"), ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("W64", "PCM_16"),
]  # fmt: skip


@pytest.mark.parametrize(("format_", "subtype"), ROWS)
@pytest.mark.parametrize("count", [2, 3])
def test_files_in_a_row_are_one_recording(format_, subtype, count, chirp, tmp_path):
    pieces = [encode(chirp[::step], format_, subtype) for step in (1, -1, 1)[:count]]
    expected = np.concatenate([load_audio(piece).y for piece in pieces])
    np.testing.assert_array_equal(loads(b"".join(pieces), tmp_path), expected)


def test_equal_files_in_a_row(chirp, tmp_path):
    """Whose last frames say nothing of how many there are."""
    flac = encode(chirp, "FLAC")
    np.testing.assert_array_equal(loads(flac + flac, tmp_path), np.tile(chirp, 2))


def test_vorbis_and_opus_in_a_row(chirp):
    data = encode(chirp, "OGG", "VORBIS") + encode(chirp, "OGG", "OPUS")
    assert load_audio(data).n_samples == 2 * chirp.size


@pytest.mark.parametrize(("format_", "subtype"), ROWS)
def test_rate_that_changes_is_refused(format_, subtype, chirp):
    data = encode(chirp, format_, subtype) + encode(chirp, format_, subtype, sr=24_000)
    fails(data, r"<bytes>: its sampling rate changes from 48000 to 24000( Hz)? after 1\.5")


@pytest.mark.parametrize(("format_", "subtype"), ROWS)
def test_number_of_channels_that_changes_is_refused(format_, subtype, chirp):
    data = encode(chirp, format_, subtype) + encode(np.stack([chirp] * 2, 1), format_, subtype)
    fails(data, r"its number of channels changes from 1 to 2 after 1\.5")


@pytest.mark.parametrize("format_", ["OGG", "MP3", "FLAC", "WAV"])
def test_last_file_in_a_row_that_is_cut(format_, chirp):
    data = encode(chirp, format_)
    fails((data + data)[: -len(data) // 3], "truncated|damaged")


@pytest.mark.parametrize("format_", ["OGG", "MP3", "FLAC", "WAV"])
def test_excerpt_across_files_in_a_row(format_, chirp):
    data = encode(chirp, format_)
    whole = load_audio(data + data).y
    part = load_audio(data + data, offset=1.25, duration=0.5).y
    np.testing.assert_array_equal(part, whole[60_000:84_000])


# ---------------------------------------------------------------------------- counts too small


@pytest.mark.parametrize("promised", [1, 40_000, 71_999])
def test_flac_whose_header_counts_too_few(promised, chirp, tmp_path):
    data = bytearray(encode(chirp, "FLAC"))
    data[21:26] = bytes([data[21] & 0xF0]) + struct.pack(">I", promised)
    assert sf.info(io.BytesIO(data)).frames == promised
    np.testing.assert_array_equal(loads(bytes(data), tmp_path), chirp)


def test_flac_whose_header_counts_too_many(chirp):
    data = bytearray(encode(chirp, "FLAC"))
    data[21:26] = bytes([data[21] & 0xF0]) + struct.pack(">I", 80_000)
    fails(bytes(data), r"its header promises 80000 samples and 72000 are there|decoding fails")


def test_flac_within_metadata_is_not_another_file(chirp):
    """Metadata may hold any bytes, those of a FLAC header among them."""
    flac = encode(chirp, "FLAC")
    content = b"test" + b"fLaC\x00\x00\x00\x22" + bytes(1000)
    block = b"\x02" + len(content).to_bytes(3, "big") + content
    np.testing.assert_array_equal(load_audio(flac[:42] + block + flac[42:]).y, chirp)


def tag_of(mp3: bytes) -> int:
    return max(mp3.find(b"Xing"), mp3.find(b"Info"))


def test_mp3_whose_tag_counts_too_few(chirp):
    data = bytearray(encode(chirp, "MP3"))
    count = int.from_bytes(data[tag_of(data) + 8 : tag_of(data) + 12], "big")
    data[tag_of(data) + 8 : tag_of(data) + 12] = struct.pack(">I", count // 2)
    y = load_audio(bytes(data)).y
    assert chirp.size <= y.size <= chirp.size + 1152
    np.testing.assert_array_equal(y[: chirp.size], load_audio(encode(chirp, "MP3")).y)


@pytest.mark.parametrize("format_", ["WAV", "AIFF", "AU", "W64"])
def test_samples_behind_the_size_in_the_header(format_, chirp):
    data = encode(chirp, format_)
    fails(data + bytes(range(1, 251)) * 40, r"its header counts \d+ bytes, and 10000 more bytes")


@pytest.mark.parametrize("trailer", [bytes(10_000), b"ID3" + bytes(range(200)) * 50, b"note" * 10])
def test_padding_and_tags_behind_the_samples(trailer, chirp):
    np.testing.assert_array_equal(load_audio(encode(chirp, "WAV") + trailer).y, chirp)


# ---------------------------------------------------------------------------- Opus


def repaged(opus: bytes, *, rate: int | None = None, add: int = 0) -> bytes:
    """Return an Opus file of another input rate, or with positions that begin later."""
    out, handle = bytearray(opus), io.BytesIO(opus)
    for number, page in enumerate(ogg._pages(handle)):
        changes = {}
        if number == 0 and rate is not None:
            changes[page.body + 12] = struct.pack("<I", rate)
        if add and 0 < page.granule < 2**64 - 1:
            changes[page.start + 6] = struct.pack("<Q", page.granule + add)
        for position, new in ogg._changed(handle, page, changes).items() if changes else ():
            out[position : position + len(new)] = new
    return bytes(out)


def test_ogg_checksum_is_that_of_the_file(chirp):
    handle = io.BytesIO(encode(chirp, "OGG", "OPUS"))
    for page in ogg._pages(handle):
        before = handle.getvalue()[page.start : page.start + page.size]
        assert ogg._changed(handle, page, {}) == {page.start: before}


@pytest.mark.parametrize("rate", [0, 1, 7999])
def test_opus_of_unspecified_or_impossible_rate_is_48_khz(rate, chirp):
    opus = encode(chirp, "OGG", "OPUS")
    clip = load_audio(repaged(opus, rate=rate))
    assert clip.sr == 48_000
    np.testing.assert_array_equal(clip.y, load_audio(opus).y)


@pytest.mark.parametrize("add", [500, 48_000, 10**9])
@pytest.mark.parametrize("seconds", [0.3, 1.5])
def test_opus_that_was_joined_while_it_ran(add, seconds, chirp, tmp_path):
    opus = encode(chirp[: int(seconds * RATE)], "OGG", "OPUS")
    y = loads(repaged(opus, add=add), tmp_path)
    whole = load_audio(opus).y
    np.testing.assert_array_equal(y[: whole.size], whole)
    assert y.size - whole.size < 960  # of the only page, the cut of the last packet is not known


@pytest.mark.parametrize(("rate", "add"), [(0, 0), (None, 48_000), (None, 700), (44_100, 0)])
@pytest.mark.parametrize("seconds", [0.3, 1.5])
def test_opus_is_what_opusdec_gives(rate, add, seconds, chirp, tmp_path):
    if shutil.which("opusdec") is None:
        pytest.skip("needs opusdec")
    path = tmp_path / "a.opus"
    path.write_bytes(
        repaged(encode(chirp[: int(seconds * RATE)], "OGG", "OPUS"), rate=rate, add=add)
    )
    decoded = tmp_path / "a.wav"
    command = ["opusdec", "--quiet", "--float", "--rate", "48000", path, decoded]
    subprocess.run(command, check=True)
    np.testing.assert_allclose(load_audio(path).y, sf.read(decoded)[0], atol=1e-6)


# ---------------------------------------------------------------------------- MP3


@pytest.mark.parametrize("n_bytes", [1, 2000, 100_000])
@pytest.mark.parametrize("kind", ["zeros", "noise", "id3 and noise", "two tags", "APE tag"])
def test_mp3_behind_other_bytes(kind, n_bytes, chirp, tmp_path):
    noise = np.random.default_rng(0).bytes(n_bytes)
    id3 = b"ID3\x04\0\0" + bytes([0, 0, 2, 0]) + bytes(256)
    ape = b"APETAGEX" + struct.pack("<IIII", 2000, n_bytes, 0, 0) + bytes(8) + noise
    before = {"zeros": bytes(n_bytes), "noise": noise, "id3 and noise": id3 + noise,
              "two tags": id3 + id3, "APE tag": ape}[kind]  # fmt: skip
    mp3 = encode(chirp, "MP3")
    np.testing.assert_array_equal(loads(before + mp3, tmp_path), load_audio(mp3).y)


@pytest.mark.parametrize("sr", [8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_mp3_of_variable_bit_rate_without_a_tag(sr, channels, chirp, tmp_path):
    y = np.stack([chirp] * channels, 1) if channels > 1 else chirp
    tagged = encode(y, "MP3", sr=sr, bitrate_mode="VARIABLE", compression_level=0.5)
    mp3 = tagged[tagged.index(tagged[:2], 4) :]
    assert sf.info(io.BytesIO(mp3)).frames < 0.7 * chirp.size
    whole = loads(mp3, tmp_path)
    assert chirp.size <= whole.size <= chirp.size + 3 * 1152
    expected = load_audio(tagged).y  # whose tag says how much of the encoder's delay to cut
    delay = int(np.argmax(np.correlate(whole[:12_000], expected[:9000], "valid")))
    size = min(expected.size, whole.size - delay) - 1152  # the last frame lacks its successor
    assert size > 0.9 * chirp.size
    np.testing.assert_allclose(whole[delay : delay + size], expected[:size], atol=1e-3)


@pytest.mark.parametrize("padding", [b"", bytes(100)])
def test_mp3_in_wav(padding, chirp, tmp_path):
    mp3 = encode(chirp, "MP3")
    format_ = struct.pack("<HHIIHHHHIHHH", 0x55, 1, RATE, 16_000, 1, 0, 12, 1, 2, 384, 1, 1393)
    chunks = b"WAVEfmt " + struct.pack("<I", len(format_)) + format_
    chunks += b"fact" + struct.pack("<II", 4, chirp.size)
    chunks += b"data" + struct.pack("<I", len(mp3)) + mp3 + padding
    wav = b"RIFF" + struct.pack("<I", len(chunks)) + chunks
    np.testing.assert_array_equal(loads(wav, tmp_path), load_audio(mp3).y)


def test_junk_between_frames_is_skipped(chirp):
    mp3 = encode(chirp, "MP3", bitrate_mode="CONSTANT", compression_level=0.5)
    second = mp3.index(mp3[:2], 4)
    untagged = mp3[second:]
    place = 20 * second
    noise = np.random.default_rng(0).bytes(300)
    broken = untagged[:place] + noise + untagged[place:]
    assert load_audio(broken).n_samples >= chirp.size


# ---------------------------------------------------------------------------- unknown sizes


@pytest.mark.parametrize("offset", [0, 8, 46])
def test_aiff_from_a_pipe(offset, chirp, tmp_path):
    """SoX counts 0x7F000000 bytes where it cannot seek back."""
    data = bytearray(encode(chirp, "AIFF"))
    common, sound = data.index(b"COMM"), data.index(b"SSND")
    data[4:8] = struct.pack(">I", 0x7F000000 + offset)
    data[common + 10 : common + 14] = struct.pack(">I", 0x7F000000 // 2)
    data[sound + 4 : sound + 8] = struct.pack(">I", 0x7F000000 + 8)
    np.testing.assert_array_equal(loads(bytes(data), tmp_path), chirp)


def test_caf_of_unknown_size(chirp, tmp_path):
    data = bytearray(encode(chirp, "CAF"))
    place = data.index(b"data") + 4
    data[place : place + 8] = b"\xff" * 8
    np.testing.assert_array_equal(loads(bytes(data), tmp_path), chirp)


def test_au_of_unknown_size(chirp, tmp_path):
    data = bytearray(encode(chirp, "AU"))
    data[8:12] = b"\xff" * 4
    np.testing.assert_array_equal(loads(bytes(data), tmp_path), chirp)


def test_wav_of_a_recorder_that_was_stopped(chirp):
    data = bytearray(encode(chirp, "WAV"))
    data[40:44] = bytes(4)
    fails(bytes(data), r"<bytes>: its header counts no samples, and 144000 bytes follow, as when")
    fails(encode(np.zeros(0), "WAV"), "<bytes>: has no samples")


# ---------------------------------------------------------------------------- named formats


def ogg_of(packet: bytes) -> bytes:
    page = b"OggS\0\2" + bytes(8) + b"abcd" + bytes(8) + bytes([1, len(packet)]) + packet
    return page + b"OggS\0\4" + bytes(8) + b"abcd\1\0\0\0" + bytes(4) + bytes([1, 9]) + bytes(9)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (ogg_of(b"\x7fFLAC\1\0"), "Ogg FLAC"),
        (ogg_of(b"Speex   1.2"), "Ogg Speex"),
        (ogg_of(b"\x80theora"), "Ogg Theora"),
        (bytes([0, 0, 0, 32]) + b"ftypM4A " + bytes(100), r"MP4 or M4A \(AAC, ALAC\)"),
        (b"\xff\xf1\x50\x80" + bytes(100), "AAC"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(100), "ASF or WMA"),
        (b"\x1a\x45\xdf\xa3" + bytes(100), "Matroska or WebM"),
        (b"#!AMR\n" + bytes(100), "AMR"),
        (b"MAC \x96" + bytes(100), "Monkey's Audio"),
        (b"wvpk" + bytes(100), "WavPack"),
        (b"MThd" + bytes(100), "MIDI"),
    ],
)
def test_format_that_is_not_read_is_named(data, name):
    fails(data, rf"<bytes>: {name}, which .*(ffmpeg|notes)")


@pytest.mark.parametrize(("format_", "subtype"), [("AU", None), ("WAV", None), ("FLAC", None)])
def test_more_files_in_a_row_than_anybody_joins(format_, subtype, monkeypatch):
    for module in (chunks, flac):
        monkeypatch.setattr(module, "MOST_IN_A_ROW", 5)
    data = encode(np.zeros(8), format_, subtype)
    assert load_audio(data * 5).n_samples == 40
    with pytest.raises(AudioError, match=r"consists of more than \d+ files in a row"):
        load_audio(data * 6)


@pytest.mark.parametrize(
    ("tag", "name"), [(0x161, r"0x0161 \(WMA\)"), (0x2000, r"0x2000 \(AC-3\)"), (0x1234, "0x1234")]
)
def test_encoding_of_a_wav_that_is_not_read_is_named(tag, name, chirp):
    data = bytearray(encode(chirp, "WAV"))
    data[20:22] = struct.pack("<H", tag)
    fails(bytes(data), rf"<bytes>: WAV of format {name}, which libsndfile does not read")


def test_encoding_of_a_caf_that_is_not_read_is_named(chirp):
    data = bytearray(encode(chirp, "CAF"))
    data[28:32] = b"aac "
    fails(bytes(data), "<bytes>: CAF of format 'aac ', which libsndfile does not read")


@pytest.mark.parametrize("format_", ["CAF", "AU", "AIFF", "RF64"])
def test_half_the_size_in_the_header(format_, chirp):
    data = bytearray(encode(chirp, format_, "PCM_16"))
    place, width = {
        "CAF": (data.find(b"data") + 4, 8),
        "AU": (8, 4),
        "AIFF": (data.find(b"SSND") + 4, 4),
        "RF64": (28, 8),
    }[format_]
    order = "little" if format_ == "RF64" else "big"
    data[place : place + width] = (72_000).to_bytes(width, order)
    fails(bytes(data), r"its header counts 7\d{4} bytes, and 7\d{4} more bytes follow")


@pytest.mark.parametrize("format_", ["CAF", "AU", "WAV"])
def test_size_of_0_in_the_header(format_, chirp):
    data = bytearray(encode(chirp, format_, "PCM_16"))
    place, width = {"CAF": (data.find(b"data") + 4, 8), "AU": (8, 4), "WAV": (40, 4)}[format_]
    data[place : place + width] = bytes(width)
    fails(bytes(data), r"its header counts no samples, and 1440\d\d bytes follow")


def test_odd_size_that_counts_the_padding(chirp):
    data = bytearray(encode(chirp, "WAV"))
    data[40:44] = struct.pack("<I", 144_001)
    np.testing.assert_array_equal(load_audio(bytes(data)).y, chirp)


@pytest.mark.parametrize("change", ["count of 0", "no count"])
def test_mp3_whose_tag_does_not_count(change, chirp):
    data = bytearray(encode(chirp, "MP3", bitrate_mode="VARIABLE", compression_level=0.5))
    tag = tag_of(data)
    if change == "no count":
        data[tag + 7] &= 0xFE
    else:
        data[tag + 8 : tag + 12] = bytes(4)
    assert chirp.size <= load_audio(bytes(data)).n_samples <= chirp.size + 3 * 1152


def test_letters_of_a_tag_inside_audio_are_audio(chirp):
    mp3 = bytearray(encode(chirp, "MP3", bitrate_mode="CONSTANT", compression_level=0.5))
    size = mp3.index(mp3[:2], 4)
    place = 30 * size + 21
    mp3[place : place + 4] = b"Info"
    assert load_audio(bytes(mp3)).n_samples == chirp.size


def test_large_flac_that_grows_is_looked_through_again(tmp_path, monkeypatch):
    monkeypatch.setattr(flac, "_LARGE", 0)
    path, data = tmp_path / "a.flac", encode(np.zeros(4800), "FLAC")
    for count in (1, 2, 3):
        path.write_bytes(data * count)
        assert [load_audio(path).n_samples for _ in range(2)] == [4800 * count] * 2
