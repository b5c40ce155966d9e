"""TODO."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qtokfeatures.benches.asr import System

_CODEC_UPSAMPLE, _ACOUSTIC_STRIDE = 2, 4  # 25 steps a second for all
_SR = 8000
_EPOCHS = 30
_SETTINGS = tuple(
    {"learning_rate": rate, "dropout": dropout}
    for rate in (0.005, 0.01, 0.02)
    for dropout in (0.1, 0.3)
)


def asr_systems(codec: Any, *, cache: Path, epochs: int = _EPOCHS) -> list[System]:
    """Return the front ends that are compared, each with the same recogniser.

    Parameters
    ----------
    codec : Codec
        The codec.
    cache : Path
        Folder of codes, which several front ends share.
    epochs : int
        Rounds of training.

    Returns
    -------
    list of System
        MFCC and log-mel with slopes first, which others are compared with.
    """
    from qtokfeatures.benches.asr import System
    from qtokfeatures.speech import ASRFrontEnd, CTCRecognizer
    from qtokfeatures.speech.frame_sources import ACOUSTIC_FEATURES

    def by_codec(features: str, codebooks: Any = None, **options: Any) -> Any:
        return ASRFrontEnd(
            features,
            codec=codec,
            codebooks=codebooks,
            upsample=_CODEC_UPSAMPLE,
            output="list",
            cache=cache,
            **options,
        )

    def acoustic(features: str, deltas: int) -> Any:
        return ASRFrontEnd(features, deltas=deltas, cmvn="utterance", sr=_SR, output="list")

    front_ends = {
        "MFCC": acoustic("mfcc", 2),
        "log-mel with slopes": acoustic("logmel", 2),
        "log-mel": acoustic("logmel", 0),
        "semantic": by_codec("semantic", interpolation="linear"),
        "codebook 0": by_codec("embedding", 1, interpolation="linear"),
        "embedding": by_codec("embedding", interpolation="linear"),
        "latent": by_codec("latent", interpolation="linear"),
        "tokens": by_codec("tokens"),
    }
    return [
        System(
            name,
            front_end,
            CTCRecognizer(
                stride=_ACOUSTIC_STRIDE if front_end.features in ACOUSTIC_FEATURES else 1,
                epochs=epochs,
                validation=0.0,
            ),
            _SETTINGS,
        )
        for name, front_end in front_ends.items()
    ]
