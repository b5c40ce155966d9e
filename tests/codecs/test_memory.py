"""Batches that do not fit into memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qtokfeatures.audio import load_audio
from qtokfeatures.codecs.mini import random_mini
from qtokfeatures.codecs.out_of_memory import run_halving
from qtokfeatures.exceptions import CodecError, StreamClosedError

ERRORS = [
    torch.cuda.OutOfMemoryError("CUDA out of memory"),
    MemoryError(),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried …"),
]


class Cramped:
    """Runs batches of at most `most` clips, and notes their sizes."""

    def __init__(self, most, error):
        self.most, self.error, self.sizes = most, error, []

    def __call__(self, batch):
        self.sizes.append(len(batch))
        if len(batch) > self.most:
            raise self.error
        return [item * 10 for item in batch]


@pytest.mark.parametrize("error", ERRORS, ids=["cuda", "host", "torch on a CPU"])
@pytest.mark.parametrize("most", [1, 2, 7])
def test_a_batch_is_halved_until_it_fits(most, error):
    run = Cramped(most, error)
    assert run_halving(run, list(range(7))) == [i * 10 for i in range(7)]
    assert run.sizes[0] == 7


def test_one_clip_that_does_not_fit_is_an_error():
    with pytest.raises(CodecError, match="one clip alone does not fit into memory"):
        run_halving(Cramped(0, ERRORS[0]), [1, 2, 3])


@pytest.mark.parametrize("error", ERRORS, ids=["cuda", "host", "torch on a CPU"])
def test_a_stream_that_runs_out_of_memory_says_so_and_ends(monkeypatch, error):
    codec = random_mini()

    def raising(self, y, state):
        raise error

    with codec.stream_encoder() as stream:
        stream.push(np.zeros(1920))
        monkeypatch.setattr(type(codec), "latent_chunk", raising)
        with pytest.raises(CodecError, match="does not fit into memory"):
            stream.push(np.zeros(1920))
        monkeypatch.undo()
        with pytest.raises(StreamClosedError):  # its past is neither old nor new
            stream.push(np.zeros(1920))


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    with pytest.raises(RuntimeError, match="shapes"):
        run_halving(Cramped(0, RuntimeError("shapes do not fit")), [1, 2])


def test_encoding_and_decoding_go_on_in_smaller_batches(monkeypatch):
    codec = random_mini()
    noise = np.random.default_rng(0).standard_normal((4, 9_000)).astype(np.float32)
    clips = [load_audio(y, sr=24_000) for y in noise]
    alone = [codec.encode(clip) for clip in clips]
    for name in ("latent_chunk", "decode_chunk"):
        original = getattr(type(codec), name)

        def cramped(self, x, state, original=original):
            if len(x) > 1:
                raise ERRORS[0]
            return original(self, x, state)

        monkeypatch.setattr(type(codec), name, cramped)
    for codes, expected in zip(codec.encode_clips(clips), alone, strict=True):
        np.testing.assert_array_equal(codes, expected)
    ds = codec.encode_many(list(noise), sr=24_000)
    assert [len(y) for y, _ in codec.decode_many(ds)] == [9_000] * 4
