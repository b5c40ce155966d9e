"""Which cluster each clip is in, as tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtokfeatures.studio.clustering import ClusterRun

if TYPE_CHECKING:
    import xarray as xr


def write_labels(run: ClusterRun, path: Path) -> None:
    """Write one row per clip: its cluster, its place on the map, and its labels.

    Parameters
    ----------
    run : ClusterRun
        The clips.
    path : Path
        CSV.
    """
    import pandas as pd

    from qtokfeatures.files import atomic_write

    coords = {name: coord.values for name, coord in _clip_coords(run).items()}
    table = pd.DataFrame({"clip": run.ds["clip"].values, **_found(run), **coords})
    with atomic_write(path) as fresh:
        table.to_csv(fresh, index=False, encoding="utf-8", float_format="%.6g")


def write_labelled_array(run: ClusterRun, path: Path) -> None:
    """Write the same as a labelled array, for xarray.

    Parameters
    ----------
    run : ClusterRun
        The clips.
    path : Path
        netCDF.
    """
    from qtokfeatures.files import atomic_write

    with atomic_write(path) as fresh:
        labelled_clusters(run).to_netcdf(fresh, engine="h5netcdf")


def labelled_clusters(run: ClusterRun) -> xr.Dataset:
    """Return cluster and place of each clip, with its labels as coordinates.

    Parameters
    ----------
    run : ClusterRun
        The clips.

    Returns
    -------
    xarray.Dataset
        ``cluster`` (clip), −1 being none, and ``x`` and ``y`` (clip), the place on the map. The
        attributes name the codec.
    """
    import xarray as xr

    from qtokfeatures.labelled.spec import CodecSpec

    variables = {name: ("clip", values) for name, values in _found(run).items()}
    coords = {"clip": run.ds["clip"].variable, **_clip_coords(run)}
    attrs = CodecSpec.from_attrs(run.ds.attrs).to_attrs()
    ds = xr.Dataset(variables, coords, {**attrs, "map": run.projection.method})
    ds["cluster"].attrs["long_name"] = "cluster, the largest being 0, and -1 for none"
    return ds


def _found(run: ClusterRun) -> dict[str, Any]:
    x, y = run.projection.xy.T
    return {"cluster": run.clustering.labels, "x": x, "y": y}


def _clip_coords(run: ClusterRun) -> dict[str, xr.Variable]:
    """Return the labels of the clips, those left out that have the name of a result."""
    taken = {"clip", *_found(run)}
    return {
        str(name): coord.variable
        for name, coord in run.ds.coords.items()
        if coord.dims == ("clip",) and name not in taken
    }
