"""A trained network over the frames of clips: log-probabilities, and the symbols they spell."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from qtokfeatures.pipelines.asr.decoding import Prefix, Scorer, beam_search, best_path
from qtokfeatures.pipelines.asr.frame_batch import FrameBatch
from qtokfeatures.pipelines.asr.network import SpeechNetwork

_BEAM_WIDTH: Final = 16
"""Of the beam search, where only a scorer asks for one."""

LogProbs = list[npt.NDArray[np.float32]]


def log_probs_of(network: SpeechNetwork, batch: FrameBatch) -> LogProbs:
    """Return the log-probabilities of symbols, clips of similar length together.

    Parameters
    ----------
    network : SpeechNetwork
        Trained.
    batch : FrameBatch
        The clips.

    Returns
    -------
    list of ndarray of float32 (step, symbol)
        One a clip, in their order.
    """
    found: dict[int, npt.NDArray[np.float32]] = {}
    for rows in batch.groups():
        frames, counts = torch.from_numpy(batch.padded(rows)), torch.from_numpy(batch.counts[rows])
        with torch.inference_mode():
            log_probs = network(frames, counts).numpy()
        steps = network.steps_of(counts).tolist()
        found |= {row: log_probs[i, : steps[i]] for i, row in enumerate(rows)}
    return [found[row] for row in range(len(batch))]


def spell(log_probs: LogProbs, *, beam_width: int | None, scorer: Scorer | None) -> list[Prefix]:
    """Return the symbols of each clip.

    Parameters
    ----------
    log_probs : list of ndarray (step, symbol)
        Log-probabilities of each clip.
    beam_width : int or None
        Prefixes of the beam search; None takes the best path, or 16 if there is a scorer.
    scorer : Scorer or None
        What is known beside the sound.

    Returns
    -------
    list of tuple of int
    """
    if beam_width is None and scorer is None:
        return [best_path(each) for each in log_probs]
    width = _BEAM_WIDTH if beam_width is None else beam_width
    return [beam_search(each, beam_width=width, scorer=scorer) for each in log_probs]
