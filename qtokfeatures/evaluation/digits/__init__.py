"""Spoken digits: what codes tell about words, in noise too, and how much of it decoding keeps."""

from __future__ import annotations

from qtokfeatures.evaluation.digits.bench import bench_digits
from qtokfeatures.evaluation.digits.classifier import Examples, leave_one_speaker_out
from qtokfeatures.evaluation.digits.recordings import DigitClip, load_digits, load_talkers
from qtokfeatures.evaluation.digits.result import DigitResult, Recognised
from qtokfeatures.evaluation.digits.tables import digit_notes, digit_tables
from qtokfeatures.evaluation.digits.weighting import (
    WeightingResult,
    bench_weighting,
    weighting_notes,
    weighting_tables,
)

__all__ = [
    "DigitClip",
    "DigitResult",
    "Examples",
    "Recognised",
    "WeightingResult",
    "bench_digits",
    "bench_weighting",
    "digit_notes",
    "digit_tables",
    "leave_one_speaker_out",
    "load_digits",
    "load_talkers",
    "weighting_notes",
    "weighting_tables",
]
