"""What the bench of robustness measured: plain values, and their JSON there and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from qtokfeatures.benches.robustness.flips import Flips
from qtokfeatures.exceptions import InputError


@dataclass(frozen=True)
class PhoneInformation:
    """What the tokens of each codebook tell about phones, on speech that was held out.

    Parameters
    ----------
    condition : str
        What the speech went through before the codec.
    by_sentence : tuple of float
        Bits, one number a codebook, on sentences that were held out.
    by_voice : tuple of float
        Bits on voices that were held out.
    """

    condition: str
    by_sentence: tuple[float, ...]
    by_voice: tuple[float, ...]


@dataclass(frozen=True)
class RobustnessResult:
    """Everything that :func:`~qtokfeatures.evaluation.bench_robustness` measured.

    Parameters
    ----------
    codec : mapping of str to str
        Name, revision and fingerprint of the codec.
    n_clips : int
        Clips of speech that were perturbed.
    n_frames : int
        Their frames.
    n_speech_frames : int
        Those in which somebody speaks.
    flips : mapping of str to Flips
        Perturbation to the share of codes that changed.
    chance : tuple of float
        Share that would change if every frame were exchanged for any other.
    perplexity : tuple of float
        Of each codebook on this speech.
    phones : tuple of PhoneInformation
        What tokens tell about phones; empty where nothing could be spoken.
    phone_entropy : float
        Bits that telling a frame's phone takes; NaN where nothing could be spoken.
    n_phone_frames : int
        Frames of spoken phones.
    skipped : mapping of str to str
        What was left out, and why.
    versions : mapping of str to str
        Versions of the packages that measured.
    """

    codec: Mapping[str, str]
    n_clips: int
    n_frames: int
    n_speech_frames: int
    flips: Mapping[str, Flips]
    chance: tuple[float, ...]
    perplexity: tuple[float, ...]
    phones: tuple[PhoneInformation, ...]
    phone_entropy: float
    n_phone_frames: int
    skipped: Mapping[str, str]
    versions: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON types.

        Returns
        -------
        dict
        """
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RobustnessResult:
        """Take back what :meth:`to_dict` gave, after its way through JSON.

        Parameters
        ----------
        values : mapping
            What was stored.

        Returns
        -------
        RobustnessResult

        Raises
        ------
        InputError
            If it is something else.
        """
        try:
            flips = {
                name: Flips(tuple(each["every"]), tuple(each["speech"]))
                for name, each in values["flips"].items()
            }
            phones = tuple(
                PhoneInformation(
                    each["condition"], tuple(each["by_sentence"]), tuple(each["by_voice"])
                )
                for each in values["phones"]
            )
            entropy = values["phone_entropy"]
            lists = {name: tuple(values[name]) for name in ("chance", "perplexity")}
            entropy = float("nan") if entropy is None else entropy
            given = {**values, **lists, "flips": flips, "phones": phones, "phone_entropy": entropy}
            return cls(**given)
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError(
                "this is not what `qtok bench robustness --json` printed: "
                f"{type(error).__name__}: {error}"
            ) from error
