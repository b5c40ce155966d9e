"""Hours of audio in bounded memory."""

from __future__ import annotations

import copy
import gc
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from qtokfeatures.codecs import load_codec
from tests.codecs.qwen3.untrained import FULL_SIZE, write_untrained

HOURS, SR, FRAME_RATE = 3, 24_000, 12.5
MOST_BYTES, MOST_GROWTH = 1.5e9, 64e6
SMALL = {
    "encoder_config": {
        "num_filters": 2, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8, "codebook_dim": 8,
        "codebook_size": 32, "num_quantizers": 16, "vector_quantization_hidden_dimension": 8,
        "upsample_groups": 16,
    },
    "decoder_config": {
        "codebook_dim": 16, "codebook_size": 32, "decoder_dim": 32, "hidden_size": 16,
        "intermediate_size": 16, "latent_dim": 16, "num_hidden_layers": 2, "head_dim": 8,
        "num_attention_heads": 2, "num_key_value_heads": 2,
        "vector_quantization_hidden_dimension": 16,
    },
}  # fmt: skip

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="memory is read from /proc"
)


def resident():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a very small checkpoint as a codec."""
    sizes = copy.deepcopy(FULL_SIZE)
    for half, changes in SMALL.items():
        sizes[half] |= changes
    return load_codec(write_untrained(tmp_path_factory.mktemp("small"), sizes=sizes), device="cpu")


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Return a file of some hours: a minute of noise, again and again, at a rate of its own."""
    path = tmp_path_factory.mktemp("long") / "hours.wav"
    minute = (0.2 * np.random.default_rng(0).standard_normal(8_000 * 60)).astype(np.float32)
    with soundfile.SoundFile(path, "w", 8_000, 1, subtype="PCM_U8") as file:
        for _ in range(HOURS * 60):
            file.write(minute)
    yield path
    path.unlink()


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_hours_go_through_in_bounded_memory(small, recording):
    small.decode(small.encode(np.zeros(SR, dtype=np.float32), sr=SR))
    before = resident()
    codes = small.encode(recording)
    assert codes.shape == (16, HOURS * 3600 * FRAME_RATE)
    assert resident() - before < MOST_BYTES
    sizes, heard = [], 0
    minute = int(60 * FRAME_RATE)
    with small.stream_decoder() as stream:
        for start in range(0, codes.shape[1], minute):
            heard += len(stream.push(codes[:, start : start + minute]))
            sizes.append(resident())
    assert heard == HOURS * 3600 * SR
    assert max(sizes) - before < MOST_BYTES
    assert max(sizes[1:]) - sizes[0] < MOST_GROWTH


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_encoding_is_flat_after_the_first_minute(small):
    minute = (0.2 * np.random.default_rng(0).standard_normal(60 * SR)).astype(np.float32)
    sizes = []
    with small.stream_encoder() as stream:
        for _ in range(30):
            stream.push(minute)
            sizes.append(resident())
    assert max(sizes[1:]) - sizes[0] < MOST_GROWTH


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_decoding_hours_at_once_holds_little_but_the_audio(small):
    codes = np.random.default_rng(0).integers(0, 32, (16, int(3600 * FRAME_RATE)))
    before = resident()
    y, _ = small.decode(codes)
    assert resident() - before < y.nbytes + 300e6
