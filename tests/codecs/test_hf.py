"""Mimi from ``transformers`` behind the codec protocol, on a small random checkpoint."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from qtokfeatures.codecs import load_codec
from qtokfeatures.evaluation.verification import verify
from qtokfeatures.exceptions import CodecError, QtokError

transformers = pytest.importorskip(
    "transformers", minversion="5.0", reason="transformers 5 or newer is not installed"
)

SR, HOP = 24_000, 1920
SMALL = {
    "num_filters": 8, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 8, "codebook_dim": 16,
    "vector_quantization_hidden_dimension": 16, "codebook_size": 64, "num_quantizers": 8,
    "sliding_window": 9, "upsample_groups": 32,
}  # fmt: skip


@pytest.fixture(scope="module")
def network():
    """Return a MimiModel with every parameter random, codebooks and scales included."""
    torch.manual_seed(0)
    model = transformers.MimiModel(transformers.MimiConfig(**SMALL)).eval()
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if name.endswith("embed_sum"):
            tensor.data = torch.randn_like(tensor) * 0.5
        if name.endswith("scale"):
            tensor.data = torch.rand_like(tensor) * 0.2
        if name.endswith("cluster_usage"):
            tensor.data = torch.rand_like(tensor) + 0.5
    return model


@pytest.fixture(scope="module")
def folder(network, tmp_path_factory):
    """Return a folder as the hub has it."""
    folder = tmp_path_factory.mktemp("mimi")
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def mimi(folder):
    """Return the codec."""
    return load_codec(folder, device="cpu")


def noise(n, seed=0):
    return (0.3 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def as_transformers(network, y):
    with torch.inference_mode():
        codes = network.encode(torch.from_numpy(y)[None, None]).audio_codes
        return codes[0].numpy(), network.decode(codes).audio_values[0, 0].numpy()


@pytest.mark.parametrize("frames", [1, 2, 11, 60])
def test_codes_and_audio_are_those_of_transformers(mimi, network, frames):
    y = noise(frames * HOP)
    codes, wave = as_transformers(network, y)
    found = mimi.encode(y, sr=SR)
    assert found.dtype == np.int16
    assert (found == codes).mean() >= 0.999
    np.testing.assert_allclose(mimi.decode(codes)[0], wave, atol=1e-4 * np.abs(wave).max())


@pytest.mark.parametrize("size", [1, 700, HOP, 5 * HOP + 3])
def test_a_stream_gives_what_one_pass_gives(mimi, size):
    y = noise((3 if size == 1 else 40) * HOP + 5, seed=1)
    with mimi.stream_encoder() as stream:
        parts = [stream.push(y[i : i + size]) for i in range(0, len(y), size)]
        codes = np.concatenate([*parts, stream.flush()], axis=1)
    np.testing.assert_array_equal(codes, mimi.encode(y, sr=SR))
    frames = max(1, size // HOP)
    with mimi.stream_decoder() as stream:
        heard = [stream.push(codes[:, i : i + frames]) for i in range(0, codes.shape[1], frames)]
    whole = mimi.decode(codes)[0]
    np.testing.assert_allclose(np.concatenate(heard), whole, atol=1e-4 * np.abs(whole).max())


def test_a_stream_s_memory_is_bounded(mimi):
    state = mimi.start_encoding()
    with torch.inference_mode():
        for _ in range(12):
            mimi.latent_chunk(torch.from_numpy(noise(4 * HOP)[None]), state)
    kept = [*state.pieces.values(), *(layer.keys for layer in state.cache.layers)]
    assert sum(t.numel() for t in kept) < 20_000


def test_a_ragged_batch_gives_each_clip_s_own_codes(mimi):
    clips = [noise(n, n) for n in (1, HOP - 1, 3 * HOP, 30 * HOP + 7, 29 * HOP)]
    ds = mimi.encode_many(clips, sr=SR)
    for i, y in enumerate(clips):
        np.testing.assert_array_equal(ds.qtok.clip(i), mimi.encode(y, sr=SR))
    assert [len(y) for y, _ in mimi.decode_many(ds)] == [len(y) for y in clips]


def test_it_verifies(mimi):
    assert verify(mimi, seconds=8, threads=[1]).ok


def test_the_format_is_the_checkpoint_s(mimi, folder):
    spec = mimi.spec
    assert (spec.n_codebooks, spec.codebook_size, spec.embedding_dim) == (8, 64, 32)
    assert (spec.sample_rate, spec.hop_length, spec.frame_rate) == (SR, HOP, 12.5)
    assert spec.name == str(folder)


def test_embeddings_quantise_to_codes_near_them(mimi):
    codes = mimi.encode(noise(20 * HOP), sr=SR)
    again = mimi.quantize(mimi.embed(codes))
    assert again.shape == codes.shape
    assert (again[0] == codes[0]).all()
    projected = mimi.project(mimi.latents(noise(20 * HOP), sr=SR))
    np.testing.assert_array_equal(mimi.quantize(projected), codes)


def test_fewer_codebooks_decode(mimi):
    codes = mimi.encode(noise(4 * HOP), sr=SR)
    assert mimi.decode(codes[:3])[0].shape == (4 * HOP,)


def test_half_of_it(folder, mimi):
    y = noise(3 * HOP)
    encoder = load_codec(folder, device="cpu", decoder=False)
    codes = encoder.encode(y, sr=SR)
    np.testing.assert_array_equal(codes, mimi.encode(y, sr=SR))
    with pytest.raises(CodecError, match="decoder=False: it cannot decode"):
        encoder.decode(codes)
    decoder = load_codec(folder, device="cpu", encoder=False)
    np.testing.assert_array_equal(decoder.decode(codes)[0], mimi.decode(codes)[0])
    with pytest.raises(CodecError, match="encoder=False: it cannot encode"):
        decoder.encode(y, sr=SR)


def test_it_survives_pickling_without_its_weights(mimi):
    text = pickle.dumps(mimi)
    assert len(text) < 5_000
    y = noise(2 * HOP)
    np.testing.assert_array_equal(pickle.loads(text).encode(y, sr=SR), mimi.encode(y, sr=SR))


def test_weights_that_do_not_fit_are_an_error(folder, tmp_path):
    tensors = load_file(folder / "model.safetensors")
    tensors.pop(next(name for name in tensors if "transformer" in name))
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(QtokError, match=r"do not fit their config\.json: missing keys"):
        load_codec(tmp_path, device="cpu")


def test_misshapen_tensors_are_one_error_with_both_shapes(folder, tmp_path, capfd):
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if name.endswith("input_proj.weight"))
    tensors[name] = torch.zeros(16, 31, 1)
    dropped = next(name for name in tensors if name.endswith("fc1.weight"))
    del tensors[dropped]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(
        CodecError, match=r"missing keys: .*fc1\.weight; mismatched keys: "
    ) as caught:
        load_codec(tmp_path, device="cpu")
    assert f"{name} [16, 31, 1] instead of [16, 32, 1]" in str(caught.value)
    assert "ignore_mismatched_sizes" not in str(caught.value)
    assert "MISMATCH" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        {"hidden_act": "relu"},
        {"pad_mode": "replicate"},
        {"sliding_window": 5},
        {"norm_eps": 0.1},
        {"rope_parameters": {"rope_theta": 100.0, "rope_type": "default"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_setting_that_changes_what_is_quantised_changes_the_fingerprint(
    folder, mimi, tmp_path, change
):
    other = with_config(folder, tmp_path, **change)
    y = noise(20 * HOP)
    assert (other.latents(y, sr=SR) != mimi.latents(y, sr=SR)).any()
    assert other.spec.fingerprint != mimi.spec.fingerprint


def test_settings_that_change_no_codes_leave_the_fingerprint(folder, mimi, tmp_path):
    other = with_config(
        folder, tmp_path, transformers_version="5.0", norm_eps=1e-5, trim_right_ratio=0.5,
        rope_parameters={"rope_theta": 10000, "rope_type": "default"}, use_cache=True,
        a_field_of_the_future=[1, 2],
    )  # fmt: skip
    assert other.spec.fingerprint == mimi.spec.fingerprint


def test_a_setting_of_a_wrong_type_is_said(folder, tmp_path):
    with pytest.raises(CodecError, match=r"transformers cannot load .*: .*norm_eps"):
        with_config(folder, tmp_path, norm_eps="small")


def test_a_mimi_that_looks_ahead_is_refused(folder, tmp_path):
    with pytest.raises(CodecError, match="only Mimi with causal convolutions"):
        with_config(folder, tmp_path, use_causal_conv=False)


def with_config(folder, new, **changes):
    """Load the same weights with another ``config.json``."""
    shutil.copyfile(folder / "model.safetensors", new / "model.safetensors")
    fields = json.loads((folder / "config.json").read_text())
    (new / "config.json").write_text(json.dumps({**fields, **changes}))
    return load_codec(new, device="cpu")


def test_transformers_is_not_imported_for_other_codecs():
    code = (
        "import sys, qtokfeatures as qt; qt.load_codec('mini'); assert 'transformers' not in "
        "sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
