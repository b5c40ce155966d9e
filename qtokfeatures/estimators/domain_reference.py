"""What clips that a codec is made for are like: how well it renders them, which tokens they use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from qtokfeatures.audio import AudioClip, log_mel_distance, resample
from qtokfeatures.exceptions import CodecError, InputError
from qtokfeatures.features.counts import mean_surprise, token_bits
from qtokfeatures.labelled import CodeSequence

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec
    from qtokfeatures.labelled import CodecSpec

MEASURES: Final = ("reconstruction_distance", "token_surprise")
"""What is measured of a clip: nepers of log-mel distance, and bits a token."""

CODEBOOKS: Final = 4
"""Codebooks whose tokens are looked at, the coarsest; the finer ones are alike in all sounds."""

_TYPICAL: Final = 0.5
_LIMIT: Final = 0.99

_FORMAT: Final = "qtokfeatures-domain-1"
_BATCH_S: Final = 120.0
# What is decoded beside other clips differs in the seventh digit, and no score should.
_DECIMALS: Final = 4


@dataclass(frozen=True, eq=False)
class DomainReference:
    """How the clips that a codec is made for measure.

    Parameters
    ----------
    fingerprint : str
        Of the codec.
    bits : ndarray of float32, shape (codebook, code)
        How unusual each token is, in bits.
    typical : ndarray of float32, shape (measure,)
        Median of each measure.
    limit : ndarray of float32, shape (measure,)
        Its 99th percentile, of the kind of clips where that is highest.
    origin : str
        What it was made of.
    """

    fingerprint: str
    bits: npt.NDArray[np.float32]
    typical: npt.NDArray[np.float32]
    limit: npt.NDArray[np.float32]
    origin: str

    @classmethod
    def of_clips(
        cls,
        clips: Iterable[AudioClip],
        codec: Codec,
        *,
        origin: str,
        kinds: Sequence[str] | None = None,
    ) -> DomainReference:
        """Measure clips that are within the domain.

        Parameters
        ----------
        clips : iterable of AudioClip
            Some; dozens at least for limits that mean anything.
        codec : Codec
            The codec.
        origin : str
            What they are.
        kinds : sequence of str, optional
            Kind of each clip; all are of one by default. What is usual in one kind is within the
            domain, be it unusual among all.

        Returns
        -------
        DomainReference

        Raises
        ------
        InputError
            If there are no clips.
        """
        found = list(rendered_clips(clips, codec))
        if not found:
            raise InputError("there are no clips to make a reference of; at least one is needed")
        codebooks = range(min(CODEBOOKS, codec.spec.n_codebooks))
        joined = np.concatenate([codes for codes, _ in found], axis=1)
        size = codec.spec.codebook_size
        bits = token_bits([np.bincount(joined[k], minlength=size) for k in codebooks])
        values = np.array([(distance, mean_surprise(codes, bits)) for codes, distance in found])
        kind = np.zeros(len(values)) if kinds is None else np.asarray(kinds)
        limits = [np.quantile(values[kind == each], _LIMIT, axis=0) for each in np.unique(kind)]
        typical = np.quantile(values, _TYPICAL, axis=0).astype(np.float32)
        limit = np.max(limits, axis=0).astype(np.float32)
        return cls(codec.spec.fingerprint, bits, typical, limit, origin)

    def measure(self, clips: Iterable[AudioClip], codec: Codec) -> npt.NDArray[np.float64]:
        """Measure clips.

        Parameters
        ----------
        clips : iterable of AudioClip
            Clips.
        codec : Codec
            The codec of this reference.

        Returns
        -------
        ndarray of float64, shape (clip, measure)
            As :data:`MEASURES` names them.
        """
        found = rendered_clips(clips, codec)
        values = [(distance, mean_surprise(codes, self.bits)) for codes, distance in found]
        return np.array(values, dtype=np.float64).reshape(-1, len(MEASURES))

    def excess(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Say how far measures are out: 0 is typical of the reference, 1 its limit."""
        width = np.maximum(self.limit - self.typical, 1e-6)
        return np.asarray((values - self.typical) / width, dtype=np.float64)

    def save(self, path: Path) -> None:
        """Write it as safetensors.

        Parameters
        ----------
        path : Path
            The file.
        """
        tensors: dict[str, npt.NDArray[Any]] = {
            "bits": self.bits.astype(np.float16),
            "typical": self.typical,
            "limit": self.limit,
        }
        metadata = {"format": _FORMAT, "fingerprint": self.fingerprint, "origin": self.origin}
        partial = path.with_name(path.name + ".partial")
        save_file(tensors, partial, metadata=metadata)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> DomainReference:
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        path : Path
            The file.

        Returns
        -------
        DomainReference

        Raises
        ------
        CodecError
            If it cannot be read or is something else.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                metadata: dict[str, str] = file.metadata() or {}
                if metadata.get("format") != _FORMAT:
                    raise CodecError(
                        f"{path} has format {metadata.get('format')!r}, expected {_FORMAT!r}"
                    )
                tensors = {name: file.get_tensor(name) for name in ("bits", "typical", "limit")}
        except (SafetensorError, OSError) as error:
            raise CodecError(f"{path} is not a readable safetensors file: {error}") from error
        found = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
        return cls(metadata["fingerprint"], **found, origin=metadata["origin"])


def bundled_path() -> Path:
    """Return the path of the reference of ``mini``, beside its weights in the package."""
    return Path(str(files("qtokfeatures.codecs.mini") / "mini_domain.safetensors"))


def reference_of(spec: CodecSpec) -> DomainReference | None:
    """Return the reference that is kept with a codec.

    Parameters
    ----------
    spec : CodecSpec
        The codec.

    Returns
    -------
    DomainReference or None
        None where there is none for this very version of the codec.
    """
    path = bundled_path()
    if not path.is_file():
        return None
    found = DomainReference.load(path)
    return found if found.fingerprint == spec.fingerprint else None


def rendered_clips(
    clips: Iterable[AudioClip], codec: Any
) -> Iterable[tuple[npt.NDArray[np.int16], float]]:
    """Encode and decode clips, and give the codes of each and how far it is from what it was.

    Parameters
    ----------
    clips : iterable of AudioClip
        Clips; some seconds of them are held at a time.
    codec : Codec
        The codec.

    Yields
    ------
    codes : ndarray of int16, shape (codebook, frame)
        Codes.
    distance : float
        Log-mel distance at the codec's rate, in nepers.
    """
    batch: list[AudioClip] = []
    for clip in clips:
        batch.append(clip)
        if sum(each.duration_s for each in batch) > _BATCH_S:
            yield from _rendered(batch, codec)
            batch = []
    if batch:
        yield from _rendered(batch, codec)


def _rendered(
    clips: Sequence[AudioClip], codec: Any
) -> Iterable[tuple[npt.NDArray[np.int16], float]]:
    rate, ds = codec.spec.sample_rate, codec.encode_many(list(clips))
    decoded = codec.decode_many(ds, original=False)
    for clip, codes, (y_hat, _) in zip(clips, CodeSequence(ds), decoded, strict=True):
        y = resample(clip.y, orig_sr=clip.sr, target_sr=rate)
        distance = log_mel_distance(y, y_hat[: len(y)], rate)
        yield codes, round(distance, _DECIMALS)
