"""The inverse bench: scores, tables and notes."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import qtokfeatures as qt
from qtokfeatures.benches import BenchClip
from qtokfeatures.benches.inverse import (
    InverseResult,
    InverseScore,
    bench_inverse,
    count_loud_joins,
)
from qtokfeatures.exceptions import InputError

SR = 24_000


def clip(seed: int, kind: str = "noise") -> BenchClip:
    y = np.random.default_rng(seed).normal(0, 0.1 * (seed + 1), 9_600).astype(np.float32)
    return BenchClip(f"clip {seed}", kind, y, SR)


def test_real_sounds_are_made_and_compared(codec) -> None:
    tokenizer = qt.QTokenizer(codec, features=qt.TokenHistogram(codebooks=2, bins=4))
    result = bench_inverse(
        codec, {"histogram": tokenizer}, fitted=[clip(0), clip(1)], held_out=[clip(2, "other")]
    )
    (score,) = result.scores
    target = tokenizer.transform([(clip(2).y, SR)]).values
    known = tokenizer.transform([(clip(i).y, SR) for i in range(2)]).values
    assert score.nearest == pytest.approx(np.linalg.norm(known - target, axis=1).min(), rel=1e-5)
    (y,) = tokenizer.inverse_transform(target, duration_s=0.4)
    made = tokenizer.transform([(y, SR)]).values
    assert score.made == pytest.approx(float(np.linalg.norm(made - target)), rel=1e-5)
    assert score.is_closer == (score.made < score.nearest)
    assert (score.kind, score.clip) == ("other", "clip 2")
    assert result.to_dict()["scores"][0]["runs"] == score.runs


def test_the_table_counts_what_is_closer() -> None:
    made = [(1.0, 2.0, "speech"), (3.0, 2.0, "speech"), (1.0, 4.0, "music")]
    scores = tuple(
        InverseScore("histogram", f"{i}", kind, a, b, runs=3, loud_joins=0)
        for i, (a, b, kind) in enumerate(made)
    )
    identity = {"name": "mini", "revision": "1", "fingerprint": "0f3a"}
    result = InverseResult(codec=identity, versions={}, n_fitted=9, scores=scores)
    (table,) = result.tables()
    cells = {row[1]: row[2:5] for row in table.rows}
    assert cells == {
        "speech": ("2", "50", "1.00"), "music": ("1", "100", "0.25"), "all": ("3", "67", "0.50"),
    }  # fmt: skip
    assert "Fitted on 9 clips" in " ".join(result.notes())


def test_nothing_to_measure(codec) -> None:
    with pytest.raises(InputError, match="got 0 and 1"):
        bench_inverse(codec, {}, fitted=[], held_out=[clip(0)])


@pytest.mark.parametrize(
    ("step", "loud"), [(0.05, 0), (0.2, 1)], ids=["within both sides", "above both sides"]
)
def test_a_join_is_loud_above_both_sides(step: float, loud: int) -> None:
    left = np.tile([0.0, 0.1], 10)
    right = np.tile([0.0, 0.05], 10) + left[-1] + step
    assert count_loud_joins(np.concatenate([left, right]), [20]) == loud


def test_bank_and_sound_agree(codec) -> None:
    tokenizer = qt.QTokenizer(codec, features=qt.TokenHistogram(codebooks=1, bins=4))
    features = tokenizer.fit_transform([(clip(i).y, SR) for i in range(2)])
    (sound,) = tokenizer.resynthesize(features[:1])
    assert isinstance(sound.frames, xr.Dataset)
    assert sound.frames.sizes["frame"] == 5
