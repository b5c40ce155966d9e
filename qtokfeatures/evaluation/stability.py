"""Probability of each token of a clip to change under small perturbations."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.audio import AudioClip, load_many
from qtokfeatures.codecs import load_codec
from qtokfeatures.evaluation.perturbations import Perturbation, level, shift, white_noise
from qtokfeatures.exceptions import InputError
from qtokfeatures.features.counts import change_probability
from qtokfeatures.labelled import CodeSequence, schema
from qtokfeatures.labelled.build import frame_coords
from qtokfeatures.parameters import whole

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

    AnyCodec: TypeAlias = Codec[Any, Any]

NAME: Final = "change_probability"

SMALL: Final[dict[str, Callable[[int], Perturbation]]] = {
    "noise": lambda seed: white_noise(snr_db=30.0, seed=seed),
    "gain": lambda seed: level(most_db=3.0, seed=seed),
    "shift": lambda seed: shift(most_s=0.005, seed=seed),
}

_BATCH_S: Final = 120.0


def token_stability(
    codec: AnyCodec | str,
    items: Any,
    *,
    perturbations: Iterable[str | Perturbation] = ("noise", "gain", "shift"),
    repeats: int = 4,
    sr: int | None = None,
    seed: int = 0,
) -> xr.DataArray:
    """Estimate the probability of each token to change under small perturbations.

    Each clip is encoded unchanged and `repeats` times with each perturbation. The probability is
    the share of perturbed encodings in which the token differs.

    Parameters
    ----------
    codec : Codec or str
        The codec, or a name that :func:`~qtokfeatures.load_codec` takes.
    items : iterable of audio
        Clips, in any form that ``codec.encode_many`` takes.
    perturbations : iterable of str or Perturbation, default=("noise", "gain", "shift")
        ``"noise"``: white noise 30 dB below the clip; ``"gain"``: ±3 dB at most; ``"shift"``:
        ±5 ms at most; or objects of :mod:`qtokfeatures.evaluation.perturbations`.
    repeats : int, default=4
        Number of random draws of each perturbation. More give finer probabilities and take
        proportionally longer.
    sr : int, optional
        Sampling rate of bare arrays, in Hz.
    seed : int, default=0
        Seed of the perturbations. They depend on the seed and the samples of the clip only, not
        on the other clips.

    Returns
    -------
    xarray.DataArray of float32, shape (codebook, frame)
        Probabilities from 0 to 1, with the frames, ``time`` and ``clip_index`` of
        ``codec.encode_many(items)``.

    Raises
    ------
    AudioError
        If a clip cannot be read; the error names the clip.
    InputError
        If there is no clip, a perturbation is unknown or none is given, or `repeats` is below 1.

    See Also
    --------
    TokenHistogram : ``weights="change_probability"`` gives stable tokens more weight.

    Examples
    --------
    >>> import numpy as np
    >>> import qtokfeatures as qt
    >>> codec = qt.load_codec("mini")
    >>> clips = [np.random.default_rng(0).normal(0, 0.1, 24000)]
    >>> codes = codec.encode_many(clips, sr=24000)
    >>> codes["change_probability"] = qt.token_stability(codec, clips, sr=24000, repeats=1)
    >>> codes["change_probability"].dims, codes["change_probability"].shape
    (('codebook', 'frame'), (16, 13))
    >>> qt.TokenHistogram(codebooks=2, weights="change_probability").fit_transform(codes).shape
    (1, 256)
    """
    changes = _perturbations(perturbations, seed)
    repeats = whole("repeats", repeats, at_least=1)
    if isinstance(codec, (str, os.PathLike)):
        codec = load_codec(codec)
    found = [
        each
        for clips in _batches(load_many(items, sr=sr, on_error="raise"))
        for each in _of_batch(codec, clips, changes, repeats)
    ]
    if not found:
        raise InputError("items holds no clip; at least one is needed")
    counts = np.array([each.shape[1] for each in found])
    return xr.DataArray(
        np.concatenate(found, axis=1),
        dims=(schema.CODEBOOK, schema.FRAME),
        coords=frame_coords(counts, codec.spec.frame_rate),
        name=NAME,
        attrs={
            "long_name": "probability that the token changes",
            "units": "1",
            "perturbations": ", ".join(change.name for change in changes),
            "repeats": repeats,
        },
    )


def _perturbations(wanted: Iterable[str | Perturbation], seed: int) -> list[Perturbation]:
    named = [wanted] if isinstance(wanted, (str, Perturbation)) else list(wanted)
    unknown = [each for each in named if not isinstance(each, Perturbation) and each not in SMALL]
    if unknown or not named:
        raise InputError(
            f"perturbations must be some of {', '.join(SMALL)} or Perturbation objects, got "
            f"{unknown[0] if unknown else 'none'!r}"
        )
    return [each if isinstance(each, Perturbation) else SMALL[each](seed) for each in named]


def _batches(clips: Iterable[tuple[int, Any]]) -> Iterator[list[AudioClip]]:
    """Clips in batches of about two minutes."""
    batch: list[AudioClip] = []
    for _, clip in clips:
        batch.append(clip)
        if sum(each.duration_s for each in batch) > _BATCH_S:
            yield batch
            batch = []
    if batch:
        yield batch


def _of_batch(
    codec: AnyCodec, clips: Sequence[AudioClip], changes: Sequence[Perturbation], repeats: int
) -> list[npt.NDArray[np.float32]]:
    clean = _encode(codec, [(clip.y, clip.sr) for clip in clips])
    versions = [
        _encode(codec, [_changed(clip, change, repeat) for clip in clips])
        for change in changes
        for repeat in range(repeats)
    ]
    return [
        change_probability(codes, [version[index] for version in versions])
        for index, codes in enumerate(clean)
    ]


def _changed(
    clip: AudioClip, change: Perturbation, repeat: int
) -> tuple[npt.NDArray[np.float32], int]:
    number = zlib.crc32(np.ascontiguousarray(clip.y).tobytes())
    return change.apply(clip.y, clip.sr, key=f"{number}/{repeat}"), clip.sr


def _encode(
    codec: AnyCodec, pairs: Sequence[tuple[npt.NDArray[np.float32], int]]
) -> list[npt.NDArray[np.int16]]:
    return list(CodeSequence(codec.encode_many(pairs)))
