"""The three lines that people know."""

from __future__ import annotations

import numpy as np
import pytest

import qtokfeatures as qt
from qtokfeatures.audio import write_audio
from qtokfeatures.exceptions import CodecError


def test_the_three_lines(golden_folder, golden, tmp_path):
    path = tmp_path / "live_guitar.wav"
    write_audio(path, golden["wave_0"], 24_000)
    tokenizer = qt.Qwen3TTSTokenizer.from_pretrained(golden_folder, device="cpu")
    codes = tokenizer.encode(path)
    wav, sr = tokenizer.decode(codes)
    assert codes.shape == (16, 13)
    assert codes.dtype.kind == "i"
    assert wav.shape == (13 * 1920,)
    assert sr == 24_000


def test_it_is_the_codec_under_another_name(golden_folder, qwen):
    tokenizer = qt.Qwen3TTSTokenizer.from_pretrained(str(golden_folder), device="cpu")
    assert isinstance(tokenizer, qt.Codec)
    assert type(tokenizer) is type(qwen)
    assert tokenizer.spec.fingerprint == qwen.spec.fingerprint


def test_another_codec_is_not_a_qwen3_tokenizer():
    with pytest.raises(CodecError, match="'mini' is not Qwen3-TTS-Tokenizer-12Hz"):
        qt.Qwen3TTSTokenizer.from_pretrained("mini")


def test_codes_may_be_a_list(golden_folder, golden):
    tokenizer = qt.Qwen3TTSTokenizer.from_pretrained(golden_folder, encoder=False)
    wav, _ = tokenizer.decode(golden["codes_2"].T.tolist())
    np.testing.assert_allclose(wav, golden["decoded_2"], atol=1e-4)
