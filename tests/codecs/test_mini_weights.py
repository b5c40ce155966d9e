"""Weights of mini on disk."""

from __future__ import annotations

import json
import resource
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from qtokfeatures.codecs import load_codec
from qtokfeatures.codecs.checkpoint import write_tensors
from qtokfeatures.codecs.mini.codec import bundled_weights
from qtokfeatures.codecs.mini.config import TINY
from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.codecs.mini.weights import load_weights, save_weights
from qtokfeatures.exceptions import CodecError


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(3)
    model = MiniModel(TINY).eval()
    path = tmp_path / "mini.safetensors"
    save_weights(model, path, notes={"step": "7"})
    return model, path


def test_a_saved_model_comes_back_but_for_rounding(saved):
    model, path = saved
    loaded, digest = load_weights(path)
    assert len(digest) == 64
    assert loaded.config == model.config
    for name, tensor in model.state_dict().items():
        error = (loaded.state_dict()[name] - tensor).abs().max()
        assert error <= 0.006 * tensor.abs().max() + 1e-6, name


def test_saving_what_was_loaded_changes_no_code(saved, tmp_path):
    first, _ = load_weights(saved[1])
    save_weights(first, tmp_path / "again.safetensors")
    a, b = load_codec(saved[1]), load_codec(tmp_path / "again.safetensors")
    y = np.random.default_rng(0).standard_normal(48_000).astype(np.float32) * 0.1
    np.testing.assert_array_equal(a.encode(y, sr=24_000), b.encode(y, sr=24_000))


def test_only_the_finished_file_is_left(saved):
    assert [p.name for p in saved[1].parent.iterdir()] == ["mini.safetensors"]


def test_a_folder_and_a_file_load_the_same(saved):
    assert load_codec(saved[1].parent).spec.fingerprint == load_codec(saved[1]).spec.fingerprint


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(CodecError, match=r"no codec .*nowhere"):
        load_codec(tmp_path / "nowhere")


def test_damaged_weights_are_named(saved, tmp_path):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(saved[1].read_bytes()[:1000])
    with pytest.raises(CodecError, match=r"cut\.safetensors is not a readable"):
        load_codec(cut)


def test_other_tensors_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(3)}, path)
    with pytest.raises(CodecError, match="format None, expected"):
        load_codec(path)


def test_a_missing_tensor_is_named(saved, tmp_path):
    with safe_open(saved[1], framework="pt") as file:
        metadata = file.metadata()
        tensors = {k: file.get_tensor(k) for k in file.keys() if "phase" not in k}  # noqa: SIM118
    path = tmp_path / "less.safetensors"
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(CodecError, match=r"decoder\.phase\.weight"):
        load_codec(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(saved, tmp_path, value):
    with safe_open(saved[1], framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    name = next(name for name in sorted(tensors) if name.endswith(":scale"))
    tensors[name].view(-1)[0] = value
    save_file(tensors, tmp_path / "broken.safetensors", metadata=metadata)
    with pytest.raises(CodecError, match=f"not finite, such as '{name}'"):
        load_codec(tmp_path / "broken.safetensors")


def test_the_fingerprint_follows_the_weights_not_the_place(saved, tmp_path):
    copy = shutil.copy(saved[1], tmp_path / "copy.safetensors")
    assert load_codec(copy).spec.fingerprint == load_codec(saved[1]).spec.fingerprint
    assert load_codec(copy).spec.fingerprint != load_codec("mini").spec.fingerprint


def test_the_bundled_weights_are_small_enough_to_ship():
    assert bundled_weights().stat().st_size <= 16_000_000


def test_equal_tensors_give_equal_files(tmp_path):
    tensors = {"b": torch.arange(5.0), "a": torch.ones(3, 2, dtype=torch.int8)}
    notes = {name: name.upper() for name in "hgfedcba"}
    for _ in range(3):  # safetensors draws the order of what is in the header
        write_tensors(tmp_path / "x", tensors, notes)
        content = (tmp_path / "x").read_bytes()
        write_tensors(tmp_path / "x", tensors, dict(reversed(notes.items())))
        assert (tmp_path / "x").read_bytes() == content
    with safe_open(tmp_path / "x", framework="pt") as file:
        assert file.metadata() == notes
        assert all(torch.equal(file.get_tensor(name), value) for name, value in tensors.items())


FORGED = {
    "depth": {"encoder_fast": [16, 10**6, 1]},
    "width": {"decoder_slow": [10**6, 1, 1]},
    "expansion": {"meaning_slow": [16, 1, 10**9]},
    "codebooks": {"n_codebooks": 10**8},
    "entries": {"codebook_size": 2**40},
    "entries beyond int64": {"codebook_size": 2**80},
    "levels": {"level_count": 2**30, "codebook_size": 2**30},
    "no levels": {"level_count": 0},
    "a negative size": {"shape_dim": -80},
    "no width": {"decoder_fast": [0, 1, 1]},
    "a text": {"meaning_dim": "32"},
    "a fraction": {"meaning_dim": 32.5},
    "a short stack": {"encoder_slow": [16]},
    "no stack": {"encoder_slow": 16},
    "an unknown field": {"colour": 1},
    "falling levels": {"level_step_db": -1.6},
    "equal levels": {"level_coarse_step_db": 0.0},
    "levels beyond float32": {"level_step_db": 1e300},
    "a top level beyond float32": {"level_top_db": -1e6},
    "a top level without end": {"level_top_db": float("inf")},
}


@pytest.mark.parametrize("changes", FORGED.values(), ids=FORGED)
def test_forged_sizes_are_refused_without_their_memory(saved, tmp_path, changes):
    with safe_open(saved[1], framework="pt") as file:
        metadata = file.metadata()
        tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    config = {**json.loads(metadata["config"]), **changes}
    path = tmp_path / "forged.safetensors"
    save_file(tensors, path, metadata={**metadata, "config": json.dumps(config)})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CodecError, match=r"forged\.safetensors (has no valid|does not fit its)"):
        load_codec(path, device="cpu")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


@pytest.mark.parametrize("config", [None, "", "[]", "1", "[" * 100_000])
def test_a_configuration_that_is_none_is_refused(saved, tmp_path, config):
    with safe_open(saved[1], framework="pt") as file:
        metadata = file.metadata()
        tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    del metadata["config"]
    path = tmp_path / "forged.safetensors"
    save_file(tensors, path, metadata=metadata | ({} if config is None else {"config": config}))
    with pytest.raises(CodecError, match=r"forged\.safetensors has no valid configuration"):
        load_codec(path, device="cpu")
