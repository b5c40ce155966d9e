"""Comparison of features for the default: the tables of ``docs/feature-defaults.md``.

    python tests/benchmarks/feature_defaults.py [--codec mini] [--only bins codebooks …]

Real recordings of the split ``train`` only, in the folder that ``QTOK_SHARED`` names. Each cell is
"accuracy / clustering" in per cent: the balanced accuracy of scikit-learn's ``SVC()`` across groups
that share no speaker, pitch or piano, and the adjusted mutual information of k-means with the
labels, mean of five seeds. "Spread" is the standard deviation of the distances between clips over
their mean, averaged over the tasks; near 0, all clips are equally far from each other.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score, balanced_accuracy_score
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from qtokfeatures.codecs import load_codec
from qtokfeatures.estimators import CodeEmbedding, QTokenizer, TokenHistogram

SHARED = Path(os.environ.get("QTOK_SHARED") or Path(__file__).parents[3] / "shared")
SEEDS = range(5)


@dataclass(frozen=True)
class Task:
    """Clips, their label, and splits."""

    name: str
    table: pd.DataFrame
    label: str
    splits: list[tuple[Any, Any]]


def tasks(manifest: pd.DataFrame) -> Iterator[Task]:
    """Yield the tasks, the most informative first."""
    yield instruments(manifest)
    yield digits(manifest)
    yield environments(manifest)
    yield kinds(manifest)


def instruments(manifest: pd.DataFrame) -> Task:
    """Instruments at pitches, and pianos, that are not in training."""
    table = manifest[(manifest.kind == "instrument") & (manifest.pitch != "")]
    table = table[table.instance != "sms-piano"]
    pitches = table.groupby("instrument").pitch.transform("nunique")
    sizes = table.groupby("instrument").pitch.transform("size")
    table = table[(pitches >= 7) & (sizes >= 12)]
    groups = table.pitch.where(table.instrument != "piano", table.instance)
    splits = list(GroupKFold(5).split(table, groups=groups))
    return Task("instrument", table, "instrument", splits)


def digits(manifest: pd.DataFrame) -> Task:
    """Spoken digits of speakers that are not in training: four speakers, 15 takes per digit."""
    table = manifest[manifest.path.str.contains("/fsdd/")]
    table = table.groupby(["speaker", "digit"]).head(15)
    splits = list(LeaveOneGroupOut().split(table, groups=table.speaker))
    return Task("digit", table, "digit", splits)


def environments(manifest: pd.DataFrame) -> Task:
    """The ten classes of ESC-10."""
    table = manifest[manifest.path.str.contains("/esc10/")]
    splits = list(StratifiedKFold(5, shuffle=True, random_state=0).split(table, table.label))
    return Task("environment", table, "label", splits)


def kinds(manifest: pd.DataFrame) -> Task:
    """Speech, instruments, music, environment: sixty of each, from as many folders as there are."""
    table = manifest[manifest.kind.isin(["speech", "instrument", "music", "environment"])]
    table = table.sample(frac=1, random_state=0)
    folder = table.path.str.split("/").str[1]
    order = table.groupby([table.kind, folder]).cumcount()
    table = table.assign(order=order).sort_values("order", kind="stable")
    table = table.groupby("kind").head(60).sort_index()
    splits = list(StratifiedKFold(5, shuffle=True, random_state=0).split(table, table.kind))
    return Task("kind", table, "kind", splits)


def accuracy(features: Any, y: Any, splits: list[tuple[Any, Any]], c: float) -> float:
    """Balanced accuracy of ``SVC(C=c)``; its kernel is worked out once for all splits."""
    values = np.asarray(features, dtype=np.float64)
    squared = euclidean_distances(values, squared=True)
    predicted = np.empty(len(y), dtype=object)
    for train, test in splits:
        kernel = np.exp(-squared / (values.shape[1] * values[train].var()))
        model = SVC(C=c, kernel="precomputed").fit(kernel[np.ix_(train, train)], y[train])
        predicted[test] = model.predict(kernel[np.ix_(test, train)])
    return float(balanced_accuracy_score(y, predicted.astype(str)))


def clustering(features: Any, y: Any) -> float:
    """Adjusted mutual information of k-means with the labels, mean of five seeds."""
    values = np.asarray(features)
    found = [KMeans(len(set(y)), random_state=seed).fit_predict(values) for seed in SEEDS]
    return float(np.mean([adjusted_mutual_info_score(y, clusters) for clusters in found]))


def spread(features: Any) -> float:
    """How unlike the distances between clips are: standard deviation / mean."""
    distances = euclidean_distances(np.asarray(features, dtype=np.float64))
    distances = distances[np.triu_indices_from(distances, 1)]
    return float(distances.std() / distances.mean())


def mfcc(table: pd.DataFrame) -> np.ndarray:
    """Return the usual features: mean and standard deviation of 20 MFCCs."""
    import librosa

    rows = []
    for file in table.file:
        y, sr = librosa.load(file, sr=24000)
        frames = librosa.feature.mfcc(y=y, sr=sr)
        rows.append(np.concatenate([frames.mean(axis=1), frames.std(axis=1)]))
    return np.stack(rows)


@dataclass(frozen=True)
class Setting:
    """Features, whether ``StandardScaler`` comes after them, and the classifier's ``C``."""

    features: Any
    scaled: bool = False
    c: float = 1.0


Settings = dict[str, Setting]


def tables() -> dict[str, Settings]:
    """Return what is compared, table by table."""
    first = (1, 2, 4, 8, 16)
    return {
        "bins": {
            f"first {n}, {b or 'none: 2048'}": Setting(TokenHistogram(codebooks=n, bins=b))
            for n in (2, 4, 16)
            for b in (8, 16, 32, 64, 128, 256, 512, None)
        },
        "codebooks": {
            f"first {n}, {b} bins": Setting(TokenHistogram(codebooks=n, bins=b))
            for b in (64, 128, 256)
            for n in first
        },
        "classifier": {
            f"first {n}, C={c:g}": Setting(TokenHistogram(codebooks=n), c=c)
            for c in (1.0, 10.0)
            for n in first
        },
        "weighting": {
            f"{w}, first {n}": Setting(TokenHistogram(weighting=w, codebooks=n))
            for n in (2, 4)
            for w in ("hellinger", "relative", "count", "tfidf")
        },
        "pairs": {
            f"first {n}, {b} bins": Setting(TokenHistogram(ngram=2, codebooks=n, bins=b))
            for n in (1, 2, 4)
            for b in (8, 16, 32)
        },
        "pooling": {
            " + ".join(names): Setting(CodeEmbedding(pooling=names), scaled=True)
            for names in (
                ["mean"],
                ["median"],
                ["mean", "std"],
                ["mean", "max"],
                ["mean", "std", "delta"],
                ["mean", "std", "min", "max"],
                ["mean", "std", "q10", "q90"],
                ["loud_mean", "loud_std"],
                ["mean", "std", "delta", "loud_mean", "loud_std", "loudest"],
            )
        },
        "embedding": {
            f"first {n}, {combine}": Setting(
                CodeEmbedding(codebooks=n, combine=combine), scaled=True
            )
            for combine, numbers in (("sum", first), ("concatenate", (2, 4)))
            for n in numbers
        },
        "presets": {
            name + (", scaled" if scaled else ""): Setting(name, scaled)
            for name in ("histogram", "embedding", "both", "MFCC")
            for scaled in (False, True)
        },
    }


def rows_of(features: Any, task: Task, codes: xr.Dataset, tokenizer: QTokenizer) -> np.ndarray:
    """Return the features of a task's clips, (clip, feature)."""
    if features == "MFCC":
        return mfcc(task.table)
    return np.asarray(clone(tokenizer).set_params(features=features).fit_transform(codes))


def score(rows: np.ndarray, task: Task, c: float) -> str:
    """Return accuracy and adjusted mutual information, in per cent."""
    y = task.table[task.label].to_numpy(dtype=str)
    return f"{100 * accuracy(rows, y, task.splits, c):.0f} / {100 * clustering(rows, y):.0f}"


def print_table(title: str, settings: Settings, found: list[Task], tokenizer: QTokenizer) -> None:
    codes = [tokenizer.encode(task.table.file) for task in found]
    print(f"\n| {title} |", *(f"{task.name} |" for task in found), "spread |")
    print("| --- |" + " --- |" * (len(found) + 1))
    for name, setting in settings.items():
        all_rows = [
            rows_of(setting.features, task, ds, tokenizer)
            for task, ds in zip(found, codes, strict=True)
        ]
        if setting.scaled:
            all_rows = [StandardScaler().fit_transform(rows) for rows in all_rows]
        cells = [score(rows, task, setting.c) for rows, task in zip(all_rows, found, strict=True)]
        mean_spread = np.mean([spread(rows) for rows in all_rows])
        print(f"| {name} |", *(f"{cell} |" for cell in cells), f"{mean_spread:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--codec", default="mini")
    parser.add_argument("--only", nargs="*", default=[], choices=list(tables()), metavar="TABLE")
    options = parser.parse_args()
    manifest = pd.read_csv(SHARED / "audio" / "manifest.csv", dtype=str, keep_default_na=False)
    manifest = manifest.assign(file=[str(SHARED / "audio" / path) for path in manifest.path])
    found = list(tasks(manifest[manifest.split == "train"]))
    tokenizer = QTokenizer(options.codec)
    print(f"Codec: {load_codec(options.codec).spec.describe()}")
    for task in found:
        n_classes = task.table[task.label].nunique()
        print(
            f"{task.name}: {len(task.table)} clips, {n_classes} classes, {len(task.splits)} splits"
        )
    for name, settings in tables().items():
        if not options.only or name in options.only:
            print_table(name, settings, found, tokenizer)


if __name__ == "__main__":
    main()
