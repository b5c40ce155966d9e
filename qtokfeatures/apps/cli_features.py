"""``qtok features``: audio or codes to a table of features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qtokfeatures.apps.cli_codes import check_codebook_count
from qtokfeatures.apps.cli_console import Report
from qtokfeatures.apps.cli_inputs import gather_codes, output_file
from qtokfeatures.apps.cli_options import (
    AsJson,
    Codebooks,
    CodecName,
    Device,
    Quiet,
    SoundsOrCodes,
)
from qtokfeatures.apps.file_names import refuse_to_overwrite

if TYPE_CHECKING:
    import xarray as xr

    from qtokfeatures.codecs import Codec

KINDS = ("histogram", "embedding", "both")
TABLE_SUFFIXES = (".csv", ".nc")

Kind = Annotated[str, typer.Option("--features", metavar="|".join(KINDS), help="Which features.")]


def features(
    files: SoundsOrCodes,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Table to write: .csv or .nc.")
    ],
    kind: Kind = "histogram",
    codebooks: Codebooks = None,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Turn audio, or codes, into a table with one row of features per clip."""
    report = Report(as_json=as_json, quiet=quiet)
    check_kind(kind)
    output_file(output, TABLE_SUFFIXES)
    refuse_to_overwrite([output], files)
    gathered = gather_codes(files, codec=codec, device=device, report=report)
    if gathered is None:
        report.finish({"output": None, "clips": 0}, ["there was nothing to make features of"])
        return
    table = compute_features(*gathered, kind=kind, codebooks=codebooks)
    _write(table, output)
    n_clips, n_features = table.shape
    report.finish(
        {"output": output, "clips": n_clips, "features": n_features, "kind": kind},
        [f"{output}: {n_clips:,} clips × {n_features:,} features ({kind})"],
    )


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


def _write(table: xr.DataArray, output: Path) -> None:
    from qtokfeatures.labelled.replacing import replacing

    with replacing(output) as fresh:
        if output.suffix.lower() == ".csv":
            _write_csv(table, fresh)
        else:
            table.to_dataset(name="features").to_netcdf(fresh, engine="h5netcdf")


def _write_csv(table: xr.DataArray, path: Path) -> None:
    import pandas as pd

    per_clip = {
        str(name): coord.values for name, coord in table.coords.items() if coord.dims == ("clip",)
    }
    frame = pd.concat(
        [pd.DataFrame(per_clip), pd.DataFrame(table.values, columns=table["feature"].values)],
        axis=1,
    )
    frame.to_csv(path, index=False, encoding="utf-8")
