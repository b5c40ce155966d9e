"""The flat file of training material."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from numpy.typing import NDArray

from qtokfeatures.exceptions import InputError, SkippedClipWarning
from qtokfeatures.rendering.recordings import list_folder
from qtokfeatures.training.corpus import INDEX_COLUMNS, prepare_corpus, write_corpus

SR = 24_000


def tone(peak: float, *, seconds: float = 0.5, sr: int = SR) -> NDArray[np.float64]:
    return peak * np.sin(2 * np.pi * 440 * np.arange(round(seconds * sr)) / sr)


def clips(folder: Path, index: pd.DataFrame) -> list[NDArray[np.float64]]:
    samples = np.fromfile(folder / "corpus.i16", dtype="<i2") / 32768
    assert samples.size == index["n_samples"].sum()
    return np.split(samples, index["offset"][1:])


def write(folder: Path, name: str, y: NDArray[np.float64], sr: int = SR) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / name, y, sr, subtype="FLOAT")


def test_samples_and_index_tell_the_same(tmp_path: Path):
    write(tmp_path / "in", "a.wav", tone(0.5))
    write(tmp_path / "in", "b.wav", tone(0.25, seconds=1.0, sr=48_000), 48_000)
    index = prepare_corpus(tmp_path / "out", [tmp_path / "in"])
    assert tuple(index.columns) == INDEX_COLUMNS
    assert index["n_samples"].tolist() == [SR // 2, SR]
    first, second = clips(tmp_path / "out", index)
    np.testing.assert_allclose(first, tone(0.5), atol=1 / 32768)
    assert np.abs(second).max() == pytest.approx(0.25, abs=0.01)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out" / "corpus.csv"), index)


def test_only_extreme_levels_are_changed(tmp_path: Path):
    for name, peak in {"a": 0.001, "b": 0.019, "c": 0.021, "d": 1.0, "e": 3.0}.items():
        write(tmp_path / "in", f"{name}.wav", tone(peak))
    index = prepare_corpus(tmp_path / "out", [tmp_path / "in"])
    peaks = [np.abs(y).max() for y in clips(tmp_path / "out", index)]
    np.testing.assert_allclose(peaks, [0.1, 0.1, 0.021, 1.0, 1.0], atol=1e-3)


def test_long_recordings_are_cut_and_silence_is_left_out(tmp_path: Path):
    y = np.concatenate([tone(0.5, seconds=60), np.zeros(60 * SR), tone(0.5, seconds=1)])
    write(tmp_path / "in", "long.wav", y)
    index = prepare_corpus(tmp_path / "out", [tmp_path / "in"])
    assert [name.split("/")[-1] for name in index["name"]] == ["long.wav", "long.wav#3"]
    assert index["n_samples"].tolist() == [60 * SR, SR]


def test_unreadable_files_are_left_out_with_a_warning(tmp_path: Path):
    write(tmp_path / "in", "good.wav", tone(0.5))
    (tmp_path / "in" / "bad.wav").write_bytes(b"no audio at all")
    with pytest.warns(SkippedClipWarning, match=r"bad\.wav"):
        index = prepare_corpus(tmp_path / "out", [tmp_path / "in"])
    assert len(index) == 1


@pytest.mark.filterwarnings("ignore::qtokfeatures.exceptions.SkippedClipWarning")
def test_a_failure_keeps_the_corpus_that_was_there(tmp_path: Path):
    write(tmp_path / "in", "good.wav", tone(0.5))
    prepare_corpus(tmp_path / "out", [tmp_path / "in"])
    before = (tmp_path / "out" / "corpus.i16").read_bytes()
    (tmp_path / "in" / "good.wav").write_bytes(b"no audio any more")
    with pytest.raises(InputError, match="none of the 1 listed files"):
        prepare_corpus(tmp_path / "out", [tmp_path / "in"])
    assert (tmp_path / "out" / "corpus.i16").read_bytes() == before
    left = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert left == ["corpus.csv", "corpus.i16"]


def test_nothing_at_all_is_an_error(tmp_path: Path):
    with pytest.raises(InputError, match="no training material"):
        prepare_corpus(tmp_path)


def test_rendered_sounds_join_the_recordings(tmp_path: Path):
    write(tmp_path / "in", "a.wav", tone(0.5))
    minutes = {"textures": 0.2}
    index = prepare_corpus(tmp_path / "out", [tmp_path / "in"], rendered_minutes=minutes)
    assert set(index["source"]) == {"in", "NumPy"}


def test_kind_licence_and_source_come_along(tmp_path: Path):
    write(tmp_path / "in" / "speech", "a.wav", tone(0.5))
    listing = list_folder(tmp_path / "in", licence="CC BY, 4.0")
    row = write_corpus(listing, tmp_path / "out").iloc[0]
    assert (row["kind"], row["licence"], row["source"]) == ("speech", "CC BY, 4.0", "in")


def test_timings_take_the_clips_names_and_do_not_outlive_their_corpus(tmp_path: Path):
    write(tmp_path / "in" / "speech", "a.wav", tone(0.5))
    listing = list_folder(tmp_path / "in")
    phones = pd.DataFrame(
        {"path": listing["path"], "start": [0], "end": [SR // 2], "phone": ["AA"]}
    )
    index = write_corpus(listing, tmp_path / "out", timings={"phones": phones})
    rows = pd.read_csv(tmp_path / "out" / "phones.csv")
    assert rows.to_dict("list") == {
        "name": index["name"].tolist(),
        "start": [0],
        "end": [SR // 2],
        "phone": ["AA"],
    }
    write_corpus(listing, tmp_path / "out")
    assert not (tmp_path / "out" / "phones.csv").exists()
