"""Codec measured beside its peers, on the same clips and by the same code."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.benches.clips import BenchClip, single_rate
from qtokfeatures.benches.codec.result import BenchResult, SystemScores
from qtokfeatures.benches.measured import identify
from qtokfeatures.benches.peers import Peer, default_peers, split_peers
from qtokfeatures.benches.speed.timing import Coder, measure_speed, on_threads, timing_signal
from qtokfeatures.evaluation.alignment import align, find_common_lag
from qtokfeatures.evaluation.code_use import CodeUse, measure_code_use
from qtokfeatures.evaluation.scores import ClipScore, score_reconstruction
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import InputError, require
from qtokfeatures.parameters import whole
from qtokfeatures.progress import Progress, ignore_progress, with_progress

if TYPE_CHECKING:
    from qtokfeatures.benches.measured import AnyCodec

_PACKAGES: Final = ("qtokfeatures", "numpy", "torch", "librosa", "pystoi", "pesq")


def bench_codec(
    codec: AnyCodec,
    *,
    clips: Sequence[BenchClip],
    n_codebooks: Iterable[int] = (16, 8, 4, 2, 1),
    refine: int = 0,
    peers: Iterable[Peer] | None = None,
    quiet_db: float = -40.0,
    timed_s: float = 10.0,
    threads: Sequence[int] = (1, 2),
    on_progress: Progress | None = None,
) -> BenchResult:
    """Quality of reconstructions, use of codes, and speed of a codec, beside its peers.

    Prefixes of codebooks are decoded as ``codec.decode(codes[:k])``; codes refined in `refine`
    steps, unless 0, from most codebooks. A peer whose tools are missing is named in the result; the
    delay of a peer is estimated over all clips and removed before measuring. `quiet_db` is the
    gain of an input whose output is scaled back.
    """
    clips = _check_clips(clips)
    check_refining(codec, refine)
    prefixes = _check_prefixes(n_codebooks, codec.spec.n_codebooks)
    running, skipped = split_peers(default_peers() if peers is None else peers)
    watch = on_progress or ignore_progress
    codes = [codec.encode(clip.y, sr=clip.sr) for clip in with_progress(clips, "encode", watch)]
    systems = [_score_prefix(codec, clips, codes, k, watch, lag=k == prefixes[0]) for k in prefixes]
    if refine:
        systems.append(_score_refined(codec, clips, prefixes[0], refine, watch))
    quiet = _score_quiet(codec, clips, prefixes[0], quiet_db, watch)
    systems += [_score_peer(peer, clips, watch) for peer in running]
    coders = {
        f"{codec.spec.name}, {n} thread{'s' if n > 1 else ''}": on_threads(
            _codec_coder(codec, clips[0].sr), n
        )
        for n in threads
    }
    if refine:
        slow = _codec_coder(codec, clips[0].sr, refine)
        coders[f"{refined_name(codec.spec.name, refine)}, 1 thread"] = on_threads(slow, 1)
    coders |= {peer.name: _peer_coder(peer, clips[0].sr) for peer in running}
    return BenchResult(
        **identify(codec, _PACKAGES),
        kinds=Counter(clip.kind for clip in clips),
        duration_s=sum(clip.duration_s for clip in clips),
        sr=clips[0].sr,
        systems=tuple(systems),
        quiet=quiet,
        quiet_db=quiet_db,
        code_use=_code_use(codec, codes),
        speech_code_use=_speech_code_use(codec, clips, codes),
        speeds=measure_speed(coders, timing_signal(clips, duration_s=timed_s), clips[0].sr),
        speed_duration_s=timed_s,
        skipped=skipped,
    )


def _score_prefix(
    codec: AnyCodec,
    clips: Sequence[BenchClip],
    codes: Sequence[npt.NDArray[np.int16]],
    k: int,
    watch: Progress,
    *,
    lag: bool,
) -> SystemScores:
    name = f"{codec.spec.name}, {k} codebook{'s' if k > 1 else ''}"
    scores = []
    for clip, clip_codes in zip(with_progress(clips, name, watch), codes, strict=True):
        y_hat, _ = codec.decode(clip_codes[:k], sr=clip.sr, length=len(clip.y))
        scores.append(_score(clip, y_hat, lag=lag))
    kbit_s = k * codec.spec.frame_rate * math.log2(codec.spec.codebook_size) / 1000
    return SystemScores(name, tuple(scores), kbit_s=kbit_s, n_codebooks=k)


def refined_name(name: str, steps: int) -> str:
    """Name in tables of a system whose codes are refined."""
    return f"{name}, refine={steps}"


def check_refining(codec: AnyCodec, steps: int) -> None:
    """Raise if `steps` is no number of steps, or the codec cannot refine."""
    if whole("refine", steps, at_least=0):
        codec.start_refining()


def _score_refined(
    codec: AnyCodec, clips: Sequence[BenchClip], k: int, steps: int, watch: Progress
) -> SystemScores:
    name = refined_name(f"{codec.spec.name}, {k} codebooks", steps)
    codes = [
        codec.encode(clip.y, sr=clip.sr, refine=steps) for clip in with_progress(clips, name, watch)
    ]
    system = _score_prefix(codec, clips, codes, k, watch, lag=True)
    return replace(system, name=name, n_codebooks=None)


def _score_quiet(
    codec: AnyCodec, clips: Sequence[BenchClip], k: int, gain_db: float, watch: Progress
) -> SystemScores:
    name = f"{codec.spec.name} at {gain_db:g} dB"
    gain = np.float32(10 ** (gain_db / 20))
    scores = []
    for clip in with_progress(clips, name, watch):
        codes = codec.encode(gain * clip.y, sr=clip.sr)
        y_hat, _ = codec.decode(codes[:k], sr=clip.sr, length=len(clip.y))
        scores.append(_score(clip, y_hat / gain))
    return SystemScores(name, tuple(scores))


def _score_peer(peer: Peer, clips: Sequence[BenchClip], watch: Progress) -> SystemScores:
    payloads, late = [], []
    for clip in with_progress(clips, peer.name, watch):
        payloads.append(peer.encode(clip.y, clip.sr))
        late.append(peer.decode(payloads[-1], clip.sr))
    pairs = [(clip.y, y_hat) for clip, y_hat in zip(clips, late, strict=True)]
    lag = find_common_lag(pairs, sr=clips[0].sr) if peer.delays else 0
    scores = [
        _score(clip, align(y_hat, lag, len(clip.y)), lag=True)
        for clip, y_hat in zip(with_progress(clips, f"score {peer.name}", watch), late, strict=True)
    ]
    kbit_s = _bit_rate([peer.n_bits(payload) for payload in payloads], clips)
    return SystemScores(peer.name, tuple(scores), kbit_s=kbit_s, lag=lag, note=peer.note)


def _score(clip: BenchClip, y_hat: FloatArray, *, lag: bool = False) -> ClipScore:
    values = score_reconstruction(clip.y, y_hat, clip.sr, speech=clip.kind == "speech", lag=lag)
    return ClipScore(clip.name, clip.kind, values)


def _code_use(codec: AnyCodec, codes: Sequence[npt.NDArray[np.int16]]) -> CodeUse:
    joined = np.concatenate(codes, axis=1)
    return measure_code_use(joined, codebook_size=codec.spec.codebook_size)


def _speech_code_use(
    codec: AnyCodec, clips: Sequence[BenchClip], codes: Sequence[npt.NDArray[np.int16]]
) -> CodeUse | None:
    of_speech = [own for clip, own in zip(clips, codes, strict=True) if clip.kind == "speech"]
    return _code_use(codec, of_speech) if of_speech else None


def _bit_rate(bits: Sequence[int | None], clips: Sequence[BenchClip]) -> float | None:
    counted = [each for each in bits if each is not None]
    if len(counted) < len(bits):
        return None
    return sum(counted) / sum(clip.duration_s for clip in clips) / 1000


def _codec_coder(codec: AnyCodec, sr: int, refine: int = 0) -> Coder:
    return Coder(
        lambda y: codec.encode(y, sr=sr, refine=refine), lambda codes: codec.decode(codes, sr=sr)
    )


def _peer_coder(peer: Peer, sr: int) -> Coder:
    return Coder(lambda y: peer.encode(y, sr), lambda payload: peer.decode(payload, sr))


def _check_clips(clips: Sequence[BenchClip]) -> list[BenchClip]:
    clips = list(clips)
    single_rate(clips)
    name, times = Counter(clip.name for clip in clips).most_common(1)[0]
    if times > 1:
        raise InputError(f"clips must have different names, got {name!r} {times} times")
    if any(clip.kind == "speech" for clip in clips):
        require("pystoi", purpose="STOI on speech")
        require("pesq", purpose="PESQ on speech")
    return clips


def _check_prefixes(n_codebooks: Iterable[int], most: int) -> list[int]:
    asked = sorted(set(n_codebooks), reverse=True)
    prefixes = [k for k in asked if 1 <= k <= most]
    if not prefixes:
        raise InputError(f"n_codebooks must hold a number from 1 to {most}, got {asked}")
    return prefixes
