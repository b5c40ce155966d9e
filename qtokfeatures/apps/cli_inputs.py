"""What a command was given → codes, with the inputs that failed noted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from qtokfeatures.apps.cli_console import Report
from qtokfeatures.exceptions import QtokError

if TYPE_CHECKING:
    import xarray as xr

    from qtokfeatures.codecs import Codec

CODES_SUFFIXES = (".nc", ".zarr")
DEFAULT_CODEC = "mini"


def is_codes(argument: str | Path) -> bool:
    """Tell a codes file from audio, by its suffix."""
    return Path(argument).suffix.lower() in CODES_SUFFIXES


def find_sounds(
    arguments: Sequence[str], report: Report, *, output: Path | None = None
) -> list[str]:
    """Expand files, folders and globs into audio files, each named once.

    Parameters
    ----------
    arguments : sequence of str
        What the user typed; URLs stay as they are.
    report : Report
        Is told of arguments that lead to nothing.
    output : Path, optional
        Folder that the command writes to. When it lies in a folder that is searched, what an
        earlier run left there is no input.

    Returns
    -------
    list of str
        Paths and URLs, in the order of the arguments.
    """
    from qtokfeatures.audio import find_audio

    found: dict[str, None] = {}
    for argument in arguments:
        if argument.startswith(("http://", "https://")):
            found[argument] = None
            continue
        try:
            paths = find_audio([argument])
        except QtokError as error:
            report.fail(argument, error)
            continue
        found.update((str(path), None) for path in paths if not _is_own(path, argument, output))
    return list(found)


def open_codec(name: str | None, device: str) -> Codec:
    """Load a codec, the bundled one when none is named."""
    from qtokfeatures.codecs import load_codec

    return load_codec(name or DEFAULT_CODEC, device=device)


def codec_of(ds: xr.Dataset, name: str | None, device: str) -> Codec:
    """Load the codec that made codes, and make sure that it is the same version.

    Parameters
    ----------
    ds : xarray.Dataset
        Codes.
    name : str, optional
        Codec to use; the one that the codes name by default.
    device : str
        Where it runs.

    Returns
    -------
    Codec

    Raises
    ------
    CodecMismatchError
        If it is another codec or another version.
    """
    spec = ds.qtok.spec
    codec = open_codec(name or spec.name, device)
    codec.spec.check_matches(spec)
    return codec


def encode_sounds(
    codec: Codec, sounds: Sequence[str], report: Report, *, refine: int = 0
) -> xr.Dataset | None:
    """Encode files, going on after bad ones.

    Parameters
    ----------
    codec : Codec
        What encodes them.
    sounds : sequence of str
        Paths and URLs.
    report : Report
        Shows the progress and is told of files that cannot be used.
    refine : int, default=0
        Steps in which the codes are fitted to what they decode to.

    Returns
    -------
    xarray.Dataset or None
        Codes; None when nothing could be encoded.
    """
    if not sounds:
        return None
    with report.tracked(sounds, "encode") as shown:
        ds = codec.encode_many(shown, on_error="skip", refine=refine)
    for skipped in ds.qtok.skipped:
        report.fail(skipped["source"], skipped["error"])
    return ds if ds.sizes["clip"] else None


def gather_codes(
    arguments: Sequence[str],
    *,
    codec: str | None,
    device: str,
    report: Report,
    opened: Codec | None = None,
) -> tuple[xr.Dataset, Codec] | None:
    """Make codes of everything that was given: audio is encoded, codes files are read.

    Parameters
    ----------
    arguments : sequence of str
        Audio files, folders, globs and URLs, and codes files.
    codec : str, optional
        Codec to use; by default that of the codes files, or the bundled one.
    device : str
        Where it runs.
    report : Report
        Is told of what fails.
    opened : Codec, optional
        A codec that is loaded already; then no other is looked for.

    Returns
    -------
    (xarray.Dataset, Codec) or None
        All codes and their codec; None when nothing could be used.
    """
    from qtokfeatures.labelled import concat_codes

    parts = _read_codes([argument for argument in arguments if is_codes(argument)], report)
    sounds = find_sounds([argument for argument in arguments if not is_codes(argument)], report)
    if not (parts or sounds):
        return None
    if opened is None:
        opened = codec_of(parts[0], codec, device) if parts else open_codec(codec, device)
    encoded = encode_sounds(opened, sounds, report)
    if encoded is not None:
        parts.append(encoded)
    if not parts:
        return None
    return concat_codes(parts, on_duplicate="rename") if len(parts) > 1 else parts[0], opened


def output_file(path: Path, suffixes: Sequence[str]) -> Path:
    """Check the kind of an output file and make its folder.

    Parameters
    ----------
    path : Path
        Where the user wants it.
    suffixes : sequence of str
        Kinds that can be written.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    typer.BadParameter
        If the suffix is another one.
    """
    if path.suffix.lower() not in suffixes:
        raise typer.BadParameter(f"{path} should end in {' or '.join(suffixes)}", param_hint="'-o'")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def output_folder(path: Path) -> Path:
    """Make the output folder.

    Parameters
    ----------
    path : Path
        Where the user wants it.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    typer.BadParameter
        If a file is in its place.
    """
    if path.exists() and not path.is_dir():
        raise typer.BadParameter(f"{path} is a file, not a folder", param_hint="'-o'")
    path.mkdir(parents=True, exist_ok=True)
    return path


def _is_own(path: Path, argument: str, output: Path | None) -> bool:
    """Tell what an earlier run made from what was given."""
    if output is None or not Path(argument).expanduser().is_dir():
        return False
    made_in, searched = output.resolve(), Path(argument).expanduser().resolve()
    return made_in != searched and made_in in path.resolve().parents


def _read_codes(arguments: Sequence[str], report: Report) -> list[xr.Dataset]:
    from qtokfeatures.labelled import load_codes

    parts = []
    for argument in arguments:
        try:
            parts.append(load_codes(argument))
        except (QtokError, OSError) as error:
            report.fail(argument, error)
    return parts
