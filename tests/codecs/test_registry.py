"""load_codec and its errors."""

from __future__ import annotations

import copy
import pickle
import shutil

import numpy as np
import pytest
import torch

import qtokfeatures as qt
from qtokfeatures.codecs.mini import random_mini
from qtokfeatures.codecs.mini.codec import MiniCodec, bundled_weights
from qtokfeatures.exceptions import CodecError, InputError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "bfloat16"}, "dtype must be"),
        ({"decode_dtype": "float16"}, "decode_dtype must be one of"),
        ({"encoder": False, "decoder": False}, "nothing to load"),
        ({"device": "toaster"}, "device must be"),
    ],
)
def test_wrong_options_say_what_was_expected(options, message):
    with pytest.raises(InputError, match=message):
        qt.load_codec("mini", **options)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(CodecError, match="no codec 'maxi': expected 'mini'"):
        qt.load_codec("maxi")


def test_only_the_revision_that_is_there_can_be_asked_for(mini):
    assert qt.load_codec("mini", revision=mini.spec.revision).spec == mini.spec
    with pytest.raises(CodecError, match="expected 'v2'"):
        qt.load_codec("mini", revision="v2")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_missing_gpu_is_said():
    with pytest.raises(CodecError, match="0 CUDA devices"):
        qt.load_codec("mini", device="cuda")


@pytest.mark.parametrize("device", ["mps", "xpu", "xla", "vulkan", "hpu", "mtia", "meta"])
def test_another_device_that_is_missing_is_said(device):
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has it")
    with pytest.raises(
        CodecError, match=f"'{device}' is not available: .*0 {device.upper()} devices"
    ):
        qt.load_codec("mini", device=device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
@pytest.mark.parametrize(
    "use",
    [
        lambda codec: codec.encode(np.zeros(1920, np.float32), sr=24_000),
        lambda codec: codec.decode(np.zeros((16, 1), np.int16)),
        lambda codec: codec.quantize(np.zeros((1, codec.spec.embedding_dim))),
        lambda codec: codec.levels(np.zeros((16, 1), np.int16)),
        lambda codec: codec.codebook_vectors(0),
    ],
    ids=["encode", "decode", "quantize", "levels", "codebook_vectors"],
)
def test_a_codec_from_a_gpu_says_that_there_is_none_here(mini, use):
    cuda = torch.device("cuda")
    origin = {"path": bundled_weights(), "device": cuda}
    codec = pickle.loads(pickle.dumps(MiniCodec(None, mini.spec, cuda, origin=origin)))
    assert "on cuda" in repr(codec)
    with pytest.raises(CodecError, match="'cuda' is not available: torch sees 0 CUDA devices"):
        use(codec)


def test_half_a_codec_refuses_the_other_half(sweep):
    codes = qt.load_codec("mini", decoder=False).encode(sweep(0.5), sr=24_000)
    with pytest.raises(CodecError, match="decoder=False"):
        qt.load_codec("mini", decoder=False).decode(codes)
    with pytest.raises(CodecError, match="encoder=False"):
        qt.load_codec("mini", encoder=False).encode(sweep(0.5), sr=24_000)
    assert qt.load_codec("mini", encoder=False).decode(codes)[0].shape == (7 * 1920,)


def test_a_pickled_codec_is_small_and_encodes_the_same(mini, sweep):
    blob = pickle.dumps(mini)
    assert len(blob) < 5_000
    again = pickle.loads(blob)
    np.testing.assert_array_equal(
        again.encode(sweep(1), sr=24_000), mini.encode(sweep(1), sr=24_000)
    )


def test_copies_share_the_weights(mini):
    assert copy.deepcopy(mini) is mini
    assert copy.copy(mini) is mini


def test_a_codec_made_in_memory_says_that_it_cannot_travel(sweep):
    again = pickle.loads(pickle.dumps(random_mini()))
    with pytest.raises(CodecError, match="has no file of weights"):
        again.encode(sweep(0.5), sr=24_000)


@pytest.mark.gpu
def test_a_gpu_gives_the_codes_of_the_cpu(mini, sweep):
    on_gpu = qt.load_codec("mini", device="cuda").encode(sweep(5), sr=24_000)
    assert (on_gpu == mini.encode(sweep(5), sr=24_000)).all(axis=0).mean() > 0.99


def test_weights_of_a_relative_folder_are_found_from_anywhere(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(bundled_weights(), folder / "mini.safetensors")
    monkeypatch.chdir(tmp_path)
    name = qt.load_codec("mine", decoder=False).spec.name
    assert name == str(folder / "mini.safetensors")
    monkeypatch.chdir("/")
    assert qt.load_codec(name, decoder=False).spec.name == name


def test_weights_that_are_gone_are_not_looked_for_on_the_hub():
    with pytest.raises(CodecError, match=r"mine/mini\.safetensors") as caught:
        qt.load_codec("mine/mini.safetensors")
    assert "hub cannot be reached" not in str(caught.value)
