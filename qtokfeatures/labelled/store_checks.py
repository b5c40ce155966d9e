"""Checks of untrusted stores: no foreign codecs, no other files, no sizes beyond the content."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from qtokfeatures.exceptions import SchemaError

# What save_codes writes with the supported versions of zarr. Others, such as pickle, may run code.
_ZARR_CODECS = {"blosc", "zstd", "vlen-utf8", "bytes"}
_HDF5_FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32"}

_METADATA = (".zarray", ".zgroup", ".zattrs", ".zmetadata", "zarr.json")
_MOST_ITEM_BYTES = 2**10  # a fixed width compresses by any factor
_LEAST_TEXT_BYTES = 2**24
_MOST_RATIO = 300  # LZ4, which save_codes compresses by, reaches 255
_MOST_CHUNK_BYTES = 2**30  # chunks of save_codes take 0.5 to 2 MB
# Arrays of version 1 leave out chunks of zeros only, so that few can be missing.
_MOST_MISSING_BYTES = 2**26


def check_zarr(path: Path) -> None:
    """Raise SchemaError if a Zarr folder names foreign codecs, holds links or lacks chunks."""
    if not path.is_dir():
        raise SchemaError(f"{path} is not a folder: expected a Zarr folder of codes")
    for file in path.rglob("*"):
        if file.is_symlink():
            raise SchemaError(f"{path} holds the link {file.name!r}: stores of codes hold none")
        if file.is_fifo():  # it would be waited for
            raise SchemaError(f"{path} holds the pipe {file.name!r}: stores of codes hold none")
    if (path / "zarr.json").exists() and any((path / name).exists() for name in _METADATA[:4]):
        raise SchemaError(f"{path} is described for versions 2 and 3 of Zarr: expected one of them")
    arrays: dict[str, dict[str, Any]] = {}
    for file in sorted(file for name in _METADATA for file in path.rglob(name)):
        for name, node in _nodes(path, file):
            _check_codecs(path, name, node)
            if "shape" in node and (name not in arrays or file.parent == path):  # consolidated
                arrays[name] = node
    most_missing = 0 if _version(path) >= 2 else _MOST_MISSING_BYTES
    for name, node in arrays.items():
        _check_chunks(path, name, node, most_missing)


def _version(path: Path) -> int:
    for name in (".zattrs", "zarr.json"):
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            found = json.loads((path / name).read_text(encoding="utf-8"))
            return int(found.get("attributes", found)["schema_version"])
    return 1


def _nodes(path: Path, file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and description of every array and group in a file of metadata."""
    if file.name == ".zattrs":
        return
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise TypeError(f"{type(found).__name__} instead of an object")
        inside = found.get("consolidated_metadata") or {}
        entries = found["metadata"] if file.name == ".zmetadata" else inside.get("metadata", {})
        entries = {key.removesuffix("/.zarray"): node for key, node in entries.items()}
        if file.name != ".zmetadata":
            entries[file.parent.relative_to(path).as_posix()] = found
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise SchemaError(f"{path} has unreadable metadata in {file.name}: {error}") from error
    for key, node in entries.items():
        if PurePosixPath(key).name in (".zattrs", ".zgroup"):
            continue
        if not isinstance(node, dict) or "/" in key or "\\" in key or key == "..":
            raise SchemaError(f"{path} describes {key!r}: stores of codes hold plain arrays only")
        yield key, node


def _check_codecs(path: Path, name: str, node: dict[str, Any]) -> None:
    steps = [node.get("compressor"), *(node.get("filters") or []), *(node.get("codecs") or [])]
    if node.get("storage_transformers"):
        steps.append({"id": "storage_transformers"})
    for step in steps:
        codec = step.get("id", step.get("name")) if isinstance(step, dict) else step
        if step is not None and codec not in _ZARR_CODECS:
            raise SchemaError(
                f"array {name!r} of {path} names the codec {codec!r}, which is not opened: "
                f"save_codes writes {', '.join(sorted(_ZARR_CODECS))} only"
            )


def _check_chunks(path: Path, name: str, node: dict[str, Any], most_missing: int) -> None:
    try:
        shape = [int(size) for size in node["shape"]]
        grid = node.get("chunks") or node["chunk_grid"]["configuration"]["chunk_shape"]
        chunks = [int(size) for size in grid]
        is_valid = len(chunks) == len(shape) and min(shape, default=0) >= 0 < min(chunks, default=1)
        item = _item_bytes(node.get("dtype", node.get("data_type")))
        prefix, separator = _chunk_names(node)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise SchemaError(f"array {name!r} of {path} has unreadable metadata: {error}") from error
    chunk_bytes = math.prod(chunks) * item
    if not is_valid or chunk_bytes > _MOST_CHUNK_BYTES:
        raise SchemaError(
            f"array {name!r} of {path} has shape {shape} in chunks of {chunks}: expected chunks of "
            f"at most {_MOST_CHUNK_BYTES} bytes"
        )
    grid = [-(-size // length) for size, length in zip(shape, chunks, strict=True)]
    folder = path / name
    present = [
        file
        for file in folder.rglob("*")
        if _is_chunk(file.relative_to(folder).as_posix(), grid, prefix, separator)
    ]
    for file in filter(Path.is_file, present):
        _check_promise(path, name, file, node, math.prod(chunks), chunk_bytes)
    missing = math.prod(grid) - len(present)
    if missing > 0 and missing * chunk_bytes > most_missing:
        raise SchemaError(
            f"array {name!r} of {path} lacks {missing} of the {math.prod(grid)} chunks that its "
            f"shape {shape} needs: the store is incomplete"
        )


def _check_promise(
    path: Path, name: str, file: Path, node: dict[str, Any], length: int, chunk_bytes: int
) -> None:
    """Raise SchemaError for a chunk that begins with a size beyond what the array has."""
    if (node.get("compressor") or {}).get("id") != "blosc":
        return
    with file.open("rb") as opened:
        header = opened.read(16)
    promised = int.from_bytes(header[4:8], "little")
    is_text = bool(node.get("filters"))
    most = max(_LEAST_TEXT_BYTES, _MOST_RATIO * file.stat().st_size) if is_text else chunk_bytes
    if promised <= most and is_text:
        with contextlib.suppress(RuntimeError, ValueError):  # reading it raises as well
            from numcodecs import Blosc

            text = bytes(Blosc().decode(file.read_bytes())[:4])  # begins with how many follow
            promised, most = int.from_bytes(text, "little"), length
    if promised > most:
        raise SchemaError(
            f"chunk {file.name} of array {name!r} of {path} promises {promised} bytes or items: "
            f"expected at most {most}"
        )


def _chunk_names(node: dict[str, Any]) -> tuple[str, str]:
    """Return what the names of an array's chunks begin with, and what separates their numbers."""
    encoding = node.get("chunk_key_encoding")
    if encoding is None:
        return "", node.get("dimension_separator") or "."
    is_default = encoding["name"] == "default"
    separator = encoding.get("configuration", {}).get("separator", "/" if is_default else ".")
    return "c" + separator if is_default else "", separator


def _is_chunk(name: str, grid: list[int], prefix: str, separator: str) -> bool:
    """Return whether a file is a chunk inside the grid, not metadata or an interrupted append."""
    if not grid:
        return name == (prefix[:1] or "0")
    index = name.removeprefix(prefix).split(separator)
    if not name.startswith(prefix) or len(index) != len(grid):
        return False
    return all(
        part.isdigit() and int(part) < length for part, length in zip(index, grid, strict=True)
    )


def _item_bytes(dtype: Any) -> int:
    digits = "".join(filter(str.isdigit, dtype)) if isinstance(dtype, str) else ""
    return max(1, int(digits or 8))  # of float64 and int16 in version 3 the bits, which is more


def check_netcdf(path: Path) -> None:
    """Raise SchemaError if a netCDF file reads other files, or claims more than it holds."""
    import h5py

    with h5py.File(path, "r") as file:
        for name in file:
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                raise SchemaError(f"{path} holds the link {name!r}: files of codes hold none")
            if file.get(name, getclass=True) is not h5py.Dataset:
                raise SchemaError(f"{path} holds {name!r}: files of codes hold plain arrays only")
            _check_dataset(path, name, file[name])


def _check_dataset(path: Path, name: str, dataset: Any) -> None:
    if dataset.is_virtual or dataset.external:
        raise SchemaError(f"array {name!r} of {path} lies in another file, which is not read")
    created = dataset.id.get_create_plist()
    filters = {created.get_filter(index)[0] for index in range(created.get_nfilters())}
    if unknown := filters - set(_HDF5_FILTERS):
        raise SchemaError(
            f"array {name!r} of {path} names the HDF5 filters {sorted(unknown)}, which are not "
            f"opened: save_codes writes {', '.join(_HDF5_FILTERS.values())} only"
        )
    if dataset.dtype.itemsize > _MOST_ITEM_BYTES:
        raise SchemaError(
            f"array {name!r} of {path} holds items of {dataset.dtype.itemsize} bytes: save_codes "
            "writes numbers, and text of any length"
        )
    if dataset.shape is None or _is_bare_dimension(dataset):
        return
    if dataset.chunks:
        grid = zip(dataset.shape, dataset.chunks, strict=True)
        missing = math.prod(-(-size // length) for size, length in grid)
        missing -= dataset.id.get_num_chunks()
    else:
        missing = int(dataset.id.get_storage_size() < dataset.size * dataset.dtype.itemsize)
    if dataset.size and missing > 0:
        raise SchemaError(
            f"array {name!r} of {path} has shape {dataset.shape}, but its values are missing: the "
            "file is incomplete"
        )


def _is_bare_dimension(dataset: Any) -> bool:
    """Return whether this is a dimension without values, which netCDF stores as an array."""
    name = dataset.attrs.get("NAME", b"")
    return bytes(name).startswith(b"This is a netCDF dimension but not a netCDF variable")
