"""What a cluster or class sounds like: the clip in the middle of it, made from its tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import CodeSequence, as_code_sequence

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

_LONGEST_S: Final = 6.0


@dataclass(frozen=True, eq=False)
class Prototype:
    """A sound that stands for a group of clips.

    Parameters
    ----------
    y : ndarray of float32, shape (sample,)
        The sound.
    sr : int
        Its rate, in Hz.
    clip : str
        Id of the clip whose tokens it was decoded from.
    row : int
        Which clip that is.
    """

    y: npt.NDArray[np.float32]
    sr: int
    clip: str
    row: int


def sonify_medoid(
    codec: Codec, codes: Any, space: npt.ArrayLike, members: npt.ArrayLike
) -> Prototype:
    """Decode the clip that is nearest to the middle of a group.

    Parameters
    ----------
    codec : Codec
        The codec that made the codes.
    codes : CodeSequence or xarray.Dataset
        All clips.
    space : array_like, shape (clip, dimension)
        Where they lie: features, or what a reduction left of them.
    members : array_like of bool, shape (clip,)
        Which of them are in the group.

    Returns
    -------
    Prototype
        At most 6 s of it.

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
    >>> heard = sonify_medoid(codec, codes, [[0.0], [4.0], [5.0]], [True, True, True])
    >>> heard.row, heard.sr
    (1, 24000)
    """
    rows = np.flatnonzero(np.asarray(members))
    if not len(rows):
        raise InputError("a prototype needs at least one clip in its group, got none")
    table = np.asarray(space, dtype=np.float64)[rows]
    row = int(rows[np.linalg.norm(table - table.mean(axis=0), axis=1).argmin()])
    sequence: CodeSequence = as_code_sequence(codes)
    n_frames = max(1, int(_LONGEST_S * sequence.spec.frame_rate))
    y, sr = codec.decode(sequence[row][:, :n_frames])
    return Prototype(y, sr, str(sequence.dataset["clip"].values[row]), row)
