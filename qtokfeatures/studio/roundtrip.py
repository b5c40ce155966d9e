"""One clip encoded and decoded, and the distances between original and reconstruction."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from qtokfeatures.audio import (
    AudioClip,
    load_audio,
    log_mel_distance,
    log_stft_distance,
    resample,
    si_sdr,
)
from qtokfeatures.labelled import CodecSpec
from qtokfeatures.studio.descriptions import AudioFacts
from qtokfeatures.studio.inputs import check_codebooks
from qtokfeatures.viz.waveform import Signal

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

Result = TypeVar("Result")

_MEASURED_PEAK = 0.5  # that of the model cards: the distances depend on level


@dataclass(frozen=True, eq=False)
class Roundtrip:
    """A clip, its codes and its reconstruction.

    Parameters
    ----------
    name : str
        Name of the clip.
    y, y_hat : ndarray (sample,)
        Original and reconstruction, both at `sr` and equally long.
    sr : int
        Rate of both, Hz.
    codes : ndarray of int16 (codebook, frame)
        The codes that were decoded.
    spec : CodecSpec
        The codec.
    encode_s, decode_s : float
        Time that encoding and decoding took, s.
    refine : int, default=0
        Steps in which the codes were fitted to what they decode to.
    facts : AudioFacts, optional
        Channels, bit depth and format of the original file. `y` is the mean of its channels.
    """

    name: str
    y: Signal = field(repr=False)
    y_hat: Signal = field(repr=False)
    sr: int
    codes: NDArray[np.int16] = field(repr=False)
    spec: CodecSpec
    encode_s: float
    decode_s: float
    refine: int = 0
    facts: AudioFacts | None = None

    @property
    def duration_s(self) -> float:
        """Length of the clip, s."""
        return len(self.y) / self.sr

    @property
    def bit_rate(self) -> float:
        """Bit rate of the codes, bit/s."""
        bits_per_code = float(np.log2(self.spec.codebook_size))
        return len(self.codes) * bits_per_code * self.spec.frame_rate

    @cached_property
    def numbers(self) -> dict[str, float]:
        """Measurements of the reconstruction.

        ``duration_s``, ``sample_rate``, ``codebooks``, ``frames``, ``refine``, ``bit_rate``
        (bit/s), ``log_mel_distance`` and ``log_stft_distance`` (lower is better), ``si_sdr_db``,
        ``encode_speed`` and ``decode_speed`` (seconds of audio per second). The distances are
        those of the codec's model card: at the codec's rate, both signals scaled so that the
        original peaks at 0.5.
        """
        original, decoded = self._measured_pair()
        rate = self.spec.sample_rate
        n_codebooks, n_frames = self.codes.shape
        return {
            "duration_s": self.duration_s,
            "sample_rate": self.sr,
            "codebooks": n_codebooks,
            "frames": n_frames,
            "refine": self.refine,
            "bit_rate": self.bit_rate,
            "log_mel_distance": float(log_mel_distance(original, decoded, rate)),
            "log_stft_distance": float(log_stft_distance(original, decoded, rate)),
            "si_sdr_db": float(si_sdr(original, decoded)),
            "encode_speed": self.duration_s / max(self.encode_s, 1e-9),
            "decode_speed": self.duration_s / max(self.decode_s, 1e-9),
        }

    def _measured_pair(self) -> tuple[Signal, Signal]:
        rate = self.spec.sample_rate
        original = resample(self.y, orig_sr=self.sr, target_sr=rate)
        decoded = resample(self.y_hat, orig_sr=self.sr, target_sr=rate)
        peak = float(np.abs(original).max())
        scale = np.float32(_MEASURED_PEAK / peak if peak > 0 else 1.0)
        return original * scale, decoded * scale


def make_roundtrip(
    codec: Codec,
    audio: AudioClip,
    *,
    name: str,
    codebooks: int | None = None,
    refine: int = 0,
    facts: AudioFacts | None = None,
) -> Roundtrip:
    """Encode a clip and decode it again, at its own rate and length.

    Parameters
    ----------
    codec : Codec
        From ``load_codec``.
    audio : AudioClip
        The clip at its native rate.
    name : str
        Name of the clip.
    codebooks : int, optional
        Decode only the first so many codebooks, the coarsest; all by default.
    refine : int, default=0
        Steps in which the codes are fitted to what they decode to.
    facts : AudioFacts, optional
        Channels, bit depth and format of the original file, to be shown with it.

    Returns
    -------
    Roundtrip
        Both signals, the codes and the times.

    Raises
    ------
    RequestError
        If the codec does not have so many codebooks.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> clip = qt.load_audio(qt.example_file("guitar_phrase"))
    >>> one = qt.studio.make_roundtrip(qt.load_codec("mini"), clip, name="guitar")
    >>> one.codes.shape, one.numbers["log_mel_distance"] < 1
    ((16, 50), True)
    """
    check_codebooks(codebooks, codec.spec.n_codebooks)
    native = load_audio(audio)
    all_codes, encode_s = _timed(lambda: codec.encode(native, refine=refine))
    codes = all_codes[:codebooks]
    (y_hat, _), decode_s = _timed(
        lambda: codec.decode(codes, sr=native.sr, length=native.n_samples)
    )
    return Roundtrip(
        name, native.y, y_hat, native.sr, codes, codec.spec, encode_s, decode_s, refine, facts
    )


def speed_text(value: float) -> str:
    """Format a multiple of real time: 320, 4.1, 0.62."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def warm_up(codec: Codec, *, refine: int = 0) -> None:
    """Let a codec do its first, slower run before it is timed; raise if it cannot refine."""
    silence = np.zeros(codec.spec.hop_length, dtype=np.float32)
    steps = min(refine, 1)
    codec.decode(codec.encode(silence, sr=codec.spec.sample_rate, refine=steps))


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start
