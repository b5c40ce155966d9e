"""``qtok features``: audio or codes to a table of features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qtokfeatures.apps.cli_console import Report
from qtokfeatures.apps.cli_inputs import output_file
from qtokfeatures.apps.cli_options import (
    AsJson,
    Codebooks,
    CodecName,
    Device,
    Quiet,
    SoundsOrCodes,
)
from qtokfeatures.studio.file_names import refuse_to_overwrite
from qtokfeatures.studio.inputs import (
    KINDS,
    check_kind,
    compute_features,
    gather_codes,
)

if TYPE_CHECKING:
    import xarray as xr

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


def _write(table: xr.DataArray, output: Path) -> None:
    from qtokfeatures.files import atomic_write

    with atomic_write(output) as fresh:
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
