"""Checks of parameter values, all with one form of message.

Each returns the value as a plain Python value or raises an error such as
"segments must be a whole number of at least 1, got 0".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any, Final, NoReturn, TypeVar

import numpy as np

from qtokfeatures.exceptions import InputError, InputTypeError

_T = TypeVar("_T")

_SHOWN: Final = 100  # characters of a wrong value: the repr of a table would fill the screen


def whole(
    name: str,
    value: Any,
    *,
    at_least: int | None = None,
    at_most: int | None = None,
    unit: str = "",
) -> int:
    """Return a whole number within limits as an int; bools and floats are refused."""
    expected = _counted("a whole number", unit) + _limits(at_least, at_most)
    if isinstance(value, bool) or not isinstance(value, Integral):
        _refuse(name, expected, value, InputTypeError)
    if not _is_within(value, at_least, at_most):
        _refuse(name, expected, value)
    return int(value)


def number(
    name: str,
    value: Any,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    finite: bool = True,
    unit: str = "",
) -> float:
    """Return a real number within limits as a float; bools and NaN are refused."""
    limits = (at_least, at_most, above, below)
    expected = _counted("a number", unit) + _limits(*limits)
    return _real(name, value, expected, limits, finite=finite)


def share(
    name: str,
    value: Any,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """Return a share as a float: from 0 to 1 where no limit narrows or opens that end."""
    at_least = 0 if at_least is None and above is None else at_least
    at_most = 1 if at_most is None and below is None else at_most
    limits = (at_least, at_most, above, below)
    return _real(name, value, "a share" + _limits(*limits), limits)


def one_of(name: str, value: Any, allowed: Iterable[_T]) -> _T:
    """Return the allowed value that `value` equals; ``True`` is not 1, and an array is none."""
    allowed = tuple(allowed)
    for each in allowed:
        is_same_kind = isinstance(value, bool) is isinstance(each, bool)
        if is_same_kind and isinstance(value, type(each)) and value == each:
            return each
    return _refuse(name, _listed([repr(each) for each in allowed]), value)


def flag(name: str, value: Any) -> bool:
    """Return True or False, NumPy's included; other values are refused."""
    if not isinstance(value, (bool, np.bool_)):
        _refuse(name, "True or False", value, InputTypeError)
    return bool(value)


def optional(
    check: Callable[..., _T], name: str, value: Any, *values: Any, also: Any = None, **limits: Any
) -> _T | Any:
    """Return `value` if it is `also`, otherwise check it: ``optional(whole, "bins", bins)``."""
    if value is also or (isinstance(value, str) and value == also):
        return also
    try:
        return check(name, value, *values, **limits)
    except InputError as error:
        # The checks above word their messages alike, so that one addition fits them all.
        message = str(error).replace(" must be ", f" must be {also!r} or ", 1)
        raise type(error)(message) from None


def _real(
    name: str,
    value: Any,
    expected: str,
    limits: tuple[float | None, ...],
    *,
    finite: bool = True,
) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        _refuse(name, expected, value, InputTypeError)
    try:
        found = float(value)
    except OverflowError:  # an int beyond the largest float
        _refuse(name, expected, value)
    if math.isnan(found) or (finite and math.isinf(found)) or not _is_within(found, *limits):
        _refuse(name, expected, value)
    return found


def _is_within(
    value: Any,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> bool:
    return bool(
        (at_least is None or value >= at_least)
        and (at_most is None or value <= at_most)
        and (above is None or value > above)
        and (below is None or value < below)
    )


def _limits(
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> str:
    """Word limits: " from 1 to 16", " of at least 1", " above 0 and below 1"."""
    if at_least is not None and at_most is not None:
        return f" from {at_least:.12g} to {at_most:.12g}"
    limits = {"of at least": at_least, "above": above, "of at most": at_most, "below": below}
    given = [f"{words} {limit:.12g}" for words, limit in limits.items() if limit is not None]
    return f" {' and '.join(given)}" if given else ""


def _counted(noun: str, unit: str) -> str:
    return f"{noun} of {unit}" if unit else noun


def _listed(names: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _refuse(name: str, expected: str, value: Any, error: type[InputError] = InputError) -> NoReturn:
    raise error(f"{name} must be {expected}, got {value!r:.{_SHOWN}}")
