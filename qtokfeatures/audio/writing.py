"""Writing audio files, whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile as sf

from qtokfeatures.audio.paths import expanded
from qtokfeatures.audio.resampling import checked_rate
from qtokfeatures.audio.waveforms import as_array, checked_finite, scaled_to_float
from qtokfeatures.exceptions import AudioError, InputError

_FORMATS = {".oga": "OGG", ".opus": "OGG", ".aif": "AIFF", ".wave": "WAV", ".snd": "AU"}
_SUBTYPES = {".opus": "OPUS"}
_BLOCK = 2**16  # samples a write: libsndfile overflows its stack on long Vorbis writes


def write_audio(
    path: str | os.PathLike[str], y: Any, sr: int, *, subtype: str | None = None
) -> Path:
    """Write audio to a file, atomically.

    The file is written under a temporary name in the same folder and renamed when complete, so that
    neither an error nor an interrupt leaves part of a file or changes an existing one.

    Parameters
    ----------
    path : path
        Its suffix chooses the format: .wav, .flac, .ogg, .opus, .mp3, .aiff, .au, .caf, .w64, …
        ``~`` is expanded; the folder must exist.
    y : array_like, shape (..., sample)
        ``(sample,)`` or ``(channel, sample)``; floats with full scale ±1, or integers as
        :func:`load_audio` takes them. Values beyond ±1 are clipped, except in floating-point
        subtypes, which keep them.
    sr : int
        Rate in Hz.
    subtype : str, optional
        Encoding, as soundfile names it: "PCM_16", "PCM_24", "FLOAT", … Default is the format's
        usual one: PCM_16 for WAV and FLAC.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    AudioError
        If `y` is not audio, or the file cannot be written.
    InputError
        If the suffix, subtype or rate is not one that can be written.

    Examples
    --------
    >>> import tempfile, os
    >>> import numpy as np
    >>> from qtokfeatures.audio import load_audio, write_audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_audio(os.path.join(folder, "a.wav"), np.zeros(24_000), 24_000)
    ...     load_audio(path).duration_s
    1.0
    """
    target = expanded(path)
    rate = checked_rate(sr)
    format_, subtype = _checked_format(target, subtype)
    frames = _frames(y, subtype, source=str(target))
    _replace(target, lambda handle: _encode(handle, frames, rate, format_, subtype))
    return target


def _checked_format(path: Path, subtype: str | None) -> tuple[str, str]:
    suffix = path.suffix.lower()
    format_ = _FORMATS.get(suffix, suffix[1:].upper())
    # RAW has no header, and SD2 keeps its own in a second file beside the first.
    if format_ not in sf.available_formats() or format_ in ("RAW", "SD2"):
        raise InputError(
            f"{path}: the suffix {path.suffix!r} is not a format that can be written; "
            "use .wav, .flac, .ogg, .opus, .mp3, .aiff, …"
        )
    chosen = (subtype or _SUBTYPES.get(suffix) or sf.default_subtype(format_)).upper()
    if not sf.check_format(format_, chosen):
        raise InputError(
            f"{path}: {format_} has no subtype {subtype!r}; it has "
            f"{', '.join(sf.available_subtypes(format_))}"
        )
    return format_, chosen


def _frames(y: Any, subtype: str, *, source: str) -> npt.NDArray[np.float32]:
    samples = scaled_to_float(as_array(y, source=source), source=source)
    if samples.ndim not in (1, 2) or samples.size == 0:
        raise AudioError(
            f"{source}: expected audio of shape (sample,) or (channel, sample), got shape "
            f"{samples.shape}",
            source=source,
        )
    checked_finite(samples, source=source)
    frames = samples.T if samples.ndim == 2 else samples[:, None]
    if frames.shape[1] > 64 >= frames.shape[0]:
        raise AudioError(
            f"{source}: shape {samples.shape} looks like (sample, channel); channels come first: "
            "pass y.T",
            source=source,
        )
    return frames if subtype in ("FLOAT", "DOUBLE") else np.clip(frames, -1.0, 1.0)


def _encode(
    handle: BinaryIO, frames: npt.NDArray[np.float32], rate: int, format_: str, subtype: str
) -> None:
    # In memory first: soundfile loses the error of a disk that is full.
    encoded = io.BytesIO()
    with sf.SoundFile(encoded, "w", rate, frames.shape[1], subtype, format=format_) as file:
        for start in range(0, len(frames), _BLOCK):
            file.write(np.ascontiguousarray(frames[start : start + _BLOCK]))
    handle.write(encoded.getbuffer())


def _replace(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Let `write` fill a temporary file, then put it in the place of `path`."""
    real = Path(os.path.realpath(path))  # a link stays a link
    temporary = real.with_name(f".{real.name[:64]}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        if real.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder")
        with temporary.open("xb+") as handle:
            write(handle)
        if real.exists():
            temporary.chmod(stat.S_IMODE(real.stat().st_mode))
        temporary.replace(real)
    except (sf.LibsndfileError, OSError) as error:
        raise AudioError(
            f"{path}: cannot be written ({_reason(error, real.parent)})", source=str(path)
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _reason(error: Exception, folder: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no folder {folder}; make it first"
    return getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
