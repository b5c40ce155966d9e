"""Codes as a sequence of clips, for scikit-learn to count, split and shuffle."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.selection import clip_values, select_clips
from qtokfeatures.labelled.spec import CodecSpec

Array = npt.NDArray[Any]

_ROWS_SHOWN = 5
_FRAMES_READ_AT_ONCE = 2**16


class CodeSequence:
    """Codes as a sequence of clips, which scikit-learn takes as samples.

    ``len(ds)`` of a Dataset counts its variables and ``isel(clip=…)`` leaves frames behind; a
    ``CodeSequence`` has one item per clip and keeps clips whole.

    Parameters
    ----------
    dataset : xarray.Dataset
        Codes. A lazily opened store is read when clips are.

    Attributes
    ----------
    dataset : xarray.Dataset
        The codes, as given.

    Raises
    ------
    SchemaError
        If `dataset` does not follow the schema of codes.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.labelled import CodecSpec, build_codes
    >>> spec = CodecSpec("mini", "1", 24000, 12.5, 1920, 16, 2048, "0f3a", 64)
    >>> ds = build_codes(
    ...     [np.full((16, n), n) for n in (4, 2, 3)], spec=spec, n_samples=[7680, 3840, 5760],
    ...     sample_rates=[24000] * 3, sources=["a.wav", "b.wav", "c.wav"],
    ... )
    >>> sequence = CodeSequence(ds)
    >>> len(sequence), sequence[1].shape
    (3, (16, 2))
    >>> [codes.shape for codes in sequence[[2, 0]]]
    [(16, 3), (16, 4)]
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, dataset: xr.Dataset) -> None:
        schema.check_codes(dataset)
        self.dataset = dataset

    @property
    def shape(self) -> tuple[int]:
        """Number of clips, as a tuple of one element, as NumPy and scikit-learn expect."""
        return (self.dataset.sizes[schema.CLIP],)

    @property
    def spec(self) -> CodecSpec:
        """The codec that made the codes."""
        return CodecSpec.from_attrs(self.dataset.attrs)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Return one clip's codes for an int or id, a CodeSequence for any other key."""
        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:
            key = key[0]  # scikit-learn indexes whatever has a shape with [rows, ...]
        if isinstance(key, (int, np.integer, str)) and not isinstance(key, bool):
            return clip_values(self.dataset, key)
        return CodeSequence(select_clips(self.dataset, key))

    def __iter__(self) -> Iterator[Array]:
        """Yield the (codebook, frame) codes of each clip, reading a store in large pieces."""
        counts = self.dataset[schema.FRAME_COUNT].values
        ends = np.cumsum(counts)
        first = 0
        while first < len(counts):
            start = ends[first] - counts[first]
            last = max(first + 1, int(np.searchsorted(ends, start + _FRAMES_READ_AT_ONCE)))
            piece = self.dataset.variables[schema.CODES][:, start : ends[last - 1]].values
            for clip in range(first, last):
                stop = ends[clip] - start
                yield np.array(piece[:, stop - counts[clip] : stop])
            first = last

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Return an array of objects, each the codes of one clip; there is no array of numbers."""
        if dtype is not None and np.dtype(dtype) != object:
            raise InputError(
                f"clips have different lengths and cannot become an array of {np.dtype(dtype)}: "
                "turn them into features first, for example with TokenHistogram()"
            )
        array = np.empty(len(self), dtype=object)
        for index, codes in enumerate(self):
            array[index] = codes
        return array

    def __eq__(self, other: object) -> bool:
        """Compare codes, coordinates and attributes, package versions excepted."""
        if not isinstance(other, CodeSequence):
            return NotImplemented
        return _without_versions(self.dataset).identical(_without_versions(other.dataset))

    def __repr__(self) -> str:
        counts = self.dataset[schema.FRAME_COUNT].values
        lines = [
            f"<CodeSequence of {len(self)} clips, {int(counts.sum())} frames: {self._codec()}>"
        ]
        ids = self.dataset[schema.CLIP].values[:_ROWS_SHOWN]
        width = max((len(str(clip)) for clip in ids), default=0)
        lines += [
            f"  {clip!s:<{width}}  {count} frames" for clip, count in zip(ids, counts, strict=False)
        ]
        if len(self) > _ROWS_SHOWN:
            lines.append(f"  … {len(self) - _ROWS_SHOWN} more")
        if labels := schema.label_names(self.dataset):
            lines.append(f"labels: {', '.join(labels)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        names = [schema.FRAME_COUNT, schema.DURATION, *schema.label_names(self.dataset)]
        columns = [self.dataset[name].values[:_ROWS_SHOWN].tolist() for name in names]
        ids = self.dataset[schema.CLIP].values[:_ROWS_SHOWN].tolist()
        head = "".join(f"<th>{html.escape(name)}</th>" for name in [schema.CLIP, *names])
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
            for row in zip(ids, *columns, strict=True)
        )
        more = f"<p>… {len(self) - _ROWS_SHOWN} more</p>" if len(self) > _ROWS_SHOWN else ""
        return (
            f"<div><p><b>CodeSequence</b> of {len(self)} clips, {html.escape(self._codec())}</p>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}</div>"
        )

    def _codec(self) -> str:
        spec, n_codebooks = self.spec, self.dataset.sizes[schema.CODEBOOK]
        return f"{n_codebooks} codebooks of {spec.codebook_size} codes, {spec.describe()}"


def as_code_sequence(codes: Any) -> CodeSequence:
    """Return a Dataset or CodeSequence of codes as a CodeSequence.

    Parameters
    ----------
    codes : CodeSequence or xarray.Dataset
        Codes.

    Returns
    -------
    CodeSequence

    Raises
    ------
    InputError
        If `codes` is something else.
    SchemaError
        If a Dataset does not follow the schema.
    """
    if isinstance(codes, CodeSequence):
        schema.check_codes(codes.dataset)
        return codes
    if isinstance(codes, xr.Dataset):
        return CodeSequence(codes)
    raise InputError(
        f"expected codes as a CodeSequence or Dataset, got {type(codes).__name__}: "
        "codec.encode_many and QTokenizer().encode make them from audio, "
        "qtokfeatures.labelled.build_codes from bare arrays"
    )


def _without_versions(ds: xr.Dataset) -> xr.Dataset:
    ds = ds.copy(deep=False)
    ds.attrs.pop(schema.VERSIONS_ATTR, None)
    return ds
