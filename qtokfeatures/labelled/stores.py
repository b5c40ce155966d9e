"""Stores of codes: netCDF files and Zarr folders, which keep a Dataset bit for bit."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import xarray as xr
from filelock import FileLock, Timeout

from qtokfeatures.exceptions import InputError, QtokError, WriteError
from qtokfeatures.files import atomic_write, recover
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.concat import OnDuplicate, concat_codes, skipped_items
from qtokfeatures.labelled.selection import with_variables
from qtokfeatures.labelled.sequence import CodeSequence, as_code_sequence
from qtokfeatures.labelled.store_checks import check_netcdf, check_zarr
from qtokfeatures.labelled.stored_form import from_stored, to_stored
from qtokfeatures.labelled.unchanged_store import guarded, mark_store, store_state
from qtokfeatures.labelled.zarr_append import append_to_zarr, can_append

Format = Literal["netcdf", "zarr"]

_SUFFIXES: dict[str, Format] = {".nc": "netcdf", ".nc4": "netcdf", ".zarr": "zarr"}

# Long enough that a compressed piece is worth opening, short enough to read a few clips only:
# 16384 frames are 22 minutes at 12.5 frames a second, 512 kB of 16 codebooks.
_FRAMES_PER_CHUNK = 2**14
_CLIPS_PER_CHUNK = 2**14

# Version 2 of the Zarr format: version 3 does not specify text and consolidated metadata yet.
_ZARR_FORMAT = 2

_MOST_TRIES = 20  # of reading a store that is replaced meanwhile
_PATIENCE_S = 600.0  # longer than any append takes; a lock ends with its process


def save_codes(
    codes: xr.Dataset | CodeSequence, path: str | os.PathLike[str], *, overwrite: bool = True
) -> Path:
    """Write codes to a netCDF file or a Zarr folder.

    The file or folder is written atomically: an interrupted write leaves no partial store.

    Parameters
    ----------
    codes : xarray.Dataset or CodeSequence
        Codes.
    path : str or os.PathLike
        ``*.nc`` (netCDF 4, through h5netcdf) or ``*.zarr`` (a folder, chunked along ``frame``).
    overwrite : bool, default True
        Whether existing codes may be replaced. A folder that is no Zarr store never is.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        If the suffix is another one, something in the Dataset cannot be stored, or `path` exists
        and may not be replaced.
    WriteError
        If the disk is full or refuses to be written. Existing codes stay as they were.

    See Also
    --------
    load_codes : Read them back.
    append_codes : Add clips to a store.

    Examples
    --------
    >>> import numpy as np
    >>> import qtokfeatures as qt
    >>> codec = qt.load_codec("mini")
    >>> ds = codec.encode_many([np.zeros(48_000), np.zeros(6_000)], sr=24_000)
    >>> path = qt.save_codes(ds, "codes.nc")
    >>> qt.load_codes(path).identical(ds)
    True
    """
    ds = as_code_sequence(codes).dataset
    path = Path(path).expanduser()
    with _store_lock(path) if path.exists() else contextlib.nullcontext():
        return _save(ds, path, overwrite=overwrite)


def load_codes(path: str | os.PathLike[str], *, lazy: bool = False) -> xr.Dataset:
    """Read codes from a netCDF file or a Zarr folder.

    Parameters
    ----------
    path : str or os.PathLike
        ``*.nc`` or ``*.zarr``.
    lazy : bool, default False
        Whether codes are read when they are used. Ids and labels are always read at once. Codes
        of a store that was replaced since then raise InputError.

    Returns
    -------
    xarray.Dataset
        Equal to what was saved, in values, dtypes and attributes.

    Raises
    ------
    InputError
        If `path` does not exist or cannot be read.
    SchemaError
        If its content does not follow the schema of codes, or names codecs, links or sizes that
        ``save_codes`` does not write.
    CodesError
        If a code is out of range. Names clip, codebook, frame and value.

    Examples
    --------
    >>> import numpy as np
    >>> import qtokfeatures as qt
    >>> codec = qt.load_codec("mini")
    >>> ds = codec.encode_many([np.zeros(48_000), np.zeros(6_000)], sr=24_000)
    >>> path = qt.save_codes(ds, "codes.zarr")
    >>> qt.load_codes(path, lazy=True).frame_count.values.tolist()
    [25, 4]
    """
    path = Path(path).expanduser()
    kind = _format(path)
    recover(path)
    for _ in range(_MOST_TRIES):
        state = store_state(path)
        try:
            ds = _load(path, kind, lazy=lazy)
        except QtokError:
            if store_state(path) == state:
                raise
        else:
            if store_state(path) == state:
                return ds
    raise InputError(f"{path} is replaced again and again while it is read: try later")


def _load(path: Path, kind: Format, *, lazy: bool) -> xr.Dataset:
    """Read a store, whose files may be of two states if it is replaced meanwhile."""
    if not path.exists():
        raise InputError(f"{path} does not exist: expected a .nc file or .zarr folder of codes")
    try:
        check_zarr(path) if kind == "zarr" else check_netcdf(path)
        opened = _open(path, kind)
        if lazy:
            ds = from_stored(opened)
        else:
            with opened:
                ds = from_stored(opened).load()
    except QtokError:
        raise
    except Exception as error:  # what HDF5 and Zarr raise on damage is not specified
        hint = ": it does not fit into memory" if isinstance(error, MemoryError) else ""
        raise InputError(f"{path} cannot be read as codes: {error}{hint}") from error
    skipped_items(ds)
    if lazy:
        schema.validate_clips(ds)
        return guarded(ds, path)
    schema.validate_codes(ds)
    return ds


def append_codes(
    codes: xr.Dataset | CodeSequence,
    path: str | os.PathLike[str],
    *,
    on_duplicate: OnDuplicate = "raise",
) -> Path:
    """Add clips to a store, which is created if it does not exist.

    Readers of a Zarr store see either none or all of the new clips, and the next append undoes an
    interrupted one. Processes that append at the same time wait for each other. A netCDF file is
    rewritten, and so is a Zarr store whose integer label the new clips lack: it becomes float.

    Parameters
    ----------
    codes : xarray.Dataset or CodeSequence
        Codes of the same codec, with the labels of the store or fewer.
    path : str or os.PathLike
        ``*.zarr`` or ``*.nc``.
    on_duplicate : {"raise", "rename"}
        Whether ids that are stored already raise, or get ``#2``, ``#3``, … appended.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    CodecMismatchError
        If the stored codes are of another codec.
    InputError
        If an id is stored already, or a label cannot be added to those that are stored.
    WriteError
        If the disk is full or refuses to be written.

    Examples
    --------
    >>> import numpy as np
    >>> import qtokfeatures as qt
    >>> codec = qt.load_codec("mini")
    >>> ds = codec.encode_many([np.zeros(48_000), np.zeros(6_000)], sr=24_000)
    >>> for clip in ([0], [1]):
    ...     path = qt.labelled.append_codes(ds.qtok.sel_clips(clip), "growing.zarr")
    >>> qt.load_codes(path).sizes["clip"]
    2
    """
    ds = as_code_sequence(codes).dataset
    path = Path(path).expanduser()
    kind = _format(path)
    with _store_lock(path):
        recover(path)
        if not path.exists():
            return _save(ds, path)
        there = load_codes(path, lazy=kind == "zarr")
        if kind == "zarr" and can_append(there, ds, path):
            try:
                append_to_zarr(there, ds, path, on_duplicate=on_duplicate)
            except OSError as error:
                raise WriteError(error.errno, f"{path} cannot be extended: {error}") from error
            return path
        return _save(concat_codes([there, ds], on_duplicate=on_duplicate), path)


@contextlib.contextmanager
def _store_lock(path: Path) -> Iterator[None]:
    """Keep other processes from writing the same store."""
    lock = FileLock(str(path.with_name(f".{path.name}.lock")))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=_PATIENCE_S)
    except Timeout as error:
        raise WriteError(
            errno.EAGAIN, f"{path} has been written by another process for {_PATIENCE_S:.0f} s"
        ) from error
    except NotImplementedError:  # a file system without locks
        pass
    except OSError as error:
        raise WriteError(error.errno, f"{path} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def _save(ds: xr.Dataset, path: Path, *, overwrite: bool = True) -> Path:
    kind = _format(path)
    _check_replaceable(path, kind, overwrite=overwrite)
    stored = to_stored(ds)
    with atomic_write(path) as fresh:
        if kind == "zarr":
            _write_zarr(stored, fresh)
        else:
            fresh.write_bytes(_netcdf_bytes(stored))
    return path


def _format(path: Path) -> Format:
    try:
        return _SUFFIXES[path.suffix.lower()]
    except KeyError:
        raise InputError(f"codes are stored in {', '.join(_SUFFIXES)}, got {str(path)!r}") from None


def _check_replaceable(path: Path, kind: Format, *, overwrite: bool) -> None:
    if not path.exists():
        return
    if not overwrite:
        raise InputError(f"{path} exists: give another name, or overwrite=True")
    is_store = (path / ".zgroup").is_file() or (path / "zarr.json").is_file()
    if kind == "netcdf" and path.is_dir():
        raise InputError(f"{path} is a folder, which a netCDF file does not replace")
    if kind == "zarr" and not is_store:
        raise InputError(f"{path} exists and is not a Zarr store: give another name")


def _netcdf_bytes(stored: xr.Dataset) -> memoryview:
    """Return the file as bytes: HDF5 ends the process when a disk is full while it writes."""
    import h5netcdf

    compressed = {"zlib": True, "complevel": 1, "shuffle": True}
    encoding = {
        name: compressed
        for name, variable in stored.variables.items()
        if schema.FRAME in variable.dims and variable.size
    }
    image = io.BytesIO()
    with h5netcdf.File(image, "w") as file:
        # Written here and not by a Dask scheduler, which has no file to open again.
        stored.compute().dump_to_store(xr.backends.H5NetCDFStore(file), encoding=encoding)
    return image.getbuffer()


def _write_zarr(stored: xr.Dataset, path: Path) -> None:
    encoding = {
        # Chunks of zeros, too: load_codes takes missing ones for damage.
        name: {"chunks": tuple(_chunks(variable).values()), "write_empty_chunks": True}
        for name, variable in stored.variables.items()
    }
    aligned = _aligned_to_chunks(stored)
    aligned.to_zarr(path, encoding=encoding, consolidated=True, **_zarr_format())
    mark_store(path)


def _aligned_to_chunks(stored: xr.Dataset) -> xr.Dataset:
    """Align the pieces of Dask arrays with the chunks of the store."""
    if not stored.chunks:
        return stored
    aligned = {
        name: variable.chunk(_chunks(variable))
        for name, variable in stored.variables.items()
        if variable.chunks
    }
    return with_variables(stored, aligned)


def _chunks(variable: xr.Variable) -> dict[Any, int]:
    lengths = {schema.FRAME: _FRAMES_PER_CHUNK, schema.CLIP: _CLIPS_PER_CHUNK}
    return {dim: lengths.get(str(dim), max(1, size)) for dim, size in variable.sizes.items()}


def _zarr_format() -> dict[str, Any]:
    import zarr

    return {"zarr_format": _ZARR_FORMAT} if int(zarr.__version__.split(".")[0]) >= 3 else {}


def _open(path: Path, kind: Format) -> xr.Dataset:
    opened: Any = path if kind == "zarr" else _TextStore.open(str(path))
    engine = "zarr" if kind == "zarr" else None
    return xr.open_dataset(opened, engine=engine, chunks=None, decode_timedelta=False)


class _TextStore(xr.backends.H5NetCDFStore):
    """A netCDF file whose text is read as objects, which xarray pads to the longest."""

    def open_store_variable(self, name: Any, var: Any) -> xr.Variable:
        open_variable: Any = super().open_store_variable  # untyped in xarray
        variable: xr.Variable = open_variable(name, var)
        if variable.encoding.get("dtype") is str:
            del variable.encoding["dtype"]
        return variable
