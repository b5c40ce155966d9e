"""CTC training of a network on frames and transcripts, resumable with identical results."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.nn import functional as F

from qtokfeatures.codecs.checkpoint import (
    load_modules,
    load_optimizers,
    read_state,
    save_checkpoint,
)
from qtokfeatures.exceptions import InputError
from qtokfeatures.progress import progress_bar
from qtokfeatures.speech.alignment import Targets
from qtokfeatures.speech.frame_batch import FrameBatch
from qtokfeatures.speech.network import BLANK, SpeechNetwork
from qtokfeatures.speech.symbols import Alphabet

CHECKPOINT: Final = "checkpoint.safetensors"
BEST: Final = "best.safetensors"

_WARM_UP: Final = 0.2  # fraction of the epochs with a rising learning rate
_GRADIENT_NORM: Final = 5.0
_WEIGHT_DECAY: Final = 0.01
# Masks of SpecAugment per clip and axis, and their largest share of its frames and features.
_MASKS: Final = 2
_LONGEST_MASK: Final = 0.08
_WIDEST_MASK: Final = 0.15
_LENGTH_JITTER: Final = 0.3  # varies which clips of similar length share a batch


@dataclass(frozen=True)
class Schedule:
    """Parameters of training, as in :class:`~qtokfeatures.speech.CTCRecognizer`."""

    epochs: int
    batch_size: int
    learning_rate: float
    spec_augment: bool
    patience: int
    seed: int


class CTCTrainer:
    """Fit a network by CTC (Graves et al., 2006), with state in `folder` after each epoch."""

    def __init__(
        self,
        network: SpeechNetwork,
        batch: FrameBatch,
        targets: Targets,
        held_out: npt.NDArray[np.bool_],
        schedule: Schedule,
        folder: Path | None = None,
        alphabet: Alphabet | None = None,
    ) -> None:
        self.network, self.batch, self.targets = network, batch, targets
        self.schedule, self.folder, self.alphabet = schedule, folder, alphabet
        self.train_rows = np.flatnonzero(~held_out)
        self.held_out_rows = np.flatnonzero(held_out)
        self.optimizer = torch.optim.AdamW(
            network.parameters(), lr=schedule.learning_rate, weight_decay=_WEIGHT_DECAY
        )
        self.history: list[dict[str, float]] = []
        self.best = {name: value.clone() for name, value in network.state_dict().items()}

    def run(self, *, progress: bool) -> list[dict[str, float]]:
        """Train from the last stored epoch on; return the losses of each epoch."""
        if self.folder is not None and self.folder.is_file():
            raise InputError(f"checkpoint must be a folder, but {self.folder} is a file")
        self._resume()
        with progress_bar("train", total=self.schedule.epochs, shown=progress) as advance:
            advance(len(self.history))
            while len(self.history) < self.schedule.epochs and not self._is_over():
                with _own_randomness((self.schedule.seed, len(self.history))):
                    self._epoch()
                self._keep()
                advance(1)
        self.network.load_state_dict(self.best)
        self.network.eval()
        return self.history

    def _epoch(self) -> None:
        rng = np.random.default_rng((self.schedule.seed, len(self.history)))
        steps = self._batches(rng)
        self.network.train()
        losses = []
        for step, rows in enumerate(steps):
            rate = self._learning_rate(len(self.history) + step / len(steps))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            loss = self._loss(rows, rng if self.schedule.spec_augment else None)
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), _GRADIENT_NORM)
            self.optimizer.step()
            losses.append(float(loss.detach()))
            if not math.isfinite(losses[-1]):
                raise InputError(
                    f"training diverged: the loss is {losses[-1]} in epoch {len(self.history) + 1}"
                    f" with learning_rate={self.schedule.learning_rate:g}; use a lower one"
                )
        self.history.append({"loss": float(np.mean(losses))})
        if len(self.held_out_rows):
            self.network.eval()
            with torch.inference_mode():
                self.history[-1]["held_out_loss"] = self._held_out_loss()

    def _held_out_loss(self) -> float:
        size = self.schedule.batch_size
        ordered = self.held_out_rows[np.argsort(self.batch.counts[self.held_out_rows])]
        groups = [ordered[start : start + size] for start in range(0, len(ordered), size)]
        total = sum(float(self._loss(rows, None)) * len(rows) for rows in groups)
        return total / len(ordered)

    def _loss(self, rows: npt.NDArray[np.int64], rng: np.random.Generator | None) -> Tensor:
        frames = torch.from_numpy(self.batch.padded(rows.tolist()))
        counts = torch.from_numpy(self.batch.counts[rows])
        masked = None if rng is None else hidden_parts(self.batch.counts[rows], frames.shape, rng)
        log_probs = self.network(frames, counts, masked)
        wanted = [torch.from_numpy(self.targets[row]) for row in rows]
        return F.ctc_loss(
            log_probs.transpose(0, 1),
            torch.cat(wanted),
            self.network.steps_of(counts),
            torch.tensor([len(each) for each in wanted]),
            blank=BLANK,
        )

    def _batches(self, rng: np.random.Generator) -> list[npt.NDArray[np.int64]]:
        """Return batches of clips of similar length, grouped differently in each epoch."""
        lengths = self.batch.counts[self.train_rows]
        jittered = lengths * (1 + rng.uniform(0, _LENGTH_JITTER, len(lengths)))
        ordered = self.train_rows[np.argsort(jittered, kind="stable")]
        size = self.schedule.batch_size
        groups = [ordered[start : start + size] for start in range(0, len(ordered), size)]
        return [groups[i] for i in rng.permutation(len(groups))]

    def _learning_rate(self, epoch: float) -> float:
        rising = _WARM_UP * self.schedule.epochs
        if epoch < rising:
            return self.schedule.learning_rate * max(0.05, epoch / rising)
        done = (epoch - rising) / (self.schedule.epochs - rising)
        return self.schedule.learning_rate * max(0.01, 0.5 * (1 + math.cos(math.pi * done)))

    def _is_over(self) -> bool:
        if not len(self.held_out_rows):
            return False
        losses = [epoch["held_out_loss"] for epoch in self.history]
        return (
            len(losses) - 1 - int(np.argmin(losses)) >= self.schedule.patience if losses else False
        )

    def _keep(self) -> None:
        """Store the weights if they are the best, and the state for resuming."""
        key = "held_out_loss" if len(self.held_out_rows) else None
        is_best = key is None or self.history[-1][key] <= min(each[key] for each in self.history)
        if is_best:
            self.best = {name: value.clone() for name, value in self.network.state_dict().items()}
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if is_best:
            save_checkpoint(self.folder / BEST, {"network": self.network}, {}, {})
        state = {"history": self.history, "training": self._fingerprint()}
        modules, optimizers = {"network": self.network}, {"optimizer": self.optimizer}
        save_checkpoint(self.folder / CHECKPOINT, modules, optimizers, state)

    def _resume(self) -> None:
        if self.folder is None or not (self.folder / CHECKPOINT).is_file():
            return
        path = self.folder / CHECKPOINT
        try:
            self._restore(path)
        except InputError:
            raise
        except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
            raise InputError(
                f"{self.folder}: cannot read the state of training ({error}); delete the folder "
                "to train from the start"
            ) from error

    def _restore(self, path: Path) -> None:
        state = read_state(path)
        if state.get("training") != self._fingerprint():
            raise InputError(
                f"{path} belongs to another training with other clips, transcripts or "
                "parameters; delete it, or pass another folder as checkpoint"
            )
        load_modules(path.with_name(BEST), {"network": self.network})
        self.best = {name: value.clone() for name, value in self.network.state_dict().items()}
        load_modules(path, {"network": self.network})
        load_optimizers(path, {"optimizer": self.optimizer})
        self.history = state["history"]

    def _fingerprint(self) -> str:
        """Return a hash of sizes, schedule, frames and transcripts."""
        described = {**asdict(self.schedule), **self.network.config.to_dict()}
        if self.alphabet is not None:
            described |= asdict(self.alphabet)
        digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
        for frames, target in zip(self.batch.frames, self.targets, strict=True):
            digest.update(np.ascontiguousarray(frames).tobytes() + target.tobytes())
        digest.update(self.held_out_rows.tobytes())
        return digest.hexdigest()[:16]


def hidden_parts(
    counts: npt.NDArray[np.int64], shape: Sequence[int], rng: np.random.Generator
) -> Tensor:
    """Draw a mask (clip, frame, feature) of two spans of frames and of features per clip."""
    hidden = torch.zeros(tuple(shape), dtype=torch.bool)
    for own, count in zip(hidden, counts, strict=True):
        for _ in range(_MASKS):
            length = int(rng.integers(0, max(2, int(_LONGEST_MASK * count))))
            start = int(rng.integers(0, count))
            own[start : start + length] = True
            widest = int(_WIDEST_MASK * shape[2])
            if widest > 1:
                width = int(rng.integers(0, widest))
                first = int(rng.integers(0, shape[2]))
                own[:, first : first + width] = True
    return hidden


@contextlib.contextmanager
def _own_randomness(seed: tuple[int, int]) -> Iterator[None]:
    """Seed torch inside a block, and restore the random state of the caller after it."""
    (number,) = np.random.SeedSequence(seed).generate_state(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(number))
        yield


def seeded_network(config: Any, seed: int) -> SpeechNetwork:
    """Return a network with initial weights from a seed."""
    with _own_randomness((seed, 2**31)):
        return SpeechNetwork(config)


def choose_held_out(n_clips: int, groups: Any, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Draw whole groups to hold out, (clip,); none for a share of 0 or a single group."""
    given = np.arange(n_clips) if groups is None else np.asarray(groups)
    if given.shape != (n_clips,):
        raise InputError(f"groups has shape {given.shape} for {n_clips} clips")
    if pd.isna(given).any():
        raise InputError(f"groups has no value for clip {int(np.argmax(pd.isna(given)))}")
    of, _ = pd.factorize(given, sort=True)
    names = np.unique(of)
    if share and len(names) == 1 < n_clips:
        warnings.warn(
            "all clips are of one group, so none is held out and training does not stop early",
            stacklevel=3,
        )
    count = min(len(names) - 1, int(np.ceil(share * len(names))))
    chosen = np.random.default_rng(seed).permutation(names)[:count]
    return np.isin(of, chosen)
