"""Spoken digits classified by codes, by MFCC and log-mel, and after decoding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qtokfeatures.audio import resample
from qtokfeatures.audio.acoustic import log_mel_frames, mfcc_frames
from qtokfeatures.benches.clips import BenchClip, single_rate
from qtokfeatures.benches.codec.bench import check_refining, refined_name
from qtokfeatures.benches.digits.classifier import Spoken, Waves
from qtokfeatures.benches.digits.result import CLEAN, DigitResult, Recognised
from qtokfeatures.benches.measured import identify
from qtokfeatures.benches.peers import Codec2, Opus, Peer, split_peers
from qtokfeatures.evaluation.alignment import align
from qtokfeatures.evaluation.perturbations import SNRS_DB, babble, noises, white_noise
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.features import pool_frames
from qtokfeatures.labelled import CodeSequence, build_codes
from qtokfeatures.progress import Progress, ignore_progress, with_progress

if TYPE_CHECKING:
    from qtokfeatures.benches.measured import AnyCodec

SEGMENTS: Final = 3  # beginning, middle and end of a digit
# Usual for recognising speech; librosa's defaults are for music.
WINDOWS: Final[dict[str, Any]] = {"n_mels": 40, "window_s": 0.032, "hop_s": 0.01}

_PACKAGES: Final = ("qtokfeatures", "numpy", "torch", "scikit-learn", "librosa")
_TRAINING_SEED: Final = 1


def bench_digits(
    codec: AnyCodec,
    digits: Sequence[BenchClip],
    *,
    token_features: Mapping[str, Any],
    talkers: Sequence[FloatArray],
    training_talkers: Sequence[FloatArray],
    n_codebooks: Iterable[int] = (16, 8, 4, 2, 1),
    refine: int = 0,
    peers: Iterable[Peer] | None = None,
    on_progress: Progress | None = None,
) -> DigitResult:
    """Accuracy of every feature on clean and noisy digits, trained on clean speech of others.

    `talkers` are the babble of the tests, `training_talkers` that of the one classifier that is
    trained on noisy speech.
    """
    check_refining(codec, refine)
    watch = on_progress or ignore_progress
    sr = single_rate(digits)
    spoken = Spoken(digits, noises(talkers))
    running, skipped = split_peers((Opus(), Codec2()) if peers is None else peers)
    mfcc = {name: _mfcc(spoken, waves) for name, waves in spoken.waves.items()}
    encoded = {
        name: encode_with_latents(codec, waves, sr=sr)
        for name, waves in _watched_items(spoken.waves, "encode digits", watch)
    }
    codes = {name: own for name, (own, _) in encoded.items()}
    rows = [
        *_token_rows(spoken, codes, token_features, watch),
        *_statistics_rows(spoken, "latents", {name: own for name, (_, own) in encoded.items()}),
        *_acoustic_rows(spoken, mfcc),
        _noisy_row(spoken, mfcc, training_talkers),
    ]
    through = {
        **_decode(codec, codes[CLEAN], n_codebooks, watch),
        **(_decode_refined(codec, spoken, refine, watch) if refine else {}),
        **_through_peers(running, spoken, watch),
    }
    return DigitResult(
        **identify(codec, _PACKAGES),
        speakers=spoken.speakers,
        conditions=tuple(spoken.waves),
        features=tuple(rows),
        decoded=_decoded_rows(spoken, mfcc[CLEAN], through),
        skipped=skipped,
    )


def _token_rows(
    spoken: Spoken,
    codes: Mapping[str, CodeSequence],
    token_features: Mapping[str, Any],
    watch: Progress,
) -> list[Recognised]:
    rows = []
    for name, transformer in _watched_items(token_features, "classify tokens", watch):
        rows.append(spoken.recognise(name, token_matrices(transformer, codes)))
    return rows


def token_matrices(transformer: Any, codes: Mapping[str, CodeSequence]) -> dict[str, FloatArray]:
    """Features (clip, feature) of codes in every condition, fitted on the clean ones."""
    transformer.fit(codes[CLEAN])
    return {name: np.asarray(transformer.transform(each)) for name, each in codes.items()}


def _acoustic_rows(spoken: Spoken, mfcc: Mapping[str, list[FloatArray]]) -> list[Recognised]:
    mel = {
        name: [log_mel_frames(y, spoken.sr, **WINDOWS) for y in waves]
        for name, waves in spoken.waves.items()
    }
    return _statistics_rows(spoken, "MFCC", mfcc) + _statistics_rows(spoken, "log-mel", mel)


def _statistics_rows(
    spoken: Spoken, name: str, frames: Mapping[str, list[FloatArray]]
) -> list[Recognised]:
    kinds = {f"{name}, mean and std": 1, f"{name}, {SEGMENTS} segments": SEGMENTS}
    return [
        spoken.recognise(
            kind, {condition: pool(each, segments=n) for condition, each in frames.items()}
        )
        for kind, n in kinds.items()
    ]


def _mfcc(spoken: Spoken, waves: Sequence[FloatArray]) -> list[FloatArray]:
    return [mfcc_frames(y, spoken.sr, **WINDOWS) for y in waves]


def pool(frames: Sequence[FloatArray], *, segments: int = 1) -> FloatArray:
    """Means of each segment and standard deviations, (clip, feature)."""
    return np.stack([pool_frames(each, ("mean", "std"), segments=segments) for each in frames])


def _noisy_row(
    spoken: Spoken,
    mfcc: Mapping[str, list[FloatArray]],
    training_talkers: Sequence[FloatArray],
) -> Recognised:
    """MFCC of three segments, trained on each recording clean, in white noise and in babble."""
    rng = np.random.default_rng(_TRAINING_SEED)
    snrs = rng.choice(SNRS_DB, size=(2, len(spoken.digits)))
    white = [white_noise(snr_db=snr, seed=_TRAINING_SEED) for snr in snrs[0]]
    talking = {snr: babble(training_talkers, snr_db=snr, seed=_TRAINING_SEED) for snr in SNRS_DB}
    versions = [spoken.changed(white), spoken.changed([talking[snr] for snr in snrs[1]])]
    more = [pool(_mfcc(spoken, waves), segments=SEGMENTS) for waves in versions]
    features = {name: pool(frames, segments=SEGMENTS) for name, frames in mfcc.items()}
    name = f"MFCC, {SEGMENTS} segments, trained on noisy speech"
    return spoken.recognise(name, features, more)


def _decode(
    codec: AnyCodec, codes: CodeSequence, n_codebooks: Iterable[int], watch: Progress
) -> Waves:
    most = codec.spec.n_codebooks
    prefixes = {
        f"{codec.spec.name}, {k} codebook{'s' if k > 1 else ''}": k
        for k in sorted(set(n_codebooks), reverse=True)
        if 1 <= k <= most
    }
    return {
        name: [y for y, _ in codec.decode_many(codes.dataset.isel(codebook=slice(k)))]
        for name, k in _watched_items(prefixes, "decode digits", watch)
    }


def _decode_refined(codec: AnyCodec, spoken: Spoken, steps: int, watch: Progress) -> Waves:
    name = refined_name(f"{codec.spec.name}, {codec.spec.n_codebooks} codebooks", steps)
    clips = with_progress([(y, spoken.sr) for y in spoken.waves[CLEAN]], "refine digits", watch)
    return {name: [y for y, _ in codec.decode_many(codec.encode_many(clips, refine=steps))]}


def _through_peers(peers: Sequence[Peer], spoken: Spoken, watch: Progress) -> Waves:
    sr = spoken.sr
    return {
        peer.name: [
            align(peer.decode(peer.encode(y, sr), sr), 0, len(y))
            for y in with_progress(spoken.waves[CLEAN], f"digits through {peer.name}", watch)
        ]
        for peer in peers
    }


def _decoded_rows(
    spoken: Spoken, clean: list[FloatArray], through: Waves
) -> tuple[Recognised, ...]:
    """Accuracy of a recogniser on MFCC of three segments, trained on originals only."""
    features = {CLEAN: pool(clean, segments=SEGMENTS)}
    for name, waves in through.items():
        features[name] = pool(_mfcc(spoken, waves), segments=SEGMENTS)
    right = spoken.recognise("decoded", features).right
    return tuple(
        Recognised("originals" if name == CLEAN else name, {CLEAN: each})
        for name, each in right.items()
    )


def _watched_items(items: Mapping[str, Any], stage: str, watch: Progress) -> Iterable[Any]:
    return with_progress(list(items.items()), stage, watch)


def encode_with_latents(
    codec: AnyCodec, waves: Sequence[FloatArray], *, sr: int
) -> tuple[CodeSequence, list[FloatArray]]:
    """Codes and latents (frame, dim) of each clip from one pass of the encoder."""
    import torch

    from qtokfeatures.codecs.batching import frames_of, latent_chunks, length_batches

    spec = codec.spec
    at_rate = [resample(y, orig_sr=sr, target_sr=spec.sample_rate) for y in waves]
    frames = [frames_of(len(y), spec.hop_length) for y in at_rate]
    found: dict[int, tuple[Any, FloatArray]] = {}
    for rows in length_batches(frames, most=int(codec.batch_s * spec.frame_rate)):
        with torch.inference_mode():
            latent = torch.cat(list(latent_chunks(codec, [at_rate[i] for i in rows])), dim=1)
            codes = codec.code_chunk(latent).to(torch.int16).cpu().numpy()
        for i, own, vectors in zip(rows, codes, latent.float().cpu().numpy(), strict=True):
            found[i] = np.ascontiguousarray(own[:, : frames[i]]), vectors[: frames[i]].copy()
    dataset = build_codes(
        [found[i][0] for i in range(len(waves))],
        spec=spec,
        sources=["" for _ in waves],
        n_samples=[len(y) for y in waves],
        sample_rates=[sr] * len(waves),
    )
    return CodeSequence(dataset), [found[i][1] for i in range(len(waves))]
