"""Recognisers on tokens beside recognisers on MFCC and log-mel, with the same speech and tuning."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from sklearn.base import clone

from qtokfeatures.benches.asr.conditions import CLEAN
from qtokfeatures.benches.asr.material import Material, System
from qtokfeatures.benches.asr.result import TRAININGS, AsrResult, Errors
from qtokfeatures.benches.measured import identify
from qtokfeatures.evaluation.perturbations import Perturbation
from qtokfeatures.exceptions import InputError, require
from qtokfeatures.files import atomic_write
from qtokfeatures.progress import Progress, ignore_progress

if TYPE_CHECKING:
    from qtokfeatures.benches.measured import AnyCodec

_PACKAGES: Final = ("qtokfeatures", "numpy", "torch", "scikit-learn", "librosa", "jiwer")
_TUNING_SEED: Final = 100

Frames = list[npt.NDArray[Any]]


def bench_asr(
    codec: AnyCodec,
    systems: Sequence[System],
    material: Material,
    *,
    work: str | Path,
    n_jobs: int = 1,
    on_progress: Progress | None = None,
) -> AsrResult:
    """Word errors of every system, trained on clean speech and on speech of which half is noisy.

    Each system is tested on other speakers than it was trained on, with several seeds. Its
    settings are chosen on clean speech of split ``train``. Results are cached in the folder
    `work`, so that an interrupted bench resumes.
    """
    require("jiwer", purpose="word error rates")
    names = [system.name for system in systems]
    if len(set(names)) < len(names):
        raise InputError(f"systems need different names, got {names}")
    folder = Path(work)
    folder.mkdir(parents=True, exist_ok=True)
    watch = on_progress or ignore_progress
    pending = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
        delayed(run_system)(system, material, folder, material.fingerprint(system))
        for system in systems
    )
    watch("recognise", 0, len(systems))
    found: dict[str, tuple[Mapping[str, Any], dict[str, Errors]]] = {}
    for done, (name, chosen, errors) in enumerate(pending, start=1):
        found[name] = chosen, errors
        watch("recognise", done, len(systems))
    utterances = material.utterances
    return AsrResult(
        **identify(codec, _PACKAGES),
        systems=names,
        conditions=list(material.conditions),
        corpora=np.array([u.kind for u in utterances]),
        speakers=np.array([u.speaker for u in utterances]),
        words=np.array([len(u.text.split()) for u in utterances]),
        errors={(name, t): found[name][1][t] for name in names for t in TRAININGS},
        settings={name: found[name][0] for name in names},
    )


def run_system(
    system: System, material: Material, folder: Path, fingerprint: str
) -> tuple[str, Mapping[str, Any], dict[str, Errors]]:
    """Name, chosen settings and errors (seed, condition, utterance) by training of one system.

    The fingerprint is made where the codec is: another process knows the codec only by reference.
    """
    import torch

    torch.set_num_threads(1)  # processes share the cores
    store = _Store(folder, system.name, fingerprint)
    frames = _LazyFrames(system, material)
    chosen = store.get_or_compute("settings", lambda: _choose(system, material, frames))

    def tested(training: str, seed: int) -> Any:
        return _test_seed(system, material, frames, chosen, training, seed).tolist()

    errors = {
        training: np.array(
            [
                store.get_or_compute(f"{training}-{seed}", partial(tested, training, seed))
                for seed in material.seeds
            ]
        )
        for training in TRAININGS
    }
    return system.name, chosen, errors


class _LazyFrames:
    """Frames of all utterances in a condition, computed on first use."""

    def __init__(self, system: System, material: Material) -> None:
        self._system, self._material = system, material
        self._known: dict[str, Frames] = {}

    def of(self, condition: str) -> Frames:
        """Frames of all utterances in a condition of the test."""
        if condition not in self._known:
            self._known[condition] = self._make(self._material.conditions[condition])
        return self._known[condition]

    def for_training(self, training: str, rows: npt.NDArray[np.int64]) -> Frames:
        """Frames to train on: clean speech, or every other utterance with noise."""
        clean = self.of(CLEAN)
        if training == CLEAN:
            return [clean[row] for row in rows]
        if "training" not in self._known:
            self._known["training"] = self._make(self._material.noise)
        noisy = self._known["training"]
        return [(noisy if n % 2 else clean)[row] for n, row in enumerate(rows)]

    def _make(self, change: Perturbation | None) -> Frames:
        front_end = clone(self._system.front_end)
        frames: Frames = front_end.fit_transform(self._material.waves(change))
        return frames


class _Store:
    """Cached results of one system, as JSON files."""

    def __init__(self, folder: Path, name: str, fingerprint: str) -> None:
        self._stem = f"{''.join(c if c.isalnum() else '-' for c in name)}-{fingerprint}"
        self._folder = folder

    def get_or_compute(self, what: str, make: Callable[[], Any]) -> Any:
        """The stored result, or a new one that is then stored."""
        path = self._folder / f"{self._stem}-{what}.json"
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
        made = make()
        with atomic_write(path) as fresh:
            fresh.write_text(json.dumps(made), encoding="utf-8")
        return made


def _choose(system: System, material: Material, frames: _LazyFrames) -> Mapping[str, Any]:
    """The settings with the fewest errors on clean speech of speakers left out."""
    if len(system.settings) == 1:
        return dict(system.settings[0])
    train, test = material.tuning_fold()
    transcripts = [u.text for u in material.utterances]
    clean = frames.of(CLEAN)
    scores = []
    for setting in system.settings:
        model = clone(system.recognizer).set_params(seed=_TUNING_SEED, **setting)
        model.fit([clean[row] for row in train], [transcripts[row] for row in train])
        predicted = model.predict([clean[row] for row in test])
        scores.append(int(word_errors([transcripts[row] for row in test], predicted).sum()))
    return dict(system.settings[int(np.argmin(scores))])


def _test_seed(
    system: System,
    material: Material,
    frames: _LazyFrames,
    chosen: Mapping[str, Any],
    training: str,
    seed: int,
) -> Errors:
    """Errors (condition, utterance) of one seed; each speaker is tested when left out."""
    transcripts = [u.text for u in material.utterances]
    errors = np.zeros((len(material.conditions), len(transcripts)), dtype=np.int64)
    for train, test in material.folds():
        known = frames.for_training(training, train)
        model = clone(system.recognizer).set_params(seed=seed, **chosen)
        model.fit(known, [transcripts[row] for row in train])
        for number, condition in enumerate(material.conditions):
            tested = frames.of(condition)
            predicted = model.predict([tested[row] for row in test])
            errors[number, test] = word_errors([transcripts[row] for row in test], predicted)
    return errors


def word_errors(transcripts: Sequence[str], predicted: Sequence[str]) -> Errors:
    """Wrong, missing and inserted words in each utterance, shape (utterance,)."""
    jiwer = require("jiwer", purpose="word error rates")
    aligned = jiwer.process_words(list(transcripts), list(predicted)).alignments
    return np.array(
        [
            sum(
                max(c.ref_end_idx - c.ref_start_idx, c.hyp_end_idx - c.hyp_start_idx)
                for c in chunks
                if c.type != "equal"
            )
            for chunks in aligned
        ],
        dtype=np.int64,
    )
