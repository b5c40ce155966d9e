"""Facts about audio files and codes, for people and machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr


def describe_audio(source: str) -> dict[str, Any]:
    """Return length, rate and peak of a file or URL."""
    from qtokfeatures.audio import load_audio

    clip = load_audio(source)
    return {
        "duration_s": clip.duration_s,
        "sample_rate": clip.sample_rate,
        "n_samples": clip.n_samples,
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
