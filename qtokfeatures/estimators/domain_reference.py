"""Reference of the clips that a codec was trained for: reconstruction and use of tokens."""

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
from qtokfeatures.files import atomic_write
from qtokfeatures.labelled import CodeSequence

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec
    from qtokfeatures.labelled import CodecSpec

MEASURES: Final = ("reconstruction_distance", "token_surprise")  # nepers, bits per token
CODEBOOKS: Final = 4  # the coarsest; tokens of the finer ones are alike in all sounds

_TYPICAL: Final = 0.5
_LIMIT: Final = 0.99

_FORMAT: Final = "qtokfeatures-domain-1"
_BATCH_S: Final = 120.0
# Decoding in a batch with other clips changes the seventh digit, which must not change a score.
_DECIMALS: Final = 4


@dataclass(frozen=True, eq=False)
class DomainReference:
    """Measures of the clips that a codec was trained for.

    `bits` (codebook, code) is how unusual each token is, in bits. `typical` (measure,) is the
    median of each measure, `limit` its 99th percentile over the kind of clips where that is
    highest. `origin` describes the clips, `fingerprint` is that of the codec.
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
        """Measure clips of the domain, `kinds` being the kind of each.

        What is usual for one kind is within the domain, even if it is unusual among all.
        """
        found = list(rendered_clips(clips, codec))
        if not found:
            raise InputError("a reference needs at least one clip, got none")
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
        """Measure clips, (clip, measure) as `MEASURES` names them."""
        found = rendered_clips(clips, codec)
        values = [(distance, mean_surprise(codes, self.bits)) for codes, distance in found]
        return np.array(values, dtype=np.float64).reshape(-1, len(MEASURES))

    def excess(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Rescale measures, so that 0 is typical of the reference and 1 its limit."""
        width = np.maximum(self.limit - self.typical, 1e-6)
        return np.asarray((values - self.typical) / width, dtype=np.float64)

    def save(self, path: Path) -> None:
        """Write the reference as safetensors."""
        tensors: dict[str, npt.NDArray[Any]] = {
            "bits": self.bits.astype(np.float16),
            "typical": self.typical,
            "limit": self.limit,
        }
        metadata = {"format": _FORMAT, "fingerprint": self.fingerprint, "origin": self.origin}
        with atomic_write(path) as fresh:
            save_file(tensors, fresh, metadata=metadata)

    @classmethod
    def load(cls, path: Path) -> DomainReference:
        """Read a reference that :meth:`save` wrote."""
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
    """Return the reference of this version of a codec, or None."""
    path = bundled_path()
    if not path.is_file():
        return None
    found = DomainReference.load(path)
    return found if found.fingerprint == spec.fingerprint else None


def rendered_clips(
    clips: Iterable[AudioClip], codec: Any
) -> Iterable[tuple[npt.NDArray[np.int16], float]]:
    """Yield the codes of each clip, and the log-mel distance of its decoded audio in nepers."""
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
