"""Audio files named by paths, folders and patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import soundfile as sf

from qtokfeatures.audio.excerpts import from_fragment
from qtokfeatures.exceptions import AudioError, InputError

READABLE_SUFFIXES = frozenset(
    {f".{name.lower()}" for name in sf.available_formats() if name not in ("RAW", "MAT4", "MAT5")}
    | {".aif", ".aifc", ".bwf", ".gsm", ".mp1", ".mp2", ".mpga", ".oga", ".opus", ".snd", ".wave"}
)
# Audio that libsndfile does not read: found all the same, so that loading names each such file
# where it would be missed otherwise.
_OTHER_SUFFIXES = frozenset(
    [
        ".m4a",
        ".m4b",
        ".m4p",
        ".m4r",
        ".aac",
        ".adts",
        ".wma",
        ".asf",
        ".amr",
        ".awb",
        ".3ga",
        ".ape",
        ".wv",
        ".mpc",
        ".tta",
        ".tak",
        ".ofr",
        ".shn",
        ".ra",
        ".ram",
        ".ac3",
        ".eac3",
        ".dts",
        ".dsf",
        ".dff",
        ".mka",
        ".weba",
        ".spx",
        ".vox",
        ".aa",
        ".aax",
        ".opu",
        ".qcp",
        ".mp4",
        ".webm",
        ".3gp",
        ".3gpp",
        ".amr-wb",
        ".dtshd",
        ".la",
        ".m4s",
        ".mlp",
        ".mp+",
        ".mpp",
        ".rm",
        ".thd",
        ".wvc",
    ]
)
AUDIO_SUFFIXES = READABLE_SUFFIXES | _OTHER_SUFFIXES


def expanded(path: str | os.PathLike[Any]) -> Path:
    """Return a path with ``~`` expanded where it names a home folder."""
    return Path(os.path.expanduser(os.fsdecode(path)))  # noqa: PTH111  (Path refuses "~x")


def find_audio(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    missing: Literal["raise", "keep"] = "raise",
) -> list[Path]:
    """Find the audio files that paths, folders and patterns name.

    Parameters
    ----------
    paths : path, or iterable of paths
        - a file: included whatever its suffix, also with a fragment, ``talk.wav#t=1,2``;
        - a folder: every file in it and below whose suffix is that of an audio format, links
          followed, names that start with a dot left out. Formats that cannot be read, such as
          M4A, are included, and raise when they are loaded;
        - a pattern with ``*``, ``?``, ``[…]`` or ``**``, if no file has that very name: the audio
          files and folders that match.
    missing : {"raise", "keep"}, default "raise"
        What to do with a path that does not exist: raise, or keep it in the list, so that only
        loading that path fails.

    Returns
    -------
    list of pathlib.Path
        Sorted, each path once.

    Raises
    ------
    AudioError
        If a path does not exist, a folder cannot be listed, or a folder or pattern holds no
        audio; names it.
    InputError
        If something is not a path, or `missing` has another value.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from qtokfeatures.audio import find_audio
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in ("b.wav", "a.flac", "notes.txt"):
    ...     (folder / name).touch()
    >>> [path.name for path in find_audio(folder)]
    ['a.flac', 'b.wav']
    >>> [path.name for path in find_audio([folder / "*.wav"])]
    ['b.wav']
    """
    if missing not in ("raise", "keep"):
        raise InputError(f'missing is "raise" or "keep", got {missing!r}')
    several = [paths] if isinstance(paths, (str, os.PathLike)) else paths
    return sorted({file for path in several for file in _found(path, missing == "keep")})


def _found(given: str | os.PathLike[str], keep_missing: bool) -> list[Path]:
    if not isinstance(given, (str, os.PathLike)) or not os.fspath(given):
        raise InputError(f"expected a path, got {given!r} ({type(given).__name__})")
    path, name = expanded(given), os.fsdecode(given)
    if path.is_dir():
        return _not_empty(_below(path), name, "the folder holds no audio files")
    if os.path.lexists(path):
        return [path]
    excerpt = from_fragment(name)
    if excerpt is not None and os.path.lexists(expanded(excerpt.audio)):
        return [path]
    if glob.has_magic(str(path)):
        return _not_empty(_matching(path), name, "no audio file matches the pattern")
    if keep_missing:
        return [path]
    if "://" in name:
        raise AudioError(
            f"{name}: is a URL, not a file or folder; pass it on as it is", source=name
        )
    raise AudioError(f"{name}: no such file or folder", source=name)


def _not_empty(found: list[Path], name: str, otherwise: str) -> list[Path]:
    if not found:
        suffixes = ", ".join(sorted(READABLE_SUFFIXES))
        raise AudioError(f"{name}: {otherwise} ({suffixes})", source=name)
    return found


def _matching(pattern: Path) -> list[Path]:
    matches = [Path(match) for match in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207
    files = [path for path in matches if _is_audio_file(path)]
    return files + [file for path in matches if path.is_dir() for file in _below(path)]


def _below(folder: Path) -> list[Path]:
    return [path for path in _walk(folder) if _is_audio_file(path)]


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, links followed, each real folder visited once."""
    seen = set()
    for root, folders, files in os.walk(folder, onerror=_refuse_folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root, name) for name in files)


def _refuse_folder(error: OSError) -> None:
    source = os.fsdecode(error.filename)
    raise AudioError(
        f"{source}: the folder cannot be listed ({error.strerror})", source=source
    ) from error


def _is_audio_file(path: Path) -> bool:
    """Return whether the name is one of an audio file; a link to nothing raises when loaded."""
    is_named = path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
    return is_named and not path.is_dir()
