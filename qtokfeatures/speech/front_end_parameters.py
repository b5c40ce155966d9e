"""What a front end refuses: parameters that are none, or that are not those it was fitted with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from qtokfeatures.exceptions import InputError
from qtokfeatures.speech.frame_sources import ACOUSTIC_FEATURES, CODEC_FEATURES

if TYPE_CHECKING:
    from qtokfeatures.speech.front_end import ASRFrontEnd

_MOST_DELTAS: Final = 2

_ALLOWED: Final = {
    "features": (*CODEC_FEATURES, *ACOUSTIC_FEATURES),
    "interpolation": ("repeat", "linear"),
    "output": ("padded", "ragged", "list"),
    "cmvn": ("utterance", "running", None),
    "deltas": tuple(range(_MOST_DELTAS + 1)),
}
_MADE_BY: Final = ("features", "codebooks", "upsample", "interpolation", "deltas", "cmvn", "sr")


def check_front_end(front_end: ASRFrontEnd) -> None:
    """Refuse parameters that are out of range or do not go together.

    Parameters
    ----------
    front_end : ASRFrontEnd
        Whose.

    Raises
    ------
    InputError
        Names the parameter.
    """
    for name, known in _ALLOWED.items():
        value = getattr(front_end, name)
        if isinstance(value, bool) or value not in known:
            allowed = ", ".join(map(repr, known))
            raise InputError(f"{name} must be one of {allowed}; got {value!r}")
    sr, upsample = front_end.sr, front_end.upsample
    if isinstance(sr, bool) or not isinstance(sr, (int, np.integer)) or sr < 1:
        raise InputError(f"sr must be a whole number of hertz, got {sr!r}")
    if not isinstance(upsample, (int, np.integer)) or upsample < 1:
        raise InputError(f"upsample must be a whole number, 1 or more; got {upsample!r}")
    changes_values = front_end.deltas or front_end.cmvn or front_end.interpolation != "repeat"
    if front_end.features == "tokens" and changes_values:
        raise InputError(
            "tokens are indices: they have no deltas and no mean, and can only be repeated; "
            "use features='embedding' for those"
        )


def fitted_with(front_end: ASRFrontEnd) -> dict[str, str]:
    """Return the parameters that decide what its frames are.

    Parameters
    ----------
    front_end : ASRFrontEnd
        Whose.

    Returns
    -------
    dict of str to str
        As text, to be compared.
    """
    return {name: repr(getattr(front_end, name)) for name in _MADE_BY}


def check_as_fitted(front_end: ASRFrontEnd, fitted: dict[str, str]) -> None:
    """Refuse to go on with other parameters than it was fitted with.

    Parameters
    ----------
    front_end : ASRFrontEnd
        Which one.
    fitted : dict of str to str
        What :func:`fitted_with` returned then.

    Raises
    ------
    InputError
        Names the parameter.
    """
    for name, now in fitted_with(front_end).items():
        if now != fitted[name]:
            raise InputError(
                f"this {type(front_end).__name__} was fitted with {name}={fitted[name]}, and is "
                f"now set to {now}: fit it again"
            )
