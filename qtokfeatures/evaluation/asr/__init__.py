"""Whether tokens make a better front end for recognising speech than MFCC, in noise above all."""

from __future__ import annotations

from qtokfeatures.evaluation.asr.bench import bench_asr
from qtokfeatures.evaluation.asr.conditions import standard_conditions, training_noise
from qtokfeatures.evaluation.asr.maskers import load_noises, load_talkers
from qtokfeatures.evaluation.asr.material import Material, System
from qtokfeatures.evaluation.asr.result import AsrResult
from qtokfeatures.evaluation.asr.tables import asr_notes, asr_tables, error_curves
from qtokfeatures.evaluation.asr.utterances import Utterance, load_utterances

__all__ = [
    "AsrResult",
    "Material",
    "System",
    "Utterance",
    "asr_notes",
    "asr_tables",
    "bench_asr",
    "error_curves",
    "load_noises",
    "load_talkers",
    "load_utterances",
    "standard_conditions",
    "training_noise",
]
