"""Labels of clips: whatever the user has, as arrays that every store keeps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled.schema import RESERVED

Array = npt.NDArray[Any]


def label_array(name: str, values: Any, *, n_clips: int) -> Array:
    """Turn the values of one label into a one-dimensional array of a plain dtype.

    Text becomes ``str`` of the shortest width, and a missing text the empty string. Numbers keep
    their dtype; whole numbers and truth values among which some are missing become float64, with
    NaN for the missing ones.

    Parameters
    ----------
    name : str
        Name of the label, for messages and to be checked.
    values : array-like (clip,)
        List, ndarray, pandas Series or Categorical, or DataArray of text, numbers, truth values or
        dates. ``None``, ``NaN``, ``NaT`` and ``pandas.NA`` are missing values.
    n_clips : int
        How many values there must be.

    Returns
    -------
    ndarray (clip,)
        Of dtype str, bool, int, float or datetime64[ns].

    Raises
    ------
    InputError
        If the name is taken by the schema, the length is wrong, or the values are of mixed or
        unsupported kinds.

    Examples
    --------
    >>> label_array("instrument", ["flute", None, "oboe"], n_clips=3)
    array(['flute', '', 'oboe'], dtype='<U5')
    >>> label_array("year", [1786, None], n_clips=2)
    array([1786.,   nan])
    """
    check_label_name(name)
    array = _one_dimensional(name, values)
    if len(array) != n_clips:
        raise InputError(f"label {name!r} has {len(array)} values for {n_clips} clips")
    return _plain(name, array)


def check_label_name(name: Any) -> None:
    """Refuse a label name that the schema uses or that a store cannot hold.

    Parameters
    ----------
    name : str
        Name of a label.

    Raises
    ------
    InputError
        Says which rule the name breaks.
    """
    if not isinstance(name, str) or not name or name != name.strip() or set(name) & set("/\0"):
        raise InputError(f"a label's name must be text without '/' or outer blanks, got {name!r}")
    if name.startswith((".", "__")):
        raise InputError(f"a label's name cannot start as that of a hidden file, got {name!r}")
    if name in RESERVED:
        raise InputError(f"{name!r} is a name of the codes schema: give the label another one")


def text_array(values: Iterable[Any]) -> Array:
    r"""Return text as a ``str`` array of the shortest width that can be written as UTF-8.

    Lone surrogates, which undecodable file names hold, are spelled out (``\udcff``).

    Parameters
    ----------
    values : iterable of str
        Text. Missing values are the caller's to fill in.

    Returns
    -------
    ndarray of str (clip,)

    Raises
    ------
    InputError
        If a text holds a NUL character, which neither NumPy nor HDF5 keeps.
    """
    texts = [str(value) for value in values]
    joined = "".join(texts)
    if "\0" in joined:
        raise InputError(f"text with a NUL character cannot be stored: {_first_nul(texts)!r}")
    if not joined.isascii() and any("\ud800" <= letter <= "\udfff" for letter in set(joined)):
        texts = [text.encode("utf-8", "backslashreplace").decode() for text in texts]
    return np.array(texts, dtype=str)


def shortest_text(array: Array) -> Array:
    """Return a ``str`` array at the shortest width that holds it; other arrays as they are.

    Parameters
    ----------
    array : ndarray
        Any array. One of fixed-width text may be wider than its longest entry.

    Returns
    -------
    ndarray
    """
    if array.dtype.kind != "U":
        return array
    width = max(1, int(np.char.str_len(array).max(initial=1)))
    return array.astype(f"<U{width}", copy=False)


def missing_like(array: Array, length: int) -> Array:
    """Return missing values that can stand beside those of `array`.

    Parameters
    ----------
    array : ndarray
        The values of a label.
    length : int
        How many missing values.

    Returns
    -------
    ndarray (length,)
        Empty strings, NaT, or NaN.
    """
    if array.dtype.kind in "UOT":
        return np.full(length, "", dtype="<U1")
    if array.dtype.kind == "M":
        return np.full(length, np.datetime64("NaT"), dtype=array.dtype)
    return np.full(length, np.nan)


def _first_nul(texts: list[str]) -> str:
    return next(text for text in texts if "\0" in text)


def _one_dimensional(name: str, values: Any) -> Array:
    if isinstance(values, (str, bytes)) or not np.iterable(values):
        raise InputError(f"label {name!r} must hold one value per clip, got {values!r}")
    if hasattr(values, "to_numpy"):  # pandas: Categorical, nullable and text dtypes included
        values = _from_pandas(values)
    elif not hasattr(values, "__array__"):
        values = _object_array(list(values))
    array = np.asarray(values)
    if array.ndim != 1:
        raise InputError(f"label {name!r} must be one-dimensional, got shape {array.shape}")
    return array


def _from_pandas(values: Any) -> Array:
    is_text = getattr(values.dtype, "type", None) is str
    array: Array = (values.fillna("") if is_text else values).to_numpy()
    return array


def _object_array(values: list[Any]) -> Array:
    """Hold values one by one, because NumPy would turn a list of 1 and "a" into text."""
    array = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        array[index] = value
    return array


def _plain(name: str, array: Array) -> Array:
    kind = array.dtype.kind
    if kind == "U":
        return text_array(array.tolist())
    if kind == "M":
        return array.astype("datetime64[ns]")
    if kind in "biuf":
        return _native(array)
    if kind in "OT":
        return _from_objects(name, array.tolist())
    raise InputError(
        f"label {name!r} is {array.dtype}: expected text, numbers, truth values or dates"
    )


def _native(array: Array) -> Array:
    """Return the dtypes that netCDF has: native byte order, no float16 or longdouble."""
    if array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8):
        return array.astype(np.float32 if array.dtype.itemsize < 4 else np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _from_objects(name: str, values: list[Any]) -> Array:
    values = [None if _is_missing(value) else value for value in values]
    kinds = {_kind(value) for value in values if value is not None}
    if kinds == {"text"} or not values:
        return text_array("" if value is None else value for value in values)
    if kinds <= {"integer", "real"} or kinds == {"truth"}:
        return _numbers(name, values)
    if kinds == {"date"}:
        return np.array(values, dtype="datetime64[ns]")
    raise InputError(
        f"label {name!r} mixes or holds unsupported values ({', '.join(sorted(kinds))}): "
        "expected text only, numbers only, truth values only or dates only"
    )


def _numbers(name: str, values: list[Any]) -> Array:
    if None in values:
        filled = (np.nan if value is None else float(value) for value in values)
        return np.fromiter(filled, dtype=np.float64, count=len(values))
    array = np.array(values)
    if array.dtype.kind not in "biuf":
        raise InputError(f"label {name!r} holds a number that does not fit in 64 bits")
    return _native(array)


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, (str, bytes)):
        return False
    try:
        return bool(value != value)  # NaN and NaT differ from themselves
    except TypeError:  # pandas.NA has no truth value
        return True
    except ValueError:  # an array; _kind refuses it
        return False


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, (bool, np.bool_)):
        return "truth"
    if isinstance(value, (int, np.integer)):
        return "integer"
    if isinstance(value, (float, np.floating)):
        return "real"
    if isinstance(value, np.datetime64) or hasattr(value, "isoformat"):
        return "date"
    return type(value).__name__
