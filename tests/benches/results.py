"""A result of every bench, made of numbers that are not measured."""

from __future__ import annotations

import math

import numpy as np

from qtokfeatures.benches.asr.result import AsrResult
from qtokfeatures.benches.codec.result import BenchResult, Speed, SystemScores
from qtokfeatures.benches.digits.result import DigitResult, Recognised
from qtokfeatures.benches.digits.weighting import WeightingResult
from qtokfeatures.benches.inverse import InverseResult, InverseScore
from qtokfeatures.benches.robustness.flips import Flips
from qtokfeatures.benches.robustness.result import PhoneInformation, RobustnessResult
from qtokfeatures.benches.speed.bench import FolderSpeed, SpeedResult
from qtokfeatures.benches.tasks.result import Compared, TaskResult
from qtokfeatures.evaluation.code_use import CodeUse
from qtokfeatures.evaluation.perturbations import SNRS_DB
from qtokfeatures.evaluation.scores import ClipScore

CODEC = {"name": "mini", "revision": "7", "fingerprint": "0f3a"}
VERSIONS = {"qtokfeatures": "0.1", "numpy": "2.0"}
SKIPPED = {"Codec2 2400": "c2enc not found: install codec2"}
NOISES = ("white", "babble", "recorded noise")


def codec_result() -> BenchResult:
    rng = np.random.default_rng(1)
    clips = [("a", "speech"), ("b", "speech"), ("c", "speech"), ("d", "music"), ("e", "music")]

    def scored(name: str, **about) -> SystemScores:
        scores = []
        for clip, kind in clips:
            log_mel, log_stft, floor = rng.uniform(0.1, 2, 3)
            values = {"log_mel": log_mel, "log_stft": log_stft, "si_sdr": rng.normal(0, 9)}
            values["noise_floor_db"] = floor if clip != "d" else math.nan
            if clip != "e":
                values |= {"lag": rng.normal(0, 20), "lag_error": rng.uniform(1, 20)}
            if kind == "speech":
                values |= {"stoi": rng.uniform(0.5, 1), "pesq_wb": rng.uniform(1, 4)}
            scores.append(ClipScore(clip, kind, {key: float(v) for key, v in values.items()}))
        return SystemScores(name, tuple(scores), **about)

    return BenchResult(
        codec=CODEC,
        kinds={"speech": 3, "music": 2},
        duration_s=17.3,
        sr=24_000,
        systems=(
            scored("mini, 16 codebooks", kbit_s=2.2, n_codebooks=16),
            scored("mini, 4 codebooks", kbit_s=0.55, n_codebooks=4),
            scored("mini, 16 codebooks, refine=20", kbit_s=2.2),
            scored("Opus", kbit_s=7.313, lag=37, note="by its tools"),
            scored("mel + Griffin-Lim", note="no bit rate"),
        ),
        quiet=scored("mini at -40 dB"),
        quiet_db=-40.0,
        code_use=CodeUse((700, 2048), (312.4, 1800.6), 216, 2048),
        speech_code_use=CodeUse((400, 2000), (212.4, 1700.6), 116, 2048),
        speeds=(Speed("mini, 1 thread", 0.00321, 0.01), Speed("Opus", 0.2, 0.1)),
        speed_duration_s=10.0,
        skipped=SKIPPED,
        versions=VERSIONS,
    )


def _recognised(names, conditions, seed: int) -> tuple[Recognised, ...]:
    rng = np.random.default_rng(seed)
    return tuple(
        Recognised(name, {each: rng.random(30) < rng.uniform(0.2, 1) for each in conditions})
        for name in names
    )


def digit_result() -> DigitResult:
    conditions = ("clean", "white 20 dB", "babble 0 dB")
    return DigitResult(
        codec=CODEC,
        speakers=np.repeat(["ann", "ben", "cid"], 10),
        conditions=conditions,
        features=_recognised(["histogram", "MFCC, 3 segments"], conditions, 2),
        decoded=_recognised(["originals", "mini, 16 codebooks"], ["clean"], 3),
        skipped=SKIPPED,
        versions=VERSIONS,
    )


def weighting_result() -> WeightingResult:
    names, conditions = ["codebook 0", "all codebooks"], ["clean", "white 10 dB"]
    return WeightingResult(
        codec=CODEC,
        n_recordings=30,
        n_speakers=3,
        plain=_recognised(names, conditions, 4),
        weighted=_recognised(names, conditions, 5),
        versions=VERSIONS,
    )


def robustness_result(*, name: str = "mini", phones: bool = True) -> RobustnessResult:
    rng = np.random.default_rng(6)

    def shares(most: float = 1.0) -> tuple[float, ...]:
        return tuple(rng.uniform(0, most, 16).tolist())

    return RobustnessResult(
        codec={**CODEC, "name": name},
        n_clips=4,
        n_frames=300,
        n_speech_frames=200,
        flips={each: Flips(shares(), shares()) for each in ("white 20 dB", "small room")},
        chance=shares(),
        perplexity=shares(500),
        phones=tuple(
            PhoneInformation(each, shares(3), shares(3))
            for each in ("clean", "white 5 dB", "babble 5 dB") * phones
        ),
        phone_entropy=5.01 if phones else math.nan,
        n_phone_frames=900 * phones,
        skipped={} if phones else {"What tokens tell about phones": "flite not found"},
        versions=VERSIONS,
    )


def task_result() -> TaskResult:
    rng = np.random.default_rng(7)

    def compared(keys, *, tuned: bool) -> tuple[Compared, ...]:
        return tuple(
            Compared(
                name,
                {key: float(rng.random()) for key in keys},
                {
                    base: {key: tuple(np.sort(rng.normal(0, 0.1, 2)).tolist()) for key in keys}
                    for base in ("MFCC", "log-mel")
                    if base != name
                },
                float(rng.random()) if tuned else None,
                ("LDA", "SVC, C=10") if tuned else (),
            )
            for name in ("MFCC", "log-mel", "histogram", "embedding")
        )

    return TaskResult(
        codec=CODEC,
        tasks={
            "environments": compared(["accuracy"], tuned=True),
            "families": compared(["ari", "nmi"], tuned=False),
        },
        about={"environments": "9 clips of ESC-10", "families": "9 rendered notes"},
        chosen="embedding",
        skipped={"eGeMAPSv02 (openSMILE)": "opensmile is not installed"},
        versions=VERSIONS,
    )


def inverse_result() -> InverseResult:
    rng = np.random.default_rng(8)
    scores = [
        InverseScore(features, f"{i}", kind, *rng.uniform(1, 2, 2).tolist(), 3 + i, i % 2)
        for features in ("histogram", "both")
        for i, kind in enumerate(["speech", "speech", "music"])
    ]
    return InverseResult(codec=CODEC, n_fitted=9, scores=tuple(scores), versions=VERSIONS)


def asr_result() -> AsrResult:
    rng = np.random.default_rng(9)
    noisy = [f"{noise} {snr:g} dB" for noise in NOISES for snr in SNRS_DB]
    conditions = ["clean", *noisy, "room", "telephone band", "small microphone"]
    systems = ["MFCC", "log-mel with slopes", "tokens"]
    corpora = np.repeat(["digits", "connected digits", "numbers"], 4)
    return AsrResult(
        codec=CODEC,
        systems=systems,
        conditions=conditions,
        corpora=corpora,
        speakers=np.array([f"{corpus[0]}{i % 2}" for i, corpus in enumerate(corpora)]),
        words=np.array([1, 3, 4, 10] * 3),
        errors={
            (system, training): rng.integers(0, 3, (2, len(conditions), 12))
            for system in systems
            for training in ("clean", "noisy")
        },
        settings={each: {"learning_rate": 0.005, "dropout": 0.1} for each in systems},
        versions=VERSIONS,
    )


def speed_result() -> SpeedResult:
    shares = {"matrix products": 0.7, "the rest": 0.3}
    return SpeedResult(
        codec=CODEC,
        folders=(
            FolderSpeed("digits", 9, 4.4, {1: 0.5, 2: 0.3}, 0.4, 0.1, 0.2, 0.21, shares),
            FolderSpeed("bundled", 44, 99.4, {1: 3.5, 2: 2.3}, 9.4, 0.1, 3.2, 0.2, shares),
        ),
        versions=VERSIONS,
    )
