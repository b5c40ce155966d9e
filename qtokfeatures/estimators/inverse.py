"""From pooled features to sound: which frames, which rate, how long."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.estimators.frame_bank import FrameBank
from qtokfeatures.estimators.inputs import are_codes
from qtokfeatures.estimators.resynthesis import Resynthesizer
from qtokfeatures.estimators.targets import target_rows
from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import as_code_sequence

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec
    from qtokfeatures.labelled import CodecSpec


@dataclass(frozen=True, eq=False)
class PooledSound:
    """A sound for a vector of pooled features.

    Parameters
    ----------
    y : ndarray of float32, shape (sample,)
        Mono audio.
    frames : xarray.Dataset
        ``clip``, ``time`` and ``run`` of each real frame it is made of, (frame). The attribute
        ``distance`` says how far the features of the sound are from those asked for.
    """

    y: npt.NDArray[np.float32]
    frames: xr.Dataset


class InverseOfFeatures:
    """The way back from features and codes, for a fitted tokenizer of audio."""

    sr: int
    features_: Any
    spec_: CodecSpec
    bank_: FrameBank

    def inverse_transform(
        self, X: Any, *, duration_s: float | None = None
    ) -> list[npt.NDArray[np.float32]]:
        """Turn codes back into audio, or make audio whose features are close to given ones.

        Codes are decoded. For features, which say nothing of the order of frames, runs of real
        frames are taken from those that :meth:`fit` kept and put together so that the features of
        the sound, encoded again, come close (Euclidean distance) to the ones asked for. That is
        approximate: ``docs/inverse.md`` says how close. It depends on X and on what was fitted
        only. Scalers and projections between this step and X, such as StandardScaler and PCA, are
        undone by ``pipe[:-1].inverse_transform(X)``.

        Parameters
        ----------
        X : xarray.Dataset or CodeSequence, or array_like of shape (clip, feature)
            Codes, such as :meth:`encode` returns; or features, such as :meth:`transform` returns,
            the mean of several, or the centre of a cluster.
        duration_s : float, optional
            Length of each sound made for features, in seconds; by default the median of the clips
            fitted on. Codes have their own.

        Returns
        -------
        list of ndarray of float32, shape (sample,)
            Of codes, at the rates ``X.sample_rate`` and of the lengths ``X.n_samples``; of
            features, at the rate `sr`.

        Raises
        ------
        InputError
            If X is neither.
        NotFittedError
            If X are features and :meth:`fit` was not called.
        CodecMismatchError
            If another codec made these codes.

        See Also
        --------
        sonify : What a cluster or a class of a pipeline sounds like.

        Examples
        --------
        >>> import numpy as np
        >>> import qtokfeatures as qt
        >>> tokenizer = qt.QTokenizer(sr=16000)
        >>> clips = np.random.default_rng(0).normal(0, 0.1, (2, 16000))
        >>> [y.shape for y in tokenizer.inverse_transform(tokenizer.encode(clips))]
        [(16000,), (16000,)]
        >>> features = tokenizer.fit_transform(clips)
        >>> [y.shape for y in tokenizer.inverse_transform(features.mean("clip"), duration_s=0.5)]
        [(8000,)]
        """
        if not are_codes(X):
            return [sound.y for sound in self.resynthesize(X, duration_s=duration_s)]
        ds = as_code_sequence(X).dataset
        codec = self._find_codec()
        codec.spec.check_matches(ds.attrs)
        return [y for y, _ in codec.decode_many(ds)]

    def resynthesize(self, X: Any, *, duration_s: float | None = None) -> list[PooledSound]:
        """Make audio for features, and say which real frames it is made of.

        Parameters
        ----------
        X : array_like of shape (clip, feature)
            Features, as for :meth:`inverse_transform`.
        duration_s : float, optional
            Length of each sound in seconds; by default the median of the clips fitted on.

        Returns
        -------
        list of PooledSound
            ``y``, at the rate `sr`, and ``frames``: clip and time of each frame.

        Raises
        ------
        InputError
            If X are no features of this tokenizer.
        NotFittedError
            If :meth:`fit` was not called.
        """
        self._check_fitted()
        codec = self._find_codec()
        self.spec_.check_matches(codec.spec)
        return sounds_of_features(
            X,
            codec=codec,
            transformer=self.features_,
            bank=self.bank_,
            sr=self.sr,
            duration_s=duration_s,
        )

    @abstractmethod
    def _find_codec(self) -> Codec:
        """Return the codec."""

    @abstractmethod
    def _check_fitted(self) -> None:
        """Raise if :meth:`fit` was not called."""


def sounds_of_features(
    X: Any,
    *,
    codec: Codec,
    transformer: Any,
    bank: FrameBank,
    sr: int,
    duration_s: float | None = None,
) -> list[PooledSound]:
    """Make a sound for each vector of features.

    Parameters
    ----------
    X : array_like, DataArray, DataFrame or sparse, shape (clip, feature)
        Pooled features.
    codec : Codec
        Decodes and encodes.
    transformer : transformer
        Fitted; codes to features.
    bank : FrameBank
        Real frames.
    sr : int
        Rate of the sounds, in Hz.
    duration_s : float, optional
        Their length in seconds; by default the median of the clips that the bank is of.

    Returns
    -------
    list of PooledSound

    Raises
    ------
    InputError
        If X has the wrong shape, or the duration is not above 0.
    """
    length = _n_samples(bank.duration_s if duration_s is None else duration_s, sr)
    n_frames = -(-length * codec.spec.sample_rate // (sr * codec.spec.hop_length))
    resynthesizer = Resynthesizer(codec, transformer, bank)
    sounds = []
    for target in target_rows(X, resynthesizer.n_features):
        made = resynthesizer.make(target, n_frames)
        frames = bank.origins(made.frames, codec.spec).assign_attrs(distance=made.distance)
        sounds.append(PooledSound(resynthesizer.decode(made, sr=sr, length=length), frames))
    return sounds


def _n_samples(duration_s: Any, sr: int) -> int:
    is_number = isinstance(duration_s, (int, float, np.number)) and not isinstance(duration_s, bool)
    if not (is_number and math.isfinite(duration_s) and duration_s > 0):
        raise InputError(f"duration_s must be a number of seconds above 0, got {duration_s!r}")
    return max(1, round(float(duration_s) * sr))
