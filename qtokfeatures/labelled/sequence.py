"""Codes as a sequence of clips, for scikit-learn to count, split and shuffle."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.selection import clip_values, select_clips, take_windows
from qtokfeatures.labelled.spec import CodecSpec

Array = npt.NDArray[Any]

_ROWS_SHOWN, _LABELS_SHOWN, _CELL, _LINE = 5, 6, 40, 70  # of a repr, to fit a notebook's cell
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

    def windows(self, seconds: float, step: float | None = None) -> CodeSequence:
        """Cut the clips into windows of equal length, each a clip of its own.

        An incomplete window at the end of a clip is left out; a clip shorter than one window
        becomes one window of its own length.

        Parameters
        ----------
        seconds : float
            Length of a window in seconds, rounded to whole frames, at least one.
        step : float, optional
            Seconds from the start of a window to the next, rounded to whole frames, at least one.
            By default `seconds`: no overlap and no gaps.

        Returns
        -------
        CodeSequence
            The windows of all clips in order, with the labels of their clips and two more:
            ``window_start`` in seconds from the start of the clip, and ``window_clip``, the id of
            the clip. A window's id is both, as in ``"a.wav@3.20"``.

        Raises
        ------
        InputError
            If `seconds` or `step` is not a finite number above 0.

        Examples
        --------
        >>> import qtokfeatures as qt
        >>> ds = qt.load_codec("mini").encode_many([np.zeros(48_000), np.zeros(6_000)], sr=24_000)
        >>> windows = qt.CodeSequence(ds).windows(0.8, step=0.4)
        >>> windows.dataset["window_start"].values.tolist()
        [0.0, 0.4, 0.8, 1.2, 0.0]
        """
        return CodeSequence(take_windows(self.dataset, seconds, seconds if step is None else step))

    def __repr__(self) -> str:
        ds = self.dataset
        sizes = f"{ds.sizes[schema.FRAME]} frames, {ds.sizes[schema.CODEBOOK]} codebooks"
        lines = [f"<CodeSequence: {len(self)} clips, {sizes}>", f"codec: {self._codec()}"]
        ids = [_cut(clip) for clip in ds[schema.CLIP].values[:_ROWS_SHOWN]]
        width = max(map(len, ids), default=0)
        counts = ds[schema.FRAME_COUNT].values
        lines += [f"  {clip:<{width}}  {n} frames" for clip, n in zip(ids, counts, strict=False)]
        if len(self) > _ROWS_SHOWN:
            lines.append(f"  … {len(self) - _ROWS_SHOWN} more")
        if labels := schema.label_names(ds):
            listed = textwrap.shorten(", ".join(map(_cut, labels)), _LINE, placeholder=" …")
            lines.append(f"labels: {listed}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        labels = schema.label_names(self.dataset)
        names = [schema.FRAME_COUNT, schema.DURATION, *labels[:_LABELS_SHOWN]]
        columns = [self.dataset[name].values[:_ROWS_SHOWN].tolist() for name in names]
        ids = self.dataset[schema.CLIP].values[:_ROWS_SHOWN].tolist()
        head = "".join(f"<th>{html.escape(_cut(name))}</th>" for name in [schema.CLIP, *names])
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_cut(cell))}</td>" for cell in row) + "</tr>"
            for row in zip(ids, *columns, strict=True)
        )
        left_out = [
            f"{count} more {what}"
            for count, what in (
                (len(self) - _ROWS_SHOWN, "clips"),
                (len(labels) - _LABELS_SHOWN, "labels"),
            )
            if count > 0
        ]
        more = f"<p>… {', '.join(left_out)}</p>" if left_out else ""
        return (
            "<div style='overflow-x: auto'>"
            f"<p><b>CodeSequence</b> of {len(self)} clips, {html.escape(self._codec())}</p>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}</div>"
        )

    def _codec(self) -> str:
        spec = self.spec
        return f"{_cut(spec.name)} (fingerprint {spec.fingerprint[:16]})"


def _cut(value: Any) -> str:
    """Return a value as text that fits a cell."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"


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
