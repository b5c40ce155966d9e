"""Audio and codes files that a job is given, and the codec that they need."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from qtokfeatures.exceptions import QtokError
from qtokfeatures.progress import Progress, ignore_progress
from qtokfeatures.studio.failures import Failure, RequestError, check_choice, check_usable

if TYPE_CHECKING:
    import xarray as xr

    from qtokfeatures.audio.batches import Channels
    from qtokfeatures.codecs import Codec


CodecLike: TypeAlias = "str | Path | Codec"
Files: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]]"

CODES_SUFFIXES = (".nc", ".zarr")
DEFAULT_CODEC = "mini"
CHANNELS = ("mix", "separate")
_ENCODE = "encode (seconds)"
FEATURES = ("histogram", "embedding", "both")


@dataclass(frozen=True, eq=False)
class EncodedFiles:
    """Codes of files.

    Parameters
    ----------
    dataset : xarray.Dataset
        Codes of the usable files.
    codec : Codec
        The codec of the codes.
    failures : list of Failure
        Files that could not be used.
    """

    dataset: xr.Dataset = field(repr=False)
    codec: Codec
    failures: list[Failure]


def gather_codes(
    files: Files,
    *,
    codec: CodecLike | None = None,
    channels: str = "mix",
    cache: str | os.PathLike[str] | None = None,
    device: str = "auto",
    on_progress: Progress | None = None,
) -> EncodedFiles:
    """Encode audio files and read codes files, all into one Dataset.

    Parameters
    ----------
    files : path, URL, or sequence of paths and URLs
        Audio files, folders (searched), patterns and URLs, and codes files (.nc, .zarr).
    codec : str, path or Codec, optional
        By default the codec that made the codes files, or mini where there are none.
    channels : {"mix", "separate"}, default="mix"
        Average the channels of a file, or make each a clip of its own.
    cache : "memory" or path, optional
        Folder of codes, so that the same audio is encoded once, as in
        :class:`~qtokfeatures.QTokenizer`; none by default.
    device : str, default="auto"
        Device of a codec that is loaded by name.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.

    Returns
    -------
    EncodedFiles
        The codes files first; equal clip ids are numbered.

    Raises
    ------
    NoUsableInputError
        If none of the files can be used.
    CodecMismatchError
        If codes files were made by another codec, or another version of it.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> gathered = qt.studio.gather_codes([qt.example_file("guitar_phrase"), "missing.wav"])
    >>> gathered.dataset.sizes["clip"], gathered.failures[0].error
    (1, 'missing.wav: no such file or folder')
    """
    check_choice(channels, CHANNELS, "channels")
    inputs = open_inputs(files, codec=codec, device=device)
    return inputs.encode(on_progress, channels=channels, cache=cache)


@dataclass(frozen=True, eq=False)
class Inputs:
    """Codes files that were read, audio files to be encoded, and the codec of both."""

    parts: list[xr.Dataset]
    sounds: list[str]
    codec: Codec
    failures: list[Failure]

    @property
    def n_codebooks(self) -> int:
        """Return the number of codebooks of the codes."""
        return int(self.parts[0].sizes["codebook"]) if self.parts else self.codec.spec.n_codebooks

    @property
    def sources(self) -> list[str]:
        """Return the audio files, and those that the codes were encoded from."""
        return [*self.sounds, *(str(name) for ds in self.parts for name in ds["source"].values)]

    def encode(
        self,
        on_progress: Progress | None,
        *,
        channels: str = "mix",
        cache: str | os.PathLike[str] | None = None,
    ) -> EncodedFiles:
        """Encode the audio files; raise NoUsableInputError if no clip remains."""
        from qtokfeatures.labelled import concat_codes

        parts, failures = list(self.parts), list(self.failures)
        if self.sounds:
            encoded, unreadable = encode_sounds(
                self.codec,
                self.sounds,
                channels=channels,
                cache=cache,
                on_progress=on_progress,
            )
            failures += unreadable
            parts += [encoded] if encoded.sizes["clip"] else []
        check_usable(parts, failures)
        ds = concat_codes(parts, on_duplicate="rename") if len(parts) > 1 else parts[0]
        return EncodedFiles(ds, self.codec, failures)


def open_inputs(
    files: Files,
    *,
    codec: CodecLike | None,
    device: str,
    check: Callable[[Sequence[xr.Dataset], int], None] | None = None,
) -> Inputs:
    """Find audio files, read codes files, and load their codec.

    ``check(codes, n_clips)`` may refuse the request before the codec is loaded.
    """
    names = file_names(files)
    parts, failures = _read_codes([name for name in names if is_codes(name)])
    sounds, not_found = find_sounds([name for name in names if not is_codes(name)])
    failures += not_found
    check_usable(parts or sounds, failures)
    if check is not None:
        check(parts, len(sounds) + sum(ds.sizes["clip"] for ds in parts))
    opened = codec_of(parts[0], codec, device) if parts else open_codec(codec, device)
    for ds in parts[1:]:
        opened.spec.check_matches(ds.qtok.spec)
    return Inputs(parts, sounds, opened, failures)


def file_names(files: Files) -> list[str]:
    """Return one name, or several, as a list of str."""
    several = [files] if isinstance(files, (str, os.PathLike)) else files
    return [os.fspath(name) for name in several]


def is_codes(name: str | Path) -> bool:
    """Return whether a file holds codes, by its suffix."""
    return Path(name).suffix.lower() in CODES_SUFFIXES


def find_sounds(
    files: Files, *, output_folder: Path | None = None
) -> tuple[list[str], list[Failure]]:
    """Return the audio files and URLs that `files` stands for, each once, and what is missing.

    Where a folder above `output_folder` is searched, files in `output_folder` are no inputs: an
    earlier run left them.
    """
    from qtokfeatures.audio import find_audio

    found: dict[str, None] = {}
    failures = []
    for name in file_names(files):
        if name.startswith(("http://", "https://")):
            found[name] = None
            continue
        try:
            paths = find_audio([name])
        except QtokError as error:
            failures.append(Failure.of(name, error))
            continue
        found.update((str(path), None) for path in paths if not _is_own(path, name, output_folder))
    return list(found), failures


def open_codec(codec: CodecLike | None, device: str) -> Codec:
    """Load a codec by name, mini by default; a loaded codec is returned as it is."""
    if codec is not None and not isinstance(codec, (str, Path)):
        return codec
    from qtokfeatures.codecs import load_codec

    return load_codec(codec or DEFAULT_CODEC, device=device)


def codec_of(ds: xr.Dataset, codec: CodecLike | None, device: str) -> Codec:
    """Load the codec that made codes; raise CodecMismatchError if `codec` is another."""
    spec = ds.qtok.spec
    opened = open_codec(codec or spec.name, device)
    opened.spec.check_matches(spec)
    return opened


def encode_sounds(
    codec: Codec,
    sounds: Sequence[str],
    *,
    refine: int = 0,
    channels: str = "mix",
    cache: str | os.PathLike[str] | None = None,
    on_progress: Progress | None = None,
) -> tuple[xr.Dataset, list[Failure]]:
    """Encode files; return the codes of the readable ones, and the others.

    Progress counts seconds of audio, as far as the headers of the files promise them.
    """
    from qtokfeatures.audio.batches import promised_s

    watch = on_progress or ignore_progress
    total = 0.0 if on_progress is None else sum(map(promised_s, sounds))
    done = 0.0

    def advance(seconds: float) -> None:
        nonlocal done
        done += seconds
        watch(_ENCODE, int(done), ceil(max(total, done)))

    def announced() -> Iterator[str]:
        for sound in sounds:
            advance(0.0)
            yield sound

    ds = codec.encode_many(
        announced(),
        on_error="skip",
        progress=advance,
        refine=refine,
        channels=cast("Channels", channels),
        cache=cache,
    )
    watch(_ENCODE, ceil(max(total, done)), ceil(max(total, done)))
    return ds, [Failure.of(one["source"], one["error"]) for one in ds.qtok.skipped]


def make_features(features: str, codec: Codec, *, codebooks: int | None, n_codebooks: int) -> Any:
    """Return the transformer of codes named `features`, for the first `codebooks` of the codes."""
    from qtokfeatures.estimators.presets import feature_transformer

    check_codebooks(codebooks, n_codebooks)
    transformer = feature_transformer(features, codec, n_codebooks)
    return transformer if codebooks is None else transformer.set_params(codebooks=codebooks)


def check_codebooks(codebooks: int | None, available: int) -> None:
    """Raise RequestError if `codebooks` is not a number from 1 to `available`."""
    if codebooks is not None and not 1 <= codebooks <= available:
        raise RequestError(
            f"expected 1 to {available} codebooks, the number of the codes; got {codebooks}",
            "codebooks",
        )


def _is_own(path: Path, searched: str, output_folder: Path | None) -> bool:
    if output_folder is None or not Path(searched).expanduser().is_dir():
        return False
    own, above = output_folder.resolve(), Path(searched).expanduser().resolve()
    return own != above and own in path.resolve().parents


def _read_codes(names: Sequence[str]) -> tuple[list[xr.Dataset], list[Failure]]:
    from qtokfeatures.labelled import load_codes

    parts, failures = [], []
    for name in names:
        try:
            parts.append(load_codes(name))
        except (QtokError, OSError) as error:
            failures.append(Failure.of(name, error))
    return parts, failures
