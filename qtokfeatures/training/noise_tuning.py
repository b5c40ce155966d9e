"""Noise-robust fine-tuning of the semantic encoder; codebooks and decoder stay fixed."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from qtokfeatures.codecs.devices import resolve_device
from qtokfeatures.codecs.mini.model import EncoderState, MiniModel, Trunk, TrunkState
from qtokfeatures.codecs.mini.spectra import N_MELS
from qtokfeatures.codecs.mini.weights import load_weights, save_weights
from qtokfeatures.codecs.nn.quantizer import nearest_codes
from qtokfeatures.parameters import number, whole
from qtokfeatures.training.batches import BatchSource
from qtokfeatures.training.initialize import whole_frames
from qtokfeatures.training.recipe import Recipe

_DISTANCE_WEIGHT = 0.5
_WARM_UP = 50
_REPORT_EVERY = 50


def tune_to_noise(
    start: str | PathLike[str],
    corpus: str | PathLike[str],
    output: str | PathLike[str],
    *,
    recipe: Recipe | None = None,
    steps: int = 1500,
    lr: float = 1e-3,
    device: str = "auto",
    report: Callable[[str], None] = print,
) -> Path:
    """Train the semantic encoder to give corrupted audio the codes of the clean audio.

    A frozen copy of the semantic encoder sees the clean audio. The encoder is trained on corrupted
    audio to choose the same entry of codebook 0 and the same latent. No labels are needed. The
    entries and the decoder stay fixed, so codes of both weights decode alike.

    Parameters
    ----------
    start : path
        Weights file to start from.
    corpus : path
        Folder that :func:`~qtokfeatures.training.prepare_corpus` wrote.
    output : path
        Weights file to write.
    recipe : Recipe, optional
        Seed, batch size and shares of kinds; the defaults of :class:`Recipe`.
    steps : int, default=1500
        Number of training steps, with a cosine schedule.
    lr : float, default=1e-3
        Peak learning rate.
    device : str, default="auto"
        Device to train on.
    report : callable, default=print
        Called with a line of text every 50 steps.

    Returns
    -------
    Path
        `output`.

    Raises
    ------
    InputError
        If `steps` or `lr` is out of range, or `corpus` is not a training corpus.
    CodecError
        If `start` is not of mini's format, or the device does not exist.

    Examples
    --------
    >>> from qtokfeatures.training import tune_to_noise
    >>> tune_to_noise("mini.safetensors", "corpus", "robust.safetensors")  # doctest: +SKIP
    """
    steps = whole("steps", steps, at_least=1)
    lr = number("lr", lr, above=0)
    on = torch.device(str(resolve_device(device)))
    model = load_weights(Path(start))[0].to(on)
    source = BatchSource(Path(corpus), recipe or Recipe(), device=on)
    sums = {"kept": 0.0, "loss": 0.0}
    for step, (kept, loss) in enumerate(_steps(model, source, steps, lr), start=1):
        sums = {"kept": sums["kept"] + kept, "loss": sums["loss"] + loss}
        if step % _REPORT_EVERY == 0:
            kept, loss = (value / _REPORT_EVERY for value in sums.values())
            report(f"step {step}  codes kept {kept:.3f}  loss {loss:.3f}")
            sums = {"kept": 0.0, "loss": 0.0}
    save_weights(model.eval(), Path(output), notes={"stage": "noise-tuned"})
    return Path(output)


def _steps(
    model: MiniModel, source: BatchSource, steps: int, lr: float
) -> Iterator[tuple[float, float]]:
    """Train; yield the share of codes that corruption does not change, and the loss."""
    student, teacher = model.encoder.semantic, copy.deepcopy(model.encoder.semantic)
    optimizer = torch.optim.AdamW(student.parameters(), lr=lr, betas=(0.9, 0.99), weight_decay=0.0)
    for step in range(steps):
        rate = lr * min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = source.batch(step)
        with torch.no_grad():
            wanted = _semantic_latents(model, teacher, batch.y)
            index = nearest_codes(wanted, model.semantic_entries)
        found = _semantic_latents(model, student, batch.corrupted)
        squares = (found[:, None] - model.semantic_entries).square().sum(dim=2)
        width = (wanted - model.semantic_entries[index]).square().sum(dim=1).mean()
        loss = F.cross_entropy(-squares / width, index)
        loss = loss + _DISTANCE_WEIGHT * (found - wanted).square().sum(dim=1).mean() / width
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        yield float((squares.argmin(dim=1) == index).float().mean()), float(loss.detach())


def _semantic_latents(model: MiniModel, trunk: Trunk, y: Tensor) -> Tensor:
    """Semantic latents of the frames of `y` (clip, sample) by `trunk`, (row, semantic_dim)."""
    features, change, _ = model.encoder.analyse(whole_frames(y), EncoderState())
    mels = torch.cat([features[..., :N_MELS], change[..., None]], dim=2)
    found: Tensor = trunk(mels, TrunkState())
    return found.flatten(0, 1)
