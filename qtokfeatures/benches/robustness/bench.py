"""Stability of the tokens of speech under perturbation, and their information on phones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio import resample
from qtokfeatures.benches.clips import BenchClip, single_rate
from qtokfeatures.benches.measured import identify
from qtokfeatures.benches.robustness.flips import (
    Codes,
    Flips,
    chance_flips,
    count_flips,
    entropy_bits,
    held_out_information,
    speech_frames,
)
from qtokfeatures.benches.robustness.phones import (
    PAUSE,
    PhoneClip,
    missing_flite,
    speak_all,
    standard_sentences,
)
from qtokfeatures.benches.robustness.result import PhoneInformation, RobustnessResult
from qtokfeatures.evaluation.code_use import measure_code_use
from qtokfeatures.evaluation.perturbations import (
    Perturbation,
    babble,
    standard_perturbations,
    white_noise,
)
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.labelled import CodeSequence
from qtokfeatures.progress import Progress, ignore_progress, with_progress

if TYPE_CHECKING:
    from qtokfeatures.benches.measured import AnyCodec

CLEAN: Final = "clean"
PHONE_SNR_DB: Final = 5.0  # of the speech whose phones are predicted from tokens

_PACKAGES: Final = ("qtokfeatures", "numpy", "torch")


def bench_robustness(
    codec: AnyCodec,
    *,
    clips: Sequence[BenchClip],
    talkers: Sequence[FloatArray],
    sentences: Sequence[str] | None = None,
    on_progress: Progress | None = None,
) -> RobustnessResult:
    """Shares of changed codes under perturbations, codes used, and information on phones.

    The three belong together: a collapsed codebook never changes and holds no information. Phones
    need Flite to speak the sentences; without it they are left out, with the reason.
    """
    watch = on_progress or ignore_progress
    sr = single_rate(clips)
    clean = _encode(codec, [clip.y for clip in clips], sr)
    hop = codec.spec.hop_length * sr / codec.spec.sample_rate
    speaks = [
        speech_frames(clip.y, codes.shape[1], round(hop))
        for clip, codes in zip(clips, clean, strict=True)
    ]
    flips = {
        change.name: _flips(codec, clips, change, clean, speaks)
        for change in with_progress(standard_perturbations(talkers), "perturb speech", watch)
    }
    joined = np.concatenate(clean, axis=1)
    use = measure_code_use(joined, codebook_size=codec.spec.codebook_size)
    reason = missing_flite()
    spoken = [] if reason else speak_all(sentences or standard_sentences())
    phones, entropy, n_phone_frames = _phones(codec, spoken, talkers, sr, watch)
    return RobustnessResult(
        **identify(codec, _PACKAGES),
        n_clips=len(clips),
        n_frames=joined.shape[1],
        n_speech_frames=int(sum(each.sum() for each in speaks)),
        flips=flips,
        chance=chance_flips(clean),
        perplexity=use.perplexity,
        phones=phones,
        phone_entropy=entropy,
        n_phone_frames=n_phone_frames,
        skipped={"What tokens tell about phones": reason} if reason else {},
    )


def _flips(
    codec: AnyCodec,
    clips: Sequence[BenchClip],
    change: Perturbation,
    clean: list[Codes],
    speaks: list[npt.NDArray[np.bool_]],
) -> Flips:
    changed = [change.apply(clip.y, clip.sr, key=clip.name) for clip in clips]
    return count_flips(clean, _encode(codec, changed, clips[0].sr), speaks)


def _phones(
    codec: AnyCodec,
    spoken: Sequence[PhoneClip],
    talkers: Sequence[FloatArray],
    talkers_sr: int,
    watch: Progress,
) -> tuple[tuple[PhoneInformation, ...], float, int]:
    if not spoken:
        return (), float("nan"), 0
    codes = {
        name: _encode(codec, waves, spoken[0].sr)
        for name, waves in with_progress(
            _versions(spoken, talkers, talkers_sr), "encode phones", watch
        )
    }
    frames = _SpokenFrames(spoken, codes[CLEAN], codec.spec.frame_rate)
    tokens = {name: frames.join(each) for name, each in codes.items()}
    found = tuple(
        frames.information(name, tokens[CLEAN], each)
        for name, each in with_progress(list(tokens.items()), "predict phones from tokens", watch)
    )
    return found, entropy_bits(frames.phones), len(frames.phones)


def _versions(
    spoken: Sequence[PhoneClip], talkers: Sequence[FloatArray], talkers_sr: int
) -> list[tuple[str, list[FloatArray]]]:
    """Waves of the sentences clean, in white noise and in babble."""
    sr = spoken[0].sr
    voices = [resample(y, orig_sr=talkers_sr, target_sr=sr) for y in talkers]
    changes = (white_noise(snr_db=PHONE_SNR_DB), babble(voices, snr_db=PHONE_SNR_DB))
    clean = [clip.y for clip in spoken]
    noisy = [
        (change.name, [change.apply(y, sr, key=f"sentence {i}") for i, y in enumerate(clean)])
        for change in changes
    ]
    return [(CLEAN, clean), *noisy]


class _SpokenFrames:
    """Frames of the spoken sentences that hold a phone."""

    def __init__(self, spoken: Sequence[PhoneClip], codes: list[Codes], frame_rate: float) -> None:
        lengths = [each.shape[1] for each in codes]
        phones = [
            clip.frame_phones(n, frame_rate=frame_rate)
            for clip, n in zip(spoken, lengths, strict=True)
        ]
        every = np.concatenate(phones)
        self._kept = every != PAUSE
        self.phones = every[self._kept]
        self._sentence = np.repeat([clip.sentence for clip in spoken], lengths)[self._kept]
        self._voice = np.repeat([clip.voice for clip in spoken], lengths)[self._kept]

    def join(self, codes: list[Codes]) -> Codes:
        return np.concatenate(codes, axis=1)[:, self._kept]

    def information(self, name: str, clean: Codes, tested: Codes) -> PhoneInformation:
        by_sentence, by_voice = (
            tuple(
                held_out_information(learnt, self.phones, groups, test_tokens=tokens)
                for learnt, tokens in zip(clean, tested, strict=True)
            )
            for groups in (_folds(self._sentence), self._voice)
        )
        return PhoneInformation(name, by_sentence, by_voice)


def _folds(sentences: npt.NDArray[np.str_], n_folds: int = 6) -> npt.NDArray[np.int64]:
    numbers = np.unique(sentences, return_inverse=True)[1]
    return np.asarray(numbers % min(n_folds, int(numbers.max()) + 1))


def _encode(codec: AnyCodec, waves: Sequence[FloatArray], sr: int) -> list[Codes]:
    return list(CodeSequence(codec.encode_many([(y, sr) for y in waves])))
