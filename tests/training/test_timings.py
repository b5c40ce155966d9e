"""Tables of timed phones and words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qtokfeatures.exceptions import InputError
from qtokfeatures.rendering import missing_tools
from qtokfeatures.rendering.phones import PHONES
from qtokfeatures.training.corpus import prepare_corpus, read_timings


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
        numbers = [PHONES.index(phone) for phone in rows["phone"]]
        track = np.repeat(numbers, rows["end"] - rows["start"])[120::240][: len(y) // 240]
        power = (y[: len(track) * 240].reshape(-1, 240) ** 2).mean(axis=1)
        assert power[track == 0].mean() < 0.2 * power[track > 0].mean()
