"""Untrained checkpoints in the official format, for tests and for measuring speed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from qtokfeatures.codecs.checkpoint import Shape
from qtokfeatures.codecs.folders import CONFIG, WEIGHTS
from qtokfeatures.codecs.qwen3.config import MODEL_TYPE, Qwen3Config
from qtokfeatures.codecs.qwen3.model import expected_tensors

FULL_SIZE: dict[str, Any] = {
    "architectures": ["Qwen3TTSTokenizerV2Model"],
    "model_type": MODEL_TYPE,
    "input_sample_rate": 24_000,
    "output_sample_rate": 24_000,
    "encode_downsample_rate": 1920,
    "decode_upsample_rate": 1920,
    "encoder_valid_num_quantizers": 16,
    "encoder_config": {
        "model_type": "mimi",
        "audio_channels": 1,
        "codebook_dim": 256,
        "codebook_size": 2048,
        "compress": 2,
        "dilation_growth_rate": 2,
        "head_dim": 64,
        "hidden_act": "gelu",
        "hidden_size": 512,
        "intermediate_size": 2048,
        "kernel_size": 7,
        "last_kernel_size": 3,
        "norm_eps": 1e-5,
        "num_attention_heads": 8,
        "num_filters": 64,
        "num_hidden_layers": 8,
        "num_key_value_heads": 8,
        "num_quantizers": 32,
        "num_residual_layers": 1,
        "num_semantic_quantizers": 1,
        "residual_kernel_size": 3,
        "rope_theta": 10_000.0,
        "sampling_rate": 24_000,
        "sliding_window": 250,
        "upsample_groups": 512,
        "upsampling_ratios": [8, 6, 5, 4],
        "use_causal_conv": True,
        "vector_quantization_hidden_dimension": 256,
    },
    "decoder_config": {
        "codebook_dim": 512,
        "codebook_size": 2048,
        "decoder_dim": 1536,
        "head_dim": 64,
        "hidden_act": "silu",
        "hidden_size": 512,
        "intermediate_size": 1024,
        "latent_dim": 1024,
        "num_attention_heads": 16,
        "num_hidden_layers": 8,
        "num_key_value_heads": 16,
        "num_quantizers": 16,
        "num_semantic_quantizers": 1,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10_000,
        "sliding_window": 72,
        "upsample_rates": [8, 5, 4, 3],
        "upsampling_ratios": [2, 2],
        "vector_quantization_hidden_dimension": 512,
    },
}
"""The sizes of the official checkpoint."""


def write_untrained(folder: Path, *, sizes: Mapping[str, Any] = FULL_SIZE, seed: int = 0) -> Path:
    """Write a checkpoint of random values."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(dict(sizes), indent=2), encoding="utf-8")
    expected = expected_tensors(Qwen3Config.read(folder / CONFIG))
    generator = torch.Generator().manual_seed(seed)
    tensors = {name: _values(name, shape, generator) for name, shape in expected.items()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    return folder


def _values(name: str, shape: Shape, generator: torch.Generator) -> Tensor:
    """Random values of a size that keeps activations near 1, as in a trained network."""
    noise = torch.randn(shape, generator=generator)
    kind = name.rpartition(".")[2]
    if kind in ("cluster_usage", "initialized"):
        return noise.abs() + 1
    if kind == "scale":
        return 0.1 + 0.01 * noise
    if kind in ("alpha", "beta"):
        return 0.3 * noise
    if kind == "gamma":
        return 0.1 * noise
    if len(shape) == 1:
        return 0.02 * noise + (1.0 if kind == "weight" else 0.0)
    if "embed" in kind:
        return noise
    return noise * (0.6 / math.sqrt(math.prod(shape[1:])))
