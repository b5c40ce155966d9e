"""Tables of phones and words, and tracks of phones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.exceptions import InputError
from qtokfeatures.rendering import missing_tools
from qtokfeatures.rendering.phones import PHONES
from qtokfeatures.training.corpus import prepare_corpus
from qtokfeatures.training.timings import phone_track, read_timings


def table(lengths: list[int], labels: list[str]) -> pd.DataFrame:
    ends = np.cumsum(lengths)
    return pd.DataFrame({"start": ends - lengths, "end": ends, "phone": labels})


@given(
    phones=st.lists(st.tuples(st.integers(1, 5000), st.sampled_from(PHONES)), min_size=1),
    hop_length=st.floats(100, 3000),
    start=st.integers(-2000, 2000),
)
def test_track_says_what_sounds_in_the_middle(
    phones: list[tuple[int, str]], hop_length: float, start: int
):
    lengths, labels = (list(column) for column in zip(*phones, strict=True))
    each_sample = np.repeat([PHONES.index(label) for label in labels], lengths)
    track = phone_track(table(lengths, labels), n_frames=20, hop_length=hop_length, start=start)
    for frame, number in enumerate(track):
        middle = int(np.floor(start + (frame + 0.5) * hop_length))
        inside = 0 <= middle < each_sample.size
        assert number == (each_sample[middle] if inside else -1)


def test_track_of_nothing_is_minus_one():
    assert phone_track(table([], []), n_frames=3, hop_length=1920).tolist() == [-1, -1, -1]


def test_unknown_phone_is_named():
    with pytest.raises(InputError, match="no phone 'QQ'"):
        phone_track(table([10], ["QQ"]), n_frames=1, hop_length=10)


def test_a_table_that_is_not_there_is_empty(tmp_path: Path):
    rows = read_timings(tmp_path, "words")
    assert rows.columns.tolist() == ["name", "start", "end", "word"]
    assert rows.empty


def test_missing_columns_are_named(tmp_path: Path):
    (tmp_path / "phones.csv").write_text("name,start\na,1\n")
    with pytest.raises(InputError, match=r"phones\.csv: missing column end, phone"):
        read_timings(tmp_path, "phones")


@pytest.mark.skipif(bool(missing_tools()), reason=f"not installed: {', '.join(missing_tools())}")
def test_the_corpus_s_phones_lie_where_its_samples_sound(tmp_path: Path):
    index = prepare_corpus(tmp_path, rendered_minutes={"speech": 0.3, "textures": 0.1})
    phones, words = read_timings(tmp_path, "phones"), read_timings(tmp_path, "words")
    samples = np.memmap(tmp_path / "corpus.i16", dtype="<i2", mode="r") / 32768
    spoken = index[index["kind"] == "speech"]
    assert set(phones["name"]) == set(spoken["name"])
    assert set(words["name"]) <= set(spoken["name"])
    for clip in spoken.itertuples():
        y = samples[clip.offset : clip.offset + clip.n_samples]
        rows = phones[phones["name"] == clip.name]
        assert rows["end"].iloc[-1] == clip.n_samples
        track = phone_track(rows, n_frames=len(y) // 240, hop_length=240)
        power = (y[: len(track) * 240].reshape(-1, 240) ** 2).mean(axis=1)
        assert power[track == 0].mean() < 0.2 * power[track > 0].mean()
