"""Streams of any rate and number of channels, with and without a ``with`` block."""

from __future__ import annotations

import numpy as np
import pytest

from qtokfeatures.exceptions import AudioError, InputError

SR = 24_000


def noise(*shape, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def pushed(stream, blocks):
    """Codes of all blocks."""
    parts = [stream.push(block) for block in blocks]
    return np.concatenate([*parts, stream.flush()], axis=1)


def test_a_stream_works_without_a_with_block(tiny):
    y = noise(9_000)
    stream = tiny.stream_encoder()
    codes = pushed(stream, np.split(y, 9))
    np.testing.assert_array_equal(codes, tiny.encode(y, sr=SR))
    decoder = tiny.stream_decoder()
    np.testing.assert_allclose(decoder.push(codes), tiny.decode(codes)[0], atol=1e-5)


@pytest.mark.parametrize("shape", [(-1,), (-1, 1), (1, -1)])
def test_mono_blocks_have_any_of_three_shapes(tiny, shape):
    y = noise(9_600)
    blocks = [block.reshape(shape) for block in np.split(y, 8)]
    np.testing.assert_array_equal(pushed(tiny.stream_encoder(), blocks), tiny.encode(y, sr=SR))


@pytest.mark.parametrize("layout", ["sample, channel", "channel, sample"])
@pytest.mark.parametrize("channels", [2, 6])
def test_channels_are_averaged_as_encode_does(tiny, layout, channels):
    y = noise(channels, 9_600)
    blocks = np.split(y, 8, axis=1)
    blocks = [block.T for block in blocks] if layout == "sample, channel" else blocks
    codes = pushed(tiny.stream_encoder(channels=channels), blocks)
    np.testing.assert_array_equal(codes, tiny.encode(y, sr=SR, channel="mix"))


def test_a_square_block_is_sample_by_channel(tiny):
    y = noise(2_000, 2)
    codes = pushed(tiny.stream_encoder(channels=2), np.split(y, 1_000))
    np.testing.assert_array_equal(codes, tiny.encode(y.T.copy(), sr=SR, channel="mix"))


@pytest.mark.parametrize("sr", [8_000, 16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("size", [1, 441, 5_000])
def test_other_rates_give_the_codes_of_one_pass(mini, sr, size):
    y = noise(min(2 * sr, 600 * size))
    blocks = [y[i : i + size] for i in range(0, len(y), size)]
    codes = pushed(mini.stream_encoder(sr=sr), blocks)
    np.testing.assert_array_equal(codes, mini.encode(y, sr=sr))


def test_stereo_integers_of_a_sound_card_at_48_khz(mini):
    y = (30_000 * noise(24_000, 2)).clip(-32_768, 32_767).astype(np.int16)
    codes = pushed(mini.stream_encoder(sr=48_000, channels=2), np.split(y, 20))
    np.testing.assert_array_equal(codes, mini.encode(y.T, sr=48_000, channel="mix"))


@pytest.mark.parametrize("sr", [None, 48_000])
def test_an_empty_stream_has_no_codes(tiny, sr):
    stream = tiny.stream_encoder(sr=sr)
    assert stream.push(np.zeros(0, np.float32)).shape == (16, 0)
    assert stream.push(np.zeros((0, 1), np.float32)).shape == (16, 0)
    assert stream.flush().shape == (16, 0)


@pytest.mark.parametrize("shape", [(100, 2), (2, 100), (3, 100), (1, 10, 1), ()])
def test_blocks_of_other_channels_are_refused(tiny, shape):
    with pytest.raises(AudioError, match=r"1 channel takes blocks .*\(channels=…\)"):
        tiny.stream_encoder().push(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sr": 0}, "a sampling rate is a whole number"),
        ({"sr": "24000"}, "a sampling rate is a whole number"),
        ({"channels": 0}, "channels must be a whole number of at least 1"),
        ({"channels": 1.5}, "channels must be a whole number"),
    ],
)
def test_wrong_arguments_are_refused(tiny, arguments, message):
    with pytest.raises(InputError, match=message):
        tiny.stream_encoder(**arguments)
