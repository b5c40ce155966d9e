"""Everything that defines a training run of `mini`, in one place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from qtokfeatures.exceptions import InputError

STAGES = ("plain", "magnitude", "waveform", "adversarial", "anneal")
"""The stages of a run, in their order."""

SEMANTIC_STAGES = ("plain", "magnitude", "waveform")
"""Those that train codebook 0 and the network before it."""

KIND_WEIGHTS = {
    "speech": 0.55,
    "instrument": 0.15,
    "music": 0.14,
    "environment": 0.12,
    "singing": 0.03,
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
    adversarial_steps : int
        Steps on the decoded waveform against discriminators, with the semantic part kept.
    anneal_steps : int
        Steps of the decoder alone on frozen codes, against discriminators if there were any.
    lr : dict
        Peak learning rate of each stage (AdamW, cosine decay).
    lr_floor : dict
        Share of that rate that is left at the stage's end.
    skip_lr_scale : float
        Factor on the learning rate of the two linear maps; they start from a closed-form
        solution that a full rate destroys.
    discriminator_lr : float
        Learning rate of the discriminators.
    adversarial_pull : float
        How hard the discriminators pull at the waveform, the spectral losses pulling with 1.
    judged_frames : int
        Frames of each segment that the discriminators judge.
    codebook_decay : float
        Moving average that codebook entries follow.
    restart_after : int
        Steps an entry may stay unused before it is moved to a fresh residual.
    commitment : float
        Weight of the pull of latents towards their entries.
    whole_share : float
        Share of the clips that go through all codebooks; the others through a random number of
        them, so that every prefix decodes.
    speed_share : float
        Share of the batches that are read at another speed.
    rendered_weight : float
        How often a second of rendered sound is drawn, a recorded one of its kind being drawn once.
    kind_weights : dict
        Share of each kind of audio in the batches.
    """

    seed: int = 0
    clips: int = 32
    frames: int = 24
    plain_steps: int = 500
    magnitude_steps: int = 2000
    waveform_steps: int = 5000
    adversarial_steps: int = 10_000
    anneal_steps: int = 3000
    lr: dict[str, float] = field(
        default_factory=lambda: {
            "plain": 8e-4,
            "magnitude": 8e-4,
            "waveform": 8e-4,
            "adversarial": 5e-4,
            "anneal": 3e-4,
        }
    )
    lr_floor: dict[str, float] = field(
        default_factory=lambda: {
            "plain": 1.0,
            "magnitude": 0.5,
            "waveform": 0.6,
            "adversarial": 0.05,
            "anneal": 0.02,
        }
    )
    skip_lr_scale: float = 0.03
    discriminator_lr: float = 3e-4
    adversarial_pull: float = 0.4
    judged_frames: int = 8
    codebook_decay: float = 0.99
    restart_after: int = 1000
    commitment: float = 0.5
    whole_share: float = 0.6
    speed_share: float = 0.5
    rendered_weight: float = 0.3
    kind_weights: dict[str, float] = field(default_factory=lambda: dict(KIND_WEIGHTS))

    @property
    def lengths(self) -> dict[str, int]:
        """Steps of each stage, in order."""
        return {stage: getattr(self, f"{stage}_steps") for stage in STAGES}

    def shortened(self, share: float) -> Recipe:
        """Return this recipe with every stage at `share` of its steps, at least one each.

        Parameters
        ----------
        share : float
            Above 0 and finite; above 1 it lengthens.

        Raises
        ------
        InputError
            `share` is not above 0 and finite.
        """
        if not 0 < share < math.inf:
            raise InputError(f"share must be above 0 and finite, got {share!r}")
        steps: dict[str, Any] = {
            f"{stage}_steps": max(1, round(share * n)) for stage, n in self.lengths.items() if n
        }
        return replace(self, **steps)

    def onward(self) -> Recipe:
        """Return this recipe without the stages before the adversarial one.

        For a run that goes on from weights: their codebook 0 stays what it is.
        """
        none: dict[str, Any] = dict.fromkeys((f"{stage}_steps" for stage in SEMANTIC_STAGES), 0)
        return replace(self, **none)

    def to_dict(self) -> dict[str, Any]:
        """Fields as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe of `values`; a field that they lack has its default."""
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})
