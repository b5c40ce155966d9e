from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from qtokfeatures.evaluation import verify
from qtokfeatures.evaluation.verification import verify_clips
from qtokfeatures.evaluation.verify_report import (
    NEAR_TIE,
    CodesCheck,
    FrameDifference,
    compare_codes,
)
from qtokfeatures.exceptions import InputError

SR = 24_000


class Altered:
    """A codec of which some methods are replaced."""

    def __init__(self, codec: Any, **methods: Any) -> None:
        self._codec = codec
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codec, name)


@pytest.fixture(scope="module")
def report(codec):
    return verify(codec, seconds=6.0)


def test_a_sound_codec_passes_everything(report):
    assert report.ok, report.to_markdown()
    assert report.status == 0
    ways = ["once more", "one batch", "stream of odd chunks", "1 thread", "2 threads", "4 threads"]
    assert [check.name for check in report.codes] == ways
    assert [check.name for check in report.audio] == ways
    assert all(check.n_frames >= 75 for check in report.codes)


def test_the_report_is_printed_and_is_json(report):
    screen = io.StringIO()
    report.print(Console(file=screen, width=100))
    assert "frames identical" in screen.getvalue()
    assert "one frame in 10,000" in screen.getvalue()
    assert json.loads(json.dumps(report.to_dict()))["ok"] is True
    assert report.to_markdown().count("| ok |") == 12


def test_the_number_of_threads_is_restored(codec):
    before = torch.get_num_threads()
    verify(codec, seconds=0.5, threads=[before + 1])
    assert torch.get_num_threads() == before


def test_a_batch_with_other_codes_fails_and_is_named(codec):
    def encode_many(items, *, sr):
        return codec.encode_many([np.roll(y, 7) for y in items], sr=sr)

    report = verify(Altered(codec, encode_many=encode_many), seconds=2.0, threads=[])
    assert report.status == 1
    assert [check.name for check in report.codes if not check.ok] == ["one batch"]
    assert "frames differ" in report.codes[1].describe()
    assert "DIFFERENT" in report.to_markdown()


def test_audio_beyond_the_tolerance_fails(codec):
    def decode_many(ds):
        return [(y + np.float32(2e-4), sr) for y, sr in codec.decode_many(ds)]

    report = verify(Altered(codec, decode_many=decode_many), seconds=1.0, threads=[])
    assert [check.name for check in report.audio if not check.ok] == ["one batch"]


def test_audio_of_another_length_or_not_finite_fails(codec):
    def shorter(ds):
        return [(y[:-1] if len(y) > 1 else y, sr) for y, sr in codec.decode_many(ds)]

    def broken(ds):
        return [(y * np.float32(np.nan), sr) for y, sr in codec.decode_many(ds)]

    for decode_many, said in ((shorter, "samples instead of"), (broken, "not finite")):
        report = verify(Altered(codec, decode_many=decode_many), seconds=1.0, threads=[])
        check = report.audio[1]
        assert not check.ok
        assert said in check.describe()


def test_missing_frames_fail(codec):
    class Forgetful:
        def __init__(self):
            self._stream = codec.stream_encoder()

        def __enter__(self):
            self.inner = self._stream.__enter__()
            return self

        def __exit__(self, *problem):
            return self._stream.__exit__(*problem)

        def push(self, y):
            return self.inner.push(y)

        def flush(self):
            return self.inner.flush()[:, :0]

    report = verify(Altered(codec, stream_encoder=Forgetful), seconds=1.0, threads=[])
    assert not report.codes[2].ok
    assert "must have shape" in report.codes[2].describe()


def test_own_clips_can_be_used_and_are_checked(codec):
    report = verify(codec, clips=[np.sin(np.arange(5000) / 9)], threads=[])
    assert (report.n_clips, report.ok) == (1, True)
    with pytest.raises(InputError, match="clip 1 must be mono"):
        verify(codec, clips=[np.ones(10), np.ones((2, 10))])
    with pytest.raises(InputError, match="at least one clip"):
        verify(codec, clips=[])


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_no_seconds_are_refused(codec, seconds):
    with pytest.raises(InputError, match="seconds must be a number above 0"):
        verify(codec, seconds=seconds)


def test_one_clip_is_longer_than_windows_and_chunks():
    lengths = [len(y) / SR for y in verify_clips(60.0, sr=SR, hop_length=1920)]
    assert max(lengths) > 30
    assert sum(lengths) < 75


@pytest.mark.parametrize("threads", [[0], [1.5], "2"])
def test_numbers_of_threads_that_are_none_are_refused(codec, threads):
    with pytest.raises(InputError, match="threads must be a whole number of at least 1"):
        verify(codec, seconds=1, threads=threads)


def test_signals_are_the_same_every_time_and_long_enough():
    first, again = (verify_clips(9.0, sr=SR, hop_length=1920) for _ in range(2))
    for y, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(y, same)
    assert sum(map(len, first)) >= 9 * SR
    assert all(np.isfinite(y).all() and np.abs(y).max(initial=0) <= 1 for y in first)


class OneBook:
    """Codebooks on a line: entry `c` stands at `c`."""

    def codebook_vectors(self, k):
        return np.arange(8, dtype=np.float32)[:, None]


def test_a_near_tie_is_distinguished_from_an_error():
    latents = np.array([[2.5], [2.5 + 1e-6], [2.6], [0.0]], dtype=np.float32)
    expected = np.array([[2, 3, 3, 0], [0, 0, 0, 1]])
    got = np.array([[3, 2, 2, 0], [7, 0, 0, 1]])
    found = compare_codes(OneBook(), latents, expected, got)
    assert [each.frame for each in found] == [0, 1, 2]
    assert [each.codebook for each in found] == [0, 0, 0]
    assert [each.is_near_tie for each in found] == [True, True, False]
    assert found[2].gap == pytest.approx(1 - 0.4 / 0.6, rel=1e-4)


def test_a_later_codebook_is_compared_on_its_residual():
    (found,) = compare_codes(OneBook(), np.array([[5.5]], np.float32), [[4], [1]], [[4], [2]])
    assert (found.codebook, found.expected, found.got) == (1, 1, 2)
    assert found.gap < NEAR_TIE


def test_vectors_of_another_width_are_no_tie():
    (found,) = compare_codes(OneBook(), np.zeros((1, 3), np.float32), [[0]], [[1]])
    assert not found.is_near_tie


def test_codes_of_other_shapes_are_refused():
    with pytest.raises(InputError, match=r"must have shape \(1, 1\), got \(1, 2\)"):
        compare_codes(OneBook(), np.zeros((1, 1), np.float32), [[0]], [[0, 0]])


def difference(gap: float) -> FrameDifference:
    return FrameDifference(frame=0, codebook=3, expected=1, got=2, gap=gap)


@pytest.mark.parametrize(
    ("n_frames", "gaps", "ok"),
    [
        (750, [], True),
        (750, [1e-6], True),
        (750, [1e-4], False),
        (750, [1e-6, 1e-6], False),
        (20_000, [1e-6, 1e-6], True),
        (20_000, [1e-6, 1e-4], False),
        (29_999, [1e-6] * 3, False),
    ],
)
def test_one_near_tie_in_ten_thousand_frames_passes(n_frames, gaps, ok):
    check = CodesCheck("a way", n_frames, tuple(map(difference, gaps)))
    assert check.ok is ok


@pytest.mark.gpu
def test_a_sound_codec_passes_on_a_gpu():
    from qtokfeatures.codecs import load_codec

    assert verify(load_codec("mini", device="cuda"), seconds=6.0).ok
