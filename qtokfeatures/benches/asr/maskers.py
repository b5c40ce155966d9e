"""What speech of the ASR bench is drowned in: people, and recorded noises."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from qtokfeatures.audio import load_audio
from qtokfeatures.benches.asr.utterances import NUMBERS_FOLDER, SR
from qtokfeatures.benches.digits.recordings import DIGITS_FOLDER
from qtokfeatures.benches.manifest import read_manifest, spread
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import InputError

_NOISE_FOLDER: Final = "speech-commands-noise"
_SYNTHETIC: Final = ("white", "pink")  # which are conditions, or trained on, by themselves
_COLUMNS: Final = ("path", "kind", "split", "speaker")
_MOST_TALKERS: Final = 40
_MOST_OF_ONE: Final = 2
_TALKER_S: Final = 10.0
_SHORTEST_TALKER_S: Final = 1.0


def load_talkers(folder: str | Path, *, for_tests: bool) -> list[FloatArray]:
    """Load speech for babble, by nobody who is recognised in the bench.

    Parameters
    ----------
    folder : str or Path
        Folder with ``manifest.csv``.
    for_tests : bool
        People of split ``dev``, whom no codec was trained on, to test with; False gives people of
        split ``train``, for training recognisers on noisy speech.

    Returns
    -------
    list of ndarray of float32, shape (sample,)
        At :data:`SR`; the first 10 s of clips, of one person no more than two.

    Raises
    ------
    InputError
        If there is none.
    """
    root = Path(folder)
    wanted = "dev" if for_tests else "train"
    rows = [row for row in read_manifest(root, _COLUMNS) if _is_talker(row, wanted)]
    chosen = spread(_few_of_each(rows), _MOST_TALKERS)
    waves = [load_audio(root / row["path"], target_sr=SR).y for row in chosen]
    found = [y[: round(_TALKER_S * SR)] for y in waves if len(y) >= _SHORTEST_TALKER_S * SR]
    talkers = [y for y in found if np.any(y)]
    if not talkers:
        raise InputError(f"{root / 'manifest.csv'}: no speech of split {wanted!r} for babble")
    return talkers


def load_noises(folder: str | Path) -> list[FloatArray]:
    """Load the recorded noises that are reserved for benches.

    Parameters
    ----------
    folder : str or Path
        Folder with ``manifest.csv``.

    Returns
    -------
    list of ndarray of float32, shape (sample,)
        At :data:`SR`; white and pink noise are left out, which are no recordings.

    Raises
    ------
    InputError
        If there is none.
    """
    root = Path(folder)
    paths = [Path(row["path"]) for row in read_manifest(root, ("path",))]
    chosen = [
        path
        for path in paths
        if _NOISE_FOLDER in path.parts and not path.stem.startswith(_SYNTHETIC)
    ]
    if not chosen:
        raise InputError(f"{root / 'manifest.csv'}: no noise in {_NOISE_FOLDER}")
    return [load_audio(root / path, target_sr=SR).y for path in chosen]


def _is_talker(row: Mapping[str, str], split: str) -> bool:
    tested = {DIGITS_FOLDER, NUMBERS_FOLDER}
    known = tested.isdisjoint(Path(row["path"]).parts)
    return row["kind"] == "speech" and row["split"] == split and known


def _few_of_each(rows: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    taken: dict[str, int] = defaultdict(int)
    chosen = []
    for row in rows:
        speaker = row["speaker"] or row["path"]
        taken[speaker] += 1
        if taken[speaker] <= _MOST_OF_ONE:
            chosen.append(row)
    return chosen
