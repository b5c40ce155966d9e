"""The accessor ``Dataset.qtok``: selection, views, labels and storage of codes."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import concat, schema, selection, stores, views
from qtokfeatures.labelled import labels as clip_labels
from qtokfeatures.labelled.concat import OnDuplicate
from qtokfeatures.labelled.sequence import CodeSequence
from qtokfeatures.labelled.spec import CodecSpec

if TYPE_CHECKING:
    import pandas as pd


@xr.register_dataset_accessor("qtok")  # type: ignore[no-untyped-call]
class CodesAccessor:
    """Select, inspect, count, concatenate, store and decode the clips of a codes Dataset.

    Every use checks that the Dataset follows the schema. A Dataset whose frames no longer belong
    to its clips, such as the result of ``ds.isel(clip=…)``, raises SchemaError.

    Parameters
    ----------
    dataset : xarray.Dataset
        Codes.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.labelled import CodecSpec, build_codes
    >>> spec = CodecSpec("mini", "1", 24000, 12.5, 1920, 16, 2048, "0f3a", 64)
    >>> ds = build_codes(
    ...     [np.full((16, n), n) for n in (4, 2, 3)], spec=spec, n_samples=[7680, 3840, 5760],
    ...     sample_rates=[24000] * 3, sources=["a.wav", "b.wav", "c.wav"],
    ...     labels={"instrument": ["flute", "oboe", "flute"]},
    ... )
    >>> ds.qtok.n_clips
    3
    >>> ds.qtok.sel_clips(instrument="flute")["clip"].values.tolist()
    ['a.wav', 'c.wav']
    >>> ds.qtok.clip("b.wav").shape
    (16, 2)
    >>> ds.isel(clip=[0]).qtok.n_clips
    Traceback (most recent call last):
      ...
    qtokfeatures.exceptions.SchemaError: variable 'frame_count' adds up to 4 frames, but dimension \
'frame' has 9: isel and sel on 'clip' leave frames behind, subset with ds.qtok.sel_clips(...)
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset
        self._in_order: list[xr.Variable | None] = []  # those whose frames were checked

    def __len__(self) -> int:
        """Return the number of clips."""
        return self.n_clips

    def __repr__(self) -> str:
        return f"<qtok accessor of {self.sequence()!r}>"

    @property
    def n_clips(self) -> int:
        """Number of clips."""
        return self._checked().sizes[schema.CLIP]

    @property
    def spec(self) -> CodecSpec:
        """The codec that made the codes."""
        return CodecSpec.from_attrs(self._checked().attrs)

    @property
    def clip_ids(self) -> list[str]:
        """The id of every clip."""
        return [str(clip) for clip in self._checked()[schema.CLIP].values]

    @property
    def labels(self) -> pd.DataFrame:
        """Labels as a table with one row per clip and the clip ids as index."""
        ds = self._checked()
        import pandas as pd

        index = pd.Index(self.clip_ids, name=schema.CLIP)
        return pd.DataFrame({n: ds[n].values for n in schema.label_names(ds)}, index=index)

    @property
    def skipped(self) -> list[dict[str, Any]]:
        """Items that could not be encoded, as ``{"index", "source", "error"}``."""
        return concat.skipped_items(self._checked())

    def validate(self) -> xr.Dataset:
        """Check everything, including each code and id; codes in a store are read.

        Returns
        -------
        xarray.Dataset
            The Dataset itself.

        Raises
        ------
        SchemaError
            If the Dataset does not follow the schema.
        CodesError
            If a code is out of range. Names clip, codebook, frame and value.
        """
        schema.validate_codes(self._dataset)
        return self._dataset

    def sequence(self) -> CodeSequence:
        """Return the clips as a sequence, for scikit-learn.

        Returns
        -------
        CodeSequence
        """
        return CodeSequence(self._dataset)

    def sel_clips(self, selector: Any = None, /, **labels: Any) -> xr.Dataset:
        """Select clips with all of their frames.

        Parameters
        ----------
        selector : int, str, slice, array-like of bool, int or str, or callable, optional
            A position (negative from the end), a clip id, a slice of positions, a mask, positions
            or ids in any order, or a function that takes the Dataset and returns any of these.
        **labels : object
            For each label one value, a collection of values, or a function that takes the label's
            values (clip,) and returns a mask. Applied after `selector`.

        Returns
        -------
        xarray.Dataset
            The selected clips in the order of `selector`. The id of a clip selected twice gets
            ``#2`` appended the second time.

        Raises
        ------
        InputError
            If an id or label is unknown, or a mask has the wrong length.
        IndexError
            If a position is out of range.

        Examples
        --------
        >>> import numpy as np
        >>> from qtokfeatures.labelled import CodecSpec, build_codes
        >>> spec = CodecSpec("mini", "1", 24000, 12.5, 1920, 16, 2048, "0f3a", 64)
        >>> ds = build_codes(
        ...     [np.full((16, n), n) for n in (4, 2, 3)], spec=spec, n_samples=[7680, 3840, 5760],
        ...     sample_rates=[24000] * 3, sources=["a.wav", "b.wav", "c.wav"],
        ...     labels={"instrument": ["flute", "oboe", "harp"], "year": [1786, 1791, 1786]},
        ... )
        >>> ds.qtok.sel_clips(["c.wav", "a.wav"]).qtok.clip_ids
        ['c.wav', 'a.wav']
        >>> ds.qtok.sel_clips(lambda ds: ds["duration"] > 0.2).qtok.clip_ids
        ['a.wav', 'c.wav']
        >>> ds.qtok.sel_clips(instrument=["flute", "oboe"], year=1786).qtok.clip_ids
        ['a.wav']
        """
        return selection.select_clips(self._checked(), selector, labels)

    def clip(self, clip: int | str) -> npt.NDArray[np.int16]:
        """Return the codes of one clip.

        Parameters
        ----------
        clip : int or str
            Position (negative from the end) or id.

        Returns
        -------
        ndarray of int16 (codebook, frame)
            A copy.

        Raises
        ------
        InputError
            If there is no clip of that id.
        IndexError
            If the position is out of range.
        """
        return selection.clip_values(self._checked(), clip)

    def frame_slices(self) -> list[slice]:
        """Return the position of each clip along ``frame``.

        Returns
        -------
        list of slice (clip,)
        """
        counts = self._checked()[schema.FRAME_COUNT].values
        stops = np.cumsum(counts)
        starts = stops - counts
        return list(map(slice, starts.tolist(), stops.tolist()))

    def padded(self) -> xr.DataArray:
        """Return the codes with all clips padded to the longest.

        Returns
        -------
        xarray.DataArray of int16 (clip, codebook, frame)
            −1 where a clip has no frame. ``frame_count`` and all labels are coordinates.

        See Also
        --------
        unpad_codes : The inverse.
        """
        return views.pad_codes(self._checked())

    def counts(self) -> xr.DataArray:
        """Count how often each clip uses each code.

        Returns
        -------
        xarray.DataArray of int32 (clip, codebook, code)
            The counts of each clip and codebook add up to the clip's frames. A clip of 16 codebooks
            of 2048 codes takes 128 kB: use a sparse ``TokenHistogram`` for large collections.
        """
        return views.count_codes(self._checked())

    def concat(
        self, *others: xr.Dataset | CodeSequence, on_duplicate: OnDuplicate = "rename"
    ) -> xr.Dataset:
        """Append the clips of other Datasets.

        Parameters
        ----------
        *others : xarray.Dataset or CodeSequence
            Codes of the same codec.
        on_duplicate : {"rename", "raise"}
            Whether clip ids that occur again get ``#2``, ``#3``, … appended, or raise.

        Returns
        -------
        xarray.Dataset

        Raises
        ------
        CodecMismatchError
            If the fingerprints differ. Names both codecs.
        InputError
            If labels or numbers of codebooks differ, or an id repeats and must not.

        See Also
        --------
        concat_codes : The same as a function.
        """
        return concat.concat_codes([self._checked(), *others], on_duplicate=on_duplicate)

    def with_labels(
        self, labels: Mapping[str, Any] | pd.DataFrame, *, on: str | None = None
    ) -> xr.Dataset:
        """Add labels.

        Parameters
        ----------
        labels : mapping of str to (array-like (clip,) or mapping), DataFrame or Series
            Values in the order of the clips, or by clip id; or a table (pandas or polars) with one
            column per label. A Series, DataFrame or DataArray whose index is not 0, 1, 2, … names
            the clips by it. Values are text, numbers, booleans or dates without a time zone, of
            the years 1678 to 2261; give other dates as text. Whole numbers beside missing values
            become float64.
        on : str, optional
            Column of the table that names the clips: by id, by source, or by a tail of the source
            such as ``"train/a.wav"``. Rows of other clips are ignored.

        Returns
        -------
        xarray.Dataset
            A new Dataset. Existing labels of the same names are replaced.

        Raises
        ------
        InputError
            If a length is wrong, a name is taken by the schema or twice in the table, a clip has
            no row, or a value would not be kept exactly.
        """
        return clip_labels.add_labels(self._checked(), labels, on=on)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> Path:
        """Write the codes to a netCDF file or a Zarr folder.

        Parameters
        ----------
        path : str or os.PathLike
            ``*.nc`` or ``*.zarr``.
        overwrite : bool, default True
            Whether an existing file or folder of codes may be replaced.

        Returns
        -------
        Path
            `path`.

        Raises
        ------
        InputError
            If the suffix is another one, something cannot be stored, or `path` may not be replaced.

        See Also
        --------
        load_codes : Read them back.
        append_codes : Add clips to a store.
        """
        return stores.save_codes(self._checked(), path, overwrite=overwrite)

    def decode(self, codec: Any, **options: Any) -> list[tuple[npt.NDArray[np.float32], int]]:
        """Decode the codes to audio.

        Parameters
        ----------
        codec : Codec
            From ``qtokfeatures.load_codec``; the codec that made the codes.
        **options : object
            Passed to ``codec.decode_many``, for example ``original=False``.

        Returns
        -------
        list of (ndarray of float32 (sample,), int)
            Audio and sample rate in Hz of each clip.

        Raises
        ------
        CodecMismatchError
            If another codec made the codes. Names both.
        """
        ds = self._checked()
        if not hasattr(codec, "decode_many"):
            raise InputError(
                f"expected a codec, got {codec!r}: "
                f"qtokfeatures.load_codec({self.spec.name!r}) loads the codec of these codes"
            )
        self.spec.check_matches(codec.spec)
        decoded: list[tuple[npt.NDArray[np.float32], int]] = codec.decode_many(ds, **options)
        return decoded

    def _checked(self) -> xr.Dataset:
        variables = [self._dataset.variables.get(name) for name in schema.FRAME_ORDER]
        known = bool(self._in_order) and all(map(operator.is_, variables, self._in_order))
        schema.check_codes(self._dataset, frames_in_order=known)
        self._in_order = variables
        return self._dataset
