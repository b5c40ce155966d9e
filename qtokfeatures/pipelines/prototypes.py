"""Prototypes: the medoid of a group of clips, decoded from its tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import CodeSequence, as_code_sequence

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

_LONGEST_S: Final = 6.0  # enough to recognise a sound; reports embed one per cluster


@dataclass(frozen=True, eq=False)
class Prototype:
    """Decoded clip that represents a group of clips.

    Parameters
    ----------
    y : ndarray of float32, shape (sample,)
        Waveform.
    sr : int
        Sample rate in Hz.
    clip : str
        Id of the clip.
    row : int
        Row number of the clip.
    """

    y: npt.NDArray[np.float32]
    sr: int
    clip: str
    row: int


def sonify_medoid(
    codec: Codec, codes: Any, space: npt.ArrayLike, members: npt.ArrayLike
) -> Prototype:
    """Decode the clip that is nearest to the mean of a group.

    Parameters
    ----------
    codec : Codec
        Codec that encoded the clips.
    codes : CodeSequence or xarray.Dataset
        Codes of all clips.
    space : array_like, shape (clip, dimension)
        Coordinates of all clips, such as their features.
    members : array_like of bool, shape (clip,)
        True for the clips of the group.

    Returns
    -------
    Prototype
        The first 6 s of the clip at most.

    Raises
    ------
    InputError
        If the group is empty.

    Examples
    --------
    >>> import numpy as np
    >>> import qtokfeatures as qt
    >>> codec = qt.load_codec("mini")
    >>> codes = codec.encode_many(list(np.zeros((3, 24000), np.float32)), sr=24000)
    >>> medoid = sonify_medoid(codec, codes, [[0.0], [4.0], [5.0]], [True, True, True])
    >>> medoid.row, medoid.sr
    (1, 24000)
    """
    rows = np.flatnonzero(np.asarray(members))
    if not len(rows):
        raise InputError("expected a group of at least one clip, got none")
    table = np.asarray(space, dtype=np.float64)[rows]
    row = int(rows[np.linalg.norm(table - table.mean(axis=0), axis=1).argmin()])
    sequence: CodeSequence = as_code_sequence(codes)
    n_frames = max(1, int(_LONGEST_S * sequence.spec.frame_rate))
    y, sr = codec.decode(sequence[row][:, :n_frames])
    return Prototype(y, sr, str(sequence.dataset["clip"].values[row]), row)
