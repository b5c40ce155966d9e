"""The encoder beside another implementation: ``transformers.MimiModel``, random sizes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from qtokfeatures.codecs import load_codec
from tests.codecs.qwen3.untrained import FULL_SIZE, write_untrained

transformers = pytest.importorskip(
    "transformers", minversion="5.0", reason="transformers 5 or newer is not installed"
)

SMALL = {
    "num_filters": 8, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 8, "codebook_dim": 16,
    "vector_quantization_hidden_dimension": 16, "codebook_size": 64, "num_quantizers": 18,
    "sliding_window": 9, "upsample_groups": 32,
}  # fmt: skip
VARIANTS = {
    "plain": {},
    "shared keys, biases": {"num_key_value_heads": 2, "attention_bias": True},
    "other kernels": {"kernel_size": 5, "last_kernel_size": 5, "residual_kernel_size": 5},
    "two residual layers": {"num_residual_layers": 2, "dilation_growth_rate": 3},
    "other strides": {"upsampling_ratios": [12, 10, 8], "sliding_window": 20},
    "other widths": {"num_filters": 12, "compress": 3, "rope_theta": 5000.0},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_encoder_is_mimi_s(variant, tmp_path):
    ours = {**FULL_SIZE["encoder_config"], **SMALL, **VARIANTS[variant]}
    theirs = mimi(ours)
    codec = with_encoder_of(theirs, ours, tmp_path)
    y = torch.randn(1, 1, 40 * 1920, generator=torch.Generator().manual_seed(1)) * 0.3
    with torch.inference_mode():
        expected = latents(theirs, y)
        codes = theirs.encode(y, num_quantizers=16).audio_codes[0].numpy()
    found = codec.latents(y[0, 0], sr=24_000)
    assert np.linalg.norm(found - expected) < 1e-4 * np.linalg.norm(expected)
    assert (codec.encode(y[0, 0], sr=24_000) == codes).mean() >= 0.999


def mimi(sizes):
    """Make a MimiModel with every parameter random, codebooks and scales included."""
    torch.manual_seed(0)
    model = transformers.MimiModel(transformers.MimiConfig(**sizes)).eval()
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if name.endswith(("scale", "embed_sum")) or "norm" in name:
            tensor.data = torch.randn_like(tensor) * 0.5 + name.endswith("weight")
        if name.endswith("cluster_usage"):
            tensor.data = torch.rand_like(tensor) + 0.5
    return model


def with_encoder_of(model, sizes, folder):
    """Load a checkpoint whose encoder has the weights of `model`."""
    decoder = {
        **FULL_SIZE["decoder_config"], "codebook_size": 64, "codebook_dim": 16, "decoder_dim": 16,
        "hidden_size": 16, "intermediate_size": 16, "latent_dim": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8,
    }  # fmt: skip
    config = {**copy.deepcopy(FULL_SIZE), "encoder_config": sizes, "decoder_config": decoder}
    write_untrained(folder, sizes=config)
    tensors = load_file(folder / "model.safetensors")
    tensors = {name: t for name, t in tensors.items() if name.startswith("decoder.")}
    parts = ("encoder.", "encoder_transformer.", "downsample.", "quantizer.")
    for name, tensor in model.state_dict().items():
        name = in_the_checkpoint(name)
        if name.startswith(parts) and not name.endswith("codebook.embed"):
            tensors[f"encoder.{name}"] = tensor.contiguous().clone()
    save_file(tensors, folder / "model.safetensors")
    return load_codec(folder, device="cpu")


def in_the_checkpoint(name):
    """Undo what newer versions of transformers nest."""
    for part in ("encoder_transformer.", "downsample."):
        name = name.replace(f"encoder.{part}", part)
    return name.replace("encoder.encoder_seanet.", "encoder.")


def latents(model, y):
    """What MimiModel quantises, (frame, dim)."""
    seen = []
    encode = model.quantizer.encode
    model.quantizer.encode = lambda x, *args: seen.append(x) or encode(x, *args)
    model.encode(y)
    model.quantizer.encode = encode
    return seen[0][0].T.numpy()
