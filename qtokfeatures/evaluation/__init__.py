"""How good a codec is: distances, intelligibility, use of its codes, and whether it is exact.

:func:`bench_codec` measures a codec beside its peers; :func:`verify` shows that its codes do not
depend on how they were made. STOI, PESQ and the Griffin-Lim peer come with
``pip install 'qtokfeatures[eval]'``.
"""

from __future__ import annotations

from qtokfeatures.evaluation.alignment import align, find_common_lag, find_lag
from qtokfeatures.evaluation.bench_result import BenchResult, Speed, SystemScores
from qtokfeatures.evaluation.bench_tables import bench_markdown, bench_tables, print_bench
from qtokfeatures.evaluation.clips import BenchClip, ClipSelection, find_shared_audio, select_clips
from qtokfeatures.evaluation.code_use import CodeUse, measure_code_use
from qtokfeatures.evaluation.codec_bench import bench_codec
from qtokfeatures.evaluation.lag import Lag, find_envelope_lag
from qtokfeatures.evaluation.model_card import check_card, update_card
from qtokfeatures.evaluation.noise_floor import noise_floor_rise
from qtokfeatures.evaluation.peers import Codec2, GriffinLim, Opus, Peer, default_peers
from qtokfeatures.evaluation.ranking import RankedClip, rank_clips
from qtokfeatures.evaluation.scores import ClipScore, bootstrap_interval, score_reconstruction
from qtokfeatures.evaluation.speech_metrics import pesq_wb, stoi
from qtokfeatures.evaluation.stability import token_stability
from qtokfeatures.evaluation.verify import verify
from qtokfeatures.evaluation.verify_report import VerifyReport

__all__ = [
    "BenchClip",
    "BenchResult",
    "ClipScore",
    "ClipSelection",
    "CodeUse",
    "Codec2",
    "GriffinLim",
    "Lag",
    "Opus",
    "Peer",
    "RankedClip",
    "Speed",
    "SystemScores",
    "VerifyReport",
    "align",
    "bench_codec",
    "bench_markdown",
    "bench_tables",
    "bootstrap_interval",
    "check_card",
    "default_peers",
    "find_common_lag",
    "find_envelope_lag",
    "find_lag",
    "find_shared_audio",
    "measure_code_use",
    "noise_floor_rise",
    "pesq_wb",
    "print_bench",
    "rank_clips",
    "score_reconstruction",
    "select_clips",
    "stoi",
    "token_stability",
    "update_card",
    "verify",
]
