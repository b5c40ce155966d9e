from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import qtokfeatures as qt
from qtokfeatures.benches.speed.bench import bench_folders, summarise_mfcc
from qtokfeatures.benches.speed.timing import with_threads
from qtokfeatures.exceptions import InputError


@pytest.fixture(scope="module")
def result(codec):
    files = [qt.example_file(name) for name in ("piano_C4", "piano_E4", "piano_G4")]
    return bench_folders(codec, {"three": files, "one": files[:1]}, repeats=1)


def test_every_folder_is_timed_on_one_and_on_two_threads_and_beside_mfcc(result):
    three, one = result.folders
    assert (three.n_clips, one.n_clips) == (3, 1)
    assert three.duration_s > one.duration_s > 0
    for folder in result.folders:
        assert list(folder.encode_s) == [1, 2]
        assert min(*folder.encode_s.values(), folder.mfcc_s, folder.read_s, folder.encoder_s) > 0
        assert folder.quantise_s >= 0
        assert folder.ratio(1) == folder.encode_s[1] / folder.mfcc_s


def test_the_encoders_time_is_shared_out_completely(result):
    for folder in result.folders:
        assert sum(folder.encoder_shares.values()) == pytest.approx(1)
        assert folder.encoder_shares["matrix products"] > 0


def test_tables_compare_times_and_their_parts(result):
    page = result.to_markdown("make it")
    assert "| folder | clips | audio, s | encode, 1 thread | encode, 2 threads |" in page
    assert "| three | 3 |" in page
    assert "Made by `make it`." in page
    assert "on 1 thread encoding takes" in page
    json.dumps(result.to_dict(), allow_nan=False)


@pytest.mark.parametrize(("folders", "named"), [({}, "no folder at all"), ({"x": []}, "in x")])
def test_nothing_to_time_is_refused(codec, folders, named):
    with pytest.raises(InputError, match=f"no files in {named}|no files {named}"):
        bench_folders(codec, folders)


def test_a_summary_of_mfcc_has_a_mean_and_a_deviation_of_each_coefficient():
    summary = summarise_mfcc(str(qt.example_file("piano_C4")), sr=24_000)
    assert summary.shape == (80,)
    assert np.isfinite(summary).all()
    assert (summary[40:] >= 0).all()


def test_threads_are_as_before_even_after_an_error():
    before = torch.get_num_threads()

    def fail() -> None:
        assert torch.get_num_threads() == 1
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        with_threads(fail, 1)()
    assert torch.get_num_threads() == before
