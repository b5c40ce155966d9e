"""Benches with the material and the settings of the published figures."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from qtokfeatures.audio import find_audio
from qtokfeatures.benches.asr.bench import bench_asr
from qtokfeatures.benches.asr.conditions import load_noises, standard_conditions, training_noise
from qtokfeatures.benches.asr.material import Material, asr_systems
from qtokfeatures.benches.asr.result import AsrResult
from qtokfeatures.benches.asr.utterances import NUMBERS_FOLDER, SR, load_utterances
from qtokfeatures.benches.clips import (
    ClipSelection,
    find_shared_audio,
    load_talkers,
    select_clips,
)
from qtokfeatures.benches.codec.bench import bench_codec
from qtokfeatures.benches.codec.ranking import draw_sheets, rank_clips
from qtokfeatures.benches.codec.result import BenchResult
from qtokfeatures.benches.digits.bench import bench_digits
from qtokfeatures.benches.digits.recordings import DIGITS_FOLDER, digit_paths, load_digits
from qtokfeatures.benches.digits.result import DigitResult
from qtokfeatures.benches.digits.weighting import WeightingResult, bench_weighting
from qtokfeatures.benches.inverse import (
    HELD_OUT_OF_BUNDLED,
    InverseResult,
    bench_inverse,
    bundled_clips,
)
from qtokfeatures.benches.measured import Measured
from qtokfeatures.benches.peers import Peer
from qtokfeatures.benches.robustness.bench import bench_robustness
from qtokfeatures.benches.robustness.result import RobustnessResult
from qtokfeatures.benches.speed.bench import SpeedResult, bench_folders
from qtokfeatures.benches.tasks.baselines import POOLINGS
from qtokfeatures.benches.tasks.bench import bench_tasks
from qtokfeatures.benches.tasks.conditions import standard_conditions as task_conditions
from qtokfeatures.benches.tasks.result import TaskResult
from qtokfeatures.benches.tasks.sounds import (
    across_soundfonts,
    family_clusters,
    load_environments,
    load_instruments,
    note_sounds,
    render_all,
)
from qtokfeatures.estimators import CodeEmbedding, QTokenizer, TokenHistogram
from qtokfeatures.examples_audio import example_files
from qtokfeatures.exceptions import InputError, SkippedClipWarning
from qtokfeatures.progress import Progress, ignore_progress

if TYPE_CHECKING:
    from qtokfeatures.benches.measured import AnyCodec

Data: TypeAlias = str | Path | None

EPOCHS: Final = 30  # of the recognisers
INVERTED: Final = ("histogram", "embedding", "both")  # features that sounds are made for


def run_bench(
    name: str,
    codec: AnyCodec,
    *,
    data: str | Path | None = None,
    on_progress: Progress | None = None,
    **options: Any,
) -> Measured:
    """Run a bench with the clips and the settings of the published figures.

    Parameters
    ----------
    name : {"codec", "asr", "digits", "robustness", "stability", "tasks", "inverse", "speed"}
        Bench to run:

        - ``"codec"``: distances, STOI, PESQ, use of codes and speed, beside Opus and others.
          Options `split` ("dev"), `per_kind` (all), `intervals` (False), `refine` (0), `peers`
          (Opus, Codec 2, Griffin-Lim), `sheet` (no pictures).
        - ``"asr"``: word error rates from tokens, MFCC and log-mel, in hours; resumes from `work`.
          Options `per_digit` (15), `seeds` (5), `epochs` (30), `jobs` (2), `work` ("asr-bench"),
          `plot` (no picture).
        - ``"digits"``: spoken digits, in noise and after decoding. Options `per_digit` (15),
          `refine` (0), `peers` (Opus, Codec 2).
        - ``"robustness"``: codes of speech that change in noise, and their information on phones.
          Options `per_kind` (all clips of speech), `before` (a JSON file to set beside it).
        - ``"stability"``: spoken digits in noise, tokens weighted by stability. Option `per_digit`
          (5).
        - ``"tasks"``: instruments and environments, beside MFCC, log-mel and openSMILE. Options
          `notes` (16 of each instrument), `clips` (10 of each instance or class), `conditions`
          (True: also test in noise, MP3, a room and others, thirteen times the work).
        - ``"inverse"``: sounds made for the features of clips. Options `per_kind` (5),
          `fit_per_kind` (40).
        - ``"speed"``: encoding of folders of clips, beside librosa's MFCC. Options `files` (spoken
          digits and the bundled sounds), `clips` (at most 200 digits).
    codec : Codec
        Codec to measure.
    data : str or Path, optional
        Folder with ``manifest.csv``, by default :func:`~qtokfeatures.benches.find_shared_audio`.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.
    **options
        Options of the bench, each with its default above. ``qtok bench NAME --help`` explains them.

    Returns
    -------
    Measured
        With ``tables()``, ``notes()``, ``to_markdown()``, ``print()`` and ``to_dict()``.

    Raises
    ------
    InputError
        If there is no such bench or option, or recordings are missing.

    Examples
    --------
    >>> codec = qt.load_codec("mini", device="cpu")
    >>> result = run_bench("speed", codec, files=[qt.example_file("piano_C4")])
    >>> result.folders[0].n_clips
    1
    """
    if name not in BENCHES:
        raise InputError(f"no bench {name!r}; there are {', '.join(BENCHES)}")
    run = BENCHES[name]
    known = inspect.signature(run).parameters.keys() - {"codec", "data", "on_progress"}
    if unknown := options.keys() - known:
        raise InputError(
            f"bench {name!r} has no option {', '.join(sorted(unknown))}; there are "
            f"{', '.join(sorted(known))}"
        )
    return run(codec, data=data, on_progress=on_progress, **options)


def _codec(
    codec: AnyCodec,
    *,
    data: Data = None,
    split: str = "dev",
    per_kind: int | None = None,
    intervals: bool = False,
    refine: int = 0,
    peers: Sequence[Peer] | None = None,
    sheet: str | Path | None = None,
    on_progress: Progress | None = None,
) -> BenchResult:
    """Measure distances, STOI, PESQ, use of codes and speed of a codec beside its peers."""
    selection = ClipSelection(split=split, per_kind=per_kind)
    clips = select_clips(data or find_shared_audio(), selection, sr=codec.spec.sample_rate)
    result = bench_codec(codec, clips=clips, refine=refine, peers=peers, on_progress=on_progress)
    if sheet is not None:
        draw_sheets(rank_clips(codec, clips), Path(sheet), codec.spec.name)
    return replace(result, clips=selection.describe(), intervals=intervals)


def _asr(
    codec: AnyCodec,
    *,
    data: Data = None,
    per_digit: int = 15,
    seeds: int = 5,
    epochs: int = EPOCHS,
    jobs: int = 2,
    work: str | Path = "asr-bench",
    plot: str | Path | None = None,
    on_progress: Progress | None = None,
) -> AsrResult:
    """Recognise speech from tokens, MFCC and log-mel: clean, in noise, rooms and bands."""
    folder, work = data or find_shared_audio(), Path(work)

    def talkers(split: str) -> Any:
        reserved = (DIGITS_FOLDER, NUMBERS_FOLDER)
        return load_talkers(folder, sr=SR, split=split, without=reserved, per_speaker=2)

    material = Material(
        utterances=load_utterances(folder, per_digit=per_digit),
        conditions=standard_conditions(talkers("dev"), load_noises(folder)),
        noise=training_noise(talkers("train")),
        seeds=range(seeds),
    )
    systems = asr_systems(codec, cache=work / "codes", epochs=epochs)
    result = bench_asr(codec, systems, material, work=work, n_jobs=jobs, on_progress=on_progress)
    if plot is not None:
        from qtokfeatures.viz.error_curves import draw_error_curves
        from qtokfeatures.viz.figures import write_whole

        write_whole(Path(plot), draw_error_curves(result.curves()))
    return result


def _digits(
    codec: AnyCodec,
    *,
    data: Data = None,
    per_digit: int = 15,
    refine: int = 0,
    peers: Sequence[Peer] | None = None,
    on_progress: Progress | None = None,
) -> DigitResult:
    """Classify spoken digits by tokens, beside MFCC and log-mel, in noise and after decoding."""
    folder = data or find_shared_audio()
    digits = load_digits(folder, per_digit=per_digit)
    return bench_digits(
        codec,
        digits,
        token_features={
            "codebook 0, histogram": TokenHistogram(codebooks=1, bins=None),
            "codebook 0, histogram of 128 bins": TokenHistogram(codebooks=1),
            "codebook 0, embedding, mean and std": CodeEmbedding(codebooks=1),
            "codebook 0, embedding, 3 segments": CodeEmbedding(codebooks=1, segments=3),
            "codebooks 0–3, histograms of 128 bins": TokenHistogram(codebooks=4),
            "all codebooks, embedding, mean and std": CodeEmbedding(),
            "all codebooks, embedding, 3 segments": CodeEmbedding(segments=3),
        },
        talkers=load_talkers(folder, sr=digits[0].sr),
        training_talkers=_other_talkers(folder, digits[0].sr),
        refine=refine,
        peers=peers,
        on_progress=on_progress,
    )


def _robustness(
    codec: AnyCodec,
    *,
    data: Data = None,
    per_kind: int | None = None,
    before: str | Path | None = None,
    on_progress: Progress | None = None,
) -> RobustnessResult:
    """Count the codes of speech that change in noise, and measure their information on phones."""
    earlier = None if before is None else RobustnessResult.from_dict(_read_json(Path(before)))
    folder, sr = data or find_shared_audio(), codec.spec.sample_rate
    selection = ClipSelection(kinds=("speech",), first_s=10.0, per_kind=per_kind)
    result = bench_robustness(
        codec,
        clips=select_clips(folder, selection, sr=sr),
        talkers=_other_talkers(folder, sr),
        on_progress=on_progress,
    )
    return replace(result, clips=selection.describe(), before=earlier)


def _stability(
    codec: AnyCodec,
    *,
    data: Data = None,
    per_digit: int = 5,
    on_progress: Progress | None = None,
) -> WeightingResult:
    """Classify spoken digits in noise by histograms weighted by the stability of tokens."""
    folder = data or find_shared_audio()
    digits = load_digits(folder, per_digit=per_digit)
    return bench_weighting(
        codec,
        digits,
        histograms={
            "codebook 0": TokenHistogram(codebooks=1),
            "codebooks 0–3": TokenHistogram(codebooks=4),
            "all codebooks": TokenHistogram(),
        },
        talkers=load_talkers(folder, sr=digits[0].sr),
        on_progress=on_progress,
    )


def _tasks(
    codec: AnyCodec,
    *,
    data: Data = None,
    notes: int = 16,
    clips: int = 10,
    conditions: bool = True,
    on_progress: Progress | None = None,
) -> TaskResult:
    """Classify instruments and environments by tokens, beside MFCC, log-mel and openSMILE."""
    folder = data or find_shared_audio()
    rendered = render_all(notes, on_progress or ignore_progress)
    sounds = note_sounds(rendered)
    return bench_tasks(
        codec,
        (
            across_soundfonts(rendered, sounds),
            load_instruments(folder, per_instance=clips),
            load_environments(folder, per_class=clips),
            family_clusters(rendered, sounds),
        ),
        token_features={
            "histogram, 4 codebooks": TokenHistogram(codebooks=4),
            **{
                f"embedding, {name}": CodeEmbedding(pooling=pooling)
                for name, pooling in POOLINGS.items()
            },
        },
        conditions=task_conditions() if conditions else (),
        on_progress=on_progress,
    )


def _inverse(
    codec: AnyCodec,
    *,
    data: Data = None,
    per_kind: int = 5,
    fit_per_kind: int = 40,
    on_progress: Progress | None = None,
) -> InverseResult:
    """Make sounds for the features of held-out clips, and measure how close they are."""
    folder = data or find_shared_audio()
    fit = ClipSelection(split="train", per_kind=fit_per_kind)
    held_out = ClipSelection(split="dev", per_kind=per_kind)
    bundled_to_fit, bundled_held_out = bundled_clips()
    result = bench_inverse(
        codec,
        {name: QTokenizer(codec, features=name) for name in INVERTED},
        fitted=[*select_clips(folder, fit), *bundled_to_fit],
        held_out=[*select_clips(folder, held_out), *bundled_held_out],
        on_progress=on_progress,
    )
    described = (
        f"{held_out.describe()} To fit on: the same of split `train`, at most {fit_per_kind} a "
        f"kind. And of the bundled sounds every {HELD_OUT_OF_BUNDLED}th held out, the others "
        "fitted on."
    )
    return replace(result, clips=described)


def _speed(
    codec: AnyCodec,
    *,
    files: Sequence[str | Path] | None = None,
    data: Data = None,
    clips: int = 200,
    on_progress: Progress | None = None,
) -> SpeedResult:
    """Time a codec on folders of short clips, in turns with librosa's MFCC."""
    folders = {"your files": list(find_audio(files))} if files else default_folders(data, clips)
    return bench_folders(codec, folders, on_progress=on_progress)


BENCHES: Final[dict[str, Callable[..., Measured]]] = {
    "codec": _codec,
    "asr": _asr,
    "digits": _digits,
    "robustness": _robustness,
    "stability": _stability,
    "tasks": _tasks,
    "inverse": _inverse,
    "speed": _speed,
}


def default_folders(data: Data, at_most: int) -> Mapping[str, Sequence[str | Path]]:
    """Spoken digits, unless there are no shared recordings, and the bundled sounds."""
    bundled = {"bundled sounds, 24 kHz": list(example_files())}
    try:
        folder = data or find_shared_audio()
    except InputError as error:
        warnings.warn(f"spoken digits are left out: {error}", SkippedClipWarning, stacklevel=3)
        return bundled
    return {"spoken digits, 8 kHz": digit_paths(folder, at_most=at_most), **bundled}


def _other_talkers(folder: str | Path, sr: int) -> Any:
    """Speakers of neither the digits nor the tests, whom no codec was trained on."""
    return load_talkers(folder, sr=sr, split="train", within=NUMBERS_FOLDER)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
