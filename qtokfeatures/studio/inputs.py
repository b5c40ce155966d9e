"""TODO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from qtokfeatures.apps.cli_console import Report
from qtokfeatures.exceptions import QtokError

if TYPE_CHECKING:
    import xarray as xr

    from qtokfeatures.codecs import Codec

CODES_SUFFIXES = (".nc", ".zarr")
DEFAULT_CODEC = "mini"

KINDS = ("histogram", "embedding", "both")


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


def check_kind(kind: str) -> None:
    """Refuse an unknown kind of features.

    Parameters
    ----------
    kind : str
        What the user asked for.

    Raises
    ------
    typer.BadParameter
        If there is no such kind.
    """
    if kind not in KINDS:
        raise typer.BadParameter(
            f"{kind!r} is not one of {', '.join(KINDS)}", param_hint="'--features'"
        )


def compute_features(
    ds: xr.Dataset, codec: Codec, *, kind: str, codebooks: int | None
) -> xr.DataArray:
    """Compute the features of codes.

    Parameters
    ----------
    ds : xarray.Dataset
        Codes.
    codec : Codec
        The codec that made them.
    kind : str
        One of `KINDS`.
    codebooks : int, optional
        Only the first so many; what suits the kind by default.

    Returns
    -------
    xarray.DataArray
        Features (clip, feature), with the clips' labels.

    Raises
    ------
    typer.BadParameter
        If there are not so many codebooks.
    """
    transformer = chosen_features(kind, codec, codebooks, n_codebooks=ds.sizes["codebook"])
    table: xr.DataArray = transformer.fit_transform(ds)
    return table


def chosen_features(kind: str, codec: Codec, codebooks: int | None, *, n_codebooks: int) -> Any:
    """Return the transformer of codes that the options ask for.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    codec : Codec
        The codec of the codes.
    codebooks : int, optional
        Only the first so many; what suits the kind by default.
    n_codebooks : int
        How many the codes have.

    Returns
    -------
    transformer

    Raises
    ------
    typer.BadParameter
        If there are not so many codebooks.
    """
    from qtokfeatures.estimators.presets import feature_transformer

    check_codebook_count(codebooks, n_codebooks)
    transformer = feature_transformer(kind, codec, n_codebooks)
    return transformer if codebooks is None else transformer.set_params(codebooks=codebooks)


def check_codebook_count(codebooks: int | None, available: int) -> None:
    """Refuse more codebooks than there are.

    Parameters
    ----------
    codebooks : int, optional
        What the user asked for.
    available : int
        How many there are.

    Raises
    ------
    typer.BadParameter
        If it is more than that.
    """
    if codebooks is not None and codebooks > available:
        raise typer.BadParameter(
            f"{codebooks} is more than the {available} codebooks there are",
            param_hint="'--codebooks'",
        )


def codes_summary(ds: xr.Dataset) -> dict[str, object]:
    """Describe codes for a machine."""
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
    """Describe codes for people."""
    clips = ds.sizes["clip"]
    return (
        f"{clips:,} clip{'s' if clips != 1 else ''}, {float(ds['duration'].sum()):,.1f} s, "
        f"{ds.sizes['codebook']} × {ds.sizes['frame']:,} codes of {ds.qtok.spec.describe()}"
    )
