"""Excerpts and channels: the same samples, whichever way they are asked for."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf

from qtokfeatures.audio import (
    Excerpt,
    find_audio,
    iter_blocks,
    load_audio,
    load_many,
)
from qtokfeatures.audio.batches import LongClip, load_or_open
from qtokfeatures.exceptions import AudioError, InputError

RATE = 8000
SECONDS = 4


@pytest.fixture(scope="module")
def stereo() -> np.ndarray:
    """Return 4 s of two channels (channel, sample), exact in 16 bits."""
    y = np.random.default_rng(0).integers(-8000, 8000, (2, SECONDS * RATE)) / 32768
    return y.astype(np.float32)


@pytest.fixture(scope="module", params=["wav", "flac", "ogg", "mp3"])
def file(request, stereo, tmp_path_factory):
    path = tmp_path_factory.mktemp("stereo") / f"talk.{request.param}"
    sf.write(path, stereo.T, RATE)
    return path


@pytest.fixture
def wav(stereo, tmp_path):
    sf.write(tmp_path / "talk.wav", stereo.T, RATE)
    return tmp_path / "talk.wav"


def slices(start_s: float, end_s: float) -> slice:
    return slice(round(start_s * RATE), round(end_s * RATE))


# ---------------------------------------------------------------------------- times


@pytest.mark.parametrize(("start_s", "end_s"), [(0, 1), (1.25, 3.2), (3.9, 4), (0.5, 0.5001)])
def test_excerpt_is_a_slice_of_the_whole(file, start_s, end_s):
    whole = load_audio(file).y
    expected = whole[slices(start_s, end_s)]
    for asked in (
        load_audio(file, offset=start_s, duration=end_s - start_s),
        load_audio(Excerpt(file, start_s, end_s)),
        load_audio((str(file), start_s, end_s)),
        load_audio(f"{file}#t={start_s},{end_s}"),
        next(load_many([(file, start_s, end_s)]))[1],
    ):
        np.testing.assert_array_equal(asked.y, expected)
        assert (asked.n_samples, asked.sample_rate) == (expected.size, RATE)
    blocks = iter_blocks(file, offset=start_s, duration=end_s - start_s, block_s=0.3)
    np.testing.assert_array_equal(np.concatenate(list(blocks)), expected)


def test_excerpt_to_the_end(file):
    whole = load_audio(file).y
    for asked in (load_audio(file, offset=3), load_audio((file, 3, None))):
        np.testing.assert_array_equal(asked.y, whole[3 * RATE :])


def test_excerpt_of_an_array_bytes_and_a_file_object(stereo, wav):
    expected = load_audio(wav).y[slices(1, 2)]
    data = wav.read_bytes()
    for audio in ((stereo, RATE), data, wav.open("rb"), load_audio(wav)):
        np.testing.assert_array_equal(load_audio((audio, 1, 2)).y, expected)
    [(_, clip)] = load_many([(stereo, 1, 2)], sr=RATE)
    np.testing.assert_array_equal(clip.y, expected)


def test_excerpt_is_resampled_by_itself(wav):
    excerpt = load_audio((wav, 1, 2), target_sr=24_000)
    assert (len(excerpt), excerpt.n_samples) == (24_000, 8000)


def test_source_names_the_excerpt_and_loads_it_again(wav):
    clip = load_audio((wav, 1.5, 3.25))
    assert clip.source == f"{wav}#t=1.5,3.25"
    np.testing.assert_array_equal(load_audio(clip.source).y, clip.y)
    assert load_audio(wav, offset=3600.123456 - 3600).source == f"{wav}#t=0.123456"


def test_file_whose_name_is_a_fragment_goes_first(wav, sound):
    odd = wav.with_name("talk.wav#t=1,2")
    sf.write(odd, sound, 48_000, format="WAV")
    assert load_audio(str(odd)).sample_rate == 48_000


def test_duration_takes_what_exists_and_an_excerpt_does_not(file):
    end_s = load_audio(file).duration_s
    assert load_audio(file, offset=3, duration=60).duration_s == pytest.approx(end_s - 3)
    assert load_audio((file, 3, end_s + 0.05)).duration_s == pytest.approx(end_s - 3)
    with pytest.raises(AudioError, match=r"#t=3,60: the excerpt ends at 60\.00 s, beyond the end"):
        load_audio((file, 3, 60))


@pytest.mark.parametrize(
    "ask", [lambda f: load_audio(f, offset=9), lambda f: load_audio((f, 9, 10))]
)
def test_start_beyond_the_end(ask, file):
    with pytest.raises(AudioError, match=r"the excerpt starts at 9\.00 s, beyond the end"):
        ask(file)


@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [(2, 1), (1, 1), (-1, 2), (float("nan"), 2), (0, float("nan")), (0, float("inf"))],
)
def test_times_without_sense(start_s, end_s, wav):
    with pytest.raises(AudioError, match=r"talk\.wav: .*0 <= start_s < end_s"):
        load_audio((wav, start_s, end_s))
    [(_, error), (_, clip)] = load_many([(wav, start_s, end_s), wav], on_error="skip")
    assert isinstance(error, AudioError)
    assert clip.n_samples == SECONDS * RATE


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"offset": -1}, "offset is 0 or more seconds, got -1"),
        ({"offset": "1"}, "offset is 0 or more"),
        ({"duration": 0}, "duration is a positive number"),
        ({"channel": "left"}, 'channel is a number from 0, "mix" or None'),
        ({"channel": True}, "channel is a number"),
    ],
    ids=str,
)
def test_wrong_arguments(options, match, wav):
    with pytest.raises(InputError, match=match):
        load_audio(wav, **options)
    with pytest.raises(InputError, match=match):
        iter_blocks(wav, **options)


def test_wav_is_not_read_before_the_excerpt(wav):
    """Damage outside an excerpt does not matter, nor does the time to get there."""
    data = bytearray(wav.read_bytes())
    wav.write_bytes(data[: len(data) // 2])
    assert load_audio((wav, 1, 1.5)).n_samples == RATE // 2
    with pytest.raises(AudioError, match="truncated"):
        load_audio(wav)


# ---------------------------------------------------------------------------- channels


def test_one_channel(wav, stereo):
    for channel in (0, 1, np.int64(1)):
        np.testing.assert_array_equal(load_audio(wav, channel=channel).y, stereo[channel])
    clip = load_audio(Excerpt(wav, 1, 2, channel=1))
    np.testing.assert_array_equal(clip.y, stereo[1, RATE : 2 * RATE])
    assert clip.source == f"{wav}#t=1,2&channel=1"
    np.testing.assert_array_equal(load_audio(clip.source).y, clip.y)
    assert load_audio(f"{wav}#channel=0").y[0] == stereo[0, 0]


@pytest.mark.parametrize("channel", [2, -1])
def test_channel_that_does_not_exist(channel, wav):
    with pytest.raises(AudioError, match=rf"has 2 channels, counted from 0; .* channel={channel}"):
        load_audio(wav, channel=channel)


def test_channels_as_clips(file, stereo, tmp_path):
    sf.write(tmp_path / "mono.wav", stereo[0], RATE)
    items = [file, tmp_path / "mono.wav", (stereo, RATE), Excerpt(file, 1, 2)]
    found = list(load_many(items, channels="separate"))
    assert [index for index, _ in found] == [0, 0, 1, 2, 2, 3, 3]
    left, right, mono, first, second, early, late = (clip for _, clip in found)
    np.testing.assert_array_equal(left.y, load_audio(file, channel=0).y)
    np.testing.assert_array_equal(right.y, load_audio(file, channel=1).y)
    np.testing.assert_array_equal([mono.y, first.y, second.y], [stereo[0], *stereo])
    np.testing.assert_array_equal(late.y, right.y[RATE : 2 * RATE])
    assert [clip.source for clip in (left, mono, late)] == [
        f"{file}#channel=0",
        str(tmp_path / "mono.wav"),
        f"{file}#t=1,2&channel=1",
    ]
    assert early.n_samples == RATE
    assert len({clip.source for _, clip in found}) == 7


def test_channels_of_a_file_object_are_read_from_one_pass(wav, stereo):
    with wav.open("rb") as opened:
        found = [clip.y for _, clip in load_many([opened], channels="separate")]
    np.testing.assert_array_equal(found, stereo)


def test_wrong_channels():
    with pytest.raises(InputError, match='channels is "mix" or "separate", got 2'):
        load_many([], channels=2)


# ---------------------------------------------------------------------------- long clips


def asked(items, **options):
    options = {"sr": None, "target_sr": RATE, "on_error": "raise", "long_s": 2} | options
    return [clip for _, clip in load_or_open(items, **options)]


def test_long_clips_of_every_kind_are_read_in_blocks(file):
    expected = load_audio(file).y
    with file.open("rb") as opened:
        for clip in asked([file, file.read_bytes(), opened]):
            assert isinstance(clip, LongClip)
            for _ in range(2):
                np.testing.assert_array_equal(np.concatenate(list(clip)), expected)
            assert (clip.n_samples, clip.sample_rate) == (expected.size, RATE)


def test_long_excerpts_and_channels_are_read_in_blocks(wav, stereo):
    excerpt, short = asked([(wav, 0.5, 3.5), (wav, 0.5, 1)])
    assert isinstance(excerpt, LongClip)
    assert not isinstance(short, LongClip)
    np.testing.assert_array_equal(
        np.concatenate(list(excerpt)), load_audio(wav).y[slices(0.5, 3.5)]
    )
    left, right = asked([wav], channels="separate")
    np.testing.assert_array_equal([np.concatenate(list(c)) for c in (left, right)], stereo)
    assert right.source == f"{wav}#channel=1"


def test_longest_clip_holds_for_long_ones(wav):
    with pytest.raises(AudioError, match="longer than max_duration_s=3"):
        asked([wav], max_duration_s=3)


def test_one_excerpt_is_not_several(wav):
    with pytest.raises(InputError, match="got one excerpt; put it in a list"):
        load_many((wav, 1, 2))
    assert len(list(load_many((str(wav), str(wav), str(wav))))) == 3


def test_fragment_of_a_path_is_found_and_loaded(wav):
    [path] = find_audio(f"{wav}#t=1,2")
    assert load_audio(path).n_samples == RATE
    with pytest.raises(AudioError, match=r"gone\.wav#t=1,2: no such file"):
        load_audio(str(wav.with_name("gone.wav")) + "#t=1,2")
