"""Arrays of samples: dtypes, shapes, bad values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qtokfeatures.audio import iter_blocks, load_audio
from qtokfeatures.exceptions import AudioError, ChannelsWarning


def y_of(array, sr: int = 1000) -> np.ndarray:
    return load_audio(array, sr=sr, channel="mix").y


# ---------------------------------------------------------------------------- dtypes


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("int8", [-128, -64, 0, 32]),
        ("uint8", [0, 64, 128, 160]),
        ("int16", [-32768, -16384, 0, 8192]),
        (">i2", [-32768, -16384, 0, 8192]),
        ("int32", [-(2**31), -(2**30), 0, 2**29]),
        (">i4", [-(2**31), -(2**30), 0, 2**29]),
        ("float16", [-1, -0.5, 0, 0.25]),
        ("float32", [-1, -0.5, 0, 0.25]),
        (">f4", [-1, -0.5, 0, 0.25]),
        ("float64", [-1, -0.5, 0, 0.25]),
        (">f8", [-1, -0.5, 0, 0.25]),
        ("longdouble", [-1, -0.5, 0, 0.25]),
    ],
)
def test_dtype_is_scaled_to_full_scale_one(dtype, values):
    y = y_of(np.array(values, dtype=dtype))
    assert y.dtype == np.dtype("=f4")
    np.testing.assert_array_equal(y, [-1, -0.5, 0, 0.25])


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8"])
def test_extremes_stay_within_one(dtype):
    limits = np.iinfo(dtype)
    y = y_of(np.array([limits.min, limits.max], dtype=dtype))
    assert y[0] == -1
    assert 0.99 < y[1] <= 1


@pytest.mark.parametrize(
    "dtype", ["bool", "int64", "uint16", "uint32", "uint64", "complex64", "object", "U3", "M8[s]"]
)
def test_dtype_that_is_not_audio(dtype):
    with pytest.raises(AudioError, match=r"<array>: dtype .* is not audio; expected floats"):
        y_of(np.zeros(10).astype(dtype))


def test_values_beyond_one_are_kept():
    np.testing.assert_array_equal(y_of(np.array([-3.5, 2.0])), [-3.5, 2.0])


@pytest.mark.parametrize("level", [0.0, 1.0, -0.25])
def test_silence_and_dc_are_fine(level):
    np.testing.assert_array_equal(y_of(np.full(500, level)), np.full(500, level))


def test_the_array_given_is_left_alone():
    y = np.array([[0.5, 0.25], [0.25, 0.5]], dtype=np.float32)
    before = y.copy()
    load_audio(y, sr=1000, target_sr=8000)
    np.testing.assert_array_equal(y, before)


# ---------------------------------------------------------------------------- shapes


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=1, max_dims=2, max_side=6),
        elements=st.floats(-2, 2, width=32),
    )
)
def test_channels_are_averaged(y):
    mono = y_of(y)
    assert mono.shape == (y.shape[-1],)
    expected = y.reshape(-1, y.shape[-1]).mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(mono, expected, atol=1e-6)


@given(hnp.arrays(np.int16, st.tuples(st.integers(1, 5), st.integers(1, 50))))
def test_memory_layout_does_not_matter(y):
    strided = np.repeat(y, 2, axis=1)[:, ::2]
    reversed_twice = np.ascontiguousarray(y[::-1, ::-1])[::-1, ::-1]
    for other in (np.asfortranarray(y), strided, reversed_twice, y.astype(">i2")):
        np.testing.assert_array_equal(y_of(other), y_of(y))


@pytest.mark.parametrize("shape", [(2, 1, 100), (3, 2, 50), (1, 1, 1, 9)])
@pytest.mark.parametrize("make", [np.zeros, torch.zeros])
def test_a_batch_is_not_one_clip(make, shape):
    with pytest.raises(AudioError, match=r"more dimensions than one clip.* encode_many"):
        y_of(make(shape))


@pytest.mark.parametrize("make", [np.zeros, torch.zeros])
@pytest.mark.parametrize("as_pair", [False, True])
def test_rows_that_may_be_clips_are_averaged_with_a_warning(make, as_pair):
    y = make((2, 50))
    given_, sr = ((y, 1000), None) if as_pair else (y, 1000)
    for load in (load_audio, lambda *a, **k: list(iter_blocks(*a, **k))):
        with pytest.warns(
            ChannelsWarning, match=r"2 rows .* shape \(2, 50\) are averaged"
        ) as warned:
            load(given_, sr=sr)
        assert warned[0].filename == __file__


@pytest.mark.parametrize(
    ("audio", "options"),
    [
        (np.zeros((1, 50)), {"sr": 1000}),
        (np.zeros((2, 50)), {"sr": 1000, "channel": "mix"}),
        (np.zeros((2, 50)), {"sr": 1000, "channel": 1}),
        ((1000, np.zeros((50, 2))), {}),
    ],
    ids=["one row", "mix", "one channel", "scipy"],
)
def test_rows_that_are_channels_are_averaged_without_a_warning(audio, options, recwarn):
    assert load_audio(audio, **options).n_samples == 50
    assert not recwarn.list


def test_sixty_four_channels_are_channels():
    assert y_of(np.zeros((64, 2))).shape == (2,)


@pytest.mark.parametrize("shape", [(48_000, 2), (48_000, 1), (100, 6), (3, 500, 2)])
def test_sample_by_channel_is_refused(shape):
    with pytest.raises(AudioError, match=r"looks like \(sample, channel\).* pass y\.T"):
        y_of(np.zeros(shape))


def test_swapped_pair_with_channels_first_is_refused():
    with pytest.raises(AudioError, match=r"looks like \(sample, channel\)"):
        load_audio((1000, np.zeros((2, 48_000))))


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 5)])
def test_no_samples(shape):
    with pytest.raises(AudioError, match=r"<array>: has no samples \(shape \("):
        y_of(np.zeros(shape))


def test_single_value():
    with pytest.raises(AudioError, match="got a single value"):
        y_of(np.float32(0.5))


def test_one_sample_is_audio():
    assert y_of(np.array([0.5])).tolist() == [0.5]


# ---------------------------------------------------------------------------- bad values


@pytest.mark.parametrize(
    ("bad", "what"),
    [([np.nan], "NaN"), ([np.inf, -np.inf], "infinite"), ([np.nan, np.inf], "NaN or infinite")],
)
def test_bad_values_are_counted_and_placed(bad, what):
    y = np.zeros(4000)
    y[1500 : 1500 + len(bad)] = bad
    expected = rf"{len(bad)} of 4000 values are {what}, the first at sample 1500 \(1\.500 s\)"
    with pytest.raises(AudioError, match=expected):
        y_of(y)


@pytest.mark.parametrize("value", [1e-300, 1e-42, 1e300, np.nan, np.inf])
@pytest.mark.parametrize("shape", [(50,), (2, 50)])
def test_a_callers_floating_point_state_does_not_matter(value, shape):
    y = np.full(shape, value)
    with np.errstate(all="raise"):
        if value < 1:
            assert not y_of(y).any() or value == 1e-42
        else:
            with pytest.raises(AudioError, match=r"values are (NaN|infinite)"):
                y_of(y)


def test_bad_value_in_a_later_channel():
    y = np.zeros((2, 4000))
    y[1, 7] = np.nan
    with pytest.raises(AudioError, match=r"1 of 8000 values are NaN, the first at sample 7 "):
        y_of(y)


def test_value_too_large_for_float32():
    with pytest.raises(AudioError, match="1 of 3 values are infinite"):
        y_of(np.array([0, 1e300, 0]))


@pytest.mark.parametrize("value", [3e38, -2e10])
def test_value_too_large_for_any_sound(value):
    with pytest.raises(AudioError, match=r"1000 of 1000 values are beyond ±1e\+10, where full"):
        load_audio(np.full(1000, value), sr=1000, target_sr=800)


def test_masked_samples():
    with pytest.raises(AudioError, match="has masked samples"):
        y_of(np.ma.masked_array([0.1, 0.2], mask=[0, 1]))


@pytest.mark.parametrize("kind", ["sparse", "meta"])
def test_tensor_without_memory(kind):
    tensor = torch.zeros(4).to_sparse() if kind == "sparse" else torch.zeros(4, device="meta")
    with pytest.raises(AudioError, match="<array>: Tensor cannot be read as an array of samples"):
        y_of(tensor)


# ---------------------------------------------------------------------------- rates


@pytest.mark.parametrize("sr", [1000, 1000.0, np.int64(1000), np.float32(1000), torch.tensor(1000)])
def test_rate_as_any_whole_number(sr):
    assert load_audio(np.zeros(10), sr=sr).sr == 1000


@pytest.mark.parametrize("sr", [100, 768_000])
def test_rates_at_the_limits(sr):
    assert load_audio(np.zeros(10), sr=sr, target_sr=24_000).sample_rate == sr


@pytest.mark.parametrize(
    "sr",
    [0, -1, 99, 768_001, 10**400, float("nan"), float("inf"), 44_100.5, "44100", b"1000", True, 1j,
     [44_100], np.array([44_100, 1])],
    ids=lambda sr: repr(sr)[:20],
)  # fmt: skip
def test_absurd_rate(sr):
    expected = r"<array>: a sampling rate is a whole number of Hz from 100 to 768000, got sr="
    with pytest.raises(AudioError, match=expected):
        load_audio(np.zeros(10), sr=sr)
    with pytest.raises(AudioError, match=r"a sampling rate is|a tuple of audio is"):
        load_audio((np.zeros(10), sr))


def test_rate_missing():
    with pytest.raises(AudioError, match=r"<array>: an array does not say its sampling rate"):
        load_audio(np.zeros(10))


def test_rate_that_contradicts_the_pair():
    with pytest.raises(AudioError, match=r"own rate, 1000 Hz, and sr=2000 contradicts it"):
        load_audio((np.zeros(10), 1000), sr=2000)


@pytest.mark.parametrize(
    "pair", [(np.zeros(9),), (np.zeros(9), 1000, "1"), ("a.wav", 1000), (1, 2), ()], ids=len
)
def test_tuple_that_is_no_pair(pair):
    with pytest.raises(AudioError, match=r"a tuple of audio is \(y, sr\)"):
        load_audio(pair)
