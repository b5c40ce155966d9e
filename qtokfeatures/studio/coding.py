"""Audio files to codes, codes to audio files, and both to tables of features."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from qtokfeatures.exceptions import MissingExtraError
from qtokfeatures.progress import Progress, ignore_progress, with_progress
from qtokfeatures.studio.failures import Failure, check_choice, check_usable
from qtokfeatures.studio.inputs import (
    CHANNELS,
    CODES_SUFFIXES,
    FEATURES,
    CodecLike,
    EncodedFiles,
    Files,
    check_codebooks,
    codec_of,
    encode_sounds,
    file_names,
    find_sounds,
    make_features,
    open_codec,
    open_inputs,
)
from qtokfeatures.studio.output_files import (
    file_stems,
    output_file,
    output_folder,
    refuse_to_overwrite,
    write_table,
)

if TYPE_CHECKING:
    import xarray as xr

AUDIO_FORMATS = ("wav", "flac", "ogg")
TABLE_SUFFIXES = (".csv", ".nc", ".parquet")


def encode_files(
    files: Files,
    *,
    output: str | os.PathLike[str] | None = None,
    codec: CodecLike | None = None,
    channels: str = "mix",
    cache: str | os.PathLike[str] | None = None,
    device: str = "auto",
    refine: int = 0,
    on_progress: Progress | None = None,
) -> EncodedFiles:
    """Encode audio files into one Dataset, and write it.

    Parameters
    ----------
    files : path, URL, or sequence of paths and URLs
        Audio files, folders (searched), patterns and URLs.
    output : path, optional
        Codes file to write, ``.nc`` or ``.zarr``; nothing is written by default.
    codec : str, path or Codec, optional
        Name or folder of a codec, or a loaded one; mini by default.
    channels : {"mix", "separate"}, default="mix"
        Average the channels of a file, or make each a clip of its own.
    cache : "memory" or path, optional
        Folder of codes, so that the same audio is encoded once, as in
        :class:`~qtokfeatures.QTokenizer`; none by default.
    device : str, default="auto"
        Device of a codec that is loaded by name.
    refine : int, default=0
        Steps in which the codes are fitted to what they decode to: closer, but slower; only for
        codecs that can.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.

    Returns
    -------
    EncodedFiles
        Codes of the usable files, and the failures.

    Raises
    ------
    NoUsableInputError
        If none of the files can be used.
    InputError
        If `output` has another suffix, or is one of the files.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> done = qt.studio.encode_files(qt.example_files()[:2], output="two.nc")
    >>> done.dataset.sizes["clip"], done.failures
    (2, [])
    """
    check_choice(channels, CHANNELS, "channels")
    target = None if output is None else output_file(output, CODES_SUFFIXES)
    sounds, failures = find_sounds(files)
    check_usable(sounds, failures)
    if target is not None:
        refuse_to_overwrite([target], sounds)
    opened = open_codec(codec, device)
    ds, unreadable = encode_sounds(
        opened, sounds, refine=refine, channels=channels, cache=cache, on_progress=on_progress
    )
    failures += unreadable
    check_usable(ds.sizes["clip"], failures)
    if target is not None:
        ds.qtok.save(target)
    return EncodedFiles(ds, opened, failures)


def decode_files(
    codes: str | os.PathLike[str],
    *,
    output: str | os.PathLike[str],
    codebooks: int | None = None,
    audio_format: str = "wav",
    codec: CodecLike | None = None,
    device: str = "auto",
    on_progress: Progress | None = None,
) -> list[Path]:
    """Decode a codes file into one audio file per clip, at its original rate and length.

    Parameters
    ----------
    codes : path
        Codes file, ``.nc`` or ``.zarr``.
    output : path
        Folder to write ``<clip>_decoded.<format>`` to.
    codebooks : int, optional
        Decode only the first so many codebooks, the coarsest; all by default.
    audio_format : {"wav", "flac", "ogg"}, default="wav"
        Format of the audio files.
    codec : str, path or Codec, optional
        By default the codec that the codes name.
    device : str, default="auto"
        Device of a codec that is loaded by name.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.

    Returns
    -------
    list of pathlib.Path
        The audio files, in the order of the clips.

    Raises
    ------
    InputError
        If the codes cannot be read, a parameter has a wrong value, or a file to be written is the
        codes file or a recording.
    CodecMismatchError
        If another codec, or another version of it, made the codes.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> _ = qt.studio.encode_files(qt.example_file("guitar_phrase"), output="guitar.nc")
    >>> [path.name for path in qt.studio.decode_files("guitar.nc", output="decoded")]
    ['guitar_phrase_decoded.wav']
    """
    from qtokfeatures.audio import write_audio
    from qtokfeatures.labelled import load_codes

    check_choice(audio_format, AUDIO_FORMATS, "audio_format")
    ds = load_codes(codes)
    check_codebooks(codebooks, ds.sizes["codebook"])
    folder = Path(output)
    stems = file_stems(map(str, ds["clip"].values))
    targets = [folder / f"{stem}_decoded.{audio_format}" for stem in stems]
    refuse_to_overwrite(targets, [os.fspath(codes), *ds["source"].values.tolist()])
    output_folder(folder)
    opened = codec_of(ds, codec, device)
    for index, target in enumerate(
        with_progress(targets, "decode", on_progress or ignore_progress)
    ):
        y, sr = opened.decode(
            ds.qtok.clip(index)[:codebooks],
            sr=int(ds["sample_rate"][index]),
            length=int(ds["n_samples"][index]),
        )
        write_audio(target, y, sr)
    return targets


@dataclass(frozen=True, eq=False)
class FileFeatures:
    """Features of files.

    Parameters
    ----------
    table : xarray.DataArray
        Features (clip, feature), float32, with the labels of the clips.
    failures : list of Failure
        Files that could not be used.
    """

    table: xr.DataArray = field(repr=False)
    failures: list[Failure]


def compute_features(
    files: Files,
    *,
    output: str | os.PathLike[str] | None = None,
    features: str = "histogram",
    codebooks: int | None = None,
    codec: CodecLike | None = None,
    channels: str = "mix",
    cache: str | os.PathLike[str] | None = None,
    device: str = "auto",
    on_progress: Progress | None = None,
) -> FileFeatures:
    """Compute one row of features per clip, and write the table.

    Parameters
    ----------
    files : path, URL, or sequence of paths and URLs
        Audio files, folders (searched), patterns and URLs, and codes files (.nc, .zarr).
    output : path, optional
        Table to write, ``.csv``, ``.nc`` or ``.parquet`` (needs polars); nothing is written by
        default. Its first column is ``clip``; the labels and the features follow.
    features : {"histogram", "embedding", "both"}, default="histogram"
        As in :class:`~qtokfeatures.QTokenizer`.
    codebooks : int, optional
        Only the first so many codebooks, the coarsest; by default as many as suit `features`.
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
    FileFeatures
        The table and the failures.

    Raises
    ------
    NoUsableInputError
        If none of the files can be used.
    InputError
        If a parameter has a wrong value, or `output` is one of the files.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> done = qt.studio.compute_features(qt.example_files()[:3], features="embedding")
    >>> done.table.dims, done.table.sizes["clip"]
    (('clip', 'feature'), 3)
    """
    check_choice(features, FEATURES, "features")
    check_choice(channels, CHANNELS, "channels")
    target = None if output is None else output_file(output, TABLE_SUFFIXES)
    if target is not None:
        _check_parquet(target)
        refuse_to_overwrite([target], file_names(files))
    inputs = open_inputs(files, codec=codec, device=device)
    transformer = make_features(
        features, inputs.codec, codebooks=codebooks, n_codebooks=inputs.n_codebooks
    )
    gathered = inputs.encode(on_progress, channels=channels, cache=cache)
    table: xr.DataArray = transformer.fit_transform(gathered.dataset)
    if target is not None:
        _write_features(table, target)
    return FileFeatures(table, gathered.failures)


def _check_parquet(target: Path) -> None:
    if target.suffix.lower() == ".parquet" and find_spec("polars") is None:
        raise MissingExtraError("polars", extra="parquet", purpose="Writing Parquet")


def _write_features(table: xr.DataArray, target: Path) -> None:
    import pandas as pd

    from qtokfeatures.files import atomic_write

    suffix = target.suffix.lower()
    if suffix == ".nc":
        with atomic_write(target) as fresh:
            table.to_dataset(name="features").to_netcdf(fresh, engine="h5netcdf")
        return
    labels = {
        str(name): coord.values
        for name, coord in table.coords.items()
        if coord.dims == ("clip",) and name != "clip"
    }
    columns = pd.DataFrame(table.values, columns=table["feature"].values.astype(str))
    frame = pd.concat([pd.DataFrame({"clip": table["clip"].values, **labels}), columns], axis=1)
    if suffix == ".csv":
        write_table(target, frame)
        return
    import polars as pl

    with atomic_write(target) as fresh:
        pl.DataFrame({name: frame[name].to_numpy() for name in frame}).write_parquet(fresh)
