"""Noise tuning: corrupted audio keeps more codes; only the semantic encoder changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf
import torch

from qtokfeatures.codecs.mini.config import TINY
from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.codecs.mini.weights import load_weights, save_weights
from qtokfeatures.training import Recipe
from qtokfeatures.training.corpus import prepare_corpus
from qtokfeatures.training.noise_tuning import tune_to_noise

RECIPE = Recipe(clips=4, frames=6, speed_share=0.0)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Four clips of tones."""
    folder, t = tmp_path_factory.mktemp("sounds"), np.arange(36_000) / 24_000
    (folder / "speech").mkdir()
    for pitch in (150, 300, 600, 1200):
        sf.write(folder / "speech" / f"{pitch}.wav", 0.3 * np.sin(2 * np.pi * pitch * t), 24_000)
    made = tmp_path_factory.mktemp("corpus")
    prepare_corpus(made, [folder])
    return made


def test_only_the_semantic_part_changes_and_keeps_more_codes(corpus, tmp_path):
    torch.manual_seed(0)
    start, end = tmp_path / "start.safetensors", tmp_path / "end.safetensors"
    save_weights(MiniModel(replace(TINY, semantic_count=8)), start)
    said: list[str] = []
    tune_to_noise(
        start, corpus, end, recipe=RECIPE, steps=150, lr=3e-3, device="cpu", report=said.append
    )
    kept = [float(line.split()[4]) for line in said]
    assert len(kept) == 3
    assert kept[-1] > kept[0]
    before, after = (load_weights(path)[0].state_dict() for path in (start, end))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("encoder.semantic.") for name in changed)
