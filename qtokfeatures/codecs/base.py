"""The codec protocol: audio to codes and back, for one clip, many, and streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.audio import AudioClip, iter_blocks, resample, resampled_length
from qtokfeatures.audio.batches import OnError
from qtokfeatures.codecs.batching import decode_all, encode_blocks, encode_waves
from qtokfeatures.codecs.checks import as_codes, check_from_the_first
from qtokfeatures.codecs.encoding import encode_items
from qtokfeatures.codecs.network import Codes, DecoderState, EncoderState, Vectors
from qtokfeatures.codecs.refining import checked_steps
from qtokfeatures.codecs.streaming import StreamDecoder, StreamEncoder
from qtokfeatures.codecs.vectors import CodecVectors, frame_levels
from qtokfeatures.exceptions import CodesError, InputError
from qtokfeatures.labelled import CodeSequence, as_code_sequence


class Codec(CodecVectors[EncoderState, DecoderState]):
    """A neural audio codec: waveform ↔ codes.

    Made by :func:`~qtokfeatures.codecs.load_codec`. A codec is immutable; copying one gives the
    same object.

    Parameters
    ----------
    spec : CodecSpec
        What its codes depend on.
    device : torch.device
        Where the network runs.
    """

    # --------------------------------------------------------------------------- one clip

    def encode(self, audio: Any, *, sr: int | None = None, refine: int = 0) -> Codes:
        """Encode one clip, of any length in bounded memory.

        Parameters
        ----------
        audio : audio
            Path, URL, bytes, base64, file object, ``(y, sr)``, array or tensor with `sr`, …; see
            :func:`~qtokfeatures.audio.load_audio`.
        sr : int, optional
            Rate of a bare array, in Hz.
        refine : int, default=0
            Steps in which `mini` fits the codes to what they decode to, ten seconds of audio at
            a time; 10 to 20 are best, and take some 30 to 60 times as long as plain encoding.
            For listening: features are made of plain codes.

        Returns
        -------
        ndarray of int16, shape (codebook, frame)
            80 ms a frame; a last frame that is not full counts.

        Raises
        ------
        AudioError
            The audio cannot be read or used; the message names it.
        CodecError
            The codec cannot refine.

        Examples
        --------
        >>> import numpy as np
        >>> import qtokfeatures as qt
        >>> codec = qt.load_codec("mini")
        >>> codec.encode(np.zeros(24_000), sr=24_000).shape
        (16, 13)
        """
        steps = checked_steps(refine)
        blocks = iter_blocks(audio, sr=sr, target_sr=self.spec.sample_rate)
        return encode_blocks(self, blocks, refine=steps)

    def decode(
        self, codes: npt.ArrayLike, *, sr: int | None = None, length: int | None = None
    ) -> tuple[Vectors, int]:
        """Decode the codes of one clip.

        Parameters
        ----------
        codes : array of int, shape (codebook, frame)
            Any number of codebooks from the first on: fewer decode to a coarser sound.
        sr : int, optional
            Rate wanted, in Hz; the codec's own by default.
        length : int, optional
            Samples wanted at that rate: cut, or padded with silence. A bare code array does not
            know how long its clip was.

        Returns
        -------
        y : ndarray of float32, shape (sample,)
            Mono audio.
        sr : int
            Its rate in Hz.

        Raises
        ------
        CodesError
            Not integers, a wrong shape, or an entry that no codebook has.
        """
        checked = as_codes(codes, self.spec)
        (y,) = decode_all(self, [checked])
        rate = self.spec.sample_rate if sr is None else sr
        if rate != self.spec.sample_rate:
            y = resample(y, orig_sr=self.spec.sample_rate, target_sr=rate)
        return (y if length is None else _fitted(y, length)), rate

    #: Whether :meth:`levels` reads levels off the codes, without decoding them.
    levels_in_codes: ClassVar[bool] = False

    def levels(self, codes: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return how loud each frame of codes is.

        Parameters
        ----------
        codes : array of int, shape (codebook, frame)
            Codes, from the first codebook on.

        Returns
        -------
        ndarray of float32, shape (frame,)
            Natural logarithm of the RMS amplitude, relative to full scale. `mini` reads it off
            codebook 1; other codecs decode.
        """
        y, _ = self.decode(codes)
        return frame_levels(y, self.spec.hop_length)

    # -------------------------------------------------------------------------- many clips

    def encode_many(
        self,
        items: Any,
        *,
        sr: int | None = None,
        on_error: OnError = "raise",
        progress: bool = False,
        refine: int = 0,
    ) -> xr.Dataset:
        """Encode many clips into one labelled Dataset.

        Parameters
        ----------
        items : iterable of audio
            A list, generator, Series or array of anything that :meth:`encode` takes. They are
            loaded as they are needed: memory holds one batch and the codes.
        sr : int, optional
            Rate of bare arrays, in Hz.
        on_error : {"raise", "skip", "warn"}, default="raise"
            What happens to a clip that cannot be used. When it is left out, the attribute
            ``skipped`` (``ds.qtok.skipped``) tells which one and why.
        progress : bool, default=False
            Show a progress bar on standard error.
        refine : int, default=0
            As for :meth:`encode`; unless 0, clips have it as their label ``refine``.

        Returns
        -------
        xarray.Dataset
            ``codes`` (codebook, frame) of all clips one after another, ``frame_count`` (clip),
            and the coordinates of both.

        Raises
        ------
        AudioError
            A clip cannot be used and ``on_error="raise"``.
        """
        steps = checked_steps(refine)
        return encode_items(self, items, sr=sr, on_error=on_error, progress=progress, refine=steps)

    def decode_many(
        self, ds: xr.Dataset | CodeSequence, *, original: bool = True, progress: bool = False
    ) -> list[tuple[Vectors, int]]:
        """Decode every clip of a Dataset of codes.

        Parameters
        ----------
        ds : Dataset or CodeSequence
            Codes that this codec made.
        original : bool, default=True
            Give each clip its original rate and exactly its original number of samples; else the
            codec's rate and whole frames.
        progress : bool, default=False
            Show a progress bar on standard error.

        Returns
        -------
        list of (ndarray of float32, int)
            Audio and rate of each clip.

        Raises
        ------
        CodecMismatchError
            Another codec, or another version of it, made the codes.
        CodesError
            An entry that no codebook has, with its clip; not the codebooks from the first on.
        """
        clips = as_code_sequence(ds)
        self.spec.check_matches(clips.dataset.attrs)
        check_from_the_first(clips.dataset)
        rates = clips.dataset["sample_rate"].values.tolist()
        lengths = clips.dataset["n_samples"].values.tolist()
        if original and min([1, *rates, *lengths]) < 1:
            raise CodesError(
                "sample_rate and n_samples of clips must be at least 1 to give them their "
                "original rate and length; decode with original=False"
            )
        decoded = decode_all(self, self._checked(clips), progress=progress)
        rate = self.spec.sample_rate
        if not original:
            return [(y, rate) for y in decoded]
        return [
            (self._as_original(y, sr, n), sr)
            for y, sr, n in zip(decoded, rates, lengths, strict=True)
        ]

    def encode_clips(self, clips: Sequence[AudioClip], *, refine: int = 0) -> list[Codes]:
        """Encode loaded clips, in batches of similar length.

        Parameters
        ----------
        clips : sequence of AudioClip
            Audio at the codec's rate.
        refine : int, default=0
            As for :meth:`encode`.

        Returns
        -------
        list of ndarray of int16, shape (codebook, frame)
            In the order given.
        """
        return encode_waves(self, [clip.y for clip in clips], refine=checked_steps(refine))

    # ----------------------------------------------------------------------------- streams

    @contextmanager
    def stream_encoder(self) -> Iterator[StreamEncoder]:
        """Encode audio as it comes.

        Yields
        ------
        StreamEncoder
            ``push(y)`` takes any number of samples at the codec's rate and returns the codes
            that became complete; ``flush()`` pads the last frame and returns the rest.
        """
        encoder = StreamEncoder(self)
        try:
            yield encoder
        finally:
            encoder.close()

    @contextmanager
    def stream_decoder(self) -> Iterator[StreamDecoder]:
        """Decode codes as they come.

        Yields
        ------
        StreamDecoder
            ``push(codes)`` takes any number of frames and returns their audio; ``flush()``
            returns what is left.
        """
        decoder = StreamDecoder(self)
        try:
            yield decoder
        finally:
            decoder.close()

    def _checked(self, clips: CodeSequence) -> list[Codes]:
        names = clips.dataset["clip"].values
        checked = []
        for name, codes in zip(names, clips, strict=True):
            try:
                checked.append(as_codes(codes, self.spec))
            except CodesError as error:
                raise CodesError(f"clip {name}: {error}") from None
        return checked

    def _as_original(self, y: Vectors, sr: int, n_samples: int) -> Vectors:
        rate = self.spec.sample_rate
        if sr != rate:
            # No more is resampled than the original had: what follows is padding.
            y = y[: resampled_length(n_samples, orig_sr=sr, target_sr=rate)]
            y = resample(y, orig_sr=rate, target_sr=sr)
        return _fitted(y, n_samples)


def _fitted(y: Vectors, length: int) -> Vectors:
    if not isinstance(length, (int, np.integer)) or length < 1:
        raise InputError(f"length must be a whole number of samples, at least 1, got {length!r}")
    if len(y) >= length:
        return y[:length]
    return np.pad(y, (0, length - len(y)))
