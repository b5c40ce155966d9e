"""Facts about audio files and codes, for people and machines."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import xarray as xr

    from qtokfeatures.audio import AudioClip

_BITS = re.compile(r"(?:PCM_[SU]?|ALAC_|DWVW_|DPCM_)(\d+)")


@dataclass(frozen=True)
class AudioFacts:
    """Facts about the file of a clip, before its channels were averaged.

    Parameters
    ----------
    channels : int
        Number of channels.
    bits : int or None
        Bit depth; None for lossy formats, which have none.
    container : str
        Format of the file as libsndfile names it, such as ``"WAV"``; empty for arrays.
    encoding : str
        Encoding of the samples, such as ``"PCM_16"``.

    Examples
    --------
    >>> str(AudioFacts(2, 16, "FLAC", "PCM_16"))
    '2 channels, 16 bit, FLAC'
    """

    channels: int
    bits: int | None
    container: str
    encoding: str

    def __str__(self) -> str:
        """Return channels, bit depth and format for people."""
        channels = f"{self.channels} channel{'s' if self.channels != 1 else ''}"
        bits = [f"{self.bits} bit"] if self.bits else []
        return ", ".join([channels, *bits, *filter(None, [self.container])])


def load_with_facts(source: str) -> tuple[AudioClip, AudioFacts]:
    """Load a file or URL at its own rate, and return what is known of the file."""
    from qtokfeatures.audio.loading import read_clip
    from qtokfeatures.audio.sources import open_audio
    from qtokfeatures.audio.stream import Limits

    with open_audio(source, limits=Limits()) as stream:
        facts = AudioFacts(
            stream.n_channels, bit_depth(stream.encoding), stream.container, stream.encoding
        )
        return cast("AudioClip", read_clip(stream, None, None)), facts


def bit_depth(encoding: str) -> int | None:
    """Return the bits of a sample in an encoding of libsndfile, None for lossy ones.

    Examples
    --------
    >>> bit_depth("PCM_24"), bit_depth("FLOAT"), bit_depth("VORBIS")
    (24, 32, None)
    """
    found = _BITS.fullmatch(encoding)
    return int(found[1]) if found else {"FLOAT": 32, "DOUBLE": 64}.get(encoding)


def describe_audio(source: str) -> dict[str, Any]:
    """Return length, rate, channels, bit depth and peak of a file or URL."""
    clip, facts = load_with_facts(source)
    return {
        "duration_s": clip.duration_s,
        "sample_rate": clip.sample_rate,
        "n_samples": clip.n_samples,
        **asdict(facts),
        "peak": float(abs(clip.y).max()),
    }


def describe_codes(ds: xr.Dataset) -> dict[str, Any]:
    """Return the size of codes and the codec that made them."""
    spec = ds.qtok.spec
    return {
        "clips": ds.sizes["clip"],
        "frames": ds.sizes["frame"],
        "codebooks": ds.sizes["codebook"],
        "duration_s": float(ds["duration"].sum()),
        "codec": spec.name,
        "revision": spec.revision,
        "fingerprint": spec.fingerprint,
        "frame_rate": spec.frame_rate,
    }


def codes_line(ds: xr.Dataset) -> str:
    """Return the size of codes and their codec as one line of text."""
    clips = ds.sizes["clip"]
    return (
        f"{clips:,} clip{'s' if clips != 1 else ''}, {float(ds['duration'].sum()):,.1f} s, "
        f"{ds.sizes['codebook']} × {ds.sizes['frame']:,} codes of {ds.qtok.spec.describe()}"
    )
