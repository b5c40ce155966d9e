"""Settings of a training run of mini."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from qtokfeatures.parameters import number, whole

STAGES = ("plain", "magnitude", "waveform", "adversarial", "anneal")

# Stages that train codebook 0 and the network before it.
SEMANTIC_STAGES = ("plain", "magnitude", "waveform")

_LR = dict(zip(STAGES, (8e-4, 8e-4, 8e-4, 5e-4, 3e-4), strict=True))
_LR_FLOOR = dict(zip(STAGES, (1.0, 0.5, 0.6, 0.05, 0.02), strict=True))
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
    """Settings of a training run, stored in every checkpoint.

    Parameters
    ----------
    seed : int, default=0
        Seed of every random draw, together with the number of the step.
    clips : int, default=32
        Segments per batch.
    frames : int, default=24
        Code frames (80 ms) per segment.
    plain_steps : int, default=500
        Steps of the magnitude stage without codebooks.
    magnitude_steps : int, default=2000
        Steps of the magnitude stage with codebooks, which needs no inverse FFT.
    waveform_steps : int, default=5000
        Steps on the decoded waveform.
    adversarial_steps : int, default=10000
        Steps on the decoded waveform against discriminators; the semantic part stays fixed.
    anneal_steps : int, default=3000
        Steps of the decoder alone on fixed codes, with the discriminators of the previous stage.
    lr : dict
        Peak learning rate of each stage (AdamW, cosine decay).
    lr_floor : dict
        Share of the peak rate at the end of each stage.
    skip_lr_scale : float, default=0.03
        Factor on the learning rate of the two linear maps. Their closed-form initial values do
        not survive a full rate.
    discriminator_lr : float, default=3e-4
        Learning rate of the discriminators.
    adversarial_pull : float, default=0.4
        Size of the adversarial gradient relative to the spectral one.
    judged_frames : int, default=8
        Frames of each segment that the discriminators see.
    codebook_decay : float, default=0.99
        Decay of the moving averages of codebook entries.
    restart_after : int, default=1000
        Steps after which an unused entry is moved to a residual of the last batch.
    commitment : float, default=0.5
        Weight of the commitment loss, which moves latents towards their entries.
    whole_share : float, default=0.6
        Share of clips with all codebooks. The others use a random number, so that every prefix
        decodes.
    speed_share : float, default=0.5
        Share of batches read at another speed.
    rendered_weight : float, default=0.3
        Sampling weight of a second of rendered sound relative to a recorded one of its kind.
    kind_weights : dict
        Share of each kind of sound in the batches.

    Raises
    ------
    InputError
        If a number of clips, frames or steps is out of range.

    Examples
    --------
    >>> from qtokfeatures.training import Recipe
    >>> Recipe().shortened(0.01).lengths["plain"]
    5
    """

    seed: int = 0
    clips: int = 32
    frames: int = 24
    plain_steps: int = 500
    magnitude_steps: int = 2000
    waveform_steps: int = 5000
    adversarial_steps: int = 10_000
    anneal_steps: int = 3000
    lr: dict[str, float] = field(default_factory=lambda: dict(_LR))
    lr_floor: dict[str, float] = field(default_factory=lambda: dict(_LR_FLOOR))
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

    def __post_init__(self) -> None:
        for name in ("clips", "frames", "judged_frames"):
            whole(name, getattr(self, name), at_least=1)
        for stage in STAGES:
            whole(f"{stage}_steps", getattr(self, f"{stage}_steps"), at_least=0)

    @property
    def lengths(self) -> dict[str, int]:
        """Number of steps of each stage, in order."""
        return {stage: getattr(self, f"{stage}_steps") for stage in STAGES}

    def shortened(self, share: float) -> Recipe:
        """Return this recipe with the steps of every stage scaled, at least one each.

        Parameters
        ----------
        share : float
            Factor on the steps, above 0.

        Returns
        -------
        Recipe

        Raises
        ------
        InputError
            If `share` is not above 0 and finite.
        """
        share = number("share", share, above=0)
        steps: dict[str, Any] = {
            f"{stage}_steps": max(1, round(share * n)) for stage, n in self.lengths.items() if n
        }
        return replace(self, **steps)

    def onward(self) -> Recipe:
        """Return this recipe without the stages before the adversarial one.

        Use it to train existing weights further with a fixed codebook 0.

        Returns
        -------
        Recipe
        """
        none: dict[str, Any] = dict.fromkeys((f"{stage}_steps" for stage in SEMANTIC_STAGES), 0)
        return replace(self, **none)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe of `values`; missing fields get their defaults."""
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})
