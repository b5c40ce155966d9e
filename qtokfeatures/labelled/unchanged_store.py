"""Lazily opened codes, which raise if their store was replaced or a code is out of range."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from qtokfeatures.exceptions import CodesError, InputError, QtokError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.spec import CodecSpec

_MARK = ".qtok-store"


def guarded(ds: xr.Dataset, path: Path) -> xr.Dataset:
    """Return lazily opened codes with a check after every read from the store at `path`."""
    stamp, size = store_state(path), CodecSpec.from_attrs(ds.attrs).codebook_size
    lazy = {
        name: _guard(variable, path, stamp, size if name == schema.CODES else None)
        for name, variable in ds.variables.items()
        if schema.FRAME in variable.dims
    }
    coords = {name: variable for name, variable in lazy.items() if name in ds.coords}
    data = {name: variable for name, variable in lazy.items() if name not in ds.coords}
    guarded_ds = ds.assign(data).assign_coords(coords)
    guarded_ds.set_close(ds.close)
    return guarded_ds


def _guard(variable: xr.Variable, path: Path, stamp: str, size: int | None) -> xr.Variable:
    array: Any = indexing.LazilyIndexedArray(_GuardedArray(variable, path, stamp, size))
    cached: Any = indexing.MemoryCachedArray  # as xarray's own open_dataset has it
    cached = cached(indexing.CopyOnWriteArray(array))
    return xr.Variable(variable.dims, cached, variable.attrs, fastpath=True)


class _GuardedArray(BackendArray):
    """Values of a lazily read variable, of one state of its store."""

    def __init__(
        self, variable: xr.Variable, path: Path, stamp: str, codebook_size: int | None
    ) -> None:
        self.variable, self.path, self.stamp = variable, path, stamp
        self.codebook_size = codebook_size
        self.shape, self.dtype = variable.shape, variable.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> npt.NDArray[Any]:
        try:
            values = np.asarray(self.variable[key].values)
        except QtokError:
            raise
        except Exception as error:  # what HDF5 and Zarr raise on damage is not specified
            self._check_unchanged()  # a store that was replaced lacks files, too
            raise InputError(f"{self.path} cannot be read as codes: {error}") from error
        self._check_unchanged()  # after the read, so that a replacement in its midst shows as well
        size = self.codebook_size
        if size is not None and values.size and not 0 <= values.min() <= values.max() < size:
            raise CodesError(f"{self.path} holds codes outside 0 … {size - 1}")
        return values

    def _check_unchanged(self) -> None:
        if store_state(self.path) != self.stamp:
            raise InputError(
                f"{self.path} was replaced or removed after it was opened with lazy=True: open it "
                "again with load_codes"
            )


def mark_store(path: Path) -> None:
    """Give a Zarr folder an identity, which appending keeps."""
    (path / schema.CODES / _MARK).write_text(uuid.uuid4().hex)


def store_state(path: Path) -> str:
    """Return what identifies the store at `path`, or "" if it was removed."""
    try:
        if path.is_dir() and (path / schema.CODES / _MARK).is_file():
            return (path / schema.CODES / _MARK).read_text()
        status = path.stat()
    except OSError:
        return ""
    # A folder of an older version has an inode only, because its times change with every append.
    return f"{status.st_ino}" if path.is_dir() else f"{status.st_ino} {status.st_mtime_ns}"
