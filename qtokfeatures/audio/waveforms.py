"""Arrays of samples of any dtype and channel layout, converted to mono float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio.clip import Samples
from qtokfeatures.exceptions import AudioError

_LOUDEST = 1e10  # 200 dB above full scale
_MOST_CHANNELS = 64  # a trailing axis up to this, behind a longer one, is (sample, channel)


def channel_samples(y: Any, *, source: str, sr: int | None = None) -> Samples:
    """Return an array of any audio dtype as checked float32 (channel, sample)."""
    array = as_array(y, source=source)
    _check_shape(array, source=source)
    samples = scaled_to_float(np.atleast_2d(array), source=source)
    return checked_finite(samples, source=source, sr=sr)


def mono_samples(y: Any, *, source: str, sr: int | None = None) -> Samples:
    """Return an array (sample,) or (channel, sample) as checked mono float32 (sample,)."""
    return mean_of_channels(channel_samples(y, source=source, sr=sr))


def stream_piece(y: Any, n_channels: int = 1) -> Samples:
    """Return a block of a stream, (sample,), (sample, channel) or (channel, sample), as mono."""
    array = as_array(y, source="the stream")
    if array.ndim == 1 and n_channels == 1:
        array = array[None]
    elif array.ndim == 2 and array.shape[1] == n_channels:
        array = array.T  # as sound cards deliver blocks
    elif array.ndim != 2 or len(array) != n_channels:
        raise AudioError(
            f"a stream of {n_channels} channel{'s' * (n_channels > 1)} takes blocks of shape "
            f"{'(sample,) or ' * (n_channels == 1)}(sample, {n_channels}), got {array.shape}; "
            "pass the number to stream_encoder(channels=…)"
        )
    samples = checked_finite(scaled_to_float(array, source="the stream"), source="the stream")
    return mean_of_channels(samples) if samples.size else np.zeros(0, np.float32)


def is_array(value: Any) -> bool:
    """Return whether this has the methods of an array or tensor."""
    if isinstance(value, (str, bytes)):  # NumPy's own strings have the methods, too
        return False
    return hasattr(value, "__array__") or _is_tensor(value)


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "detach") and hasattr(value, "cpu")  # file objects can detach, too


def as_array(y: Any, *, source: str) -> npt.NDArray[Any]:
    """Return an array or torch tensor as a NumPy array."""
    try:
        array = _from_tensor(y) if _is_tensor(y) else np.asanyarray(y)
    except (TypeError, ValueError, RuntimeError) as error:
        raise AudioError(
            f"{source}: {type(y).__name__} cannot be read as an array of samples ({error})",
            source=source,
        ) from error
    if np.ma.is_masked(array):
        raise AudioError(f"{source}: has masked samples; fill them: y.filled(0)", source=source)
    return np.asarray(array)


def _from_tensor(tensor: Any) -> npt.NDArray[Any]:
    tensor = tensor.detach().cpu()
    if "bfloat16" in str(tensor.dtype):  # NumPy has no bfloat16
        tensor = tensor.float()
    return np.asarray(tensor.numpy())


def _check_shape(array: npt.NDArray[Any], *, source: str) -> None:
    shape = array.shape
    if array.ndim == 0:
        raise AudioError(
            f"{source}: expected an array of samples of shape (..., sample), got a single value",
            source=source,
        )
    if array.size == 0:
        raise AudioError(f"{source}: has no samples (shape {shape})", source=source)
    if array.ndim > 1 and shape[-1] <= _MOST_CHANNELS < shape[-2]:
        raise AudioError(
            f"{source}: shape {shape} looks like (sample, channel); channels come first, "
            "(channel, sample), as in librosa: pass y.T",
            source=source,
        )
    if array.ndim > 2:
        raise AudioError(
            f"{source}: shape {shape} has more dimensions than one clip, (sample,) or (channel, "
            "sample); load_many, encode_many and QTokenizer take batches (clip, sample) and (clip, "
            "channel, sample)",
            source=source,
        )


def scaled_to_float(array: npt.NDArray[Any], *, source: str) -> Samples:
    """Return samples of any audio dtype as native float32, integers scaled to [-1, 1)."""
    kind, width = array.dtype.kind, array.dtype.itemsize
    if kind == "f":
        # What underflows is silence, and what overflows is found as infinite afterwards: neither
        # is for a caller's floating-point error state.
        with np.errstate(all="ignore"):
            return np.asarray(array, dtype=np.float32)
    if kind == "i" and width <= 4:
        scale = 2.0 ** (8 * width - 1)
        return np.asarray(array / scale, dtype=np.float32)
    if kind == "u" and width == 1:
        return np.asarray((array.astype(np.float32) - 128) / 128, dtype=np.float32)
    raise AudioError(
        f"{source}: dtype {array.dtype} is not audio; expected floats with full scale ±1, "
        "or uint8, int8, int16 or int32, which are scaled by their full range",
        source=source,
    )


def checked_finite(
    samples: Samples, *, source: str, sr: int | None = None, before: int = 0, axis: int = -1
) -> Samples:
    """Return `samples`; raise with the count and first place of NaN, infinite or absurd values."""
    if _are_audio(samples):
        return samples
    with np.errstate(invalid="ignore"):
        finite = np.abs(samples) <= _LOUDEST
    where = np.argwhere(~finite)[:, axis]
    first = int(where.min()) + before
    place = f"sample {first}" + (f" ({first / sr:.3f} s)" if sr else "")
    bad = samples[~finite]
    if np.isfinite(bad).any():
        what = f"beyond ±{_LOUDEST:g}, where full scale is ±1"
    elif np.isnan(bad).all():
        what = "NaN"
    else:
        what = "infinite" if np.isinf(bad).all() else "NaN or infinite"
    raise AudioError(
        f"{source}: {len(bad)} of {samples.size} values are {what}, the first at {place}; "
        "repair or cut them out, for example with numpy.nan_to_num",
        source=source,
    )


def _are_audio(samples: Samples) -> bool:
    """Return whether all are finite and within ±1e10; NaN compares as False."""
    with np.errstate(invalid="ignore"):
        highest, lowest = samples.max(initial=0.0), samples.min(initial=0.0)
        return bool(highest <= _LOUDEST and lowest >= -_LOUDEST)


def mean_of_channels(samples: Samples) -> Samples:
    """Average all axes but the last, one channel after another whatever the memory layout."""
    channels = samples.reshape(-1, samples.shape[-1])
    if len(channels) == 1:
        return np.ascontiguousarray(channels[0])
    total = channels[0].astype(np.float64)
    for channel in channels[1:]:
        total += channel
    with np.errstate(under="ignore"):
        return np.asarray(total / len(channels), dtype=np.float32)
