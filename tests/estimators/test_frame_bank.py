"""The bank of real frames: its size, its balance over clips and labels, its origins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.estimators.frame_bank import MOST_FRAMES, FrameBank
from qtokfeatures.labelled import CodecSpec, build_codes

SPEC = CodecSpec("mini", "1", 24000, 12.5, 1920, 2, 2048, "0f3a", 8)


def numbered(counts: list[int]):
    """Codes that say where they stand: the clip in codebook 0, the frame in codebook 1."""
    return build_codes(
        [np.array([np.full(n, i), np.arange(n) % 2048]) for i, n in enumerate(counts)],
        spec=SPEC,
        n_samples=[n * 1920 for n in counts],
        sample_rates=[24000] * len(counts),
        sources=[f"clip{i}.wav" for i in range(len(counts))],
    )


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(1, 200))
def test_frames_come_from_where_the_bank_says(counts: list[int], most: int) -> None:
    ds = numbered(counts)
    bank = FrameBank.of_codes(ds, rows=range(len(counts)), most=most)
    assert bank.n_frames <= max(most, 25)
    origins = bank.origins(np.arange(bank.n_frames), SPEC)
    clip, frame = bank.codes
    assert origins["clip"].values.tolist() == [f"clip{i}.wav" for i in clip]
    np.testing.assert_allclose(origins["time"].values, frame * 0.08)
    pairs = set(zip(clip.tolist(), frame.tolist(), strict=True))
    assert len(pairs) == bank.n_frames  # no frame twice


def test_everything_is_kept_where_it_fits() -> None:
    ds = numbered([30, 3, 50])
    bank = FrameBank.of_codes(ds, rows=[0, 2, 5], y=["a", "b", "a"])
    np.testing.assert_array_equal(bank.codes, ds["codes"].values)
    rows, clips = bank.clips()
    assert rows.tolist() == [0, 2, 5]
    assert [codes.shape[1] for codes in clips] == [30, 3, 50]
    assert bank.label.tolist() == ["a", "a", "b", "a", "a"]


def test_a_large_collection_is_bounded_and_every_clip_has_its_share() -> None:
    bank = FrameBank.of_codes(numbered([100] * 200), rows=range(200))
    assert MOST_FRAMES - 25 < bank.n_frames <= MOST_FRAMES
    assert len(set(bank.row.tolist())) == 200
    assert bank.codes.nbytes == bank.n_frames * 2 * 2


def test_a_rare_label_is_not_lost() -> None:
    labels = np.array(["common"] * 1500 + ["rare"] * 3)
    bank = FrameBank.of_codes(numbered([10] * 1503), rows=range(1503), y=labels, most=600)
    assert set(bank.row[bank.label == "rare"].tolist()) == {1500, 1501, 1502}


def test_the_same_frames_each_time() -> None:
    ds = numbered([100] * 20)
    first, second = (FrameBank.of_codes(ds, rows=range(20), most=300) for _ in range(2))
    np.testing.assert_array_equal(first.codes, second.codes)
    assert first.n_frames < 2000


@pytest.mark.parametrize("y", [None, np.zeros((3, 2)), [1, 2]])
def test_y_that_labels_no_clips_is_left_alone(y) -> None:
    assert FrameBank.of_codes(numbered([4, 4, 4]), rows=range(3), y=y).label is None


def test_runs_end_where_clips_do() -> None:
    bank = FrameBank.of_codes(numbered([3, 2]), rows=[0, 1])
    assert bank.origins(np.array([1, 2, 3, 4, 3]), SPEC)["run"].values.tolist() == [0, 0, 1, 1, 2]
