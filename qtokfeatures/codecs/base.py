"""The codec protocol: audio to codes and back, for one clip, many clips and streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from qtokfeatures.audio import AudioClip, iter_blocks, load_audio, resample, resampled_length
from qtokfeatures.audio.batches import Channels, OnError
from qtokfeatures.codecs.batching import (
    decode_all,
    encode_blocks,
    encode_waves,
    frames_of,
    latent_chunks,
)
from qtokfeatures.codecs.checks import as_codes, as_embedding, check_from_the_first
from qtokfeatures.codecs.encoding import encode_items
from qtokfeatures.codecs.network import CodecNetwork, Codes, DecoderState, EncoderState, Vectors
from qtokfeatures.codecs.streaming import StreamDecoder, StreamEncoder
from qtokfeatures.exceptions import CodesError, InputError
from qtokfeatures.labelled import CodeSequence, as_code_sequence
from qtokfeatures.parameters import whole

SILENCE_LN_LEVEL = float(np.log(1e-6))  # least level of a frame: −120 dB relative to full scale


class Codec(CodecNetwork[EncoderState, DecoderState]):
    """A neural audio codec: waveform ↔ codes.

    Load one with :func:`~qtokfeatures.codecs.load_codec`. Codecs are immutable; a copy is the
    same object.

    Parameters
    ----------
    spec : CodecSpec
        Rates, sizes and fingerprint of the codes.
    device : torch.device
        Device that runs the network.
    """

    # --------------------------------------------------------------------------- one clip

    def encode(
        self,
        audio: Any,
        *,
        sr: int | None = None,
        offset: float = 0.0,
        duration: float | None = None,
        channel: int | Literal["mix"] | None = None,
        refine: int = 0,
    ) -> Codes:
        """Encode one clip, of any length in bounded memory.

        Parameters
        ----------
        audio : audio
            Path, URL, bytes, base64, file object, ``(y, sr)``, array or tensor with `sr`,
            excerpt ``(file, start_s, end_s)``, …; see :func:`~qtokfeatures.audio.load_audio`.
            A batch of clips is refused: :meth:`encode_many` takes one.
        sr : int, optional
            Rate of a bare array, in Hz.
        offset : float, default=0
            Start of the part to encode, in seconds.
        duration : float, optional
            Longest part to encode, in seconds; by default all.
        channel : int or "mix", optional
            Channel to encode, counted from 0, or "mix" for the average of all. None also
            averages, but warns about arrays whose rows may be clips.
        refine : int, default=0
            Steps of analysis by synthesis, which brings the decoded audio closer to the original
            (`mini` only). 10 to 20 work best and take 30 to 60 times as long as plain encoding.
            Meant for listening: features should use plain codes.

        Returns
        -------
        ndarray of int16, shape (codebook, frame)
            One frame per 80 ms; a partial last frame counts.

        Raises
        ------
        AudioError
            If the audio cannot be read or used; the message names it.
        CodecError
            If the codec cannot refine.

        Examples
        --------
        >>> import numpy as np
        >>> import qtokfeatures as qt
        >>> codec = qt.load_codec("mini")
        >>> codec.encode(np.zeros(24_000), sr=24_000).shape
        (16, 13)
        """
        steps = _steps(refine)
        rate = self.spec.sample_rate
        blocks = iter_blocks(
            audio, sr=sr, target_sr=rate, offset=offset, duration=duration, channel=channel
        )
        return encode_blocks(self, blocks, refine=steps)

    def decode(
        self, codes: npt.ArrayLike, *, sr: int | None = None, length: int | None = None
    ) -> tuple[Vectors, int]:
        """Decode the codes of one clip.

        Parameters
        ----------
        codes : array of int, shape (codebook, frame)
            Codes of codebooks 0, 1, … in order; fewer codebooks decode to a coarser sound.
        sr : int, optional
            Rate of the result, in Hz. By default the codec's own, without resampling.
        length : int, optional
            Samples of the result, at that rate: longer audio is cut, shorter padded with zeros.
            By default whole frames, since a bare code array holds no clip length.

        Returns
        -------
        y : ndarray of float32, shape (sample,)
            Mono audio.
        sr : int
            Rate in Hz.

        Raises
        ------
        CodesError
            If the codes are not integers, have a wrong shape or lie outside the codebooks.
        """
        checked = as_codes(codes, self.spec)
        (y,) = decode_all(self, [checked])
        rate = self.spec.sample_rate if sr is None else sr
        if rate != self.spec.sample_rate:
            y = resample(y, orig_sr=self.spec.sample_rate, target_sr=rate)
        return (y if length is None else _fitted(y, length)), rate

    levels_in_codes: ClassVar[bool] = False  # True where `levels` needs no decoding

    def levels(self, codes: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return the level of each frame of codes.

        Parameters
        ----------
        codes : array of int, shape (codebook, frame)
            Codes of codebooks 0, 1, … in order.

        Returns
        -------
        ndarray of float32, shape (frame,)
            Natural logarithm of the RMS amplitude relative to full scale. `mini` reads it from
            codebook 1; other codecs decode.
        """
        y, _ = self.decode(codes)
        return frame_levels(y, self.spec.hop_length)

    # ----------------------------------------------------------------------------- vectors

    def latents(
        self,
        audio: Any,
        *,
        sr: int | None = None,
        offset: float = 0.0,
        duration: float | None = None,
        channel: int | Literal["mix"] | None = None,
    ) -> Vectors:
        """Return the encoder's vectors before quantisation.

        Parameters
        ----------
        audio, sr, offset, duration, channel
            As for :meth:`encode`.

        Returns
        -------
        ndarray of float32, shape (frame, dim)
            One vector per frame.
        """
        clip = load_audio(
            audio,
            sr=sr,
            target_sr=self.spec.sample_rate,
            offset=offset,
            duration=duration,
            channel=channel,
        )
        with self.running():
            latents = torch.cat(list(latent_chunks(self, [clip.y])), dim=1)
            frames = frames_of(len(clip.y), self.spec.hop_length)
            return latents[0, :frames].float().cpu().numpy()

    def project(self, latents: npt.ArrayLike) -> Vectors:
        """Project latents into the space of the codebook entries.

        Parameters
        ----------
        latents : array of float, shape (frame, dim)
            Result of :meth:`latents`.

        Returns
        -------
        ndarray of float32, shape (frame, dim)
            Vectors of ``spec.embedding_dim`` dimensions, the input of quantisation. For `mini`
            these are the latents; for Qwen and Mimi, ``[semantic | acoustic]`` projections.
        """
        return np.asarray(latents, dtype=np.float32)

    @property
    def semantic_dims(self) -> slice:
        """Dimensions of a projected latent that codebook 0 quantises."""
        return slice(None)

    def embed(
        self, codes: npt.ArrayLike, *, codebooks: int | Sequence[int] | None = None
    ) -> Vectors:
        """Return the vectors that frames of codes stand for.

        Parameters
        ----------
        codes : array of int, shape (codebook, frame)
            Codes of codebooks 0, 1, … in order.
        codebooks : int or sequence of int, optional
            Codebooks to sum: the first n, or those listed. By default all.

        Returns
        -------
        ndarray of float32, shape (frame, dim)
            Sum of the entries, of ``spec.embedding_dim`` dimensions.
        """
        checked = as_codes(codes, self.spec)
        total = np.zeros((checked.shape[1], self.spec.embedding_dim), dtype=np.float32)
        entries = np.empty_like(total)
        for k in _chosen(codebooks, len(checked)):
            # Checked codes need no clipping; with the default mode, `out` would be buffered.
            np.take(self.codebook_vectors(k), checked[k], axis=0, out=entries, mode="clip")
            total += entries
        return total

    def quantize(self, embedding: npt.ArrayLike) -> Codes:
        """Find the codes whose entries sum nearest to given vectors, layer by layer.

        Parameters
        ----------
        embedding : array of float, shape (frame, dim)
            Vectors such as :meth:`embed` or :meth:`project` returns.

        Returns
        -------
        ndarray of int16, shape (codebook, frame)
            Codes. Approximate: the greedy search may miss the entries that were summed.
        """
        vectors = as_embedding(embedding, self.spec)
        with self.running():
            codes = self.code_chunk(torch.from_numpy(vectors)[None].to(self.device))
        return codes[0].to(torch.int16).cpu().numpy()

    # -------------------------------------------------------------------------- many clips

    def encode_many(
        self,
        items: Any,
        *,
        sr: int | None = None,
        on_error: OnError = "raise",
        progress: bool | Callable[[float], None] = False,
        refine: int = 0,
        channels: Channels = "mix",
        cache: Any = None,
        ids: Sequence[str] | None = None,
    ) -> xr.Dataset:
        """Encode many clips into one labelled Dataset.

        Parameters
        ----------
        items : iterable of audio
            List, generator, Series or array of anything that :meth:`encode` takes. Clips are
            loaded on demand: memory holds one batch and the codes.
        sr : int, optional
            Rate of bare arrays, in Hz.
        on_error : {"raise", "skip", "warn"}, default="raise"
            Handling of clips that cannot be used. "skip" and "warn" leave them out, and the
            attribute ``skipped`` (``ds.qtok.skipped``) lists them with the reasons.
        progress : bool or callable, default=False
            True shows a progress bar on standard error, in seconds of audio. A callable is called
            with the seconds of audio that were encoded since its last call.
        refine : int, default=0
            As for :meth:`encode`; if not 0, stored as the label ``refine`` of the clips.
        channels : {"mix", "separate"}, default="mix"
            Average the channels of each item, or make each channel a clip of its own, with the
            source ``talk.wav#channel=0``.
        cache : "memory", path, CodeCache or None, default=None
            Codes of the same audio and codec that were stored before are taken from there, and
            others are added, as by ``QTokenizer(cache=)``, which shares them. None encodes all.
        ids : sequence of str, optional
            Unique id of each item. By default the shortest tails of the sources that are unique.

        Returns
        -------
        xarray.Dataset
            ``codes`` (codebook, frame) of all clips, concatenated along frame, ``frame_count``
            (clip), and the coordinates of both.

        Raises
        ------
        AudioError
            If a clip cannot be used and ``on_error="raise"``.
        """
        steps = _steps(refine)
        return encode_items(
            self,
            items,
            sr=sr,
            on_error=on_error,
            progress=progress,
            refine=steps,
            channels=channels,
            cache=cache,
            ids=ids,
        )

    def decode_many(
        self, ds: xr.Dataset | CodeSequence, *, original: bool = True, progress: bool = False
    ) -> list[tuple[Vectors, int]]:
        """Decode every clip of a Dataset of codes.

        Parameters
        ----------
        ds : Dataset or CodeSequence
            Codes of this codec.
        original : bool, default=True
            Return each clip at its original rate with its exact number of samples; otherwise at
            the codec's rate, in whole frames.
        progress : bool, default=False
            Show a progress bar on standard error.

        Returns
        -------
        list of (ndarray of float32, int)
            Audio and rate of each clip.

        Raises
        ------
        CodecMismatchError
            If the codes are from another codec, or another version of this one.
        CodesError
            If a clip's codes lie outside the codebooks, or are not those of codebooks 0, 1, …
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
            Codes of the clips, in order.
        """
        return encode_waves(self, [clip.y for clip in clips], refine=_steps(refine))

    # ----------------------------------------------------------------------------- streams

    def stream_encoder(self, *, sr: int | None = None, channels: int = 1) -> StreamEncoder:
        """Open a stream that encodes audio block by block.

        Parameters
        ----------
        sr : int, optional
            Rate of the blocks in Hz, which are resampled. By default the codec's own.
        channels : int, default=1
            Number of channels of the blocks, which are averaged.

        Returns
        -------
        StreamEncoder
            ``push(y)`` takes any number of samples and returns the codes of the frames that are
            complete; ``flush()`` pads and encodes the last frame. ``with`` closes the stream at
            the end of a block; it can also be used without.

        Examples
        --------
        Blocks of a stereo sound card at 48 kHz, (sample, channel):

        >>> import numpy as np
        >>> import qtokfeatures as qt
        >>> blocks = np.zeros((20, 4800, 2), dtype=np.float32)
        >>> with qt.load_codec("mini").stream_encoder(sr=48_000, channels=2) as stream:
        ...     parts = [stream.push(block) for block in blocks]
        ...     codes = np.concatenate([*parts, stream.flush()], axis=1)
        >>> codes.shape
        (16, 25)
        """
        return StreamEncoder(self, sr=sr, channels=channels)

    def stream_decoder(self) -> StreamDecoder:
        """Open a stream that decodes codes block by block.

        Returns
        -------
        StreamDecoder
            ``push(codes)`` takes any number of frames and returns their audio; ``flush()`` ends
            the stream. ``with`` closes the stream at the end of a block.
        """
        return StreamDecoder(self)

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
            # The rest is padding of the last frame, which must not reach the filter.
            y = y[: resampled_length(n_samples, orig_sr=sr, target_sr=rate)]
            y = resample(y, orig_sr=rate, target_sr=sr)
        return _fitted(y, n_samples)


def _steps(refine: int) -> int:
    return whole("refine", refine, at_least=0, unit="steps")


def _fitted(y: Vectors, length: int) -> Vectors:
    length = whole("length", length, at_least=1, unit="samples")
    if len(y) >= length:
        return y[:length]
    return np.pad(y, (0, length - len(y)))


def _chosen(codebooks: int | Sequence[int] | None, count: int) -> list[int]:
    if codebooks is None:
        return list(range(count))
    try:
        chosen = list(range(index(codebooks)))  # type: ignore[arg-type]
    except TypeError:
        try:
            chosen = [index(k) for k in codebooks]  # type: ignore[union-attr]
        except TypeError:
            chosen = []
    if not chosen or min(chosen) < 0 or max(chosen) >= count:
        raise InputError(
            f"codebooks must name some of the {count} codebooks given (0 … {count - 1}), "
            f"got {codebooks!r}"
        )
    return chosen


def frame_levels(y: npt.ArrayLike, hop_length: int) -> Vectors:
    """Natural logarithm of the RMS amplitude per frame, of audio of whole frames (sample,)."""
    frames = np.asarray(y, dtype=np.float64).reshape(-1, hop_length)
    with np.errstate(under="ignore"):
        power = np.square(frames).mean(axis=1)
    ln_rms = 0.5 * np.log(np.maximum(power, 1e-300))
    levels: Vectors = np.maximum(ln_rms, SILENCE_LN_LEVEL).astype(np.float32)
    return levels
