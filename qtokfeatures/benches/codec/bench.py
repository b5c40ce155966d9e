"""Codec measured beside its peers, on the same clips and by the same code."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
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

Codes = npt.NDArray[np.int16]

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
    most, sr = prefixes[0], clips[0].sr
    systems = [_score_prefix(codec, clips, codes, k, watch, lag=k == most) for k in prefixes]
    if refine:
        refined = (codec.encode(clip.y, sr=sr, refine=refine) for clip in clips)
        system = _score_prefix(codec, clips, refined, most, watch, refine=refine, lag=True)
        systems.append(replace(system, n_codebooks=None))
    quiet = _score_quiet(codec, clips, most, quiet_db, watch)
    systems += [_score_peer(peer, clips, watch) for peer in running]
    of_speech = [own for clip, own in zip(clips, codes, strict=True) if clip.kind == "speech"]
    coders = _coders(codec, running, sr, refine=refine, threads=threads)
    return BenchResult(
        **identify(codec, _PACKAGES),
        kinds=Counter(clip.kind for clip in clips),
        duration_s=sum(clip.duration_s for clip in clips),
        sr=sr,
        systems=tuple(systems),
        quiet=quiet,
        quiet_db=quiet_db,
        code_use=_code_use(codec, codes),
        speech_code_use=_code_use(codec, of_speech) if of_speech else None,
        speeds=measure_speed(coders, timing_signal(clips, duration_s=timed_s), sr),
        speed_duration_s=timed_s,
        skipped=skipped,
    )


def _score_prefix(
    codec: AnyCodec,
    clips: Sequence[BenchClip],
    codes: Iterable[Codes],
    k: int,
    watch: Progress,
    *,
    refine: int = 0,
    lag: bool,
) -> SystemScores:
    name = f"{codec.spec.name}, {k} codebook{'s' if k > 1 else ''}"
    name = refined_name(name, refine) if refine else name
    scores = _score_codes(codec, clips, codes, k, name, watch, lag=lag)
    kbit_s = k * codec.spec.frame_rate * math.log2(codec.spec.codebook_size) / 1000
    return SystemScores(name, scores, kbit_s=kbit_s, n_codebooks=k)


def _score_quiet(
    codec: AnyCodec, clips: Sequence[BenchClip], k: int, gain_db: float, watch: Progress
) -> SystemScores:
    name = f"{codec.spec.name} at {gain_db:g} dB"
    gain = np.float32(10 ** (gain_db / 20))
    codes = (codec.encode(gain * clip.y, sr=clip.sr) for clip in clips)
    return SystemScores(name, _score_codes(codec, clips, codes, k, name, watch, gain=float(gain)))


def _score_codes(
    codec: AnyCodec,
    clips: Sequence[BenchClip],
    codes: Iterable[Codes],
    k: int,
    name: str,
    watch: Progress,
    *,
    gain: float = 1.0,
    lag: bool = False,
) -> tuple[ClipScore, ...]:
    """Scores of each clip decoded from its first `k` codebooks and divided by `gain`."""
    scores = []
    for clip, own in zip(with_progress(clips, name, watch), codes, strict=True):
        y_hat, _ = codec.decode(own[:k], sr=clip.sr, length=len(clip.y))
        scores.append(_score(clip, y_hat / np.float32(gain), lag=lag))
    return tuple(scores)


def refined_name(name: str, steps: int) -> str:
    """Name in tables of a system whose codes are refined."""
    return f"{name}, refine={steps}"


def check_refining(codec: AnyCodec, steps: int) -> None:
    """Raise if `steps` is no number of steps, or the codec cannot refine."""
    if whole("refine", steps, at_least=0):
        codec.start_refining()


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


def _code_use(codec: AnyCodec, codes: Sequence[Codes]) -> CodeUse:
    joined = np.concatenate(codes, axis=1)
    return measure_code_use(joined, codebook_size=codec.spec.codebook_size)


def _bit_rate(bits: Sequence[int | None], clips: Sequence[BenchClip]) -> float | None:
    counted = [each for each in bits if each is not None]
    if len(counted) < len(bits):
        return None
    return sum(counted) / sum(clip.duration_s for clip in clips) / 1000


def _coders(
    codec: AnyCodec, peers: Sequence[Peer], sr: int, *, refine: int, threads: Sequence[int]
) -> dict[str, Coder]:
    """The codec on several numbers of threads, refined, and the peers, to time in turns."""

    def own(steps: int, n_threads: int) -> Coder:
        plain = Coder(partial(codec.encode, sr=sr, refine=steps), partial(codec.decode, sr=sr))
        return on_threads(plain, n_threads)

    name = codec.spec.name
    coders = {f"{name}, {n} thread{'s' if n > 1 else ''}": own(0, n) for n in threads}
    if refine:
        coders[f"{refined_name(name, refine)}, 1 thread"] = own(refine, 1)
    for peer in peers:
        coders[peer.name] = Coder(partial(peer.encode, sr=sr), partial(peer.decode, sr=sr))
    return coders


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
