"""Which features should be the default? The tables of ``docs/feature-defaults.md``.

    python tests/benchmarks/feature_defaults.py [--codec mini] [--only bins codebooks …]

Real recordings of the split ``train`` only, in the folder that ``QTOK_SHARED`` names. Each task is
scored by a support vector classifier (scikit-learn's ``SVC()``, balanced accuracy) across groups
that share no speaker, instrument or pitch, and by k-means (adjusted mutual information with the
labels, mean of five seeds), both on the features as they come and after ``StandardScaler``.
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

from qtokfeatures.estimators import CodeEmbedding, QTokenizer, TokenHistogram

SHARED = Path(os.environ.get("QTOK_SHARED") or Path(__file__).parents[3] / "shared")
SEEDS = range(5)


@dataclass(frozen=True)
class Task:
    """Clips, what is to be told apart, and how to split them."""

    name: str
    table: pd.DataFrame
    label: str
    splits: list[tuple[Any, Any]]


def tasks(manifest: pd.DataFrame) -> Iterator[Task]:
    """Yield the tasks, most telling first."""
    yield instruments(manifest)
    yield digits(manifest)
    yield environments(manifest)
    yield kinds(manifest)


def instruments(manifest: pd.DataFrame) -> Task:
    """Instruments at pitches never heard before; pianos never heard before."""
    table = manifest[(manifest.kind == "instrument") & (manifest.pitch != "")]
    table = table[table.instance != "sms-piano"]
    pitches = table.groupby("instrument").pitch.transform("nunique")
    sizes = table.groupby("instrument").pitch.transform("size")
    table = table[(pitches >= 7) & (sizes >= 12)]
    groups = table.pitch.where(table.instrument != "piano", table.instance)
    splits = list(GroupKFold(5).split(table, groups=groups))
    return Task("instrument", table, "instrument", splits)


def digits(manifest: pd.DataFrame) -> Task:
    """Spoken digits of speakers never heard before: four speakers, 15 takes a digit."""
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


def accuracy(features: Any, y: Any, splits: list[tuple[Any, Any]]) -> float:
    """Balanced accuracy of ``SVC()``; its kernel is worked out once for all splits."""
    values = np.asarray(features, dtype=np.float64)
    squared = euclidean_distances(values, squared=True)
    predicted = np.empty(len(y), dtype=object)
    for train, test in splits:
        kernel = np.exp(-squared / (values.shape[1] * values[train].var()))
        model = SVC(kernel="precomputed").fit(kernel[np.ix_(train, train)], y[train])
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


def candidates() -> dict[str, dict[str, Any]]:
    """Return the settings that are compared, by the name of their table."""
    first = (1, 2, 4, 8, 16)
    return {
        "bins": {
            f"{b or 'none (2048)'}": TokenHistogram(bins=b)
            for b in (8, 16, 32, 64, 128, 256, 512, None)
        },
        "codebooks": {
            f"first {n}, {b} bins": TokenHistogram(codebooks=n, bins=b)
            for b in (16, 64, 256)
            for n in first
        },
        "weighting": {
            f"{w}, {b} bins": TokenHistogram(weighting=w, bins=b)
            for b in (16, 64, 256)
            for w in ("hellinger", "relative", "count")
        },
        "ngram": {
            f"pairs, first {n}, {b} bins": TokenHistogram(ngram=2, codebooks=n, bins=b)
            for n in (1, 4)
            for b in (8, 16, 32)
        },
        "pooling": {
            " + ".join(names): CodeEmbedding(pooling=names)
            for names in (
                ["mean"],
                ["mean", "std"],
                ["median"],
                ["mean", "max"],
                ["mean", "std", "delta"],
                ["mean", "std", "min", "max"],
            )
        },
        "embedding": {f"first {n}": CodeEmbedding(codebooks=n) for n in first},
        "presets": {name: name for name in ("histogram", "embedding", "both")},
    }


def score(features: Any, task: Task) -> list[float]:
    """Accuracy and clustering, as the features come and after ``StandardScaler``."""
    y = task.table[task.label].to_numpy(dtype=str)
    scaled = StandardScaler().fit_transform(features)
    return [
        100 * accuracy(features, y, task.splits),
        100 * clustering(features, y),
        100 * accuracy(scaled, y, task.splits),
        100 * clustering(scaled, y),
        spread(features),
    ]


def compare(
    codec: str, only: list[str], found: list[Task]
) -> Iterator[tuple[str, str, str, list[float]]]:
    """Yield (table, setting, task, scores) for every setting and task."""
    tokenizer = QTokenizer(codec)
    codes = {task.name: tokenizer.encode(task.table.file) for task in found}
    for table, settings in candidates().items():
        if only and table not in only:
            continue
        for name, features in settings.items():
            for task in found:
                rows = features_of(tokenizer, features, codes[task.name])
                yield table, name, task.name, score(rows, task)
    if not only or "mfcc" in only:
        for task in found:
            yield "mfcc", "MFCC mean + std", task.name, score(mfcc(task.table), task)


def features_of(tokenizer: QTokenizer, features: Any, codes: xr.Dataset) -> Any:
    return clone(tokenizer).set_params(features=features).fit_transform(codes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--codec", default="mini")
    parser.add_argument("--only", nargs="*", default=[], help="names of tables")
    options = parser.parse_args()
    manifest = pd.read_csv(SHARED / "audio" / "manifest.csv", dtype=str, keep_default_na=False)
    manifest = manifest.assign(file=[str(SHARED / "audio" / path) for path in manifest.path])
    found = list(tasks(manifest[manifest.split == "train"]))
    for task in found:
        n_classes = task.table[task.label].nunique()
        print(
            f"{task.name}: {len(task.table)} clips, {n_classes} classes, {len(task.splits)} splits"
        )
    print("table | setting | task | accuracy | AMI | scaled: accuracy | AMI | spread")
    for table, name, task, values in compare(options.codec, options.only, found):
        print(table, name, task, *(f"{value:.2f}" for value in values), sep=" | ", flush=True)


if __name__ == "__main__":
    main()
