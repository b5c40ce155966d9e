"""Everything that defines a training run of `mini`, in one place."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from qtokfeatures.exceptions import InputError

KIND_WEIGHTS = {
    "speech": 0.62,
    "instrument": 0.12,
    "music": 0.13,
    "environment": 0.10,
    "singing": 0.02,
    "noise": 0.01,
}


@dataclass(frozen=True)
class Recipe:
    """Settings of a run; stored in every checkpoint.

    Parameters
    ----------
    seed : int
        Every random draw follows from the seed and the step's number.
    clips, frames : int
        Segments a batch, and code frames (80 ms) a segment.
    plain_steps : int
        Steps of the magnitude stage before the codebooks exist.
    magnitude_steps : int
        Steps of the magnitude stage with codebooks (no inverse FFT, hence quick).
    waveform_steps : int
        Steps on the decoded waveform.
    anneal_steps : int
        Steps of the decoder alone on frozen codes.
    magnitude_lr, waveform_lr, anneal_lr : float
        Peak learning rate of each stage (AdamW, cosine decay).
    skip_lr_scale : float
        Factor on the learning rate of the two linear maps; they start from a closed-form
        solution that a full rate destroys.
    codebook_decay : float
        Moving average that codebook entries follow.
    restart_after : int
        Steps an entry may stay unused before it is moved to a fresh residual.
    commitment : float
        Weight of the pull of latents towards their entries.
    whole_share : float
        Share of the clips that go through all codebooks; the others through a random number of
        them, so that every prefix decodes.
    rendered_weight : float
        How often a second of rendered sound is drawn, a recorded one of its kind being drawn once.
    kind_weights : dict
        Share of each kind of audio in the batches.
    """

    seed: int = 0
    clips: int = 12
    frames: int = 24
    plain_steps: int = 500
    magnitude_steps: int = 2000
    waveform_steps: int = 5700
    anneal_steps: int = 400
    magnitude_lr: float = 6e-4
    waveform_lr: float = 7e-4
    anneal_lr: float = 2e-4
    skip_lr_scale: float = 0.03
    codebook_decay: float = 0.99
    restart_after: int = 3000
    commitment: float = 0.5
    whole_share: float = 0.75
    rendered_weight: float = 0.3
    kind_weights: dict[str, float] = field(default_factory=lambda: dict(KIND_WEIGHTS))

    def shortened(self, share: float) -> Recipe:
        """Return this recipe with every stage at `share` of its steps, at least one each.

        Parameters
        ----------
        share : float
            Above 0; above 1 it lengthens.

        Raises
        ------
        InputError
            `share` is not above 0.
        """
        if not share > 0:
            raise InputError(f"share must be above 0, got {share!r}")
        names = ("plain_steps", "magnitude_steps", "waveform_steps", "anneal_steps")
        return replace(self, **{n: max(1, round(share * getattr(self, n))) for n in names})

    def to_dict(self) -> dict[str, Any]:
        """Fields as JSON-ready values."""
        return asdict(self)
