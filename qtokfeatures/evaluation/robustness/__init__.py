"""Robustness of tokens: which change with noise and microphones, and what they tell of phones."""

from __future__ import annotations

from qtokfeatures.evaluation.robustness.bench import bench_robustness
from qtokfeatures.evaluation.robustness.flips import Flips, chance_flips, count_flips
from qtokfeatures.evaluation.robustness.information import entropy_bits, held_out_information
from qtokfeatures.evaluation.robustness.phones import PhoneClip, missing_flite, speak, speak_all
from qtokfeatures.evaluation.robustness.result import PhoneInformation, RobustnessResult
from qtokfeatures.evaluation.robustness.tables import robustness_notes, robustness_tables

__all__ = [
    "Flips",
    "PhoneClip",
    "PhoneInformation",
    "RobustnessResult",
    "bench_robustness",
    "chance_flips",
    "count_flips",
    "entropy_bits",
    "held_out_information",
    "missing_flite",
    "robustness_notes",
    "robustness_tables",
    "speak",
    "speak_all",
]
