"""Characteristic tokens of classes: their scores, frequencies and occurrences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from qtokfeatures.estimators import TokenHistogram
from qtokfeatures.estimators.presets import COARSE_CODEBOOKS
from qtokfeatures.labelled import CodeSequence
from qtokfeatures.pipelines.validation import encode_labelled

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Occurrence:
    """Frame in which a characteristic token occurs.

    Parameters
    ----------
    clip : str
        Id of the clip.
    source : str
        Path or URL of the clip.
    time_s : float
        Start of the frame, in seconds from the start of the clip.
    """

    clip: str
    source: str
    time_s: float


@dataclass(frozen=True)
class CharacteristicToken:
    """Bin of similar codes that is more frequent in one class than in the others.

    Parameters
    ----------
    label : str
        Class.
    codebook : int
        Number of the codebook; 0 is the coarsest.
    bin : int
        Bin within the codebook; the code itself when codes are not merged.
    codes : tuple of int
        Codes that are merged into the bin.
    score : float
        Log-odds against the other classes, divided by its standard error.
    share_here, share_elsewhere : float
        Fraction of frames with the token, in this class and in the other classes.
    n_clips : int
        Number of clips of the class that contain the token.
    examples : tuple of Occurrence
        Occurrences in different clips of the class.
    """

    label: str
    codebook: int
    bin: int
    codes: tuple[int, ...]
    score: float
    share_here: float
    share_elsewhere: float
    n_clips: int
    examples: tuple[Occurrence, ...]


def characteristic_tokens(
    pipe: Any,
    X: Any,
    y: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    per_class: int = 5,
    n_examples: int = 3,
) -> list[CharacteristicToken]:
    """Find the most characteristic tokens of each class.

    The score is the log-odds ratio of Monroe, Colaresi and Quinn ("Fightin' Words", Political
    Analysis 16, 2008, section 3.5.1). Its Dirichlet prior has one frame per bin on average, in the
    proportions of all classes together. Frames of one clip are not independent, so the score ranks
    tokens but is not a significance test. Tokens that occur in only one group of a class are
    attributed to that instrument or speaker and left out.

    Parameters
    ----------
    pipe : Pipeline
        Pipeline whose first step is a fitted QTokenizer. Its TokenHistogram determines the bins;
        with other features, the bins of ``TokenHistogram(codebooks=2)`` are counted.
    X : list of audio or codes
        Clips, for example those that `pipe` was fitted on.
    y : array_like, shape (clip,)
        Class of each clip.
    groups : array_like, shape (clip,), default=None
        Group of each clip. None treats each clip as a group of its own.
    per_class : int, default=5
        Largest number of tokens per class.
    n_examples : int, default=3
        Largest number of occurrences per token.

    Returns
    -------
    list of CharacteristicToken
        Tokens by class; within a class, the highest score first.

    Raises
    ------
    InputError
        If `y` or `groups` has another length than `X`. Raised before the first clip is encoded.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> labels = qt.example_labels().query("pitch != '' and label in ('flute', 'guitar')")
    >>> files = [qt.example_file(name) for name in labels["file"]]
    >>> pipe = qt.make_timbre_classifier().fit(files, labels["label"])
    >>> first = characteristic_tokens(pipe, files, labels["label"])[0]
    >>> first.label, first.share_here > first.share_elsewhere
    ('flute', True)
    """
    codes, truth, of = encode_labelled(pipe[0], X, y, groups)
    of = np.arange(len(codes)) if of is None else of
    histogram = _histogram(pipe[0]).fit(codes)
    counts = histogram.transform(codes)
    return [
        _described(label, column, score, counts, histogram, codes, truth == label, n_examples)
        for label in np.unique(truth)
        for column, score in _most_characteristic(counts, truth == label, of, per_class)
    ]


def characteristic_table(tokens: Iterable[CharacteristicToken]) -> pd.DataFrame:
    """Return characteristic tokens as a table.

    Parameters
    ----------
    tokens : iterable of CharacteristicToken
        Result of :func:`characteristic_tokens`.

    Returns
    -------
    pandas.DataFrame
        One row per token. The column ``examples`` contains text of the form ``clip @ time s``.

    Examples
    --------
    >>> found = (Occurrence("a", "a", 0.4),)
    >>> token = CharacteristicToken("flute", 0, 7, (3, 9), 4.2, 0.5, 0.1, 4, found)
    >>> characteristic_table([token])["examples"].item()
    'a @ 0.40 s'
    """
    rows = [
        {
            "class": token.label,
            "codebook": token.codebook,
            "bin": token.bin,
            "codes": " ".join(map(str, token.codes)),
            "score": round(token.score, 2),
            "share": round(token.share_here, 4),
            "share elsewhere": round(token.share_elsewhere, 4),
            "clips": token.n_clips,
            "examples": "; ".join(f"{o.clip} @ {o.time_s:.2f} s" for o in token.examples),
        }
        for token in tokens
    ]
    return pd.DataFrame(rows)


def log_odds(here: npt.ArrayLike, elsewhere: npt.ArrayLike) -> FloatArray:
    """Return the log-odds ratio of each token over its standard error, (token,)."""
    a, b = np.asarray(here, dtype=float), np.asarray(elsewhere, dtype=float)
    both = a + b
    # With the prior a_w and a_0 = sum(a_w), the log-odds of token w are
    # log((n_w + a_w) / (n + a_0 - n_w - a_w)). The variance of the difference between two sets
    # is about 1 / (n1_w + a_w) + 1 / (n2_w + a_w). Adding 1e-9 avoids 0 / 0.
    prior = len(both) * (both + 1e-9) / (both + 1e-9).sum()
    odds_here = (a + prior) / (a.sum() - a + prior.sum() - prior)
    odds_elsewhere = (b + prior) / (b.sum() - b + prior.sum() - prior)
    spread = np.sqrt(1 / (a + prior) + 1 / (b + prior))
    return np.asarray(np.log(odds_here / odds_elsewhere) / spread)


def _histogram(tokenizer: Any) -> TokenHistogram:
    """Return a histogram with the bins of the pipeline, if it counts single tokens."""
    own = getattr(tokenizer, "features_", None)
    if isinstance(own, TokenHistogram) and own.ngram == 1:
        codec, codebooks, bins = own.codec, own.codebooks, own.bins
    else:
        codebooks = min(COARSE_CODEBOOKS, tokenizer.spec_.n_codebooks)
        codec, bins = tokenizer.codec, TokenHistogram().bins
    counted = TokenHistogram(codec=codec, codebooks=codebooks, bins=bins, weighting="count")
    counted.set_output(transform="default")
    return counted


def _most_characteristic(
    counts: xr.DataArray, here: Any, groups: Any, per_class: int
) -> list[tuple[int, float]]:
    table, codebook = counts.values, counts["codebook"].values
    scores = np.empty(table.shape[1])
    for k in np.unique(codebook):
        columns = codebook == k
        inside, outside = table[here][:, columns].sum(axis=0), table[~here][:, columns].sum(axis=0)
        scores[columns] = log_odds(inside, outside)
    own = np.unique(groups[here])
    spread = sum((table[here & (groups == group)].sum(axis=0) > 0).astype(int) for group in own)
    eligible = (scores > 0) & (spread >= min(2, len(own)))
    ranked = np.argsort(-np.where(eligible, scores, -np.inf), kind="stable")[:per_class]
    return [(int(column), float(scores[column])) for column in ranked if eligible[column]]


def _described(
    label: Any,
    column: int,
    score: float,
    counts: xr.DataArray,
    histogram: TokenHistogram,
    codes: CodeSequence,
    here: Any,
    n_examples: int,
) -> CharacteristicToken:
    codebook = int(counts["codebook"].values[column])
    merged = histogram.bin_of_code_
    number = int(counts["token" if merged is None else "bin"].values[column])
    row = histogram.codebooks_.index(codebook)
    members = (number,) if merged is None else tuple(np.flatnonzero(merged[row] == number).tolist())
    frames = codes.dataset["frame_count"].values
    counted = counts.values[:, column]
    return CharacteristicToken(
        label=str(label),
        codebook=codebook,
        bin=number,
        codes=members,
        score=score,
        share_here=float(counted[here].sum() / frames[here].sum()),
        share_elsewhere=float(counted[~here].sum() / max(1, frames[~here].sum())),
        n_clips=int((counted[here] > 0).sum()),
        examples=_examples(codes, codebook, members, counted / frames * here, n_examples),
    )


def _examples(
    codes: CodeSequence, codebook: int, members: tuple[int, ...], share: FloatArray, most: int
) -> tuple[Occurrence, ...]:
    """Return one occurrence in each clip with the largest fraction of the token."""
    ds = codes.dataset
    rows = [int(row) for row in np.argsort(-share, kind="stable")[:most] if share[row] > 0]
    found = []
    for row in rows:
        frames = np.flatnonzero(np.isin(codes[row][codebook], members))
        middle = int(frames[len(frames) // 2])
        found.append(
            Occurrence(
                clip=str(ds["clip"].values[row]),
                source=str(ds["source"].values[row]),
                time_s=middle / codes.spec.frame_rate,
            )
        )
    return tuple(found)
